"""Whether an Ogg file is whole: its pages are checked and counted, because decoders skip what is damaged without a word.

Source: RFC 3533 (page, checksum, sequence numbers, chaining and grouping).
"""

from __future__ import annotations

import struct
import zlib

_BEGINS, _ENDS = 2, 4
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def links(data: bytes) -> list[bytes] | str:
    """The streams that follow each other in the file (one, or several that were put together), or what is wrong."""
    found: list[bytes] = []
    start, at, serial, sequence, last = 0, 0, None, 0, 0
    while at < len(data):
        if data[at : at + 4] != b"OggS":
            return f"damaged: no page where one should begin (byte {at})"
        page = _page(data, at)
        if page is None:
            return "truncated: its last page is not whole"
        if _checksum(page) != int.from_bytes(page[22:26], "little"):
            return f"damaged: the checksum of the page at byte {at} is wrong"
        flags, owner, number = page[5], *struct.unpack_from("<II", page, 14)
        if flags & _BEGINS:
            if serial is not None and not last & _ENDS:
                return "several streams side by side, or one that breaks off before the next: extract one of them"
            start, serial = at, owner
        elif owner != serial or number != sequence + 1:
            return f"damaged: pages are missing before byte {at}"
        sequence, last, at = number, flags, at + len(page)
        if last & _ENDS:
            found.append(data[start:at])
    if not last & _ENDS:
        return "truncated: its last page does not end the stream (if it was recorded so, re-encode it: ffmpeg -i IN OUT.flac)"
    return found


def _page(data: bytes, at: int) -> bytes | None:
    size = 27 + data[at + 26] if at + 27 <= len(data) else 27
    end = at + size + sum(data[at + 27 : at + size])
    return data[at:end] if at + size <= len(data) and end <= len(data) else None


def _checksum(page: bytes) -> int:
    """Ogg's CRC-32: zlib's with all bits mirrored, begun with 0 and not inverted at the end."""
    mirrored = (page[:22] + b"\0\0\0\0" + page[26:]).translate(_MIRRORED)
    plain = zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{plain:032b}"[::-1], 2)
