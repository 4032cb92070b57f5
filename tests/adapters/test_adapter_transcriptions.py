"""Recognisers behind `/v1/audio/transcriptions`."""

from __future__ import annotations

import asyncio
import re

import pytest
from aiohttp import web

from audiobench.core.errors import UsageError
from audiobench.model.adapter import RetryableError, RunError, SampleError
from audiobench.model.registry import build_adapter


def fields_of(kind: str, body: bytes) -> dict[str, str | bytes]:
    """The fields of a multipart form; a file stays bytes."""
    boundary = b"--" + kind.partition("boundary=")[2].encode()
    first, *parts, last = body.split(boundary)
    assert (first, last) == (b"", b"--\r\n")
    fields: dict[str, str | bytes] = {}
    for part in parts:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        found = re.search(r'name="([^"]*)"(; filename="clip\.wav"\r\nContent-Type: audio/wav$)?', head.decode())
        assert found
        value = value.removesuffix(b"\r\n")
        fields[found[1]] = value if found[2] else value.decode()
    return fields


@pytest.fixture
def hear(serve, spec):
    """(response, forms as they arrived)."""

    def run(request, answers, status=200, **fields):
        forms = []

        async def answer(got: web.Request, body: bytes) -> web.StreamResponse:
            forms.append(fields_of(got.headers["Content-Type"], body))
            return web.json_response(answers[len(forms) - 1], status=status)

        async def main():
            async with serve(answer) as server:
                adapter = build_adapter(spec(adapter="transcriptions", **fields), base_url=server.url + "/v1")
                try:
                    return await adapter.generate(request), forms, [s.path for s in server.seen]
                finally:
                    await adapter.close()

        return asyncio.run(main())

    return run


def test_each_clip_is_sent_whole_and_the_words_are_joined(hear, ask, clips):
    request = ask("Transcribe.", 0, 1, generation={"temperature": 0.0, "max_gen_toks": 64})
    said = [
        {"text": " a dog \n", "usage": {"type": "duration", "seconds": 2}},
        {"text": "barks", "usage": {"seconds": 1}},
    ]
    response, forms, paths = hear(request, said, options={"language": "en", "fields": {"prompt": "animals"}})
    assert response.text == "a dog barks"
    assert response.usage == {"audio_seconds": 3}
    assert paths == ["/v1/audio/transcriptions"] * 2
    expected = {
        "model": "some-model", "response_format": "json", "language": "en", "prompt": "animals", "temperature": "0.0",
    }  # fmt: skip
    assert [form.pop("file") for form in forms] == [clips[0].data, clips[1].data]
    assert forms == [expected, expected]


def test_token_usage_and_the_served_model(hear, ask):
    usage = {"input_tokens": 20, "input_token_details": {"audio_tokens": 18}, "output_tokens": 4, "total_tokens": 24}
    response, _, _ = hear(ask(0), [{"text": "x", "usage": usage, "model": "other"}])
    assert response.usage == {"prompt": 20, "audio": 18, "completion": 4, "total": 24}
    assert response.raw["model_differs"] is True


def test_errors(hear, ask):
    with pytest.raises(RetryableError, match="no text"):
        hear(ask(0), [{"words": []}])
    with pytest.raises(RunError, match="HTTP 404"):
        hear(ask(0), [{"error": "no such model"}], status=404)
    with pytest.raises(SampleError, match="HTTP 413"):
        hear(ask(0), [{"error": "too large"}], status=413)
    with pytest.raises(SampleError, match="needs audio"):
        hear(ask("words only"), [])


def test_declarations(spec, monkeypatch):
    with pytest.raises(UsageError, match="give --base-url"):
        build_adapter(spec(adapter="transcriptions"))
    with pytest.raises(UsageError, match=r"options\.lang: Extra"):
        build_adapter(spec(adapter="transcriptions", options={"lang": "en"}), base_url="http://h/v1")
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UsageError, match="set OPENAI_API_KEY"):
        build_adapter(spec(adapter="transcriptions", dialect="openai"))
