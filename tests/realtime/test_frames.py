"""What is sent: the frames of the documented protocols, and every sample of the clip."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import struct
import wave
from typing import Any

import pytest

from audiobench.core.errors import UsageError
from audiobench.model.adapter import SampleError
from audiobench.model.spec import ModelSpec
from model_adapters.realtime import Realtime
from tests.realtime.conftest import tone
from tests.realtime.servers import Script, loopback


def camel(value: Any) -> Any:
    """Keys in camelCase: protocol buffers' JSON takes both, and the official SDK mixes them."""
    if isinstance(value, dict):
        return {re.sub(r"_(\w)", lambda m: m[1].upper(), key): camel(item) for key, item in value.items()}
    return [camel(item) for item in value] if isinstance(value, list) else value


def test_geminis_frames_are_those_of_the_official_client(shared, ask):
    captured = json.loads((shared / "api_fixtures" / "gemini_live_s2s_dev.json").read_text())["frames"]
    samples = [int(8000 * math.sin(2 * math.pi * 440 * i / 24000)) for i in range(4000)]
    with loopback("gemini_live", Script()) as server:
        ask(
            server,
            pcm=struct.pack("<4000h", *samples),
            pace="burst",
            system="Answer the question.",
            request={"extra_body": {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}},
        )
    heard = server.heard[0]
    handshake, *expected = captured
    assert heard.path == handshake["handshake"]["path"]
    sent = {name.lower(): value for name, value in handshake["handshake"]["headers"].items()}
    assert set(heard.headers) & {"x-goog-api-key", "authorization"} == set(sent) & {"x-goog-api-key", "authorization"}
    frames = [camel(frame) for frame in heard.frames]
    assert len(frames) == len(expected) == 4
    for ours, theirs in zip(frames, map(camel, expected), strict=True):
        if blob := ours.get("realtimeInput", {}).get("audio"):
            digest = hashlib.sha256(base64.b64decode(blob["data"])).hexdigest()
            blob["data"] = f"<base64url of sha256:{digest}>"
        assert ours == theirs


@pytest.mark.parametrize("protocol", ["openai", "stepfun", "gemini_live"])
@pytest.mark.parametrize("pace", ["realtime", "burst"])
def test_every_sample_of_the_clip_arrives(protocol, pace, ask):
    rate = 16000 if protocol == "gemini_live" else 24000
    with loopback(protocol, Script()) as server:
        found = ask(server, seconds=0.11, pace=pace)
    assert server.heard[0].pcm == tone(0.11, rate)
    assert found.raw["input"] == {"rate": rate, "seconds": 0.11}


def test_a_clip_of_another_rate_is_resampled_and_said_so(ask):
    with loopback("openai", Script()) as server:
        found = ask(server, seconds=0.1, rate=48000, pace="burst")
    assert len(server.heard[0].pcm) == 2 * 2400
    assert found.raw["input"] == {"rate": 24000, "seconds": 0.1, "resampled_from": [48000], "resampler": "soxr HQ"}


def test_openais_session_ends_its_turn_itself(ask):
    with loopback("openai", Script()) as server:
        ask(server, pace="burst", system="Be brief.", voice="marin", request={"generation": {"max_gen_toks": 500, "seed": 3, "until": []}})  # fmt: skip
    heard = server.heard[0]
    assert heard.path == "/v1/realtime?model=gpt-realtime-2.1"
    assert heard.headers["authorization"] == "Bearer FAKE-key-for-tests"
    kinds = [frame["type"] for frame in heard.frames]
    assert kinds == ["session.update", "input_audio_buffer.append", "input_audio_buffer.commit", "response.create"]
    pcm = {"type": "audio/pcm", "rate": 24000}
    assert heard.frames[0]["session"] == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {"input": {"format": pcm, "turn_detection": None}, "output": {"format": pcm, "voice": "marin"}},
        "instructions": "Be brief.",
        "max_output_tokens": 500,
    }


def test_stepfun_gets_the_older_names(ask):
    with loopback("stepfun", Script()) as server:
        found = ask(server, pace="burst", request={"generation": {"max_gen_toks": 32000}})
    assert server.heard[0].frames[0]["session"] == {
        "modalities": ["text", "audio"],
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "turn_detection": None,
        "max_response_output_tokens": "inf",
    }
    assert found.text == "The answer is seven."


def test_text_keeps_its_place(ask):
    with loopback("openai", Script()) as server:
        ask(server, pace="burst", parts=("Listen.", None, "Answer yes or no."))
    frames = server.heard[0].frames
    said = [frame["item"]["content"][0]["text"] if "item" in frame else frame["type"] for frame in frames]
    assert said[1:] == ["Listen.", "input_audio_buffer.append", "input_audio_buffer.commit", "Answer yes or no.", "response.create"]  # fmt: skip
    with loopback("gemini_live", Script()) as server:
        ask(server, pace="burst", parts=("Listen.", None))
        content = server.heard[0].frames[1]["clientContent"]
        assert content == {"turns": [{"role": "user", "parts": [{"text": "Listen."}]}], "turnComplete": False}
        with pytest.raises(SampleError, match="before the audio"):
            ask(server, pace="burst", parts=(None, "Answer yes or no."))


@pytest.mark.parametrize("protocol", ["openai", "gemini_live"])
def test_the_answer_is_kept_as_wav_and_told_of(protocol, ask, tmp_path):
    """Packets that cut a sample in two are joined again."""
    pcm = tone(0.05, 24000)
    cuts = [pcm[:501], pcm[501:502], b"", pcm[502:1800], pcm[1800:]]
    with loopback(protocol, Script(packets=cuts)) as server:
        found = ask(server, pace="burst", folder=tmp_path / "answers", request={"epoch": 2})
    (kept,) = found.parts
    file = tmp_path / str(kept.path)
    assert file.parent.name == "answers" and file.name.startswith("q-1.e2.")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == kept.sha256
    with wave.open(str(file)) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.readframes(10**6)) == (24000, 1, pcm)
    assert (kept.format, kept.seconds, kept.sample_rate, found.raw["packets"]) == ("wav", 0.05, 24000, 4)
    assert found.text == "The answer is seven." and found.finish_reason == "stop"
    assert (found.usage["prompt"], found.usage["audio"], found.usage["audio_output"]) == (300, 290, 45)
    if protocol == "gemini_live":
        assert (found.usage["completion"], found.usage["reasoning"]) == (57, 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pace": "slow"}, "options.pace"),
        ({"turn": "vad", "pace": "burst"}, "vad needs pace: realtime"),
        ({"speed": 2}, "options.speed"),
    ],
)
def test_wrong_options_are_one_line(options, message):
    spec = ModelSpec(name="m", adapter="realtime", served_model="x", options=options)
    with pytest.raises(UsageError, match=message):
        Realtime(spec, base_url="ws://127.0.0.1:1", timeout=1)


def test_a_key_is_needed_and_an_address_is_checked(monkeypatch):
    spec = ModelSpec(name="m", adapter="realtime", served_model="x")
    with pytest.raises(UsageError, match="base URL"):
        Realtime(spec, base_url="ftp://somewhere", timeout=1)
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        Realtime(spec, base_url=None, timeout=1)
