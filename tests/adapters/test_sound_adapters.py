"""Adapters that answer in sound: what is sent, what is kept, and what goes wrong."""

from __future__ import annotations

import asyncio
import base64
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from audiobench.core.types import AudioPart, Clip, Message, Request, Response, TextPart
from audiobench.media.answers import pcm16_wav
from audiobench.media.made_sounds import render
from audiobench.model.adapter import RetryableError, RunError, SampleError
from audiobench.model.registry import build_adapter
from audiobench.model.spec import ModelSpec

WAV = pcm16_wav(render("a low beep", 0.5, 16_000), 16_000)


def asked(
    text: str = "Hello there.", system: str | None = None, voice: bytes | None = None, **generation: Any
) -> Request:
    sound = (AudioPart(Clip(Path("voice.wav")), data=voice, format="wav"),) if voice else ()
    opening = (Message("system", (TextPart(system),)),) if system else ()
    return Request((*opening, Message("user", (*sound, TextPart(text)))), generation, sample_id="s1")


def answer(folder: Path, spec: dict[str, Any], request: Request, url: str | None = None) -> Response:
    """One answer of an adapter that keeps its sound in `folder`."""

    async def ask() -> Response:
        adapter: Any = build_adapter(ModelSpec(**{"name": "m", "served_model": "m1", **spec}), base_url=url, timeout=20)
        adapter.audio_folder = folder / "answers"
        try:
            return await adapter.generate(request)
        finally:
            await adapter.close()

    return asyncio.run(ask())


def served(serve: Any, folder: Path, spec: dict[str, Any], request: Request, reply: Any, *, path: str = "/v1"):
    """(the response, what the server saw)."""

    async def go():
        async def handle(_: web.Request, body: bytes) -> web.Response:
            del body
            return reply()

        async with serve(handle) as server:
            adapter: Any = build_adapter(
                ModelSpec(**{"name": "m", "served_model": "m1", **spec}), base_url=server.url + path, timeout=20
            )
            adapter.audio_folder = folder / "answers"
            try:
                return await adapter.generate(request), server.seen
            finally:
                await adapter.close()

    return asyncio.run(go())


def wav() -> web.Response:
    return web.Response(body=WAV, content_type="audio/wav")


SPEECH = {"adapter": "speech", "dialect": "vllm", "options": {"voice": "vivian"}}


def test_speech_says_the_text_as_the_system_turn_asks(serve: Any, tmp_path: Path):
    found, (seen,) = served(serve, tmp_path, SPEECH, asked(system="Whisper."), wav)
    assert seen.path == "/v1/audio/speech"
    assert seen.json == {
        "model": "m1", "input": "Hello there.", "response_format": "wav", "voice": "vivian", "instructions": "Whisper."
    }  # fmt: skip
    (part,) = found.parts
    assert part.problem == "" and part.sample_rate == 16_000 and (tmp_path / str(part.path)).read_bytes() == WAV


def test_a_voice_is_cloned_where_the_server_can(serve: Any, tmp_path: Path):
    request = asked(voice=WAV, voice_text="What it says.", seed=3)
    spec = {**SPEECH, "options": {"voice": None, "clones": True, "sends": ["seed"], "fields": {"task_type": "Base"}}}
    _, (seen,) = served(serve, tmp_path, spec, request, wav)
    assert seen.json["ref_audio"] == f"data:audio/wav;base64,{base64.b64encode(WAV).decode()}"
    assert (seen.json["ref_text"], seen.json["task_type"], seen.json["seed"]) == ("What it says.", "Base", 3)
    assert "voice" not in seen.json
    with pytest.raises(SampleError, match="clones is false"):
        served(serve, tmp_path, SPEECH, request, wav)


