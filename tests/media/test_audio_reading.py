"""Reading: what passes, what is refused and why, and what it costs."""

from __future__ import annotations

import io
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiobench.core.errors import ExitCode, UsageError
from audiobench.core.types import Clip
from audiobench.media import InvalidAudioError, Limits, duration, parts, passes, read, sniff
from audiobench.media.support import AudioSupport
from audiobench.media.wav import pcm_wav

RATE = 16000


def encode(samples: np.ndarray, format: str, subtype: str | None = None, rate: int = RATE) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=format, subtype=subtype)
    return out.getvalue()


def sine(seconds: float = 0.2, rate: int = RATE, channels: int = 1) -> np.ndarray:
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)
    return np.repeat(wave[:, None], channels, axis=1)


def clip(tmp_path: Path, data: bytes, name: str = "clip.wav") -> Clip:
    (tmp_path / name).write_bytes(data)
    return Clip(tmp_path / name)


@pytest.mark.parametrize(
    "format, subtype, name",
    [("WAV", "PCM_16", "wav"), ("WAV", "PCM_24", "wav"), ("WAV", "PCM_U8", "wav"), ("WAVEX", "PCM_16", "wav"),
     ("WAV", "FLOAT", "wav"), ("WAV", "ULAW", "wav"), ("FLAC", "PCM_16", "flac"), ("OGG", "VORBIS", "ogg"),
     ("OGG", "OPUS", "ogg"), ("MP3", None, "mp3"), ("AIFF", "PCM_16", "aiff")],
)  # fmt: skip
def test_what_any_decoder_reads_whole_goes_out_as_it_is_whatever_its_name(tmp_path: Path, format, subtype, name):
    data = encode(sine(0.5, channels=2), format, subtype)
    raw = read(clip(tmp_path, data, "misnamed.wav"))
    assert (raw.format, raw.sample_rate, raw.channels) == (name, RATE, 2)
    assert raw.seconds == pytest.approx(0.5, abs=0.1)
    assert raw.data == data and raw.size == len(data)
    assert raw.exact_header == (format[:3] == "WAV" and str(subtype).startswith("PCM"))
    audio, changes = parts(raw, Clip(tmp_path / "misnamed.wav"), AudioSupport(formats=[name]))
    assert [part.data for part in audio] == [data] and changes == []
    assert audio[0].clip.sha256 == raw.sha256


@pytest.mark.parametrize(
    "head, name",
    [(b"\xff\xfb\x90\x00", "mp3"), (b"\xff\xf1\x50\x80", "aac"), (b"\0\0\0\x20ftypM4A ", "m4a"),
     (b"\x1a\x45\xdf\xa3", "webm"), (b"FORM\0\0\0\0AIFF", "aiff"), (b"RIFF\0\0\0\0AVI ", None), (b"", None),
     (b"ID3\x04\0\0\0\0\0\x02xxfLaC", "flac"), (b"ID3\x04\0\0\0\0\x01\x02xx", "mp3"), (b"\xff\xff\xff\xff", None)],
)  # fmt: skip
def test_sniffing(head: bytes, name: str | None):
    assert sniff(head) == name


def good() -> bytes:
    return encode(sine(), "WAV", "PCM_16")


