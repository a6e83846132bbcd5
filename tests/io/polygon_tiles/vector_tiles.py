"""The slow obvious reader of PMTiles and of the vector tiles in them, byte by byte after their specifications."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEADER = struct.Struct("<7sB11Q6B4iB2i")


@dataclass(frozen=True)
class Feature:
    """Its attributes, and its rings of points in units of its tile."""

    known: dict[str, Any]
    rings: list[list[tuple[int, int]]]


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def numbers(data: bytes) -> list[int]:
    at, found = 0, []
    while at < len(data):
        value, at = varint(data, at)
        found.append(value)
    return found


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 5:
            yield key >> 3, struct.unpack_from("<f", data, at)[0]
            at += 4
            continue
        value, at = varint(data, at)
        if key & 7 == 2:
            yield key >> 3, data[at : at + value]
            at += value
        else:
            yield key >> 3, value


def read_tiles(path: Path) -> dict[tuple[int, int, int], list[Feature]]:
    """Features by zoom, column and row."""
    data = path.read_bytes()
    head = HEADER.unpack_from(data)
    assert head[:2] == (b"PMTiles", 3)
    assert head[2] + head[3] <= 16384

    def entries(begin: int, length: int) -> Iterator[tuple[int, int, int]]:
        count, *told = numbers(gzip.decompress(data[begin : begin + length]))
        number = 0
        for step, run, size, offset in zip(*(told[k * count : (k + 1) * count] for k in range(4)), strict=True):
            number += step
            if run:
                yield number, offset - 1, size
            else:
                yield from entries(head[6] + offset - 1, size)

    found = list(entries(head[2], head[3]))
    assert [n for n, _, _ in found] == sorted({n for n, _, _ in found})
    assert head[10:13] == (len(found),) * 3
    return {
        place(n): list(features(gzip.decompress(data[head[8] + offset : head[8] + offset + size])))
        for n, offset, size in found
    }


def place(number: int) -> tuple[int, int, int]:
    """Zoom, column and row of a tile by its number: along the curve from its beginning."""
    zoom, before = 0, 0
    while number >= before + 4**zoom:
        before, zoom = before + 4**zoom, zoom + 1
    rest, column, row, side = number - before, 0, 0, 1
    while side < 2**zoom:
        right = 1 & (rest // 2)
        down = 1 & (rest ^ right)
        if not down:
            if right:
                column, row = side - 1 - column, side - 1 - row
            column, row = row, column
        column, row, rest, side = column + side * right, row + side * down, rest // 4, side * 2
    return zoom, column, row


def features(tile: bytes) -> Iterator[Feature]:
    ((three, layer),) = fields(tile)
    parts = list(fields(layer))
    assert three == 3
    assert [v for k, v in parts if k in (1, 5, 15)] == [b"polygons", 4096, 2]
    keys = [v.decode() for k, v in parts if k == 3]
    values = [next(fields(v)) for k, v in parts if k == 4]
    for kind, body in parts:
        if kind == 2:
            told = dict(fields(body))
            assert told[3] == 3
            tags = numbers(told[2])
            known = {keys[k]: values[v][1] for k, v in zip(tags[::2], tags[1::2], strict=True)}
            yield Feature({k: v.decode() if isinstance(v, bytes) else v for k, v in known.items()}, rings(told[4]))


def rings(geometry: bytes) -> list[list[tuple[int, int]]]:
    codes, at, x, y = numbers(geometry), 0, 0, 0
    found: list[list[tuple[int, int]]] = []
    while at < len(codes):
        command, count = codes[at] & 7, codes[at] >> 3
        at += 1
        assert (command, count) in ((1, 1), (7, 1)) or (command == 2 and count >= 2)
        for _ in range(count if command < 7 else 0):
            x += codes[at] >> 1 ^ -(codes[at] & 1)
            y += codes[at + 1] >> 1 ^ -(codes[at + 1] & 1)
            at += 2
            if command == 1:
                found.append([])
            found[-1].append((x, y))
    return found
