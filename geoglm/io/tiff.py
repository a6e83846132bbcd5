"""The TIFF container, as far as a COG needs it: the tags of a small file that GDAL made, and directories of our own.

Layout after Adobe's TIFF 6.0 and, beyond 4 GB, the BigTIFF design of AWare Systems; little-endian throughout.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8, 18: 8}
"""TIFF type → bytes of one value."""
SHORT, LONG, LONG8 = 3, 4, 16
LAYOUT = {SHORT: "H", LONG: "I", LONG8: "Q"}


@dataclass(frozen=True, slots=True)
class Tag:
    """An entry of a directory: TIFF type and its values as bytes."""

    kind: int
    content: bytes

    @classmethod
    def of(cls, kind: int, *values: int) -> Tag:
        """From whole numbers."""
        return cls(kind, struct.pack(f"<{len(values)}{LAYOUT[kind]}", *values))

    @property
    def count(self) -> int:
        """How many values."""
        return len(self.content) // SIZES[self.kind]


def tags_of(tiff: bytes) -> dict[int, Tag]:
    """Tags of the first directory of a little-endian classic TIFF."""
    (at,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, at)
    tags = {}
    for number in range(count):
        entry = at + 2 + 12 * number
        code, kind, values = struct.unpack_from("<HHI", tiff, entry)
        size = values * SIZES[kind]
        start = entry + 8 if size <= 4 else struct.unpack_from("<I", tiff, entry + 8)[0]
        tags[code] = Tag(kind, tiff[start : start + size])
    return tags


@dataclass(frozen=True, slots=True)
class Format:
    """Classic TIFF or, for files beyond 4 GB, BigTIFF."""

    big: bool

    @property
    def offset(self) -> int:
        """The type of offsets in the file."""
        return LONG8 if self.big else LONG

    def header(self) -> bytes:
        """The start of a file whose first directory follows at once."""
        return struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) if self.big else struct.pack("<2sHI", b"II", 42, 8)

    def directories(self, several: Sequence[Mapping[int, Tag]]) -> bytes:
        """Directories one after the other, each followed by its longer values, to stand right behind the header."""
        written, start = b"", len(self.header())
        for number, tags in enumerate(several):
            written += self._directory(tags, start + len(written), last=number == len(several) - 1)
        return written

    def _directory(self, tags: Mapping[int, Tag], start: int, *, last: bool) -> bytes:
        entry, room, letter = (20, 8, "Q") if self.big else (12, 4, "I")
        counter = "Q" if self.big else "H"
        size = struct.calcsize(f"<{counter}") + entry * len(tags) + room
        entries, longer = struct.pack(f"<{counter}", len(tags)), b""
        for code in sorted(tags):
            tag, value = tags[code], tags[code].content
            if len(value) > room:
                value = struct.pack(f"<{letter}", start + size + len(longer))
                longer += tag.content + bytes(-len(tag.content) % 8)
            entries += struct.pack(f"<HH{letter}", code, tag.kind, tag.count) + value.ljust(room, b"\0")
        longer += bytes(-(size + len(longer)) % 8)
        return entries + struct.pack(f"<{letter}", 0 if last else start + size + len(longer)) + longer
