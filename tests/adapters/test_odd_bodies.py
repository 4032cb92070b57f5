"""What servers really send: odd streams, odd JSON, errors in the place of answers, bodies without end."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import zlib

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from audiobench.model.adapter import RetryableError, RunError, SampleError
from audiobench.model.registry import build_adapter
from audiobench.model.spec import ReplyLimits
from model_adapters import bodies

GOOD = {"model": "some-model", "choices": [{"index": 0, "message": {"content": "B"}, "finish_reason": "stop"}]}
RAW = json.dumps(GOOD).encode()
DELTAS = [
    {"choices": [{"index": 0, "delta": {"content": "The answer "}}]},
    {"choices": [{"index": 0, "delta": {"content": "is B"}, "finish_reason": "stop"}]},
]
EVENTS = [b"data: " + json.dumps(delta).encode() for delta in DELTAS]


# -- server-sent events


@pytest.mark.parametrize(
    "stream",
    [
        b"\xef\xbb\xbf" + b"\n\n".join(EVENTS) + b"\n\n",
        b"data: \n\n" + b"\n\ndata:\n\n".join(EVENTS) + b"\n\ndata\n\ndata: [DONE]\n\n",
        b"\r\n\r\n".join(EVENTS) + b"\r\n\r\n",
        b"\r\r".join(EVENTS) + b"\r\r",
        b": ping\n\nevent: message\nid: 1\nretry: 5\n" + b"\n\n: ping\n\n".join(EVENTS),
        b"data: null\n\ndata: []\n\n" + b"\n\n".join(EVENTS) + b"\n\n",
        EVENTS[0].replace(b', "', b',\ndata: "') + b"\n\n" + EVENTS[1] + b"\n\n",
    ],
    ids=["BOM", "empty events", "CRLF", "CR", "comments", "no objects", "data in two lines"],
)
@pytest.mark.parametrize("kind", ["text/event-stream", "application/json", "text/plain"])
@pytest.mark.parametrize("size", [1, 7, 1 << 16], ids=["bytewise", "pieces", "whole"])
def test_a_stream_is_read_to_its_last_word_whatever_its_form_type_and_pieces(stream, kind, size, attempt):
    async def answer(request, _body):
        response = web.StreamResponse(headers={"Content-Type": kind})
        await response.prepare(request)
        for at in range(0, len(stream), size):
            await response.write(stream[at : at + size])
        return response

    response = attempt(answer)
    assert (response.text, response.finish_reason) == ("The answer is B", "stop")


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1)),
    st.sampled_from(["\n", "\r", "\r\n"]),
    st.data(),
)
def test_events_are_the_same_however_the_stream_is_cut(texts, end, data):
    texts = [text for text in texts if text.strip()]
    raw = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    found: list[bytes] = []
    events = bodies.Events(found.append)
    while raw:
        cut = data.draw(st.integers(1, len(raw)))
        events.feed(raw[:cut])
        raw = raw[cut:]
    events.end()
    assert [event.decode() for event in found] == texts


def test_json_under_the_type_of_a_stream_is_an_answer(attempt, reply_with):
    assert attempt(reply_with(GOOD, Content_Type="text/event-stream"), options={"stream": True}).text == "B"


def test_a_character_cut_in_two_by_a_stream_is_whole_again(attempt, stream_with):
    halves = [b"\\ud83d", b"\\ude00"]
    blocks = [b'data: {"choices": [{"index": 0, "delta": {"content": "' + half + b'"}}]}\n\n' for half in halves]
    assert attempt(stream_with(*blocks, EVENTS[1] + b"\n\n")).text == "\U0001f600is B"


# -- JSON


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'"\\ud800 B"', "\ufffd B"),
        (b'"B \\udc00"', "B \ufffd"),
        (b'"\\ud83d\\ude00 B"', "\U0001f600 B"),
        (b'"\xff\xfe B"', "\ufffd\ufffd B"),
        (b'"line\none B"', "line\none B"),
    ],
    ids=["high surrogate", "low surrogate", "pair", "no UTF-8", "bare line break"],
)
def test_text_that_is_no_json_is_mended_and_the_answer_kept(raw, text, attempt, reply_with):
    assert attempt(reply_with(RAW.replace(b'"B"', raw))).text == text


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 400])
def test_a_number_that_is_none_costs_no_answer(number, attempt, reply_with):
    usage = b'"logprob": %b, "usage": {"prompt_tokens": %b, "completion_tokens": 5}, "model"' % (number, number)
    response = attempt(reply_with(RAW.replace(b'"model"', usage)))
    assert (response.text, response.usage) == ("B", {"completion": 5})


@pytest.mark.parametrize("raw", [b"\xef\xbb\xbf" + RAW, b"\n\n  " + RAW], ids=["BOM", "blank lines"])
def test_what_stands_before_an_answer_is_passed_over(raw, attempt, reply_with):
    assert attempt(reply_with(raw)).text == "B"


@pytest.mark.parametrize("count", [-1, -1_000_000, 2**64 - 1, 2**64, 1e18, True, "10", [3], {"a": 1}], ids=repr)
@pytest.mark.parametrize("adapter", ["openai_chat", "gemini", "transcriptions"])
def test_counts_that_cannot_be_true_are_not_kept(count, adapter, attempt, reply_with):
    body = {
        **GOOD,
        "text": "B",
        "usage": {"prompt_tokens": count, "completion_tokens": 5, "cost": count, "prompt_tokens_details": count},
        "candidates": [{"content": {"parts": [{"text": "B"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": count, "candidatesTokenCount": 5, "promptTokensDetails": count},
    }
    response = attempt(reply_with(body), adapter=adapter)
    assert (response.text, response.usage) == ("B", {"completion": 5})
    assert "cost" not in response.raw


# -- errors sent as successes


def test_an_error_beside_an_answer_is_an_error(attempt, reply_with):
    google = {"candidates": [{"content": {"parts": [{"text": "B"}]}, "finishReason": "STOP"}]}
    for adapter, body in (("openai_chat", GOOD), ("gemini", google), ("transcriptions", {"text": "B"})):
        for error in ({"message": "lost the GPU", "code": 502}, "lost the GPU"):
            failed = attempt(reply_with({**body, "error": error}), adapter=adapter)
            assert type(failed) is RetryableError and "lost the GPU" in str(failed), adapter
        for none in (None, {}, "", False, {"code": 0, "message": ""}):
            assert attempt(reply_with({**body, "error": none}), adapter=adapter).text == "B"


def test_an_error_of_the_only_choice_is_an_error(attempt, reply_with):
    choice = {**GOOD["choices"][0], "error": {"code": 429, "message": "upstream is busy"}}
    failed = attempt(reply_with({**GOOD, "choices": [choice]}))
    assert (type(failed), failed.rate_limited) == (RetryableError, True)


@pytest.mark.parametrize("stream", [False, True])
def test_the_choice_of_the_lowest_index_is_the_answer_wherever_it_stands(stream, attempt, reply_with, stream_with):
    choices = [{"index": n, "message": {"content": f"n{n}"}, "finish_reason": "stop"} for n in (2, 0, 1)]
    chunks = [
        {"choices": [{"index": c["index"], "delta": c["message"], "finish_reason": "stop"}]} for c in choices
    ]  # fmt: skip
    blocks = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    assert attempt(stream_with(*blocks) if stream else reply_with({"choices": choices})).text == "n0"


@pytest.mark.parametrize(
    ("body", "kind", "limited"),
    [
        ({"code": 429, "message": "later"}, RetryableError, True),
        ({"code": "429", "msg": "later"}, RetryableError, True),
        ({"code": "Throttling.RateQuota", "message": "later"}, RetryableError, True),
        ({"code": 1302, "message": "Rate limit reached for requests, later"}, RetryableError, True),
        ({"base_resp": {"status_code": 1002, "status_msg": "rate limit, later"}, "choices": None}, RetryableError, True),
        ({"error_code": 18, "error_msg": "Open api qps request limit reached, later"}, RetryableError, True),
        ({"errors": [{"code": 503, "message": "later"}]}, RetryableError, False),
        ({"object": "error", "message": "too long, later", "code": 400}, SampleError, False),
        ({"detail": "later"}, RetryableError, False),
        ({"code": 401, "message": "no key, later"}, RunError, False),
        ({"code": "insufficient_quota", "message": "later"}, RunError, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("adapter", ["openai_chat", "gemini", "transcriptions"])
def test_an_error_in_the_place_of_an_answer_is_shown_and_counts_as_what_it_says(
    body, kind, limited, adapter, attempt, reply_with
):
    error = attempt(reply_with(body), adapter=adapter)
    assert type(error) is kind and "later" in str(error)
    assert getattr(error, "rate_limited", False) == limited


def test_a_rate_limit_counts_as_one_under_any_status(attempt, reply_with):
    for status in (400, 403, 429, 500, 503):
        error = attempt(reply_with({"error": {"code": "rate_limit_exceeded", "message": "m"}}, status, Retry_After="3"))
        assert (type(error), error.rate_limited, error.retry_after) == (RetryableError, True, 3.0)


# -- bodies without end


def bomb(size: int) -> bytes:
    """A small gzip file of an answer with `size` blanks in it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    blanks = b" " * 2**20
    packed = [packer.compress(RAW[:-1]), *(packer.compress(blanks) for _ in range(size >> 20)), packer.compress(b"}")]
    return b"".join([*packed, packer.flush()])


