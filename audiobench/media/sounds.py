"""From a file's bytes to what is in it: each container is asked how long it says it is, and whether all of that is there.

What any decoder would read whole is sent untouched. What only some read (a streamed header, chained streams, RF64, ADPCM)
is decoded here and sent as PCM WAV, with a note. What is cut off or damaged is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from audiobench.media import mpeg, ogg, wav
from audiobench.media.container import promised, untagged
from audiobench.media.errors import InvalidAudioError
from audiobench.media.ffmpeg import sound
from audiobench.media.raw import LENGTH_UNKNOWN, Segment, Sound

_SUBTYPES = {
    (wav.PCM, 1): "PCM_U8", (wav.PCM, 2): "PCM_16", (wav.PCM, 3): "PCM_24", (wav.PCM, 4): "PCM_32",
    (wav.FLOAT, 4): "FLOAT", (wav.FLOAT, 8): "DOUBLE", (wav.ALAW, 1): "ALAW", (wav.ULAW, 1): "ULAW",
}  # fmt: skip
"""libsndfile's name of bare samples by WAV encoding and bytes a sample."""


def sound_in(data: bytes, container: str, path: Path) -> Sound:
    """What is in a file; nothing is decoded.

    Raises:
        InvalidAudioError: cut off, damaged, or of an encoding that is not known, by the container's own account.
    """
    if container in ("m4a", "aac", "webm"):
        return sound(data, container, path)
    return _OPENERS.get(container, _by_size)(data, path)


def _missing(promised: int, there: int, of: str, path: Path) -> tuple[str, ...]:
    short = promised - there
    if short > wav.FORGIVEN:
        raise InvalidAudioError(path, f"truncated: the header promises {promised} bytes{of}, {there} are there")
    return (f"{short} bytes that its header promises are not there",) if short > 0 else ()


