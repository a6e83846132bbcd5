"""Maps as cloud-optimised GeoTIFFs, put together from blocks that are compressed already.

GDAL makes the tags of a small file in memory (where it lies, colours, names); directories, overviews and blocks are
laid out here, so that no pixel is compressed or looked at twice. The order of the file is the one COGs are read in: all
directories, then the coarsest overview, and the map itself last.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.io import MemoryFile

from geoglm.io.blocks import BLOCK_PX, Place, Plane, compressed, padded
from geoglm.io.commit.checks import check_bytes, check_place, crc
from geoglm.io.guard.raster import quiet
from geoglm.io.pyramid import Gathered, Grid, Pyramid, levels_of
from geoglm.io.tiff import LONG, SHORT, Format, Tag, tags_of
from geoglm.stitch.overviews import Joining, halved
from geoglm.types import INVALID, GeoRef, LandClass, PixelBox

LARGEST_CLASSIC = 2**32 - 2**20


@dataclass(frozen=True, slots=True)
class Layer:
    """One map to be written.

    Args:
        bands: band descriptions.
        overviews: how pixels are joined: the majority of classes, or the average of numbers.
        colours: class value → colour, for a colour table.
        tags: metadata of the file.
        scale: what a stored number is multiplied by for its true value.
    """

    bands: tuple[str, ...]
    overviews: Joining
    colours: tuple[LandClass, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    scale: float = 1.0

    def planes(self, name: str) -> tuple[Plane, ...]:
        """The bands of the layer called `name`, as shards pack them."""
        return tuple(Plane(f"{name}{k}", self.overviews) for k in range(len(self.bands)))


def classes_layer(classes: Sequence[LandClass]) -> Layer:
    """The layer of ``classes.tif``: majority overviews, colour table, class names in the metadata."""
    names = {f"CLASS_{c.value}": c.name for c in classes}
    legend = json.dumps([{"value": c.value, "name": c.name, "colour": c.colour} for c in classes])
    return Layer(("class",), "mode", tuple(classes), names | {"CLASSES": legend})


def write_cog(
    path: Path,
    shape: tuple[int, int],
    georef: GeoRef,
    layer: Layer,
    block: Callable[[int, Place], Gathered],
    *,
    workers: int = 1,
) -> None:
    """Write a map of uint8 with 255 for no data, and read it again; the bytes do not depend on `workers`.

    Args:
        shape: rows and columns.
        block: gives a block of band 0, 1, ..., from any thread.
        workers: threads that ask for blocks and make overviews.

    Raises:
        OutputError: it does not read back as it was written, or not in its place.
    """
    levels = levels_of(shape)
    with ExitStack() as stack:
        spools = [_Spool(stack.enter_context(TemporaryFile(dir=path.parent)), len(layer.bands), g) for g in levels]
        pool = stack.enter_context(ThreadPoolExecutor(workers))
        for band in range(len(layer.bands)):
            pyramid = Pyramid(PixelBox(0, 0, *shape), levels, layer.overviews, partial(block, band))
            for level, row, col, stream in pyramid.blocks(pool, workers):
                spools[level].add(band, row, col, stream)
        _write(path, _template(georef, layer), spools)
        check_place(path, shape, len(layer.bands), georef)


def array_blocks(values: NDArray[np.uint8], joining: Joining) -> Callable[[int, Place], Gathered]:
    """The blocks of a map in an array ``(y, x)`` or ``(band, y, x)``, for `write_cog`."""
    bands = values if values.ndim == 3 else values[None]
    scene = PixelBox(0, 0, *bands.shape[1:])

    def block(band: int, place: Place) -> Gathered:
        square = padded(np.asarray(bands[(band, *place.box.within(scene))]))
        return None if (square == INVALID).all() else (compressed(square), halved(square, joining))

    return block


class _Spool:
    """The blocks of one level on their way into the file, one after the other: where each begins, and its checksum."""

    def __init__(self, stream: IO[bytes], bands: int, grid: Grid) -> None:
        self.stream, self.grid = stream, grid
        self.starts = np.zeros((bands, *grid[2:]), np.int64)
        self.sizes = np.zeros((bands, *grid[2:]), np.int64)
        self.size = 0
        self.parts: list[tuple[int, int]] = []

    def add(self, band: int, row: int, col: int, block: bytes) -> None:
        self.starts[band, row, col], self.sizes[band, row, col] = self.size, len(block)
        self.size += self.stream.write(block)
        self.parts.append((len(block), crc(block)))

    def tags(self, start: int, form: Format) -> dict[int, Tag]:
        """Size and blocks of the level, in a file where its first block stands at `start`."""
        offsets = np.where(self.sizes > 0, self.starts + start, 0).ravel().tolist()
        return {
            256: Tag.of(LONG, self.grid[1]),
            257: Tag.of(LONG, self.grid[0]),
            259: Tag.of(SHORT, 8),
            322: Tag.of(SHORT, BLOCK_PX),
            323: Tag.of(SHORT, BLOCK_PX),
            324: Tag.of(form.offset, *offsets),
            325: Tag.of(LONG, *self.sizes.ravel().tolist()),
        }


OF_EVERY_LEVEL = (258, 262, 277, 284, 320, 338, 339, 42113)
"""What overviews have of the template's tags: what a pixel is, its colours, and which one is no data."""
NOT_OURS = (254, 256, 257, 259, 273, 278, 279, 317, 322, 323, 324, 325)
"""Sizes and places in the template itself."""