def test_an_answer_that_grows_large_when_unpacked_is_refused_early(attempt, reply_with):
    import tracemalloc

    handler = reply_with(bomb(256 << 20), Content_Encoding="gzip")
    tracemalloc.start()
    error = attempt(handler, reply={"max_bytes": 8 << 20})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert type(error) is SampleError and "larger than 8,388,608 bytes" in str(error)
    assert peak < 64 << 20
    assert attempt(reply_with(gzip.compress(RAW), Content_Encoding="gzip")).text == "B"


@pytest.mark.parametrize("start", [b'{"choices": [{"message": {"content": "', b"data: ", b": ", b" "])
def test_a_body_without_end_is_refused_at_its_limit(start, attempt):
    async def answer(request, _body):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream" if start[:1] != b"{" else "text/x"})
        await response.prepare(request)
        await response.write(start)
        while True:
            await response.write(b" " * 100_000 if start == b" " else b"x" * 100_000)

    error = attempt(answer, reply=ReplyLimits(max_bytes=1 << 20))
    assert type(error) is SampleError and "larger than" in str(error)


@pytest.mark.parametrize("start", [RAW[:20], EVENTS[0] + b"\n\n"], ids=["JSON", "stream"])
def test_an_answer_that_stops_in_the_middle_is_given_up_before_its_time_limit(start, attempt):
    async def answer(request, _body):
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(start)
        await asyncio.sleep(30)
        return response

    began = time.perf_counter()
    error = attempt(answer, reply={"idle_seconds": 0.1})
    assert type(error) is RetryableError and "stopped in the middle: nothing for 0.1 s" in str(error)
    assert time.perf_counter() - began < 5


def test_a_model_may_think_longer_than_an_answer_may_pause(attempt, stream_with):
    slow = stream_with(b": open\n\n", EVENTS[0] + b"\n\n" + EVENTS[1] + b"\n\n", pause=0.2)
    assert attempt(slow, reply={"idle_seconds": 0.1}).text == "The answer is B"


@pytest.mark.parametrize(
    "end", ["/v1", "/v1/", " /v1 ", "/v1/chat/completions", "/v1/chat/completions/ ", "/v1/Completions\n"]
)
def test_an_address_may_end_as_people_copy_it(end, serve, spec, ask, reply_with):
    async def main():
        async with serve(reply_with(GOOD)) as server:
            adapter = build_adapter(
                spec(), base_url=f"  {server.url}{end.lstrip()}" if end[0] == " " else server.url + end
            )
            await adapter.generate(ask())
            await adapter.close()
            return server.seen[0].path

    assert asyncio.run(main()) == "/v1/chat/completions"
