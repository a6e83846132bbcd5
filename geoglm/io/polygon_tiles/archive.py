"""The archive of tiles: PMTiles version 3 (https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md).

Tiles are written as they come; the header, and the directory that says where each tile lies, when all have come.
"""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geoglm.vector.tiled import varints

HEADER = struct.Struct("<7sB11Q6B4iB2i")
ROOT_BYTES = 16384
"""Header and root directory lie within these."""
LEAF_ENTRIES = 4096
"""Tiles in a directory that the root points to, at least."""
GZIP, MVT = 2, 1


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a tile, or with `run` 0 a directory, lies from the beginning of all of its kind."""

    number: int
    offset: int
    length: int
    run: int = 1


def tile_number(zoom: int, column: int, row: int) -> int:
    """Place of a tile in the archive: zoom by zoom, along a Hilbert curve (Hilbert 1891) in each.

    >>> [tile_number(1, *tile) for tile in ((0, 0), (0, 1), (1, 1), (1, 0))]
    [1, 2, 3, 4]
    """
    number = ((1 << 2 * zoom) - 1) // 3
    for bit in reversed(range(zoom)):
        right, down = column >> bit & 1, row >> bit & 1
        number += (3 * right ^ down) << 2 * bit
        if not down:
            if right:
                column, row = ~column, ~row
            column, row = row, column
        column, row = column & (1 << bit) - 1, row & (1 << bit) - 1
    return number


def write_archive(
    path: Path,
    tiles: Iterable[tuple[int, bytes]],
    metadata: Mapping[str, Any],
    *,
    zooms: tuple[int, int],
    box: Sequence[float],
) -> int:
    """Write tiles, in the order of their numbers (`tile_number`), into one file; how many there were.

    Args:
        tiles: number and content of each, not yet compressed.
        metadata: what the archive says of itself.
        zooms: least and greatest.
        box: west, south, east and north in degrees.
    """
    entries: list[Entry] = []
    with path.open("wb") as stream:
        stream.seek(ROOT_BYTES)
        for number, content in tiles:
            packed = gzip.compress(content, 6, mtime=0)
            entries.append(Entry(number, stream.tell() - ROOT_BYTES, len(packed)))
            stream.write(packed)
        data = stream.tell() - ROOT_BYTES
        root, leaves = _directories(entries)
        told = gzip.compress(json.dumps(metadata).encode(), mtime=0)
        stream.write(told + leaves)
        after = ROOT_BYTES + data
        places = (HEADER.size, len(root), after, len(told), after + len(told), len(leaves), ROOT_BYTES, data)
        west, south, east, north = (round(1e7 * degrees) for degrees in box)
        middle = zooms[0], (west + east) // 2, (south + north) // 2
        counts = [len(entries)] * 3
        stream.seek(0)
        kinds = 1, GZIP, GZIP, MVT, *zooms
        stream.write(HEADER.pack(b"PMTiles", 3, *places, *counts, *kinds, west, south, east, north, *middle) + root)
    return len(entries)


def _directories(entries: Sequence[Entry]) -> tuple[bytes, bytes]:
    """The root directory, and those that it points to where it alone would be too large."""
    root, leaves, size = _directory(entries), b"", LEAF_ENTRIES
    while len(root) > ROOT_BYTES - HEADER.size:
        leaves, pointers = b"", []
        for first in range(0, len(entries), size):
            leaf = _directory(entries[first : first + size])
            pointers.append(Entry(entries[first].number, len(leaves), len(leaf), run=0))
            leaves += leaf
        root, size = _directory(pointers), 2 * size
    return root, leaves


def _directory(entries: Sequence[Entry]) -> bytes:
    """Numbers as steps, runs, lengths and places of all entries, one behind the other."""
    columns = [[e.number for e in entries], [e.run for e in entries], [e.length for e in entries]]
    number, run, length = (np.array(c, np.int64) for c in columns)
    place = np.array([e.offset + 1 for e in entries], np.int64)
    told = np.concatenate([[len(entries)], np.diff(number, prepend=0), run, length, place])
    return gzip.compress(varints(told)[0].tobytes(), mtime=0)
