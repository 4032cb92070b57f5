"""A clip is heard whole, or refused: what it says of its length and what decodes agree, whatever the container."""

from __future__ import annotations

import errno
import io
import os
import struct
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audiobench.core.errors import IncompleteError
from audiobench.core.types import Clip
from audiobench.media import InvalidAudioError, parts, read
from audiobench.media.memory import MEMORY, Memory
from audiobench.media.support import AudioSupport
from audiobench.media.wav import pcm_wav
from audiobench.view.clips import TYPES

RATE = 16000
EVERY = AudioSupport(formats=["wav", "mp3", "flac", "ogg", "m4a", "aiff", "aac", "webm"])


def tone(seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)


@cache
def encode(format: str, subtype: str | None = None, seconds: float = 1.0, rate: int = RATE, **more) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, tone(seconds, rate), rate, format=format, subtype=subtype, **more)
    return out.getvalue()


def heard(folder: Path, data: bytes, support: AudioSupport = EVERY) -> tuple[float, list[str]]:
    """Seconds that a model gets to hear, and what was changed."""
    path = folder / "clip"
    path.write_bytes(data)
    raw = read(Clip(path))
    pieces, changes = parts(raw, Clip(path), support)
    assert sum(part.seconds or 0 for part in pieces) == pytest.approx(raw.seconds, abs=1e-3)
    assert (pieces[0].data == data) == (changes == [])
    if pieces[0].format in ("wav", "flac", "ogg"):
        samples, rate = soundfile.read(io.BytesIO(pieces[0].data))
        assert len(samples) / rate == pytest.approx(raw.seconds, abs=1e-3), "any decoder gets all of it"
    return raw.seconds, changes


def streamed_flac() -> bytes:
    data = encode("FLAC")
    total = int.from_bytes(data[21:26], "big") >> 36 << 36
    return data[:21] + total.to_bytes(5, "big") + data[26:]


def rifx() -> bytes:
    samples = (tone() * 32767).astype(">i2").tobytes()
    body = b"WAVEfmt " + struct.pack(">IHHIIHH", 16, 1, 1, RATE, RATE * 2, 2, 16)
    body += b"data" + struct.pack(">I", len(samples)) + samples
    return b"RIFX" + struct.pack(">I", len(body)) + body


def mp3_in_wav() -> bytes:
    body = encode("MP3")
    fmt = struct.pack("<HHIIHHHHIHHH", 0x55, 1, RATE, 8000, 1, 0, 12, 1, 2, 0, 1, 0)
    chunks = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


KINDS: dict[str, Callable[[], bytes]] = {
    "rf64": lambda: encode("RF64", "PCM_16"),
    "rifx": rifx,
    "adpcm": lambda: encode("WAV", "IMA_ADPCM", 1.01),
    "ms adpcm": lambda: encode("WAV", "MS_ADPCM", 1.0),
    "gsm": lambda: encode("WAV", "GSM610", 1.0, 8000),
    "mp3 in wav": mp3_in_wav,
    "caf": lambda: encode("CAF", "PCM_16"),
    "au": lambda: encode("AU", "PCM_16"),
    "w64": lambda: encode("W64", "PCM_16"),
    "sphere": lambda: encode("NIST", "PCM_16"),
    "streamed flac": streamed_flac,
    "chained vorbis": lambda: encode("OGG", "VORBIS", 0.5) * 2,
    "chained opus": lambda: encode("OGG", "OPUS", 0.5) * 2,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_only_some_decoders_read_is_played_whole_and_said(tmp_path: Path, kind: str):
    seconds, changes = heard(tmp_path, KINDS[kind]())
    assert seconds == pytest.approx(1.0, abs=0.033), "ADPCM fills up its last block"
    assert changes[-1].startswith("re-encoded")
    assert changes[-1].endswith("->wav (16 bits)")
    assert read(Clip(tmp_path / "clip")).format in TYPES["audio"], "the viewer can offer the file itself"


CUT = [name for name in KINDS if name != "mp3 in wav"]


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from(CUT), where=st.floats(0.15, 0.999))
def test_what_breaks_off_is_refused(tmp_path_factory, kind: str, where: float):
    data = KINDS[kind]()
    cut = data[: int(len(data) * where)]
    try:
        _, changes = heard(tmp_path_factory.mktemp("cut"), cut)
    except InvalidAudioError as error:
        assert "truncated" in str(error) or "corrupt" in str(error)
    else:
        one_of_two = kind.startswith("chained") and len(cut) == len(data) // 2
        assert one_of_two or (len(data) - len(cut) <= 64 and "that its header promises are not there" in changes[0])


