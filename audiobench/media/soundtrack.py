"""The sound of a video taken out, or another file's sound put in its place, by PyAV; pictures are copied, never re-encoded.

Every stream is copied packet by packet into a new container of the same kind, written without dates, random ids or the
writer's name, so that the same files give the same bytes each time. What was made is kept in `<cache>/remuxed/`, by a digest
of all that it was made of.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Generator, Iterator
from heapq import merge
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from audiobench.core.cache_place import cache_root
from audiobench.core.disk import write_whole
from audiobench.core.errors import UsageError, install
from audiobench.media.errors import InvalidAudioError

MUXERS = {"mp4": "mp4", "mov": "mov", "webm": "webm", "mkv": "matroska"}
"""Container -> FFmpeg's writer of it."""
PLAIN = {"fflags": "+bitexact"}
"""No dates, random ids or name of the writer in the file."""


_Packet = tuple[float, int, Any]
"""(time of decoding in seconds, place of the track, packet)."""


def needs_pyav(what: str) -> None:
    """Raise UsageError where PyAV is not installed; `what` needs it, in words."""
    if find_spec("av") is None:
        raise UsageError(f"{what} needs PyAV, which is not here: {install('av')}")


def muted(data: bytes, container: str, path: Path) -> bytes:
    """The video without any sound.

    Raises:
        InvalidAudioError: it cannot be read, or there is no picture in it.
    """
    return _kept(("muted", _digest(data), container), container, lambda: _remuxed(data, container, path, None, None))


def with_sound_of(data: bytes, container: str, path: Path, donor: bytes, donor_path: Path) -> bytes:
    """The video with the sound of `donor` (a video or a sound file), which ends where the picture does.

    Raises:
        InvalidAudioError: one of them cannot be read, lacks its picture or its sound, or the sound is coded in a way that
            the container cannot hold.
    """
    made_of = ("swapped", _digest(data), container, _digest(donor))
    return _kept(made_of, container, lambda: _remuxed(data, container, path, donor, donor_path))


def has_sound(data: bytes, path: Path) -> bool:
    """Whether a video has a track of sound.

    Raises:
        InvalidAudioError: it cannot be read.
    """
    with _open(data, path) as file:
        return bool(file.streams.audio)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _pyav() -> Any:
    """PyAV, whose own types are not complete."""
    return import_module("av")


def _kept(made_of: tuple[str, ...], container: str, make: Callable[[], bytes]) -> bytes:
    """What the cache holds of these parts by this version of PyAV, else what `make` makes, kept from now on."""
    av = _pyav()
    versions = [av.__version__, str(av.library_versions["libavformat"])]
    name = hashlib.sha256("\n".join((*made_of, *versions)).encode()).hexdigest()
    path = cache_root() / "remuxed" / f"{name}.{container}"
    with contextlib.suppress(OSError):
        return path.read_bytes()
    made = make()
    write_whole(path, made)
    return made


@contextlib.contextmanager
def _open(data: bytes, path: Path) -> Generator[Any]:
    av = _pyav()
    try:
        with av.open(io.BytesIO(data)) as file:
            yield file
    except (av.FFmpegError, AttributeError, TypeError, ValueError) as error:  # headers that make no sense
        raise InvalidAudioError(path, f"corrupt: {error}") from None


def _remuxed(data: bytes, container: str, path: Path, donor: bytes | None, donor_path: Path | None) -> bytes:
    av = _pyav()
    out = io.BytesIO()
    with contextlib.ExitStack() as opened:
        pictures = opened.enter_context(_open(data, path))
        if not pictures.streams.video:
            raise InvalidAudioError(path, "no picture in it")
        track = None
        if donor is not None and donor_path is not None:
            sound = opened.enter_context(_open(donor, donor_path))
            if len(sound.streams.audio) != 1:
                raise InvalidAudioError(donor_path, f"{len(sound.streams.audio)} audio tracks, expected one")
            track = sound.streams.audio[0]
        film = opened.enter_context(av.open(out, "w", format=MUXERS[container], options=PLAIN))
        try:
            picture = pictures.streams.video[0]
            sources: list[Iterator[_Packet]] = [
                _packets(pictures, picture, film.add_stream_from_template(picture), 0, None)
            ]
            if track is not None:
                sources.append(
                    _packets(track.container, track, film.add_stream_from_template(track), 1, _seconds(pictures))
                )
            for _, _, packet in merge(*sources, key=_in_time):
                film.mux(packet)
        except (av.FFmpegError, ValueError) as error:
            of = "" if track is None else f" with sound coded as {track.codec_context.name}"
            raise InvalidAudioError(path, f"cannot be written as {container}{of}: {error}") from None
    return out.getvalue()


def _in_time(packet: _Packet) -> tuple[float, int]:
    return packet[:2]


def _seconds(file: Any) -> float | None:
    """How long the picture is."""
    track = file.streams.video[0]
    if track.duration and track.time_base:
        return float(track.duration * track.time_base)
    return None if file.duration is None else file.duration / 1e6


def _packets(file: Any, track: Any, into: Any, place: int, end: float | None) -> Iterator[_Packet]:
    """(time of decoding, place, packet) of one track, bound for `into`; what begins at `end` (seconds) or later is left out."""
    for packet in file.demux(track):
        if packet.dts is None or packet.time_base is None:  # the flush at the end
            continue
        begins = packet.pts if packet.pts is not None else packet.dts
        if end is not None and float(begins * packet.time_base) >= end:
            break
        at = float(packet.dts * packet.time_base)
        packet.stream = into
        yield at, place, packet