def _write(path: Path, template: Mapping[int, Tag], spools: Sequence[_Spool]) -> None:
    """The file: header, directories, and the levels from the coarsest to the map; read again when it is on the disk."""
    whole = {code: tag for code, tag in template.items() if code not in NOT_OURS}
    reduced = {code: tag for code, tag in whole.items() if code in OF_EVERY_LEVEL} | {254: Tag.of(LONG, 1)}

    def directories(form: Format, start: int) -> bytes:
        places = dict(zip(reversed(range(len(spools))), _sums(start, reversed(spools)), strict=True))
        return form.directories(
            [(reduced if level else whole) | spool.tags(places[level], form) for level, spool in enumerate(spools)]
        )

    form = Format(big=sum(s.size for s in spools) + len(directories(Format(big=True), 0)) > LARGEST_CLASSIC)
    header = form.header()
    start = len(header) + len(directories(form, 0))
    with path.open("wb") as target:
        target.write(head := header + directories(form, start))
        for spool in reversed(spools):
            spool.stream.seek(0)
            shutil.copyfileobj(spool.stream, target, 2**22)
    check_bytes(path, chain([(len(head), crc(head))], *(s.parts for s in reversed(spools))))


def _sums(start: int, spools: Iterator[_Spool]) -> Iterator[int]:
    """Where each of the spools begins in the file."""
    for spool in spools:
        yield start
        start += spool.size


def _template(georef: GeoRef, layer: Layer) -> dict[int, Tag]:
    """What GDAL writes into a TIFF of such a place and layer."""
    profile: dict[str, Any] = {"driver": "GTiff", "height": 1, "width": 1, "count": len(layer.bands), "dtype": "uint8"}
    profile |= {"nodata": INVALID, "interleave": "band"}
    if georef.transform is not None:
        profile["transform"] = georef.transform
    if georef.crs is not None:
        profile["crs"] = CRS.from_wkt(georef.crs)
    with quiet(), rasterio.Env(), MemoryFile() as memory:  # a scene without a place was said to be one already
        with memory.open(**profile) as dataset:
            if georef.transform is None and georef.gcps:
                points = [GroundControlPoint(p.row, p.col, p.x, p.y, p.z) for p in georef.gcps]
                dataset.gcps = (points, CRS.from_wkt(georef.gcps_crs) if georef.gcps_crs else CRS())
            if georef.rpcs:
                dataset.update_tags(ns="RPC", **dict(georef.rpcs))
            for number, name in enumerate(layer.bands, 1):
                dataset.set_band_description(number, name)
            if layer.colours:
                table = {c.value: (*c.rgb, 255) for c in layer.colours}
                dataset.write_colormap(1, table | {INVALID: (0, 0, 0, 0)})
            if layer.scale != 1.0:
                dataset.scales = [layer.scale] * len(layer.bands)
            dataset.update_tags(**layer.tags)
        return tags_of(bytes(memory.getbuffer()))
