"""What the chunks of a WAV file say; standard library only.

Sources: Microsoft "Multiple channel audio data and WAVE files" (RIFF, fmt chunk, WAVE_FORMAT_EXTENSIBLE); EBU Tech 3306
(RF64, ds64); RIFX is RIFF with its numbers the other way round.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

PCM, MS_ADPCM, FLOAT, ALAW, ULAW, IMA_ADPCM, GSM610, MP3, EXTENSIBLE = 1, 2, 3, 6, 7, 0x11, 0x31, 0x55, 0xFFFE
_GUID_REST = bytes.fromhex("000000001000800000aa00389b71")
"""What follows the code in the sub-format of WAVE_FORMAT_EXTENSIBLE."""
_STREAMED = (range(0x7FFF0000, 0x80010000), range(0xFFFF0000, 0x100000000))
"""Sizes that a writer puts down who does not know the end: the largest 31 or 32-bit numbers, less a header or a block
(sox 0x7ffff000, arecord 0x80000000, ffmpeg 0xffffffff)."""
FORGIVEN = 64
"""A header may promise so many bytes more than are there: some writers count the header or a padding byte."""
_TRAILING = (b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"_PMX", b"cue ", b"fact", b"smpl", b"JUNK", b"PEAK")


@dataclass(frozen=True, slots=True)
class WavHeader:
    """What the chunks of a WAV file say."""

    variant: str
    """RIFF, RF64, BW64 or RIFX (whose samples are big-endian)."""
    code: int
    """1 = PCM, 3 = IEEE float, others as registered; WAVE_FORMAT_EXTENSIBLE is resolved."""
    channels: int
    sample_rate: int
    """Hz."""
    bits: int
    block_align: int
    """Bytes a frame, or a block of a compressed encoding."""
    block_frames: int
    """Frames a block: 1, or what a compressed encoding says (0 = it does not say)."""
    start: int
    """Offset of the first sample byte in the file."""
    size: int
    """Bytes of sample data that are there."""
    declared: int | None
    """Bytes of sample data that the header promises; None for a stream whose writer did not know."""
    fact: int | None = None
    """Frames by the fact chunk."""
    plain: bool = True
    """Nothing else in the file could make a reader stumble: sizes, sub-format, and what follows the samples."""
    after: int = 0
    """Bytes behind the samples that are no chunk."""

    @property
    def frames(self) -> int:
        """Whole frames that are there."""
        if not self.block_align:
            return 0
        whole = self.size // self.block_align * self.block_frames
        if self.block_frames > 1 and self.fact and whole - self.block_frames < self.fact <= whole:
            return self.fact  # the last block is filled up
        return whole

    @property
    def linear(self) -> bool:
        """The samples stand side by side, in whole bytes of one size."""
        return self.code in (PCM, FLOAT, ALAW, ULAW) and self.block_align == self.channels * -(-self.bits // 8) > 0

    @property
    def consistent(self) -> bool:
        """True when any strict reader gets the same samples from this header."""
        widths = {PCM: (8, 16, 24, 32), FLOAT: (32, 64)}.get(self.code, (8,))
        return (
            self.variant == "RIFF"
            and self.plain
            and self.linear
            and self.bits in widths
            and self.declared == self.size
            and self.size % self.block_align == 0
        )


def wav_header(data: bytes, size_of_file: int | None = None) -> WavHeader | str:
    """Header of a WAV file, or what is wrong with it.

    Where `data` is only the start of the file, `size_of_file` (bytes) says how long it is; what follows the samples is
    then not looked at.
    """
    order = ">" if data[:4] == b"RIFX" else "<"
    position, total, fmt, fact, large = 12, len(data), b"", None, 0
    while position + 8 <= total:
        name, size = struct.unpack_from(f"{order}4sI", data, position)
        position += 8
        body = data[position : position + min(size, 64)]
        if name == b"fmt ":
            if fmt:
                return "it has two fmt chunks"
            if len(body) < 16:
                return "its fmt chunk is cut off"
            fmt = body
        elif name == b"ds64" and len(body) >= 16:
            large = struct.unpack_from("<Q", body, 8)[0]
        elif name == b"fact" and len(body) >= 4:
            fact = struct.unpack_from(f"{order}I", body)[0]
        elif name == b"data":
            if not fmt:
                return "its data chunk comes before its fmt chunk"
            if data[:4] in (b"RF64", b"BW64") and size == 0xFFFFFFFF:
                size = large
            return _with_data(data, order, fmt, fact, position, size, size_of_file or total)
        position += size + (size & 1)
    return "it has no data chunk" if fmt else "it has no fmt chunk"


def _with_data(
    data: bytes, order: str, fmt: bytes, fact: int | None, start: int, size: int, total: int
) -> WavHeader | str:
    code, channels, rate, _, align, bits = struct.unpack_from(f"{order}HHIIHH", fmt)
    plain = True
    if code == EXTENSIBLE and len(fmt) >= 26:
        code, plain = struct.unpack_from(f"{order}H", fmt, 24)[0], fmt[26:40] == _GUID_REST
    block = 1
    if code not in (PCM, FLOAT, ALAW, ULAW):
        block = 320 if code == GSM610 else struct.unpack_from(f"{order}H", fmt, 18)[0] if len(fmt) >= 20 else 0
    there, declared, after = max(0, total - start), size, 0
    whole_file = len(data) == total
    if not size or (any(size in sizes for sizes in _STREAMED) and size > there):
        declared, there = None, there if not whole_file else _without_chunks(data, order, start) - start
        if not there:
            declared = 0
    elif size < there:
        there = size
        if whole_file:
            found = _chunks(data, order, start + size + (size & 1))
            found = _chunks(data, order, start + size) if found is None else found
            if found and b"data" in found:
                return "it has two data chunks"
            after = 0 if found is not None else total - start - size
    riff = struct.unpack_from(f"{order}I", data, 4)[0]
    plain = plain and not after and riff + 8 >= start + there
    return WavHeader(
        data[:4].decode("latin-1"), code, channels, rate, bits, align, block, start, there, declared, fact, plain, after
    )


def _chunks(data: bytes, order: str, at: int) -> list[bytes] | None:
    """Names of the chunks from `at` to the very end of the file; None where something else stands there."""
    names: list[bytes] = []
    while at < len(data):
        if len(data) - at < 8:
            return names if not data[at:].strip(b"\0") else None
        name, size = struct.unpack_from(f"{order}4sI", data, at)
        if not (name.isascii() and name.decode().isprintable()) or at + 8 + size > len(data):
            return None
        names.append(name)
        at += 8 + size + (size & 1)
    return names


def _without_chunks(data: bytes, order: str, start: int) -> int:
    """Where the samples end that begin at `start` when no size says so: before any chunks that end the file."""
    if _chunks(data, order, start):
        return start
    ends = [len(data)]
    for name in _TRAILING:
        at = data.find(name, start)
        while at >= 0:
            if _chunks(data, order, at):
                ends.append(at)
                break
            at = data.find(name, at + 1)
    return min(ends)


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
