"""From a clip's bytes to what a model takes: untouched where possible, else decoded, changed and said so."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audiobench.core.types import AudioPart, Clip
from audiobench.media.conditions import UNTOUCHED, apply
from audiobench.media.container import pcm_wav
from audiobench.media.errors import InvalidAudioError
from audiobench.media.raw import RawAudio

if TYPE_CHECKING:
    import numpy as np

    from audiobench.model.spec import AudioSupport

Span = tuple[float, float]
SLACK_SECONDS = 0.01
"""A span may end this much behind its clip: where a clip's length was rounded."""


def passes(raw: RawAudio, support: AudioSupport, transform: str = UNTOUCHED) -> bool:
    """True when the bytes can go out untouched and need no decode: PCM WAV within what the model takes."""
    return raw.exact_header and _fits(raw, support, transform) and _chunk_frames(raw, support) is None


def parts(
    raw: RawAudio, clip: Clip, support: AudioSupport, transform: str = UNTOUCHED, span: Span | None = None
) -> tuple[list[AudioPart], list[str]]:
    """The audio parts to send for one clip, and what was changed in words (empty = untouched).

    `span` (start, end in seconds) is the part of the clip that is heard, cut out before anything else is done.
    Untouched where the model takes the bytes (compressed and float files are decoded once to prove that they are
    sound); else decoded, resampled (soxr HQ), mixed down, put under `transform`, cut into consecutive chunks, and
    written as WAV (16 bits; a PCM WAV that is only cut keeps its width).

    Raises:
        InvalidAudioError: not sound, beyond what the model takes (`max_seconds`, `max_bytes`, `max_clips`), or a span
            that is not in the clip.
    """
    if span is not None:
        whole = replace(clip, sha256=raw.sha256, seconds=raw.seconds, size=raw.size)
        raw, cut = _cut(raw, clip.path, span)
        pieces, changes = parts(raw, clip, support, transform)
        return [replace(piece, clip=whole, span=span) for piece in pieces], [cut, *changes]
    if support.max_seconds is not None and raw.seconds > support.max_seconds:
        raise InvalidAudioError(clip.path, f"{raw.seconds:.1f} s, the model takes at most {support.max_seconds:g} s")
    clip = replace(clip, sha256=raw.sha256, seconds=raw.seconds, size=raw.size)
    if _fits(raw, support, transform):
        frames = _chunk_frames(raw, support)
        if raw.exact_header:
            chunks = [raw.data] if frames is None else _cut_bytes(raw, frames)
            changes = [] if frames is None else [_cut_words(len(chunks), support)]
            return _pack(chunks, raw.format, raw.sample_rate, _lengths(raw, frames), clip, support, transform), changes
        if raw.encoding != "pcm" and frames is None:
            from audiobench.media.decoding import decode

            decode(raw, clip.path)
            return _pack([raw.data], raw.format, raw.sample_rate, [raw.seconds], clip, support, transform), []
    return _converted(raw, clip, support, transform)


def _cut(raw: RawAudio, path: Path, span: Span) -> tuple[RawAudio, str]:
    """The part of the clip between two moments, as PCM WAV of the same rate, and that it was cut in words.

    PCM is cut in its bytes; what has to be decoded becomes 16 bits. The clip's own sha256 stays: it seeds the noise.
    """
    start, end = (min(round(second * raw.sample_rate), raw.frames) for second in span)
    if not 0 <= start < end or span[1] > raw.seconds + SLACK_SECONDS:
        raise InvalidAudioError(path, f"span {span[0]:g} to {span[1]:g} s: the clip is {raw.seconds:.3f} s long")
    if raw.exact_header:
        align, bits = raw.channels * raw.bits // 8, raw.bits
        body = memoryview(raw.data)[raw.start + start * align : raw.start + end * align]
    else:
        from audiobench.media.decoding import decode

        body, bits = _pcm16(decode(raw, path)[start:end]), 16
    data = pcm_wav(body, raw.sample_rate, raw.channels, bits)
    return replace(
        raw,
        data=data, format="wav", encoding="pcm", frames=end - start, seconds=(end - start) / raw.sample_rate,
        exact_header=True, start=len(data) - len(body), bits=bits,
    ), f"cut to {span[0]:g}-{span[1]:g} s"  # fmt: skip


