"""Which container bytes are in, and what a WAV header says; standard library only.

Sources: Microsoft "Multiple channel audio data and WAVE files" (RIFF, fmt chunk, WAVE_FORMAT_EXTENSIBLE);
ISO/IEC 11172-3 (MPEG audio sync word); ISO/IEC 14496-12 (ftyp); RFC 3533 (Ogg); RFC 9639 (FLAC).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
_UNKNOWN_SIZE = (0, 0xFFFFFFFF)


def sniff(head: bytes) -> str | None:
    """Container by magic bytes, never by file name: wav, flac, ogg, mp3, aac, m4a, aiff, webm; None if unknown.

    `head` is the file, or its start (a leading ID3 tag is skipped when it lies within `head`).
    """
    if head[:3] == b"ID3" and len(head) >= 10:
        a, b, c, d = head[6:10]
        tag = 10 + ((a & 0x7F) << 21 | (b & 0x7F) << 14 | (c & 0x7F) << 7 | (d & 0x7F))
        inner = sniff(head[tag : tag + 64]) if tag < len(head) else None
        return inner or "mp3"
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "ogg"
    if head[4:8] == b"ftyp":
        return "m4a"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "webm"
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
    return f"not a known audio container (starts with {head[:8].hex(' ') or 'nothing'})"


@dataclass(frozen=True, slots=True)
class WavHeader:
    """What the chunks of a WAV file say."""

    code: int
    """1 = PCM, 3 = IEEE float, others as registered; WAVE_FORMAT_EXTENSIBLE is resolved."""
    channels: int
    sample_rate: int
    """Hz."""
    bits: int
    block_align: int
    """Bytes a frame."""
    start: int
    """Offset of the first sample byte in the file."""
    size: int
    """Bytes of sample data that are there."""
    declared: int | None
    """Bytes of sample data that the header promises; None for a stream whose writer did not know."""

    @property
    def frames(self) -> int:
        """Whole frames that are there."""
        return self.size // self.block_align if self.block_align else 0

    @property
    def consistent(self) -> bool:
        """True when any strict reader gets the same samples from this header."""
        return (
            self.code == PCM
            and self.bits in (8, 16, 24, 32)
            and self.block_align == self.channels * self.bits // 8
            and self.declared == self.size
            and self.size % self.block_align == 0
        )


def wav_header(data: bytes, size_of_file: int | None = None) -> WavHeader | str:
    """Header of a little-endian RIFF WAV file, or what is wrong with it.

    Walks the chunks up to `data`; later chunks are not looked at. Where `data` is only the start of the file,
    `size_of_file` (bytes) says how long it is.
    """
    if data[:4] != b"RIFF":
        return f"{data[:4].decode('latin-1')} variant of WAV"
    position, total, fmt = 12, len(data), b""
    while position + 8 <= total:
        name = data[position : position + 4]
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        position += 8
        if name == b"fmt ":
            fmt = data[position : position + min(size, 64)]
            if len(fmt) < 16:
                return "its fmt chunk is cut off"
        elif name == b"data":
            return (
                _with_data(fmt, position, size, size_of_file or total)
                if fmt
                else "its data chunk comes before its fmt chunk"
            )
        position += size + (size & 1)
    return "it has no data chunk" if fmt else "it has no fmt chunk"


def _with_data(fmt: bytes, start: int, size: int, total: int) -> WavHeader:
    code, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", fmt)
    if code == EXTENSIBLE and len(fmt) >= 26:
        code = int.from_bytes(fmt[24:26], "little")
    there = total - start
    declared = None if size in _UNKNOWN_SIZE and there else size
    return WavHeader(
        code, channels, rate, bits, align, start, there if declared is None else min(size, there), declared
    )


def pcm_wav(samples: bytes | memoryview, sample_rate: int, channels: int, bits: int = 16) -> bytes:
    """A canonical 44-byte header and `samples` (interleaved little-endian PCM; 8 bits unsigned)."""
    align = channels * bits // 8
    size = len(samples)
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + size + (size & 1), b"WAVE", b"fmt ", 16, PCM, channels, sample_rate, sample_rate * align,
        align, bits, b"data", size,
    )  # fmt: skip
    return b"".join((header, samples, b"\0" * (size & 1)))