def test_bare_samples_become_a_file_and_an_error_page_is_kept_as_what_it_is(serve: Any, tmp_path: Path):
    spec = {**SPEECH, "options": {"response_format": "pcm"}}
    found, _ = served(serve, tmp_path, spec, asked(), lambda: web.Response(body=WAV[44:]))
    assert (found.parts[0].sample_rate, found.parts[0].format) == (24_000, "wav")
    found, _ = served(serve, tmp_path, SPEECH, asked(), lambda: web.Response(text="<html>busy</html>"))
    assert found.parts[0].problem
    found, _ = served(serve, tmp_path, SPEECH, asked(), lambda: web.Response(body=b""))
    assert found.parts[0].problem == "empty: 0 bytes"
    with pytest.raises(RetryableError):
        served(serve, tmp_path, SPEECH, asked(), lambda: web.Response(status=503))


def test_a_chat_model_speaks(serve: Any, tmp_path: Path):
    audio = {"data": base64.b64encode(WAV).decode(), "transcript": "Hello."}
    body = {"model": "m1", "choices": [{"message": {"content": None, "audio": audio}, "finish_reason": "stop"}]}
    spec = {"adapter": "openai_chat", "dialect": "vllm", "options": {"speaks": "alloy"}}
    found, (seen,) = served(serve, tmp_path, spec, asked(), lambda: web.json_response(body))
    assert seen.json["modalities"] == ["text", "audio"] and seen.json["audio"] == {"voice": "alloy", "format": "wav"}
    assert found.text == "Hello." and (tmp_path / str(found.parts[0].path)).read_bytes() == WAV


def test_elevenlabs_and_stability_are_asked_in_their_own_forms(
    serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ELEVENLABS_API_KEY", "key-e")
    monkeypatch.setenv("STABILITY_API_KEY", "key-s")
    spec = {"adapter": "sound_service", "options": {"service": "elevenlabs", "output_format": "mp3_44100_128"}}
    found, (seen,) = served(serve, tmp_path, spec, asked("rain", seconds=4.0), wav, path="")
    assert seen.path == "/v1/sound-generation?output_format=mp3_44100_128" and seen.headers["xi-api-key"] == "key-e"
    assert seen.json == {"text": "rain", "model_id": "m1", "duration_seconds": 4.0} and found.parts[0].problem == ""
    with pytest.raises(SampleError, match=r"makes 0\.5 to 30"):
        served(serve, tmp_path, spec, asked("rain", seconds=60.0), wav, path="")
    spec = {"adapter": "sound_service", "options": {"service": "stability", "fields": {"steps": 8}}}
    _, (seen,) = served(serve, tmp_path, spec, asked("rain", seconds=4.0, seed=5), wav, path="")
    assert seen.path == "/v2beta/audio/stable-audio-2/text-to-audio"
    assert seen.headers["Authorization"] == "Bearer key-s" and seen.headers["Accept"] == "audio/*"
    for field, value in {
        "prompt": "rain",
        "duration": "4.0",
        "seed": "5",
        "steps": "8",
        "output_format": "wav",
    }.items():
        assert f'name="{field}"\r\n\r\n{value}\r\n'.encode() in seen.body


def test_a_folder_of_files_made_elsewhere(tmp_path: Path):
    made = tmp_path / "made"
    made.mkdir()
    (made / "s1.wav").write_bytes(WAV)
    spec = {"adapter": "made_sounds_folder", "served_model": str(made)}
    found = answer(tmp_path, spec, asked())
    assert (tmp_path / str(found.parts[0].path)).read_bytes() == WAV
    with pytest.raises(SampleError, match=r"missing: no s1_0\.wav"):
        answer(tmp_path, {**spec, "options": {"name": "{id}_{epoch}"}}, asked())
    with pytest.raises(SampleError, match="leads out of"):
        answer(tmp_path, {**spec, "options": {"name": "../{id}"}}, asked())


def test_a_command_writes_the_sound(tmp_path: Path):
    script = tmp_path / "tts.py"
    script.write_text(
        "import shutil, sys\nopen(sys.argv[1] + '.said', 'w').write(sys.argv[2])\nshutil.copy(sys.argv[3], sys.argv[1])\n",
        "utf-8",
    )
    words = [sys.executable, str(script), "{out}", "say {text} {nothing}", "{voice}"]
    spec = {"adapter": "sound_command", "options": {"command": words}}
    found = answer(tmp_path, spec, asked("a {seed} $(rm -rf)", voice=WAV, seed=1))
    assert (tmp_path / str(found.parts[0].path)).read_bytes() == WAV
    for command, why in (
        (["no-such-program-at-all"], "cannot be run"),
        ([sys.executable, "-c", "import sys; sys.exit('out of memory')"], "exit code 1: out of memory"),
        ([sys.executable, "-c", ""], "missing: .* wrote no"),
    ):
        with pytest.raises(SampleError, match=why):
            answer(tmp_path, {**spec, "options": {"command": command}}, asked())


class Pipeline:
    """What diffusers' text-to-audio pipelines have in common, making tones."""

    loaded: Any = None

    def __init__(self) -> None:
        self.vae = types.SimpleNamespace(sampling_rate=8000)
        self.vocoder = None

    @classmethod
    def from_pretrained(cls, where: str, **how: Any) -> Pipeline:
        if "missing" in where:
            raise OSError(f"{where} is not a local folder\nand more")
        cls.loaded = where, how
        return cls()

    def to(self, device: str) -> Pipeline:
        return self

    def set_progress_bar_config(self, **_: Any) -> None: ...

    def __call__(self, prompt: str, generator: Any = None, audio_end_in_s: float = 1.0, guidance_scale: float = 1.0):
        if guidance_scale < 0:
            raise ValueError("guidance_scale must not be negative")
        import torch

        noise = torch.rand(1, 2, int(8000 * audio_end_in_s), generator=generator)
        return types.SimpleNamespace(audios=0.3 * noise)


@pytest.fixture
def diffusers(monkeypatch: pytest.MonkeyPatch) -> type[Pipeline]:
    """Diffusers with one pipeline."""
    pytest.importorskip("torch", reason="pipelines of diffusers run on torch")
    module = types.ModuleType("diffusers")
    module.__spec__ = types.SimpleNamespace(name="diffusers")  # type: ignore[assignment]
    module.DiffusionPipeline = Pipeline  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "diffusers", module)
    return Pipeline


