"""MP3 files whose header does not say how long they are, or says it wrong."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiobench.core.types import Clip
from audiobench.media import InvalidAudioError, parts, read
from audiobench.media.mpeg import _frame_at, walk
from audiobench.model.spec import AudioSupport


def speech_like(rate: int, channels: int = 1) -> np.ndarray:
    """Tone, noise, silence: a variable-rate encoder gives each another bit rate."""
    noise = np.random.default_rng(0).uniform(-0.4, 0.4, rate)
    wave = np.concatenate([0.4 * np.sin(np.arange(rate) / 9), noise, np.zeros(rate)])
    return np.repeat(wave[:, None], channels, axis=1)


def mp3(rate: int = 24000, mode: str = "VARIABLE", channels: int = 1) -> bytes:
    out = io.BytesIO()
    samples = speech_like(rate, channels)
    soundfile.write(out, samples, rate, format="MP3", bitrate_mode=mode, compression_level=0.5)
    return out.getvalue()


def without_header(data: bytes) -> bytes:
    """The frames after the Xing/Info frame."""
    return data[_frame_at(data, 0) :]


def seconds(tmp_path: Path, data: bytes) -> tuple[float, float]:
    """(what reading says, what conversion to WAV gives)."""
    (tmp_path / "a.mp3").write_bytes(data)
    clip = Clip(tmp_path / "a.mp3")
    raw = read(clip)
    whole, changes = parts(raw, clip, AudioSupport(formats=["mp3"]))
    assert whole[0].data == data and changes == []
    return raw.seconds, sum(part.seconds or 0 for part in parts(raw, clip, AudioSupport())[0])


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
@pytest.mark.parametrize("channels", [1, 2])
def test_all_of_it_is_heard_with_and_without_a_header(tmp_path: Path, rate: int, mode: str, channels: int):
    data = mp3(rate, mode, channels)
    assert seconds(tmp_path, data) == pytest.approx((3, 3), abs=0.01)
    assert seconds(tmp_path, without_header(data)) == pytest.approx((3, 3), abs=3 * 1152 / rate)


@pytest.mark.parametrize(
    "before, after",
    [(b"ID3\x04\0\0\0\0\x0f\x00" + bytes(15 * 128), b""), (b"", b"TAG" + bytes(125)), (b"", b"APETAGEX" + bytes(500)),
     (b"ID3\x04\0\0\0\0\0\x02xx" * 2, b""), (b"", bytes(5))],
)  # fmt: skip
def test_tags_around_it_do_not_count(tmp_path: Path, before: bytes, after: bytes):
    for data in (mp3(), without_header(mp3()), without_header(mp3(mode="CONSTANT"))):
        assert seconds(tmp_path, before + data + after) == pytest.approx((3, 3), abs=0.15)


def test_two_files_in_one_are_both_heard(tmp_path: Path):
    assert seconds(tmp_path, mp3() + mp3()) == pytest.approx((6, 6), abs=0.2)


def test_a_file_that_breaks_off_is_refused_and_a_frame_that_is_not_whole_is_not(tmp_path: Path):
    data = mp3()
    with pytest.raises(InvalidAudioError, match=r"truncated: the header promises \d+ MP3 frames, \d+ are there"):
        seconds(tmp_path, data[: len(data) // 2])
    assert seconds(tmp_path, data[:-20]) == pytest.approx((3, 3), abs=0.1)
    with pytest.raises(InvalidAudioError):
        seconds(tmp_path, data[:30])


def test_walking_is_quick_and_ends():
    frames = without_header(mp3())
    hour = frames * 1200
    start = time.process_time()
    found = walk(hour)
    assert found is not None and found.frames == 1200 * (walk(frames).frames)  # type: ignore[union-attr]
    assert time.process_time() - start < 2
    assert walk(b"\xff" * 10_000) is None
    assert walk(b"") is None
