"""MP3 files whose header does not say how long they are, or says it wrong."""

from __future__ import annotations

import contextlib
import io
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audiobench.core.types import Clip
from audiobench.media import InvalidAudioError, parts, read
from audiobench.media.mpeg import _frame_at, walk
from audiobench.media.support import AudioSupport

NO_LENGTH = [
    "no true length in its header: some decoders would read only a part",
    "re-encoded mp3->wav (16 bits)",
]


def speech_like(rate: int, channels: int = 1) -> np.ndarray:
    """Tone, noise, silence: a variable-rate encoder gives each another bit rate."""
    noise = np.random.default_rng(0).uniform(-0.4, 0.4, rate)
    wave = np.concatenate([0.4 * np.sin(np.arange(rate) / 9), noise, np.zeros(rate)])
    return np.repeat(wave[:, None], channels, axis=1)


@cache
def mp3(rate: int = 24000, mode: str = "VARIABLE", channels: int = 1) -> bytes:
    out = io.BytesIO()
    samples = speech_like(rate, channels)
    soundfile.write(out, samples, rate, format="MP3", bitrate_mode=mode, compression_level=0.5)
    return out.getvalue()


def without_header(data: bytes) -> bytes:
    """The frames after the Xing/Info frame."""
    return data[_frame_at(data, 0) :]


def heard(tmp_path: Path, data: bytes) -> tuple[float, list[str]]:
    """Seconds by what is sent to a model that takes MP3, and what was changed."""
    (tmp_path / "a.mp3").write_bytes(data)
    clip = Clip(tmp_path / "a.mp3")
    raw = read(clip)
    (sent,), changes = parts(raw, clip, AudioSupport(formats=["wav", "mp3"]))
    assert (sent.data == data) == (changes == [])
    assert len(soundfile.read(io.BytesIO(sent.data))[0]) / raw.sample_rate == pytest.approx(raw.seconds, abs=0.05)
    return raw.seconds, changes


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
@pytest.mark.parametrize("channels", [1, 2])
def test_all_of_it_is_heard_with_and_without_a_header(tmp_path: Path, rate: int, mode: str, channels: int):
    data = mp3(rate, mode, channels)
    assert heard(tmp_path, data) == (pytest.approx(3, abs=0.01), [])
    length, changes = heard(tmp_path, without_header(data))
    assert length == pytest.approx(3, abs=3 * 1152 / rate)
    assert changes == (NO_LENGTH if mode == "VARIABLE" else []), "a decoder may guess a constant rate"


@pytest.mark.parametrize(
    "before, after",
    [(b"ID3\x04\0\0\0\0\x0f\x00" + bytes(15 * 128), b""), (b"", b"TAG" + bytes(125)), (b"", b"APETAGEX" + bytes(500)),
     (b"ID3\x04\0\0\0\0\0\x02xx" * 2, b""), (b"", bytes(5))],
)  # fmt: skip
def test_tags_around_it_do_not_count(tmp_path: Path, before: bytes, after: bytes):
    for data in (mp3(), without_header(mp3()), without_header(mp3(mode="CONSTANT"))):
        assert heard(tmp_path, before + data + after)[0] == pytest.approx(3, abs=0.15)


def test_two_files_in_one_are_both_heard(tmp_path: Path):
    assert heard(tmp_path, mp3() + mp3()) == (pytest.approx(6, abs=0.2), NO_LENGTH)


def test_a_file_that_breaks_off_is_refused_and_a_frame_that_is_not_whole_is_said(tmp_path: Path):
    data = mp3()
    with pytest.raises(InvalidAudioError, match=r"truncated: the header promises \d+ MP3 frames, \d+ are there"):
        heard(tmp_path, data[: len(data) // 2])
    length, changes = heard(tmp_path, data[:-20])
    assert length == pytest.approx(3, abs=0.1)
    assert "bytes at its end that are no whole frame left out" in changes[0]
    with pytest.raises(InvalidAudioError):
        heard(tmp_path, data[:30])


@settings(max_examples=40)
@given(st.sampled_from([True, False]), st.floats(0, 0.98), st.integers(150, 3000), st.sampled_from([0, 0x55]))
def test_what_is_overwritten_is_refused_or_as_long_as_before(
    tmp_path_factory, header: bool, where: float, size: int, byte: int
):
    data = bytearray(mp3() if header else without_header(mp3()))
    at = int(where * (len(data) - size))
    data[at : at + size] = bytes([byte]) * size
    length = heard(tmp_path_factory.mktemp("mp3"), mp3() if header else without_header(mp3()))[0]
    with contextlib.suppress(InvalidAudioError):
        assert heard(tmp_path_factory.mktemp("mp3"), bytes(data))[0] == pytest.approx(length, abs=0.001)


def test_walking_is_quick_and_ends():
    frames = without_header(mp3())
    hour = frames * 1200
    start = time.process_time()
    found = walk(hour)
    assert found is not None and found.frames == 1200 * (walk(frames).frames)  # type: ignore[union-attr]
    assert time.process_time() - start < 2
    assert walk(b"\xff" * 10_000) is None
    assert walk(b"") is None