@settings(max_examples=50, deadline=None)
@given(codec=st.sampled_from(["VORBIS", "OPUS"]), where=st.floats(0, 0.9999), bit=st.integers(0, 7))
def test_one_wrong_bit_in_an_ogg_is_found(tmp_path_factory, codec: str, where: float, bit: int):
    data = bytearray(encode("OGG", codec))
    data[int(len(data) * where)] ^= 1 << bit
    with pytest.raises(InvalidAudioError):
        heard(tmp_path_factory.mktemp("ogg"), bytes(data))


def wav(size: int, samples: bytes, after: bytes = b"") -> bytes:
    data = pcm_wav(samples, RATE, 1)
    body = data[:40] + struct.pack("<I", size) + samples + after
    return body[:4] + struct.pack("<I", len(body) - 8) + body[8:]


SAMPLES = (tone(0.5) * 32767).astype("<i2").tobytes()
LIST = b"LIST" + struct.pack("<I", 18) + b"INFOISFT" + struct.pack("<I", 6) + b"Lavf61"


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_chunks_at_the_end_of_a_stream_are_not_played(tmp_path: Path, size: int):
    seconds, changes = heard(tmp_path, wav(size, SAMPLES, LIST))
    assert seconds == 0.5
    assert changes[0] == "its header does not say how long it is"
    with pytest.raises(InvalidAudioError, match="no audio in it"):
        heard(tmp_path, wav(size, b"", LIST))


@pytest.mark.parametrize(
    "size, after, said",
    [(len(SAMPLES) + 44, b"", "44 bytes that its header promises are not there"),
     (len(SAMPLES) - 8000, b"", "8000 bytes behind its samples left out"),
     (len(SAMPLES) - 1, b"", "1 bytes at its end that are no whole frame left out"),
     (len(SAMPLES), b"trailing garbage", "16 bytes behind its samples left out")],
)  # fmt: skip
def test_a_size_that_does_not_fit_is_said(tmp_path: Path, size: int, after: bytes, said: str):
    seconds, changes = heard(tmp_path, wav(size, SAMPLES, after))
    assert said in changes
    assert seconds == min(size, len(SAMPLES)) // 2 / RATE


def test_a_second_data_chunk_leaves_open_which_one_is_meant(tmp_path: Path):
    with pytest.raises(InvalidAudioError, match="two data chunks"):
        heard(tmp_path, wav(len(SAMPLES), SAMPLES, b"data" + struct.pack("<I", 4) + b"\0\1\0\1"))


def test_a_riff_size_that_stops_in_the_middle_is_put_right(tmp_path: Path):
    data = wav(len(SAMPLES), SAMPLES)
    assert heard(tmp_path, data[:4] + struct.pack("<I", 100) + data[8:]) == (0.5, ["re-encoded wav->wav (16 bits)"])


def test_flac_with_tags_of_mp3_tools_is_heard(tmp_path: Path):
    tagged = b"ID3\x04\0\0\0\0\0\x02xx" + encode("FLAC") + b"TAG" + bytes(125)
    assert heard(tmp_path, tagged) == (1.0, ["re-encoded flac->wav (16 bits)"])


@pytest.mark.parametrize("right, said", [(-1.0, True), (-0.99, True), (0.0, False), (1.0, False)])
def test_channels_that_cancel_each_other_are_said(tmp_path: Path, right: float, said: bool):
    out = io.BytesIO()
    soundfile.write(out, np.stack([tone(), right * tone()], axis=1), RATE, format="WAV", subtype="PCM_16")
    _, changes = heard(tmp_path, out.getvalue(), AudioSupport(channels=1))
    assert any("its channels cancel each other" in change for change in changes) == said