def _wav(data: bytes, path: Path) -> Sound:
    header = wav.wav_header(data)
    if isinstance(header, str):
        raise InvalidAudioError(path, f"corrupt WAV: {header}")
    notes = _wav_notes(header, path)
    rate, channels, frames = header.sample_rate, header.channels, header.frames
    body = memoryview(data)[header.start : header.start + header.size]
    if header.linear:
        subtype = _SUBTYPES.get((header.code, header.block_align // channels))
        if subtype is None:
            raise InvalidAudioError(path, f"{header.bits}-bit samples of WAV encoding {header.code} are not known")
        form = {"samplerate": rate, "channels": channels, "subtype": subtype, "format": "RAW"}
        form["endian"] = "BIG" if header.variant == "RIFX" else "LITTLE"
        bare = Segment(body[: frames * header.block_align], form)
        pcm = (header.start, header.bits) if header.code == wav.PCM and header.consistent else None
        return Sound(rate, channels, frames, (bare,), header.consistent, notes=notes, pcm=pcm)
    if not channels or not rate:
        return Sound(rate, channels, frames, (), False)
    if header.code == wav.MP3:
        inner = _mp3(bytes(body), path)
        return replace(inner, whole=False, notes=(*notes, *inner.notes))
    if header.code in (wav.PCM, wav.FLOAT):
        raise InvalidAudioError(
            path, f"corrupt WAV: {channels} channels of {header.bits} bits are not {header.block_align} bytes a frame"
        )
    _, _, decodes = probe(Segment(data), path)
    known = header.block_frames > 0 and (decodes is None or frames <= decodes)
    return Sound(rate, channels, frames if known else decodes, (Segment(data),), False, padded=known, notes=notes)


def _wav_notes(header: wav.WavHeader, path: Path) -> tuple[str, ...]:
    notes: tuple[str, ...] = (LENGTH_UNKNOWN,)
    if header.declared is not None:
        notes = _missing(header.declared, header.size, " of audio", path)
    rest = header.size % header.block_align if header.block_align and header.code != wav.MP3 else 0
    if rest and not notes:
        notes = (f"{rest} bytes at its end that are no whole frame left out",)
    return (*notes, f"{header.after} bytes behind its samples left out") if header.after else notes


def _flac(data: bytes, path: Path) -> Sound:
    """Libsndfile stops at the number in the header, so it is shown one that says that the length is not known (RFC 9639,
    8.2), and what it then decodes to the end is compared with that number.
    """
    body = untagged(data)
    rate, channels, _ = probe(Segment(body), path)
    total = int.from_bytes(body[21:26], "big")
    promised, rest = total & (1 << 36) - 1, total >> 36 << 36
    segment = Segment(b"".join((body[:21], rest.to_bytes(5, "big"), body[26:])))
    notes = () if promised else (LENGTH_UNKNOWN,)
    return Sound(rate, channels, promised or None, (segment,), bool(promised) and body is data, notes=notes)


def _ogg(data: bytes, path: Path) -> Sound:
    body = untagged(data)
    links = ogg.links(body)
    if isinstance(links, str):
        raise InvalidAudioError(path, links)
    segments = tuple(Segment(link) for link in links)
    found = [probe(segment, path) for segment in segments]
    if len({(rate, channels) for rate, channels, _ in found}) > 1:
        raise InvalidAudioError(path, "its sampling rate or number of channels changes between its streams: split it")
    lengths = [frames for _, _, frames in found if frames]
    rate, channels, _ = found[0]
    return Sound(
        rate, channels, sum(lengths) if len(lengths) == len(found) else None, segments,
        len(links) == 1 and body is data,
        notes=() if len(links) == 1 else (f"{len(links)} chained streams joined",),
    )  # fmt: skip


def _mp3(data: bytes, path: Path) -> Sound:
    body = untagged(data)
    found = mpeg.walk(body)
    if found is None or found.frames < 1:
        raise InvalidAudioError(path, "corrupt: no whole MP3 frame in it")
    if (found.declared or 0) > found.frames + 1:
        raise InvalidAudioError(
            path, f"truncated: the header promises {found.declared} MP3 frames, {found.frames} are there"
        )
    if found.damage:
        at, size = found.damage
        raise InvalidAudioError(path, f"damaged: {size} bytes among its frames are no MP3 (from byte {at})")
    if found.mixed:
        raise InvalidAudioError(path, "its sampling rate or number of channels changes midway: split it")
    segment = Segment(mpeg.with_length(body, found))
    rate, channels, frames = probe(segment, path)
    true = found.declared is not None and abs(found.declared - found.frames) <= 1
    if found.declared is None and found.constant:
        true, frames = True, found.frames * found.frame_samples  # libsndfile reckons by the size of the file
    true = true and frames is not None and abs(_as_it_is(data, path) - frames) <= found.frame_samples
    notes = () if true else ("no true length in its header: some decoders would read only a part",)
    if found.declared is not None and found.declared != found.frames:  # some writers count the header's own frame
        frames = None
    if found.rest:
        notes = (*notes, f"{found.rest} bytes at its end that are no whole frame left out")
    return Sound(rate, channels, frames, (segment,), not notes, notes=notes)


def _as_it_is(data: bytes, path: Path) -> int:
    """Frames that libsndfile takes an MP3 to have that nobody repaired."""
    try:
        return probe(Segment(data), path)[2] or 0
    except InvalidAudioError:
        return 0


def _aiff(data: bytes, path: Path) -> Sound:
    found = _by_size(data, path, "aiff")
    at = data.find(b"COMM")
    frames = int.from_bytes(data[at + 10 : at + 14], "big")
    if at > 0 and found.frames is not None and frames > found.frames:
        raise InvalidAudioError(path, f"truncated: the header promises {frames} frames, {found.frames} are there")
    return replace(found, whole=not found.notes)


def _by_size(data: bytes, path: Path, container: str = "") -> Sound:
    end = promised(data, container)
    notes = () if end is None else _missing(end, len(data), "", path)
    segment = Segment(data)
    rate, channels, frames = probe(segment, path)
    return Sound(rate, channels, frames, (segment,), False, notes=notes)


def probe(segment: Segment, path: Path) -> tuple[int, int, int | None]:
    """(sampling rate in Hz, channels, frames if the header says) by libsndfile.

    Raises:
        InvalidAudioError: libsndfile cannot open it.
    """
    from audiobench.media.decoding import probe as ask

    return ask(segment, path)


def _sized(container: str) -> Callable[[bytes, Path], Sound]:
    return lambda data, path: _by_size(data, path, container)


_OPENERS: dict[str, Callable[[bytes, Path], Sound]] = {
    "wav": _wav, "flac": _flac, "ogg": _ogg, "mp3": _mp3, "aiff": _aiff,
    **{name: _sized(name) for name in ("caf", "au", "w64", "sphere")},
}  # fmt: skip