def _fits(raw: RawAudio, support: AudioSupport, transform: str) -> bool:
    """Format, rate, channels and condition need no change (cutting apart)."""
    return (
        transform == UNTOUCHED
        and raw.format in support.formats
        and support.sample_rate in (None, raw.sample_rate)
        and (support.channels is None or raw.channels <= support.channels)
    )


def _chunk_frames(raw: RawAudio, support: AudioSupport) -> int | None:
    """Frames a chunk, or None when the clip stays whole."""
    if support.chunk_seconds is None:
        return None
    frames = max(1, round(support.chunk_seconds * raw.sample_rate))
    return frames if raw.frames > frames else None


def _lengths(raw: RawAudio, frames: int | None) -> list[float]:
    if frames is None:
        return [raw.seconds]
    return [min(frames, raw.frames - at) / raw.sample_rate for at in range(0, raw.frames, frames)]


def _cut_bytes(raw: RawAudio, frames: int) -> list[bytes]:
    """Chunks of a PCM WAV, cut in its bytes."""
    align = raw.channels * raw.bits // 8
    body = memoryview(raw.data)[raw.start : raw.start + raw.frames * align]
    step = frames * align
    return [pcm_wav(body[at : at + step], raw.sample_rate, raw.channels, raw.bits) for at in range(0, len(body), step)]


def _cut_words(count: int, support: AudioSupport) -> str:
    return f"cut into {count} chunks of {support.chunk_seconds:g} s"


def _converted(raw: RawAudio, clip: Clip, support: AudioSupport, transform: str) -> tuple[list[AudioPart], list[str]]:
    from audiobench.media.decoding import decode

    if "wav" not in support.formats:
        raise InvalidAudioError(
            clip.path, f"{raw.format} would have to be converted to wav, the model takes {', '.join(support.formats)}"
        )
    samples, changes = decode(raw, clip.path), []
    rate = raw.sample_rate
    if support.channels is not None and raw.channels > support.channels:
        samples = samples.mean(axis=1, keepdims=True, dtype="float32")
        changes.append(f"mixed {raw.channels}->1 channels")
    if support.sample_rate is not None and support.sample_rate != rate:
        samples = _resample(samples, rate, support.sample_rate, clip.path)
        changes.append(f"resampled {rate}->{support.sample_rate}")
        rate = support.sample_rate
    samples, done = apply(transform, samples, raw.sha256)
    if done:
        changes.append(done)
    over = int((abs(samples) > 1.0).sum())
    if over:
        changes.append(f"clipped {over} samples at full scale")
    step = len(samples)
    if support.chunk_seconds is not None:
        step = max(1, round(support.chunk_seconds * rate))
    pieces = [samples[at : at + step] for at in range(0, len(samples), step)]
    changes.append(f"re-encoded {raw.format}->wav (16 bits)")
    if len(pieces) > 1:
        changes.append(_cut_words(len(pieces), support))
    chunks = [pcm_wav(_pcm16(piece), rate, piece.shape[1]) for piece in pieces]
    seconds = [len(piece) / rate for piece in pieces]
    return _pack(chunks, "wav", rate, seconds, clip, support, transform), changes


def _resample(samples: np.ndarray, rate: int, target: int, path: Path) -> np.ndarray:
    import soxr

    out = soxr.resample(samples, rate, target, quality="HQ")
    if not len(out):
        raise InvalidAudioError(path, f"too short: nothing is left at {target} Hz")
    return out


def _pcm16(samples: np.ndarray) -> bytes:
    import numpy

    scaled = numpy.rint(numpy.clip(samples, -1.0, 1.0) * numpy.float32(32768.0))
    return numpy.minimum(scaled, 32767.0).astype("<i2").tobytes()


def _pack(
    chunks: list[bytes], format: str, rate: int, seconds: list[float], clip: Clip, support: AudioSupport, transform: str
) -> list[AudioPart]:
    if support.max_clips is not None and len(chunks) > support.max_clips:
        raise InvalidAudioError(
            clip.path, f"{len(chunks)} parts, the model takes at most {math.floor(support.max_clips)}"
        )
    for chunk in chunks:
        if support.max_bytes is not None and len(chunk) > support.max_bytes:
            raise InvalidAudioError(
                clip.path, f"{len(chunk)} bytes as {format}, the model takes at most {support.max_bytes}"
            )
    return [
        AudioPart(clip, transform, chunk, format, length, rate) for chunk, length in zip(chunks, seconds, strict=True)
    ]