@pytest.mark.parametrize(
    "data, says",
    [(b"", "empty file"), (b"hello", "not a known audio container"), (good()[:30], "corrupt WAV: its fmt chunk"),
     (good()[:36], "corrupt WAV: it has no data chunk"), (good()[:44], "truncated: the header promises 6400"),
     (good()[:-100], "truncated: the header promises 6400 bytes of audio, 6300 are there"),
     (pcm_wav(b"", RATE, 1), "zero frames"), (good()[:24] + b"\0\0\0\0" + good()[28:], "sampling rate 0 Hz"),
     (good()[:22] + b"\0\0" + good()[24:], "0 channels"), (encode(sine(), "FLAC")[:60], "corrupt"),
     (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
     (b"<!DOCTYPE html><html>", "a web page"), (b'{"error": "gone"}', "text, not audio"),
     (b"\0\0\0\x20ftypM4A isom" + bytes(64), "corrupt|PyAV, which is not here"),
     (pcm_wav(bytes(33 * 2 * 100), RATE, 33), "33 channels")],
)  # fmt: skip
def test_hostile_files_are_refused_with_the_reason(tmp_path: Path, data: bytes, says: str):
    with pytest.raises(InvalidAudioError, match=says) as caught:
        read(clip(tmp_path, data))
    assert str(tmp_path / "clip.wav") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == ExitCode.INCOMPLETE


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite(tmp_path: Path, bad: float):
    samples = sine()
    samples[17] = bad
    item = clip(tmp_path, encode(samples, "WAV", "FLOAT"))
    raw = read(item)
    assert not passes(raw, AudioSupport())
    with pytest.raises(InvalidAudioError, match="NaN or infinite"):
        parts(raw, item, AudioSupport())


@pytest.mark.parametrize("part", [0.3, 0.5, 0.95])
@pytest.mark.parametrize("kind", [("FLAC",), ("MP3",), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("AIFF", "PCM_16")])
def test_files_that_break_off(tmp_path: Path, kind: tuple[str, ...], part: float):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (RATE * 4, 1))
    data = encode(noise, *kind)
    item = clip(tmp_path, data[: int(len(data) * part)])
    with pytest.raises(InvalidAudioError, match=r"truncated|corrupt"):
        parts(read(item), item, AudioSupport(formats=["flac", "mp3", "ogg", "aiff"]))


def test_a_corrupt_body_behind_a_sound_header(tmp_path: Path):
    data = bytearray(encode(np.random.default_rng(0).uniform(-0.5, 0.5, (RATE * 2, 1)), "FLAC"))
    data[len(data) // 3 : len(data) // 2] = os.urandom(len(data) // 2 - len(data) // 3)
    item = clip(tmp_path, bytes(data))
    with pytest.raises(InvalidAudioError):
        parts(read(item), item, AudioSupport(formats=["flac"]))


@pytest.mark.filterwarnings("error")
def test_damaged_files_are_a_sound_result_or_invalid_audio_and_nothing_else(tmp_path: Path, capfd):
    chance = random.Random(0)
    sources = [
        encode(sine(0.1), *kind)
        for kind in [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC",), ("OGG", "OPUS"), ("AIFF",)]
    ]
    support = AudioSupport(formats=["wav", "flac", "ogg", "aiff"], sample_rate=8000, chunk_seconds=0.03)
    counts = {"sound": 0, "invalid": 0}
    for number in range(300):
        data = bytearray(chance.choice(sources))
        if number % 3 == 0:
            del data[chance.randrange(len(data)) :]
        for _ in range(chance.randint(1, 8) if number % 3 else 0):
            data[chance.randrange(min(len(data), 80 if number % 3 == 1 else len(data)))] = chance.randrange(256)
        item = clip(tmp_path, bytes(data))
        try:
            audio, _ = parts(read(item), item, support)
            assert all(part.data for part in audio)
            counts["sound"] += 1
        except InvalidAudioError:
            counts["invalid"] += 1
    assert min(counts.values()) > 30
    assert "Traceback" not in capfd.readouterr().err


def test_a_three_hour_bomb_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch):
    path = tmp_path / "bomb.flac"
    with soundfile.SoundFile(path, "w", samplerate=8000, channels=1, format="FLAC", subtype="PCM_16") as file:
        for _ in range(180):
            file.write(np.zeros(8000 * 60, dtype=np.int16))
    assert path.stat().st_size < 2_000_000
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *a, **k: pytest.fail("decoded"))
    with pytest.raises(InvalidAudioError, match=r"10800 s, over the cap of 3600 s"):
        read(Clip(path))


def test_a_header_that_lies_about_length_does_not_decode_more(tmp_path: Path):
    data = bytearray(encode(sine(2.0), "FLAC"))
    samples = int.from_bytes(data[18:26], "big")
    data[18:26] = ((samples & ~((1 << 36) - 1)) | 1600).to_bytes(8, "big")
    item = clip(tmp_path, bytes(data))
    with pytest.raises(InvalidAudioError, match=r"longer than its header says|corrupt"):
        parts(read(item), item, AudioSupport(formats=["flac"]))


