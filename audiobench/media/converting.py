"""From a clip's bytes to what a model takes: untouched where possible, else decoded, changed and said so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audiobench.core.types import AudioPart, Clip
from audiobench.media.conditions import UNTOUCHED, apply
from audiobench.media.errors import InvalidAudioError
from audiobench.media.memory import BLOCK, MEMORY
from audiobench.media.raw import RawAudio
from audiobench.media.reading import Bytes, look
from audiobench.media.sounds import sound_in
from audiobench.media.wav import PCM, pcm_wav, wav_header

if TYPE_CHECKING:
    import numpy as np

    from audiobench.media.support import AudioSupport

Span = tuple[float, float]
SLACK_SECONDS = 0.01
"""A span may end this much behind its clip: where a clip's length was rounded."""


def passes(raw: RawAudio | Bytes, support: AudioSupport, transform: str = UNTOUCHED) -> bool:
    """True when the bytes can go out untouched and need no decode: PCM WAV within what the model takes."""
    if isinstance(raw, Bytes):
        header = wav_header(raw.data) if raw.data[:4] == b"RIFF" else ""
        if isinstance(header, str) or header.code != PCM or not header.consistent:
            return False
        try:
            raw = look(raw)
        except InvalidAudioError:
            return False
    return raw.exact_header and _fits(raw, support, transform) and _chunk_frames(raw, support) is None


def parts(
    raw: RawAudio, clip: Clip, support: AudioSupport, transform: str = UNTOUCHED, span: Span | None = None
) -> tuple[list[AudioPart], list[str]]:
    """The audio parts to send for one clip, and what was changed in words (empty = untouched).

    `span` (start, end in seconds) is the part of the clip that is heard, cut out before anything else is done.
    Untouched where the model takes the bytes and any decoder would read the whole of them (compressed and float files are
    decoded once to prove that they are sound); else decoded, resampled (soxr HQ), mixed down, put under `transform`, cut
    into consecutive chunks, and written as WAV (16 bits; a PCM WAV that is only cut keeps its width).

    Raises:
        InvalidAudioError: not sound, beyond what the model takes (`max_seconds`, `max_bytes`, `max_clips`), too much for
            memory, or a span that is not in the clip.
    """
    if span is not None:
        whole = replace(clip, sha256=raw.sha256, seconds=raw.seconds, size=raw.size)
        raw, cut = _cut(raw, clip.path, span)
        pieces, changes = parts(raw, clip, support, transform)
        return [replace(piece, clip=whole, span=span) for piece in pieces], [cut, *changes]
    if support.max_seconds is not None and raw.seconds > support.max_seconds:
        raise InvalidAudioError(clip.path, f"{raw.seconds:.1f} s, the model takes at most {support.max_seconds:g} s")
    clip = replace(clip, sha256=raw.sha256, seconds=raw.seconds, size=raw.size)
    if raw.sound.whole and _fits(raw, support, transform):
        frames = _chunk_frames(raw, support)
        if raw.exact_header:
            chunks = [raw.data] if frames is None else _cut_bytes(raw, frames)
            changes = [] if frames is None else [_cut_words(len(chunks), support)]
            return _pack(chunks, raw.format, raw.sample_rate, _lengths(raw, frames), clip, support, transform), changes
        if frames is None:
            from audiobench.media.decoding import check

            check(raw, clip.path)
            return _pack([raw.data], raw.format, raw.sample_rate, [raw.seconds], clip, support, transform), []
    return _converted(raw, clip, support, transform)


def _cut(raw: RawAudio, path: Path, span: Span) -> tuple[RawAudio, str]:
    """The part of the clip between two moments, as PCM WAV of the same rate, and that it was cut in words.

    PCM is cut in its bytes; what has to be decoded becomes 16 bits. The clip's own sha256 stays: it seeds the noise.
    """
    start, end = (min(round(second * raw.sample_rate), raw.frames) for second in span)
    if not 0 <= start < end or span[1] > raw.seconds + SLACK_SECONDS:
        raise InvalidAudioError(path, f"span {span[0]:g} to {span[1]:g} s: the clip is {raw.seconds:.3f} s long")
    said = f"cut to {span[0]:g}-{span[1]:g} s"
    if raw.exact_header and raw.sound.pcm:
        first, bits = raw.sound.pcm
        align = raw.channels * bits // 8
        body = memoryview(raw.data)[first + start * align : first + end * align]
        data = pcm_wav(body, raw.sample_rate, raw.channels, bits)
    else:
        from audiobench.media.decoding import decode

        with MEMORY.held(8 * (end - start) * raw.channels, path):
            data = wav16(decode(raw, path, (start, end)), raw.sample_rate)[0]
        said = "; ".join((*raw.sound.notes, said))
    return replace(raw, data=data, format="wav", sound=sound_in(data, "wav", path), frames=end - start), said


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
    start, bits = raw.sound.pcm or (0, 0)
    align = raw.channels * bits // 8
    body = memoryview(raw.data)[start : start + raw.frames * align]
    step = frames * align
    return [pcm_wav(body[at : at + step], raw.sample_rate, raw.channels, bits) for at in range(0, len(body), step)]