def test_a_pipeline_of_diffusers_makes_the_same_sound_from_the_same_seed(diffusers: type[Pipeline], tmp_path: Path):
    spec = {"adapter": "diffusers", "weights": {"repo": "owner/model", "revision": "abc"}}
    first, again, other = (answer(tmp_path, spec, asked("rain", seconds=0.5, seed=seed)) for seed in (1, 1, 2))
    assert diffusers.loaded[0] == "owner/model" and diffusers.loaded[1]["revision"] == "abc"
    assert first.parts[0].sha256 == again.parts[0].sha256 != other.parts[0].sha256
    assert (first.parts[0].seconds, first.parts[0].channels, first.parts[0].sample_rate) == (0.5, 2, 8000)
    with pytest.raises(SampleError, match="must not be negative"):
        answer(tmp_path, {**spec, "options": {"call": {"guidance_scale": -1.0}}}, asked())
    with pytest.raises(RunError, match=r"missing is not a local folder$"):
        answer(tmp_path, {**spec, "options": {"checkpoint": "missing"}}, asked())


def test_a_real_pipeline_is_loaded_from_a_folder(tmp_path: Path):
    """Stable Audio's own classes, tiny and untrained: from_pretrained, the call and the autoencoder's rate are diffusers'."""
    pytest.importorskip("diffusers", reason="an extra (sound) that CI does not install")
    from tests.adapters.tiny_stable_audio import save

    save(tmp_path / "pipeline")
    spec = {
        "adapter": "diffusers", "options": {"checkpoint": str(tmp_path / "pipeline"), "call": {"num_inference_steps": 2}}
    }  # fmt: skip
    found = answer(tmp_path, spec, asked("rain", seconds=0.5, seed=1))
    assert found.parts[0].sample_rate == 1000 and np.isclose(found.parts[0].seconds, 0.5, atol=0.1)
