"""Parts of a turn: what a key says of them, spans of a clip, an assistant's turn that begins with sound."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from audiobench import media as audio
from audiobench.core.parts import continued, words
from audiobench.core.types import AudioPart, Clip, Message, Request, TextPart, VideoPart
from audiobench.files.records import turns
from audiobench.media import InvalidAudioError
from audiobench.media.support import AudioSupport
from audiobench.media.wav import pcm_wav

CLIP = Clip(Path("a.wav"), sha256="ab" * 32)
USER = Message("user", (AudioPart(CLIP), TextPart("Which?")))


def canonical(request: Request) -> dict:
    return json.loads(request.canonical("model"))


def test_a_prefill_of_words_is_a_string_in_the_key_however_many_parts_it_has() -> None:
    one, two = (Request((USER,), prefill=p) for p in (words("<think>\n"), (TextPart("<think>"), TextPart("\n"))))
    assert canonical(one)["prefill"] == "<think>\n" and one.key("m") == two.key("m")
    assert canonical(Request((USER,)))["prefill"] is None
    assert canonical(Request((USER,), prefill=words("")))["prefill"] == ""


def test_a_prefill_with_sound_is_in_the_key_in_the_journal_and_among_the_clips() -> None:
    again = AudioPart(CLIP, span=(1.0, 2.5))
    request = Request((USER,), prefill=(TextPart("<think>Once more: "), again, TextPart("a dog")))
    said = canonical(request)
    assert said["prefill"] == [
        "<think>Once more: ", {"sha256": "ab" * 32, "transform": "full", "span": [1.0, 2.5]}, "a dog",
    ]  # fmt: skip
    assert said["messages"][0]["parts"] == [{"sha256": "ab" * 32, "transform": "full"}, "Which?"]
    assert request.audio == [AudioPart(CLIP), again] and request.prefill_text == "<think>Once more: a dog"
    shown = turns(request)[1]
    assert json.loads(msgspec.json.encode(shown)) == {
        "role": "assistant", "parts": ["<think>Once more: ", {"audio": 1}, "a dog"],
    }  # fmt: skip
    assert request.key("m") != Request((USER,), prefill=(TextPart("<think>Once more: "), AudioPart(CLIP))).key("m")


def test_text_continues_a_prefill_in_its_last_text() -> None:
    assert continued(words("<think>\n"), "so") == (TextPart("<think>\nso"),)
    assert continued((AudioPart(CLIP),), "so") == (AudioPart(CLIP), TextPart("so"))
    assert continued(None, "so") == (TextPart("so"),)


def test_every_part_that_is_no_text_can_be_replaced_in_order() -> None:
    request = Request((USER, Message("user", (VideoPart(CLIP),))), prefill=(AudioPart(CLIP),))
    seen: list = []
    changed = request.with_media(lambda part: (seen.append(part), [part, part])[1])
    assert seen == request.media and len(changed.media) == 2 * len(seen) == 6


def ramp(rate: int = 8000, seconds: float = 1.0) -> np.ndarray:
    return np.arange(int(rate * seconds), dtype="<i2")


def encoded(samples: np.ndarray, rate: int, container: str) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=container)
    return out.getvalue()


@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_span_is_what_is_sent_of_a_clip(container: str, tmp_path: Path) -> None:
    samples = ramp()
    file = tmp_path / "clip"
    file.write_bytes(pcm_wav(samples.tobytes(), 8000, 1) if container == "WAV" else encoded(samples, 8000, container))
    clip = Clip(file)
    raw = audio.read(clip)
    (piece,), changed = audio.parts(raw, clip, AudioSupport(formats=["wav", "flac"]), "full", (0.25, 0.5))
    heard, rate = soundfile.read(io.BytesIO(piece.data), dtype="int16")
    assert rate == 8000 and np.array_equal(heard, samples[2000:4000])
    assert (piece.seconds, piece.span, piece.clip.sha256, changed) == (
        0.25,
        (0.25, 0.5),
        raw.sha256,
        ["cut to 0.25-0.5 s"],
    )
    (quiet,), changed = audio.parts(raw, clip, AudioSupport(sample_rate=4000), "silence", (0.0, 0.5))
    assert not soundfile.read(io.BytesIO(quiet.data))[0].any() and quiet.seconds == 0.5
    assert changed[:2] == ["cut to 0-0.5 s", "resampled 8000->4000"]


@pytest.mark.parametrize("span", [(0.5, 0.5), (-1.0, 0.5), (0.5, 1.5), (2.0, 3.0)])
def test_a_span_outside_of_its_clip_is_invalid(span: tuple[float, float], tmp_path: Path) -> None:
    file = tmp_path / "clip.wav"
    file.write_bytes(pcm_wav(ramp().tobytes(), 8000, 1))
    with pytest.raises(InvalidAudioError, match=r"span .* the clip is 1\.000 s long"):
        audio.parts(audio.read(Clip(file)), Clip(file), AudioSupport(), "full", span)