def test_caps_can_be_set(tmp_path: Path, monkeypatch):
    item = clip(tmp_path, good())
    with pytest.raises(InvalidAudioError, match="over the cap of 100 "):
        read(item, Limits(max_bytes=100))
    monkeypatch.setenv("AUDIOBENCH_MAX_AUDIO_SECONDS", "0.1")
    with pytest.raises(InvalidAudioError, match="AUDIOBENCH_MAX_AUDIO_SECONDS"):
        read(item)
    monkeypatch.setenv("AUDIOBENCH_MAX_AUDIO_SECONDS", "nan")
    with pytest.raises(UsageError, match="AUDIOBENCH_MAX_AUDIO_SECONDS=nan: must be a positive number"):
        read(item)


def test_what_is_not_a_file(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.wav")
    for name, says in [("gone.wav", "no such file"), ("pipe.wav", "not a plain file"), (".", "cannot be read|plain")]:
        with pytest.raises(InvalidAudioError, match=says):
            read(Clip(tmp_path / name))


def test_a_file_that_changed_since_it_was_recorded(tmp_path: Path):
    item = clip(tmp_path, good())
    read(Clip(item.path, sha256=read(item).sha256))
    with pytest.raises(InvalidAudioError, match="the file changed"):
        read(Clip(item.path, sha256="0" * 64))


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFFD3, 0x7FFFF000, 0x80000000, 0x7FFFFFFF, 0x7FFFFFDC])
def test_a_stream_header_without_a_length_is_rewritten(tmp_path: Path, size: int):
    data = bytearray(good())
    data[40:44] = struct.pack("<I", size)
    item = clip(tmp_path, bytes(data))
    raw = read(item)
    assert raw.frames == 3200 and not raw.exact_header
    audio, changes = parts(raw, item, AudioSupport())
    assert audio[0].data == good()
    assert changes == ["its header does not say how long it is", "re-encoded wav->wav (16 bits)"]


LIST = b"LIST" + struct.pack("<I", 5) + b"hello\0"


def test_chunks_before_and_after_the_samples(tmp_path: Path):
    extra = good()[12:36] + LIST + good()[36:] + b"tail" + struct.pack("<I", 2) + b"xx"
    raw = read(clip(tmp_path, b"RIFF" + struct.pack("<I", len(extra) + 4) + b"WAVE" + extra))
    assert raw.exact_header and raw.frames == 3200


def test_pcm_wav_is_read_without_numpy_in_a_fraction_of_a_millisecond(tmp_path: Path):
    (tmp_path / "clip.wav").write_bytes(pcm_wav(os.urandom(320_000), RATE, 1))
    code = (
        "import sys, time; from pathlib import Path\n"
        "from audiobench.media import parts, passes, read\n"
        "from audiobench.core.types import Clip; from audiobench.model.spec import AudioSupport\n"
        f"clip, support = Clip(Path({str(tmp_path / 'clip.wav')!r})), AudioSupport()\n"
        "best = 1e9\n"
        "for _ in range(100):\n"
        "    start = time.process_time(); raw = read(clip); ok = passes(raw, support); out = parts(raw, clip, support)\n"
        "    best = min(best, time.process_time() - start)\n"
        "assert ok and out[0][0].data == raw.data\n"
        "print(best < 0.0015, sorted({'numpy', 'soundfile', 'soxr'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["True", "[]\n"]


def test_the_published_sample_clips(shared: Path):
    folder = shared / "data" / "step_audio_r1_samples"
    found = {path.name: read(Clip(path)) for path in sorted(folder.glob("*.wav"))}
    assert found["big_bench_audio_test.wav"].format == "mp3"
    assert found["big_bench_audio_test.wav"].sample_rate == 24000
    assert found["mmau_test.wav"].exact_header and found["mmau_test.wav"].seconds == 10.0
    assert len(found) == 6


def test_duration_looks_at_the_start_only(tmp_path: Path):
    assert duration(clip(tmp_path, good())) == 0.2
    assert duration(clip(tmp_path, good()[:-3200])) == 0.1
    assert duration(Clip(tmp_path / "gone.wav", seconds=7.5)) == 7.5
    for data in (b"", b"RIFF\0\0\0\0WAVE", encode(sine(), "FLAC")):
        assert duration(clip(tmp_path, data)) is None
    assert duration(Clip(tmp_path / "gone.wav")) is None
