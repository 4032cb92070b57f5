"""Our bodies against bodies captured from the official SDKs, field by field.

Base64 in the captures is a placeholder that names the sha256 of the decoded bytes; google-genai spells some keys in
snake case and uses the URL-safe alphabet, which Google's servers read alike.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from audiobench.core.parts import words
from audiobench.core.types import AudioPart, Clip, Message, Request, TextPart
from audiobench.model.registry import build_adapter

QUESTION = "Which sound? A. burp B. laugh"
NO_SAFETY = {"safety": None}


def camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda m: m[1].upper(), name)


def normal(value: Any, *, keys=lambda k: k) -> Any:
    """Base64 (either alphabet, bare or as a data URI) -> sha256 of its bytes; whole floats -> ints."""
    if isinstance(value, dict):
        return {keys(k): normal(v, keys=keys) for k, v in value.items()}
    if isinstance(value, list):
        return [normal(v, keys=keys) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str):
        return value
    head, comma, data = value.rpartition("base64,")
    if found := re.fullmatch(r"<base64(?:url)? of sha256:([0-9a-f]{64})>", data):
        return f"{head}{comma}sha256:{found[1]}"
    if len(data) > 1000:
        return f"{head}{comma}sha256:{hashlib.sha256(base64.b64decode(data, validate=True)).hexdigest()}"
    return value


@pytest.fixture
def fixtures(shared: Path) -> Path:
    folder = shared / "api_fixtures"
    if not folder.is_dir():
        pytest.skip("no captured bodies")
    return folder


@pytest.fixture
def probe(fixtures: Path) -> AudioPart:
    path = fixtures / "probe_440hz_16k.wav"
    return AudioPart(Clip(path), data=path.read_bytes(), format="wav")


@pytest.fixture
def sent(serve, spec, reply_with, stream_with):
    """What our adapter puts on the wire: (path with query, headers, body)."""

    def send(request: Request, suffix: str, **fields):
        chat = {"choices": [{"message": {"content": "B"}, "finish_reason": "stop"}]}
        gemini = {"candidates": [{"content": {"parts": [{"text": "B"}]}, "finishReason": "STOP"}]}

        async def main():
            async with serve(reply_with(chat | gemini)) as server:
                adapter = build_adapter(spec(**fields), base_url=server.url + suffix, timeout=30)
                await adapter.generate(request)
                await adapter.close()
                return server.seen[0]

        seen = asyncio.run(main())
        return seen.path, {k.lower(): v for k, v in seen.headers.items()}, seen.json

    return send


def turns(*parts, system: str | None = None) -> tuple[Message, ...]:
    made = tuple(TextPart(p) if isinstance(p, str) else p for p in parts)
    first = (Message("system", (TextPart(system),)),) if system else ()
    return (*first, Message("user", made))


def openai_cases(clip: AudioPart):
    """Capture -> (request, base URL's path, model fields)."""
    text = {"extra_body": {"modalities": ["text"]}}
    return {
        "openai_chat_input_audio_text_out": (
            Request(
                turns(QUESTION, clip, system="You are an audio expert."),
                {"max_gen_toks": 1024, "temperature": 0.7, "seed": 1, "until": ["###"]},
                extra_body={"n": 1},
            ),
            "/v1",
            {"dialect": "openai", "served_model": "gpt-audio-1.5", "options": text},
        ),
        "openai_chat_audio_out_stream": (
            Request(
                turns(clip),
                extra_body={
                    "modalities": ["text", "audio"],
                    "audio": {"voice": "marin", "format": "pcm16"},
                    "stream": True,
                },
            ),
            "/v1",
            {"dialect": "openai", "served_model": "gpt-audio-1.5"},
        ),
        "azure_chat_audio": (
            Request(turns(QUESTION, clip)),
            "",
            {
                "dialect": "azure",
                "served_model": "my-gpt-audio-deployment",
                "options": {"api_version": "2025-01-01-preview", **text},
            },
        ),
        "dashscope_compat_stream": (
            Request(turns(clip, QUESTION), extra_body={"enable_thinking": True, "thinking_budget": 1024}),
            "/v1",
            {"dialect": "dashscope", "served_model": "qwen3-omni-flash"},
        ),
        "openrouter_chat_audio": (
            Request(turns(QUESTION, clip), extra_body={"reasoning": {"max_tokens": 0, "exclude": False}}),
            "/v1",
            {
                "dialect": "openrouter",
                "served_model": "google/gemini-2.5-flash",
                "options": {"extra_body": {"provider": {"order": ["Google"], "allow_fallbacks": False}}},
            },
        ),
        "vllm_input_audio_chat_template_kwargs": (
            Request(
                turns(clip, QUESTION),
                extra_body={
                    "chat_template_kwargs": {"enable_thinking": False},
                    "thinking_token_budget": 1024,
                    "include_reasoning": True,
                    "mm_processor_kwargs": {"sampling_rate": 16000},
                },
            ),
            "/v1",
            {"dialect": "vllm", "served_model": "Qwen3-Omni", "api_key_env": ["OPENAI_API_KEY"]},
        ),
        "litellm_hosted_vllm": (
            Request(turns(QUESTION, clip), {"stop_token_ids": [151665]}, prefill=words("<think>\n")),
            "/v1",
            {"dialect": "sglang", "served_model": "Step-Audio-R1", "api_key_env": ["OPENAI_API_KEY"]},
        ),
    }


def gemini_cases(clip: AudioPart):
    def thinking(**config):
        return {"generationConfig": {"thinkingConfig": config}}

    return {
        "gemini_dev_text_then_audio_budget0": (
            Request(
                turns(QUESTION, clip, system="You are an audio expert."),
                {
                    "temperature": 0.7, "top_p": 0.9, "top_k": 40, "max_gen_toks": 1024, "until": ["###"], "seed": 1,
                },
                extra_body={"generationConfig": {"candidateCount": 1, "thinkingConfig": {"thinkingBudget": 0}}},
            ),
            "",
            {"served_model": "gemini-2.5-flash"},
        ),
        "gemini_dev_audio_then_text_think": (
            Request(turns(clip, QUESTION), extra_body=thinking(includeThoughts=True, thinkingBudget=-1)),
            "",
            {"served_model": "gemini-2.5-pro", "options": NO_SAFETY},
        ),
        "gemini_dev_level": (
            Request(turns(clip, QUESTION), extra_body=thinking(includeThoughts=True, thinkingLevel="LOW")),
            "",
            {"served_model": "gemini-3.1-pro-preview", "options": NO_SAFETY},
        ),
    }  # fmt: skip


OPENAI = sorted(openai_cases(AudioPart(Clip(Path("x")))))
GEMINI = sorted(gemini_cases(AudioPart(Clip(Path("x")))))


@pytest.mark.parametrize("name", OPENAI)
def test_chat_completions(name, fixtures, probe, sent):
    (captured,) = json.loads((fixtures / f"{name}.json").read_text())["requests"]
    path, headers, body = sent(*openai_cases(probe)[name][:2], **openai_cases(probe)[name][2])
    expected = normal(captured["body"])
    if name == "openai_chat_audio_out_stream":
        expected["store"] = False  # ours alone: answers to a benchmark are not to be kept by the provider
    assert normal(body) == expected
    assert path == captured["path"]
    for header in ("authorization", "api-key", "content-type"):
        theirs = {k.lower(): v for k, v in captured["headers"].items()}.get(header)
        assert headers.get(header) == theirs


@pytest.mark.parametrize("name", GEMINI)
def test_generate_content(name, fixtures, probe, sent):
    (captured,) = json.loads((fixtures / f"{name}.json").read_text())["requests"]
    request, suffix, fields = gemini_cases(probe)[name]
    path, headers, body = sent(request, suffix, adapter="gemini", **fields)
    assert normal(body) == normal(captured["body"], keys=camel)
    assert path == captured["path"]
    theirs = {k.lower(): v for k, v in captured["headers"].items()}
    for header in ("x-goog-api-key", "content-type", "x-server-timeout"):
        assert headers[header] == theirs[header]


NOT_SENT = {
    "gemini_dev_audio_offsets": "whole clips are sent",
    "gemini_dev_count_tokens": "tokens are counted from usage",
    "gemini_dev_interactions": "generateContent is what batch jobs take too",
    "openai_responses_judge": "judges are asked by chat completions",
}
"""Captured calls that this package does not make, and why; `litellm_*` shows what another library sends."""
ELSEWHERE = {
    "gemini_dev_file_uri": "below",
    "gemini_live_s2s_dev": "tests/realtime/test_frames.py",
    "openai_batch_create": "tests/batch/test_batch.py",
    "openai_batch_upload": "tests/batch/test_batch.py",
}


def test_every_captured_call_is_compared_or_known_not_to_be_made(fixtures):
    found = {path.stem for path in fixtures.glob("*.json")}
    known = {*OPENAI, *GEMINI, *NOT_SENT, *ELSEWHERE}
    assert {name for name in found - known if not name.startswith("litellm_")} == set()
    assert known <= found


def test_a_file_is_referred_to_as_the_sdk_does(fixtures, probe, spec):
    (captured,) = json.loads((fixtures / "gemini_dev_file_uri.json").read_text())["requests"]
    adapter = build_adapter(spec(adapter="gemini", served_model="gemini-2.5-flash", options=NO_SAFETY))
    uri = captured["body"]["contents"][0]["parts"][0]["fileData"]["file_uri"]
    body = json.loads(adapter.body(Request(turns(probe, "Which sound?")), {0: uri}))  # type: ignore[attr-defined]
    assert body == normal(captured["body"], keys=camel)


def test_the_comparison_sees_a_lost_clip_and_a_swapped_order(fixtures, probe, sent):
    (captured,) = json.loads((fixtures / "azure_chat_audio.json").read_text())["requests"]
    request, suffix, fields = openai_cases(probe)["azure_chat_audio"]
    for wrong in (turns(QUESTION), turns(probe, QUESTION)):
        _, _, body = sent(Request(wrong, request.generation, extra_body=request.extra_body), suffix, **fields)
        assert normal(body) != normal(captured["body"])