def _cut_words(count: int, support: AudioSupport) -> str:
    return f"cut into {count} chunks of {support.chunk_seconds:g} s"


def _converted(raw: RawAudio, clip: Clip, support: AudioSupport, transform: str) -> tuple[list[AudioPart], list[str]]:
    if "wav" not in support.formats:
        why = "".join(f" ({note})" for note in raw.sound.notes)
        raise InvalidAudioError(
            clip.path,
            f"{raw.format}{why} would have to be converted to wav, the model takes {', '.join(support.formats)}",
        )
    mix = support.channels is not None and raw.channels > support.channels
    rate = support.sample_rate or raw.sample_rate
    decoded = raw.frames * (1 if mix else raw.channels)
    sent = math.ceil(decoded * rate / raw.sample_rate)
    with MEMORY.held(4 * max(decoded + sent, 2 * sent), clip.path):
        samples, changes = _decoded(raw, clip.path, mix)
        if rate != raw.sample_rate:
            samples = _resample(samples, raw.sample_rate, rate, clip.path)
            changes.append(f"resampled {raw.sample_rate}->{rate}")
        samples, done = apply(transform, samples, raw.sha256)
        if done:
            changes.append(done)
        step = len(samples) if support.chunk_seconds is None else max(1, round(support.chunk_seconds * rate))
        pieces = [samples[at : at + step] for at in range(0, len(samples), step)]
        chunks, over = zip(*(wav16(piece, rate) for piece in pieces), strict=True)
    if sum(over):
        changes.append(f"clipped {sum(over)} samples at full scale")
    changes.append(f"re-encoded {raw.format}->wav (16 bits)")
    if len(pieces) > 1:
        changes.append(_cut_words(len(pieces), support))
    seconds = [len(piece) / rate for piece in pieces]
    return _pack(chunks, "wav", rate, seconds, clip, support, transform), changes


def _decoded(raw: RawAudio, path: Path, mix: bool) -> tuple[np.ndarray, list[str]]:
    from audiobench.media.decoding import CANCELLED_DB, decode, mixed

    changes = list(raw.sound.notes)
    if not mix:
        return decode(raw, path), changes
    samples, loss = mixed(raw, path)
    changes.append(f"mixed {raw.channels}->1 channels")
    if loss > CANCELLED_DB:
        left = "nothing is" if math.isinf(loss) else f"{loss:.0f} dB less are"
        changes.append(f"its channels cancel each other: {left} left")
    return samples, changes


def _resample(samples: np.ndarray, rate: int, target: int, path: Path) -> np.ndarray:
    import soxr

    out = soxr.resample(samples, rate, target, quality="HQ")
    if not len(out):
        raise InvalidAudioError(path, f"too short: nothing is left at {target} Hz")
    return out


def wav16(samples: np.ndarray, rate: int) -> tuple[bytes, int]:
    """Samples (float32, shape (frames, channels)) as 16-bit WAV, and how many were clipped at full scale."""
    import numpy

    pcm, over = numpy.empty(samples.shape, dtype="<i2"), 0
    for at in range(0, len(samples), BLOCK):
        block = samples[at : at + BLOCK]
        over += int((abs(block) > 1.0).sum())
        scaled = numpy.rint(numpy.clip(block, -1.0, 1.0) * numpy.float32(32768.0))
        pcm[at : at + BLOCK] = numpy.minimum(scaled, 32767.0)
    return pcm_wav(pcm.data.cast("B"), rate, samples.shape[1]), over


def _pack(
    chunks: Sequence[bytes],
    format: str,
    rate: int,
    seconds: list[float],
    clip: Clip,
    support: AudioSupport,
    transform: str,
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
