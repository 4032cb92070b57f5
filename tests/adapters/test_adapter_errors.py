"""What a failed call means: try again, this sample never, or no sample at all. And no key in any of it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import traceback
from email.utils import formatdate

import pytest
from aiohttp import web

from audiobench.core.errors import UsageError
from audiobench.model.adapter import RetryableError, RunError, SampleError
from audiobench.model.registry import build_adapter
from model_adapters.http_errors import retry_after

KEY = "sk-sentinel-0123456789/abc+def"


def openai_error(code: str, message: str = "no") -> dict:
    return {"error": {"message": message, "type": "some_error", "param": None, "code": code}}


def google_error(code: int, status: str, *details: dict) -> dict:
    return {"error": {"code": code, "message": "no", "status": status, "details": list(details)}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, SampleError), (401, RunError), (402, RunError), (403, RunError), (404, RunError), (408, RetryableError),
        (409, RetryableError), (413, SampleError), (415, SampleError), (422, SampleError), (425, RetryableError),
        (429, RetryableError), (500, RetryableError), (502, RetryableError), (503, RetryableError),
        (504, RetryableError), (529, RetryableError), (307, RunError),
    ],
)  # fmt: skip
def test_status(status, kind, attempt, reply_with):
    error = attempt(reply_with({"error": {"message": "because", "code": None}}, status))
    assert type(error) is kind
    assert f"HTTP {status}" in str(error)
    if status != 307:
        assert "because" in str(error)
    if kind is RetryableError:
        assert error.rate_limited == (status == 429)


@pytest.mark.parametrize(
    ("status", "body", "incomplete"),
    [
        (429, openai_error("insufficient_quota"), True),
        (400, openai_error("Arrearage"), True),
        (401, openai_error("invalid_api_key"), False),
        (
            400,
            google_error(400, "INVALID_ARGUMENT", {"@type": "x/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}),
            False,
        ),
        (400, google_error(400, "FAILED_PRECONDITION"), False),
        (
            429,
            google_error(
                429,
                "RESOURCE_EXHAUSTED",
                {
                    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
                },
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"},
            ),
            True,
        ),
    ],
    ids=["quota", "unpaid", "key", "google key", "google precondition", "google day"],
)
def test_what_no_waiting_mends_stops_the_run(status, body, incomplete, attempt, reply_with):
    """Where something the user wrote is wrong (a key), the run ends as a usage error, otherwise as incomplete."""
    error = attempt(reply_with(body, status))
    assert type(error) is RunError
    assert error.incomplete is incomplete
    assert ("quota of the day" in str(error)) == ("PerDay" in str(body))


def test_a_quota_of_the_minute_waits_as_long_as_google_says(attempt, reply_with):
    body = google_error(
        429,
        "RESOURCE_EXHAUSTED",
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}],
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45.837906927s"},
    )
    error = attempt(reply_with(body, 429))
    assert type(error) is RetryableError
    assert error.rate_limited
    assert error.retry_after == pytest.approx(45.837906927)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "Retry-After": "9"}, 1.5),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_every_form(headers, seconds):
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date():
    assert retry_after({"Retry-After": formatdate(time.time() + 30, usegmt=True)}) == pytest.approx(30, abs=2)


def test_retry_after_reaches_the_caller(attempt, reply_with):
    error = attempt(reply_with({"error": "slow down"}, 429, Retry_After="12"))
    assert (error.retry_after, error.rate_limited) == (12.0, True)


@pytest.mark.parametrize(
    "body",
    [b'{"choices": [{"mess', b"<html>busy</html>", b"", b"[]", b"null", b'{"choices": []}', b'{"choices": [{}]}'],
    ids=["cut", "html", "empty", "list", "null", "no choices", "no message"],
)
def test_a_broken_answer_may_be_tried_again(body, attempt, reply_with):
    assert type(attempt(reply_with(body))) is RetryableError


def test_an_html_page_is_called_one(attempt, reply_with):
    page = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>" + b"x" * 5000
    assert "the answer is an HTML page: is the base URL right?" in str(attempt(reply_with(page)))
    error = attempt(reply_with(page, 404))
    assert type(error) is RunError
    assert str(error).endswith("/v1/chat/completions: HTTP 404: 404 Not Found (an HTML page)")


@pytest.mark.parametrize("reason", ["error", "abort"])
def test_a_server_that_gave_up_may_be_tried_again(reason, attempt, reply_with):
    body = {"choices": [{"message": {"content": "half an ans"}, "finish_reason": reason}]}
    assert type(attempt(reply_with(body))) is RetryableError


def test_an_error_inside_a_successful_answer_counts_by_its_code(attempt, reply_with):
    kinds = [type(attempt(reply_with({"error": {"message": "m", "code": code}}))) for code in (400, 402, 429, 502)]
    assert kinds == [SampleError, RunError, RetryableError, RetryableError]


def test_reset_refused_and_cut_off(attempt, serve, spec, ask):
    async def reset(request, _body):
        request.transport.abort()
        return web.Response()

    async def cut(request, _body):
        response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"choices": [')
        request.transport.close()
        return response

    assert type(attempt(reset)) is RetryableError
    error = attempt(cut)
    assert type(error) is RetryableError
    assert str(error).endswith(": the connection was cut in the middle of the answer")

    async def nobody_there():
        adapter = build_adapter(spec(), base_url="http://127.0.0.1:1/v1")
        try:
            await adapter.generate(ask())
        finally:
            await adapter.close()

    with pytest.raises(
        RetryableError, match=r"^cannot connect to http://127\.0\.0\.1:1/v1/chat/completions: is the server"
    ):
        asyncio.run(nobody_there())


def test_time_out_covers_a_hang_before_and_within_the_answer(attempt):
    async def silent(_request, _body):
        await asyncio.sleep(5)
        return web.Response()

    async def stalls(request, _body):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"choices": [{"delta": {"content": "I th"}}]}\n\n')
        await asyncio.sleep(5)
        return response

    for handler in (silent, stalls):
        began = time.perf_counter()
        error = attempt(handler, timeout=0.2, options={"stream": True})
        assert type(error) is RetryableError
        assert "no complete answer within 0.2 s" in str(error)
        assert time.perf_counter() - began < 2


def test_a_long_message_is_cut_and_on_one_line(attempt, reply_with):
    error = attempt(reply_with({"error": {"message": "line\n" * 500}}, 400))
    assert len(str(error)) < 420
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"object": "error", "message": "prompt too long", "code": 400}, "prompt too long"),
        ({"detail": [{"loc": ["body"], "msg": "field required"}]}, "field required"),
        ({"error": "plain"}, "plain"),
        (b"not json at all", "not json at all"),
    ],
    ids=["vllm", "fastapi", "string", "text"],
)
def test_the_servers_own_words_are_found(body, text, attempt, reply_with):
    assert text in str(attempt(reply_with(body, 422)))


# -- secrets


def test_a_missing_key_names_the_variables(spec, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UsageError, match="m: no API key: set OPENAI_API_KEY in the environment"):
        build_adapter(spec(dialect="openai"))
    with pytest.raises(UsageError, match="set A_KEY or B_KEY"):
        build_adapter(spec(api_key_env=["A_KEY", "B_KEY"]), base_url="http://127.0.0.1:1/v1")
    build_adapter(spec(), base_url="http://127.0.0.1:1/v1")  # a server of one's own needs none


def test_a_key_that_cannot_be_a_header_is_refused_without_being_shown(spec, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abc\r\nX-Evil: 1")
    with pytest.raises(UsageError, match="OPENAI_API_KEY: the key holds characters") as raised:
        build_adapter(spec(dialect="openai"))
    assert "sk-abc" not in str(raised.value)


@pytest.mark.parametrize("adapter", ["openai_chat", "gemini"])
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 422, 429, 500], ids=lambda status: f"status {status}")
def test_the_key_is_in_no_error_no_repr_no_log_and_no_answer(adapter, status, serve, spec, ask, monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)

    async def echo(request, _body):
        """Everything the client said, as careless servers and proxies give it back."""
        told = f"{dict(request.headers)} bad key {KEY} at http://h/v1?key={KEY}"
        parts = [{"text": told}]
        body = {
            "error": {"message": told, "code": told, "status": told, "details": [{"reason": told}]},
            "model": told,
            "id": told,
        }
        if status == 200:
            body |= {
                "choices": [{"message": {"content": told, "reasoning": told}, "finish_reason": "stop"}],
                "candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}],
                "modelVersion": told,
                "responseId": told,
            }
        return web.json_response(body, status=status, headers={"Location": f"/?key={KEY}"})

    async def main():
        async with serve(echo) as server:
            model = build_adapter(spec(adapter=adapter, dialect="openai"), base_url=f"{server.url}/v1")
            seen = [repr(model), str(model)]
            try:
                seen.append(repr(await model.generate(ask())))
            except (RetryableError, SampleError, RunError) as error:
                seen += [str(error), repr(error), "".join(traceback.format_exception(error))]
            finally:
                await model.close()
            sent = [h for s in server.seen for h in s.headers.values() if KEY in h]
            assert sent, "the key must reach the server"
            return seen

    shown = "\n".join(asyncio.run(main())) + caplog.text
    assert KEY not in shown
    assert "sentinel" not in shown


def test_anything_shaped_like_a_key_is_hidden_too(attempt, reply_with):
    text = "Incorrect API key provided: sk-proj-abcd****wxyz; Authorization: Bearer abcdef123456; ?key=AIzaSyTest123"
    error = attempt(reply_with({"error": {"message": text}}, 400))
    for secret in ("sk-proj", "wxyz", "abcdef123456", "AIzaSyTest123"):
        assert secret not in str(error)
    assert "Incorrect API key provided: ***" in str(error)


def test_a_key_echoed_in_a_stream_is_hidden(spec, ask, serve, stream_with, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    chunk = {"choices": [{"delta": {"content": f"your key is {KEY}"}, "finish_reason": "stop"}]}

    async def main():
        async with serve(stream_with(b"data: " + json.dumps(chunk).encode() + b"\n\n")) as server:
            adapter = build_adapter(spec(dialect="openai", options={"stream": True}), base_url=server.url)
            response = await adapter.generate(ask())
            await adapter.close()
            return response

    assert asyncio.run(main()).text == "your key is ***"


@pytest.mark.parametrize("adapter", ["openai_chat", "gemini"])
@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "http://", "http://[bad", "http://h:99999/v1", "ftp://h", f"http://h/v1?key={KEY}"]
)
def test_a_wrong_address_is_said_without_being_repeated(adapter, url, spec):
    with pytest.raises(UsageError, match="model m: base URL: must") as raised:
        build_adapter(spec(adapter=adapter), base_url=url)
    assert "sentinel" not in str(raised.value)


def test_a_placeholder_key_does_not_alter_answers(spec, ask, serve, reply_with, monkeypatch):
    monkeypatch.setenv("VLLM_API_KEY", "EMPTY")
    body = {"choices": [{"message": {"content": "EMPTY"}, "finish_reason": "stop"}]}

    async def main():
        async with serve(reply_with(body)) as server:
            adapter = build_adapter(spec(), base_url=server.url)
            response = await adapter.generate(ask())
            await adapter.close()
            return response.text, server.seen[0].headers["Authorization"]

    assert asyncio.run(main()) == ("EMPTY", "Bearer EMPTY")


def test_environment_proxies_are_used_but_not_for_loopback(monkeypatch):
    from model_adapters import http

    http._proxy.cache_clear()
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    assert http._proxy("https://api.example.com/v1") == "http://proxy.test:3128"
    assert http._proxy("http://127.0.0.1:8000/v1") is None
    assert http._proxy("http://localhost:8000/v1") is None
