"""Which container bytes are in, and how far its own sizes say that it goes; standard library only.

Sources: ISO/IEC 11172-3 (MPEG audio sync word); ISO/IEC 14496-12 (boxes, ftyp); RFC 3533 (Ogg); RFC 9639 (FLAC); RFC 8794
(EBML); Apple "Audio Interchange File Format" and "Core Audio Format"; Sun .snd/.au; Sony Wave64; NIST SPHERE.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_MAGIC = {
    b"fLaC": "flac", b"OggS": "ogg", b"\x1a\x45\xdf\xa3": "webm", b"caff": "caf", b".snd": "au", b"riff": "w64",
    b"NIST": "sphere",
}  # fmt: skip


def sniff(head: bytes) -> str | None:
    """Container by magic bytes, never by file name: wav, flac, ogg, mp3, aac, m4a, aiff, webm, caf, au, w64, sphere; None
    if unknown.

    `head` is the file, or its start (a leading ID3 tag is skipped when it lies within `head`).
    """
    if head[:3] == b"ID3" and len(head) >= 10:
        tag = id3_end(head)
        inner = sniff(head[tag : tag + 64]) if tag < len(head) else None
        return inner or "mp3"
    if head[:4] in (b"RIFF", b"RF64", b"BW64", b"RIFX") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] in _MAGIC:
        return _MAGIC[head[:4]]
    if head[4:8] == b"ftyp":
        return "m4a"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    return _mpeg(head)


def _mpeg(head: bytes) -> str | None:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if layer == 0:
        return "aac" if head[1] & 0xF6 == 0xF0 else None
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    return "mp3" if layer == 1 and version != 1 and 0 < bitrate < 15 and rate != 3 else None


def describe_unknown(head: bytes) -> str:
    """Why bytes of no known audio container are probably there, for an error message."""
    start = head[:64].lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not audio (run `git lfs pull`)"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page, not audio (the download went wrong)"
    if start.startswith((b"{", b"[")):
        return "text, not audio"
    return f"not a known audio container (starts with {head[:8].hex(' ') or 'nothing'}): convert it to wav or flac"


def untagged(data: bytes) -> bytes:
    """`data` without the tags that other programs put before (ID3v2) and behind (ID3v1, APE) a sound file."""
    start, end = id3_end(data), len(data)
    if data[end - 128 : end - 125] == b"TAG":
        end -= 128
    if data[end - 32 : end - 24] == b"APETAGEX":
        size = int.from_bytes(data[end - 20 : end - 16], "little")
        end -= size + (32 if data[end - size - 32 : end - size - 24] == b"APETAGEX" else 0)
    return data[start:end] if start or end < len(data) else data


def id3_end(data: bytes, at: int = 0) -> int:
    """Offset after the ID3v2 tags that stand at `at`."""
    while data[at : at + 3] == b"ID3" and len(data) >= at + 10:
        a, b, c, d = data[at + 6 : at + 10]
        at += 10 + ((a & 0x7F) << 21 | (b & 0x7F) << 14 | (c & 0x7F) << 7 | (d & 0x7F))
    return at


# ---- how far a container says that it goes ---------------------------------------------------------------------------


def promised(data: bytes, container: str) -> int | None:
    """Offset where the last part of the file ends by the container's own sizes; None where they do not say.

    Beyond the end of `data`, the file was cut off.
    """
    measure = _ENDS.get(container)
    return None if measure is None else measure(data)


def _aiff(data: bytes) -> int | None:
    end = at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        end, at = at + 8 + size, at + 8 + size + (size & 1)
    return end


def _caf(data: bytes) -> int | None:
    end = at = 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 12], "big", signed=True)
        if size < 0:  # the sound goes on to the end
            return None
        end = at = at + 12 + size
    return end


def _au(data: bytes) -> int | None:
    size = int.from_bytes(data[8:12], "big")
    return None if size >= 0x7FFF0000 else int.from_bytes(data[4:8], "big") + size


def _w64(data: bytes) -> int | None:
    end = at = 40
    while at + 24 <= len(data):
        size = int.from_bytes(data[at + 16 : at + 24], "little")
        if not 24 <= size < 1 << 62:
            return None
        end, at = at + size, at + (size + 7 & ~7)
    return end


def _sphere(data: bytes) -> int | None:
    header = data[: int(data[8:16].strip() or b"0")] if data[8:16].strip().isdigit() else b""
    fields = dict(re.findall(rb"^(\w+) -\w+ (.*?)\s*$", header, re.MULTILINE))
    try:
        frame = int(fields[b"channel_count"]) * int(fields[b"sample_n_bytes"])
        return len(header) + frame * int(fields[b"sample_count"])
    except (KeyError, ValueError):
        return None


def _boxes(data: bytes) -> int | None:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:  # 0 = to the end
            return None
        at += size
    return at


_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675


def _ebml(data: bytes) -> int | None:
    at = 0
    while at < len(data):
        identity, at = _vint(data, at, keep=True)
        size, at = _vint(data, at)
        if identity not in (_SEGMENT, _CLUSTER) and size is not None:
            at += size
    return at


def _vint(data: bytes, at: int, keep: bool = False) -> tuple[int | None, int]:
    """(number, offset after it); None where all its bits are set: a size that was not known."""
    first = data[at] if at < len(data) else 0x80
    length = 9 - first.bit_length() or 1
    value = int.from_bytes(data[at : at + length], "big")
    mask = (1 << 7 * length) - 1
    return (value if keep else None if value & mask == mask else value & mask), at + length


_ENDS: dict[str, Callable[[bytes], int | None]] = {
    "aiff": _aiff, "caf": _caf, "au": _au, "w64": _w64, "sphere": _sphere, "m4a": _boxes, "webm": _ebml,
}  # fmt: skip
