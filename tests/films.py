"""Tiny videos for tests, written by PyAV: one second of one colour with a tone."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np

RATE = 16_000


@cache
def film(tone: float | None = 440.0, *, seconds: float = 1.0, container: str = "mp4", shade: int = 90) -> bytes:
    """A video of 32 x 32 pixels and 10 frames a second, in MPEG-4 with AAC (WebM: VP8 with Opus); `tone` None: no sound."""
    import av

    names = {"mp4": ("mp4", "mpeg4", "aac"), "webm": ("webm", "libvpx", "libopus")}
    muxer, seen, heard = names[container]
    out = io.BytesIO()
    with av.open(out, "w", format=muxer, options={"fflags": "+bitexact"}) as file:
        pictures: Any = file.add_stream(seen, rate=10, width=32, height=32, pix_fmt="yuv420p")
        sound: Any = None if tone is None else file.add_stream(heard, rate=RATE, layout="mono")
        for number in range(round(10 * seconds)):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), shade + number, np.uint8), format="rgb24")
            file.mux(pictures.encode(frame))
        file.mux(pictures.encode(None))
        if sound is not None and tone is not None:
            at = np.arange(round(RATE * seconds)) / RATE
            wave = (0.4 * np.sin(2 * np.pi * tone * at)).astype(np.float32)
            for start in range(0, len(wave), 960):
                frame = av.AudioFrame.from_ndarray(wave[None, start : start + 960], format="fltp", layout="mono")
                frame.sample_rate, frame.pts = RATE, start
                file.mux(sound.encode(frame))
            file.mux(sound.encode(None))
    return out.getvalue()


def _open(data: bytes) -> Any:
    import av

    return av.open(io.BytesIO(data))


def tracks(data: bytes) -> dict[str, int]:
    """Kind of track -> how many frames of it can be decoded."""
    found: dict[str, int] = {}
    with _open(data) as file:
        kinds = [track.type for track in file.streams]
    for place, kind in enumerate(kinds):
        with _open(data) as file:
            found[kind] = sum(1 for _ in file.decode(file.streams[place]))
    return found


def seconds(data: bytes) -> float:
    """How long a file says that it is."""
    with _open(data) as file:
        assert file.duration is not None
        return file.duration / 1e6


def pitch(data: bytes) -> float:
    """The strongest frequency (Hz) of the sound in a file."""
    with _open(data) as file:
        rate = file.streams.audio[0].rate
        wave = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    power = np.abs(np.fft.rfft(wave))
    return float(np.argmax(power) * rate / len(wave))