# ---- MPEG-4, AAC, WebM -----------------------------------------------------------------------------------------------


def by_pyav(container: str, codec: str, rate: int = 48000, **options: str) -> bytes:
    av = pytest.importorskip("av")
    out = io.BytesIO()
    with av.open(out, "w", format=container, options=options) as file:
        track = file.add_stream(codec, rate=rate, layout="mono")
        samples = tone(1.0, rate).astype("float32")[None]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = rate
        for packet in (*track.encode(frame), *track.encode(None)):
            file.mux(packet)
    return out.getvalue()


FFMPEG = {
    "m4a": lambda: by_pyav("mp4", "aac"),
    "fragments": lambda: by_pyav("mp4", "aac", movflags="frag_keyframe+empty_moov"),
    "aac": lambda: by_pyav("adts", "aac"),
    "webm": lambda: by_pyav("webm", "libopus"),
    "live webm": lambda: by_pyav("webm", "libopus", live="1"),
}


@pytest.mark.parametrize("kind", FFMPEG)
def test_mpeg4_aac_and_webm_are_decoded_whole_or_refused(tmp_path: Path, kind: str):
    data = FFMPEG[kind]()
    untouched = (
        [] if kind != "live webm" else ["its header does not say how long it is", "re-encoded webm->wav (16 bits)"]
    )
    assert heard(tmp_path, data) == (pytest.approx(1.0, abs=0.05), untouched)
    seconds, changes = heard(tmp_path, data, AudioSupport(sample_rate=RATE))
    assert seconds == pytest.approx(1.0, abs=0.05)
    assert "resampled 48000->16000" in changes
    for part in (0.4, 0.7, 0.97):
        with pytest.raises(InvalidAudioError, match=r"truncated|damaged|corrupt|tracks"):
            heard(tmp_path, data[: int(len(data) * part)])


def test_without_pyav_it_is_said_what_to_install(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(
        InvalidAudioError, match=r"AAC \(aac\) is decoded by PyAV.*\[av\].*convert the clip to wav or flac"
    ):
        heard(tmp_path, b"\xff\xf1\x50\x80\x01\x7f\xfc" + bytes(20))


# ---- memory and machine ----------------------------------------------------------------------------------------------


def test_a_bomb_is_refused_before_it_takes_memory(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(MEMORY, "limit", 8 * 2**20)
    soundfile.write(tmp_path / "bomb.flac", np.zeros((200_000, 8), dtype=np.int16), 48000)
    clip = Clip(tmp_path / "bomb.flac")
    for support, transform in ((AudioSupport(), "noise:0"), (AudioSupport(sample_rate=96000), "full")):
        with pytest.raises(InvalidAudioError, match=r"would take \d+ MiB of memory to convert, over the cap of 8 MiB"):
            parts(read(clip), clip, support, transform)
    whole, changes = parts(read(clip), clip, EVERY)
    assert len(whole[0].data) == clip.path.stat().st_size and changes == [], "proving that it is sound keeps nothing"
    assert parts(read(clip), clip, AudioSupport(channels=1), "noise:0")[0], "mixed while it is decoded"


def test_threads_share_one_budget():
    memory, order = Memory(100), []
    first, waiting = threading.Event(), threading.Event()

    def later() -> None:
        waiting.set()
        with memory.held(60, Path("b")):
            order.append("b")

    thread = threading.Thread(target=later)
    with memory.held(60, Path("a")):
        thread.start()
        waiting.wait()
        first.wait(0.02)
        order.append("a")
    thread.join()
    assert order == ["a", "b"]


@pytest.mark.parametrize("number, hint", [(errno.EMFILE, "ulimit -n"), (errno.ENFILE, "on this machine")])
def test_a_machine_out_of_files_says_nothing_of_the_clip(tmp_path: Path, monkeypatch, number: int, hint: str):
    (tmp_path / "a.wav").write_bytes(pcm_wav(SAMPLES, RATE, 1))

    def full(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(IncompleteError, match=hint):
        read(Clip(tmp_path / "a.wav"))
