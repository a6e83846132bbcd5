"""Polygons into tiles while they are made: pieces wait in a database beside the file until the last has come."""

from __future__ import annotations

import math
import sqlite3
import struct
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geoglm.io.polygon_table import PolygonTable
from geoglm.io.polygon_tiles.archive import tile_number, write_archive
from geoglm.io.polygon_tiles.place import WebPlace
from geoglm.vector.tiled import EXTENT, Rings, commands, drawn, tiles

if TYPE_CHECKING:
    from geoglm.vector.polygons import Polygons

LAYER = "polygons"
COARSE_UNITS, COARSE_AREA = 4, 64
"""Below the greatest zoom points are rounded to this many units, half a pixel of a screen that shows a tile on 512, and
rings under this many square units, one such pixel, are left out."""
RECORD = np.dtype([("polygon", "<i8"), ("code", "u1"), ("area", "<f4"), ("sure", "<f4"), ("size", "<i4")])


def write_tiles(table: PolygonTable, traced: Iterable[Polygons], path: Path, shape: tuple[int, int]) -> None:
    """Write ``path`` (PMTiles of Mapbox Vector Tiles 2.1) with the layer ``polygons``.

    Attributes are ``polygon``, a number that pieces of one polygon share, ``class_id``, ``class_name``, ``colour``,
    ``area_m2`` (of its pixels, as in every format) and, where known, ``mean_confidence``.

    Args:
        shape: height and width of the map.

    Raises:
        OutputError: the map does not lie where such tiles do, see `WebPlace`.
    """
    place = WebPlace.of(table.georef, *shape)
    waiting = path.with_name(path.name + ".waiting")
    waiting.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(waiting)) as store:
            store.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
            store.execute("CREATE TABLE pieces (tile INTEGER, body BLOB)")
            first = 1
            for found in traced:
                store.executemany("INSERT INTO pieces VALUES (?, ?)", _pieces(table, found, first, place))
                first += len(found)
            store.commit()
            rows = store.execute("SELECT tile, body FROM pieces ORDER BY tile, rowid")
            whole = ((k, _tile(table, (body for _, body in some))) for k, some in groupby(rows, lambda row: row[0]))
            write_archive(path, whole, _metadata(table, place), zooms=place.zooms, box=place.box)
    finally:
        waiting.unlink(missing_ok=True)


def _pieces(table: PolygonTable, found: Polygons, first: int, place: WebPlace) -> Iterator[tuple[int, bytes]]:
    """Numbers of tiles, and what of some polygons lies in each."""
    if not len(found):
        return
    begins, size = found.rings[:-1], np.diff(found.rings) - 1
    ring = np.repeat(np.arange(len(size)), size)
    back = np.arange(len(ring)) - (np.cumsum(size) - size)[ring]
    world = place.world(found.coords[(begins + size)[ring] - back])  # clockwise as seen, as tiles want it
    part = np.repeat(np.arange(len(found.parts) - 1), np.diff(found.parts))
    region = np.repeat(np.arange(len(found)), np.diff(found.regions))[part]
    outer = np.zeros(len(size), bool)
    outer[found.parts[:-1]] = True
    known = _records(table, found, first)
    for zoom in range(place.zooms[0], place.zooms[1] + 1):
        step, least = (1, 0) if zoom == place.zooms[1] else (COARSE_UNITS, COARSE_AREA)
        for column, row, piece in tiles(Rings(world * 2**zoom, ring)):
            here = Rings(piece.points - (column, row), piece.ring)
            points, rings = drawn(here, part, outer, step=step, least=least)
            if len(rings):
                geometry, sizes, owner = commands(points, rings, region)
                told = known[owner]
                told["size"] = sizes
                yield tile_number(zoom, column, row), struct.pack("<i", len(told)) + told.tobytes() + geometry.tobytes()


def _records(table: PolygonTable, found: Polygons, first: int) -> NDArray[np.void]:
    """What is known of every polygon."""
    known = np.zeros(len(found), RECORD)
    known["polygon"] = np.arange(first, first + len(found))
    known["code"], known["area"] = found.measures.value, found.measures.area
    sure = np.asarray(found.measures.sure)
    known["sure"] = np.nan
    if table.confident:
        known["sure"][sure > 0] = found.measures.total[sure > 0] / (100 * sure[sure > 0])
    return known


def _tile(table: PolygonTable, bodies: Iterable[bytes]) -> bytes:
    """A tile of one layer: its features, and the values that they point to."""
    keys = ["polygon", "class_id", "class_name", "colour", "area_m2", "mean_confidence"]
    values: dict[bytes, int] = {}
    features = []

    def tag(key: int, value: bytes) -> bytes:
        return _varint(key) + _varint(values.setdefault(value, len(values)))

    for body in bodies:
        (count,) = struct.unpack_from("<i", body)
        place = 4 + count * RECORD.itemsize
        for polygon, code, area, sure, size in np.frombuffer(body, RECORD, count, 4).tolist():
            tags = tag(0, _whole(polygon)) + tag(1, _whole(table.legend.values[code]))
            tags += tag(2, _field(1, table.legend.names[code].encode()))
            tags += tag(3, _field(1, table.legend.colours[code].encode())) + tag(4, _real(area))
            if not math.isnan(sure):
                tags += tag(5, _real(sure))
            features.append(_field(2, _field(2, tags) + b"\x18\x03" + _field(4, body[place : place + size])))
            place += size
    layer = [_field(1, LAYER.encode()), *features, *(_field(3, k.encode()) for k in keys)]
    layer += [*(_field(4, v) for v in values), b"\x28" + _varint(EXTENT), b"\x78\x02"]
    return _field(3, b"".join(layer))


def _field(number: int, content: bytes) -> bytes:
    """A field of a protocol buffer that holds bytes."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _whole(value: int) -> bytes:
    """A value of a layer: an integer from 0 on."""
    return b"\x28" + _varint(value)


def _real(value: float) -> bytes:
    """A value of a layer: a float of 32 bits."""
    return b"\x15" + struct.pack("<f", value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _metadata(table: PolygonTable, place: WebPlace) -> dict[str, Any]:
    numbers = ("polygon", "class_id", "area_m2", *(("mean_confidence",) if table.confident else ()))
    fields = dict.fromkeys(numbers, "Number") | {"class_name": "String", "colour": "String"}
    least, most = place.zooms
    layer = {"id": LAYER, "fields": fields, "minzoom": least, "maxzoom": most}
    return {"name": LAYER, "format": "pbf", "generator": "geoglm", "vector_layers": [layer]}
