"""Gemini over REST: bodies, thoughts, blocks, rerouted models, uploads, Vertex."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import types

import pytest
from aiohttp import web

from audiobench.core.errors import UsageError
from audiobench.core.types import AudioPart, Message, Request, TextPart
from audiobench.model.adapter import RetryableError, SampleError
from audiobench.model.registry import build_adapter


def said(*parts: dict, finish: str = "STOP", **fields) -> dict:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish}
    return {"candidates": [candidate], "modelVersion": "gemini-x", **fields}


@pytest.fixture
def model(spec):
    def make(**fields):
        return spec(**{"adapter": "gemini", "served_model": "gemini-x", **fields})

    return make


@pytest.fixture
def exchange(serve, model, ask):
    """(response, requests as the server got them)."""

    def run(handler, request=None, **fields):
        async def main():
            async with serve(handler) as server:
                adapter = build_adapter(model(**fields), base_url=server.url, timeout=20)
                try:
                    return await adapter.generate(request or ask()), server.seen
                finally:
                    await adapter.close()

        return asyncio.run(main())

    return run


@pytest.mark.parametrize("order", [("Which?", 0), (0, "Which?"), (1, "First,", 0, "then?")], ids=str)
def test_exact_bytes_in_the_prompts_order(order, exchange, reply_with, ask, clips):
    _, (seen,) = exchange(reply_with(said({"text": "B"})), ask(*order))
    assert seen.path == "/v1/models/gemini-x:generateContent"
    assert (seen.headers["x-goog-api-key"], seen.headers["X-Server-Timeout"]) == ("FAKE", "20")
    got = [
        p["text"] if "text" in p else base64.b64decode(p["inlineData"]["data"])
        for p in seen.json["contents"][0]["parts"]
    ]
    assert got == [x if isinstance(x, str) else clips[x].data for x in order]


def test_system_turn_sampling_and_thinking(exchange, reply_with, clips):
    request = Request(
        (Message("system", (TextPart("S"),)), Message("user", (TextPart("Q"), clips[0]))),
        {"max_gen_toks": 64, "temperature": 0.7, "top_p": 0.9, "top_k": 40, "seed": 1, "until": ["###"], "min_p": 0},
        extra_body={"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}},
    )
    _, (seen,) = exchange(reply_with(said({"text": "B"})), request)
    assert seen.json["systemInstruction"] == {"role": "user", "parts": [{"text": "S"}]}
    assert seen.json["generationConfig"] == {
        "maxOutputTokens": 64, "temperature": 0.7, "topP": 0.9, "topK": 40, "seed": 1, "stopSequences": ["###"],
        "thinkingConfig": {"thinkingBudget": 0},
    }  # fmt: skip
    assert [s["threshold"] for s in seen.json["safetySettings"]] == ["BLOCK_NONE"] * 4


def test_what_the_api_cannot_do_is_refused(model, ask, clips):
    adapter = build_adapter(model())
    for request, message in (
        (ask(prefill="<think>\n"), "cannot continue an assistant's turn"),
        (ask(generation={"repetition_penalty": 1.07}), "no parameter repetition_penalty"),
        (ask(AudioPart(clips[0].clip, format="wav")), "no bytes to send"),
    ):
        with pytest.raises(SampleError, match=message):
            adapter.body(request)


def test_thoughts_are_summaries_and_counted_in_completion(exchange, reply_with):
    usage = {
        "promptTokenCount": 100, "candidatesTokenCount": 5, "thoughtsTokenCount": 40, "totalTokenCount": 145,
        "cachedContentTokenCount": 9, "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 7}],
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}, {"modality": "AUDIO", "tokenCount": 80}],
    }  # fmt: skip
    body = said(
        {"text": "I hear ", "thought": True}, {"text": "a dog.", "thought": True}, {"text": "The answer "},
        {"text": "is B", "thoughtSignature": "x"}, usageMetadata=usage, responseId="r1",
    )  # fmt: skip
    response, _ = exchange(reply_with(body))
    assert (response.text, response.reasoning, response.reasoning_is_summary) == (
        "The answer is B",
        "I hear a dog.",
        True,
    )
    assert response.usage == {
        "prompt": 100, "audio": 80, "cached": 9, "cached_audio": 7, "completion": 45, "reasoning": 40, "total": 145,
    }  # fmt: skip
    assert response.raw["id"] == "r1"


def test_a_limit_reached_while_thinking_is_a_cut_not_a_wrong_answer(exchange, reply_with):
    body = {"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}], "modelVersion": "gemini-x"}
    response, _ = exchange(reply_with(body))
    assert (response.text, response.reasoning, response.finish_reason) == ("", None, "length")


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT", "RECITATION", "BLOCKLIST", "SPII", "MODEL_ARMOR"])
def test_blocked_answers(reason, exchange, reply_with):
    response, _ = exchange(reply_with({"candidates": [{"finishReason": reason}]}))
    assert (response.text, response.finish_reason, response.raw["finish_reason"]) == ("", "content_filter", reason)


def test_blocked_prompts(exchange, reply_with):
    response, _ = exchange(reply_with({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}))
    assert (response.text, response.finish_reason) == ("", "content_filter")
    assert response.raw["block_reason"] == "PROHIBITED_CONTENT"


def test_no_candidates_may_be_tried_again(exchange, reply_with):
    with pytest.raises(RetryableError, match="no candidates"):
        exchange(reply_with({"usageMetadata": {}}))


def test_a_rerouted_model_is_recorded(exchange, reply_with):
    response, _ = exchange(reply_with(said({"text": "B"}) | {"modelVersion": "gemini-3.8-flash"}))
    assert response.served_model == "gemini-3.8-flash"
    assert response.raw == {"requested_model": "gemini-x", "model_differs": True}
    response, _ = exchange(reply_with(said({"text": "B"}) | {"modelVersion": "gemini-x-001"}))
    assert "model_differs" not in response.raw


def test_a_stream(exchange, stream_with):
    chunks = [
        {"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}]}}], "modelVersion": "gemini-x"},
        {"candidates": [{"content": {"parts": [{"text": "The "}]}}]},
        said({"text": "answer"}, usageMetadata={"promptTokenCount": 3}),
    ]
    blocks = [b"data: " + json.dumps(c).encode() + b"\r\n\r\n" for c in chunks]
    response, (seen,) = exchange(stream_with(*blocks, pause=0.03), options={"stream": True})
    assert seen.path == "/v1/models/gemini-x:streamGenerateContent?alt=sse"
    assert (response.text, response.reasoning, response.usage) == ("The answer", "hm", {"prompt": 3})
    assert 0.03 <= response.latency["first_token"] < response.latency["total"]
    with pytest.raises(RetryableError, match="no candidates"):
        exchange(stream_with(*blocks[:2]), options={"stream": True})


def files_api(states: list[str]):
    """A Files API whose uploads are in these states, one after another."""
    stored: list[bytes] = []

    async def handle(request: web.Request, body: bytes) -> web.StreamResponse:
        base = f"http://{request.host}"
        if request.path == "/upload/v1/files":
            # as google-genai 3.4.0 begins an upload
            told = {k: v for k, v in request.headers.items() if k.startswith("X-Goog-Upload-")}
            about = json.loads(body)["file"]
            assert told == {
                "X-Goog-Upload-Protocol": "resumable",
                "X-Goog-Upload-Command": "start",
                "X-Goog-Upload-Header-Content-Length": str(about["sizeBytes"]),
                "X-Goog-Upload-Header-Content-Type": "audio/wav",
            }
            assert about["mimeType"] == "audio/wav"
            return web.Response(headers={"x-goog-upload-url": f"{base}/put?upload_id=1"})
        if request.path == "/put":
            assert request.headers["X-Goog-Upload-Command"] == "upload, finalize"
            assert request.headers["X-Goog-Upload-Offset"] == "0"
            stored.append(body)
        if request.path in ("/put", "/v1/files/abc"):
            state = states.pop(0) if len(states) > 1 else states[0]
            file = {"name": "files/abc", "uri": f"{base}/v1/files/abc", "state": state}
            return web.json_response({"file": file} if request.path == "/put" else file)
        return web.json_response(said({"text": "B"}))

    return handle, stored


def test_large_clips_are_uploaded_once(serve, model, ask, clips, monkeypatch):
    monkeypatch.setattr("model_adapters.gemini_files.STATE_SECONDS", 0.01)
    handler, stored = files_api(["PROCESSING", "PROCESSING", "ACTIVE"])

    async def main():
        async with serve(handler) as server:
            adapter = build_adapter(model(options={"inline_bytes": 1000}), base_url=server.url)
            await asyncio.gather(*(adapter.generate(ask("Q", 0, think=think)) for think in ("on", "off")))
            await adapter.close()
            return [s.json for s in server.seen if s.path.endswith(":generateContent")], server.url

    bodies, url = asyncio.run(main())
    assert stored == [clips[0].data]
    for body in bodies:
        file = {"fileData": {"fileUri": f"{url}/v1/files/abc", "mimeType": "audio/wav"}}
        assert body["contents"][0]["parts"] == [{"text": "Q"}, file]


def test_a_failed_upload_is_the_samples_error(exchange):
    handler, _ = files_api(["FAILED"])
    with pytest.raises(SampleError, match=r"440\.wav: the Files API could not process it"):
        exchange(handler, options={"inline_bytes": 1000})


def test_vertex_by_a_token_in_the_environment(exchange, reply_with, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "ya29.secret")
    options = {"vertex": {"project": "p", "location": "europe-west4"}}
    response, (seen,) = exchange(reply_with(said({"text": "B"})), options=options, api_key_env=["A_TOKEN"])
    assert response.text == "B"
    assert seen.path == "/v1beta1/projects/p/locations/europe-west4/publishers/google/models/gemini-x:generateContent"
    assert seen.headers["Authorization"] == "Bearer ya29.secret"
    assert "x-goog-api-key" not in seen.headers
    with pytest.raises(SampleError, match="Vertex AI has no Files API"):
        exchange(reply_with({}), options=options | {"inline_bytes": 10}, api_key_env=["A_TOKEN"])


def test_vertex_by_default_credentials_refreshes_its_token(exchange, reply_with, monkeypatch):
    class Credentials:
        valid = False
        token = None

        def refresh(self, _request):
            self.valid, self.token = True, "fresh"

    google, auth, transport, requests = (types.ModuleType(n) for n in ("google", "auth", "transport", "requests"))
    auth.default = lambda scopes: (Credentials(), "p")
    requests.Request = object
    google.auth, auth.transport, transport.requests = auth, transport, requests
    for name, module in (("", google), (".auth", auth), (".auth.transport", transport)):
        monkeypatch.setitem(sys.modules, "google" + name, module)
    monkeypatch.setitem(sys.modules, "google.auth.transport.requests", requests)
    _, (seen,) = exchange(reply_with(said({"text": "B"})), options={"vertex": {"project": "p"}})
    assert seen.headers["Authorization"] == "Bearer fresh"
    assert "/locations/global/" in seen.path


def test_vertex_without_project_or_credentials(model, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "t")
    with pytest.raises(UsageError, match=r"set options\.vertex\.project or GOOGLE_CLOUD_PROJECT"):
        build_adapter(model(options={"vertex": {}}, api_key_env=["A_TOKEN"]))
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(UsageError, match="or google-auth"):
        build_adapter(model(options={"vertex": {"project": "p"}}))


def test_the_key_that_google_prefers_wins(exchange, reply_with, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "second")
    _, (seen,) = exchange(reply_with(said({"text": "B"})))
    assert seen.headers["x-goog-api-key"] == "FAKE"
    monkeypatch.delenv("GOOGLE_API_KEY")
    _, (seen,) = exchange(reply_with(said({"text": "B"})))
    assert seen.headers["x-goog-api-key"] == "second"
    monkeypatch.delenv("GEMINI_API_KEY")
    with pytest.raises(UsageError, match="set GOOGLE_API_KEY or GEMINI_API_KEY"):
        exchange(reply_with({}))
