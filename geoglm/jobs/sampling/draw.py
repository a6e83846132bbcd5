"""``geoglm sample``: where to look on a map."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import GeoglmError, LabelError, OutputError
from geoglm.io.sampling.design import Design, DrawnBlocks
from geoglm.io.sampling.points import Units, write_sample
from geoglm.jobs.sampling.class_map import BAND_ROWS, ClassMap
from geoglm.stats.sampling.blocks import BlockGrid, pixels_within
from geoglm.stats.sampling.design import allocate, located, ranks
from geoglm.types import PixelBox

DESIGNS = ("stratified", "two-stage", "stratified-two-stage")


@dataclass(frozen=True, slots=True)
class DrawnSample:
    """What was drawn: stratum → pixels of the map, units in the sample, and drawn blocks (none if stratified)."""

    path: Path
    pixels: dict[str, int]
    units: dict[str, int]
    blocks: dict[str, int]


def sample(
    classes: str | Path,
    output: str | Path,
    *,
    n: int = 300,
    design: str = "stratified",
    allocation: str = "balanced",
    block_px: int = 64,
    per_block: int = 10,
    seed: int = 0,
) -> DrawnSample:
    """Draw a probability sample of a class map and write it as points to be labelled.

    The same seed draws the same sample.

    Args:
        classes: path of the class raster.
        output: GeoPackage to write; a QGIS form that offers the classes is written beside it.
        n: number of units.
        design: ``stratified``: strata are the map's classes, and within each every pixel is as likely; ``two-stage``:
            square blocks of the map are drawn, each as likely, then pixels within each, so that fewer places must be
            looked at; ``stratified-two-stage``: the same, with blocks in strata by their commonest class.
        allocation: of units, or of blocks, to strata: ``balanced`` (in proportion, with a floor for rare classes),
            ``proportional`` or ``equal``.
        block_px: side of a block.
        per_block: units in each drawn block, or as many as it has pixels.

    Raises:
        GeoglmError: the map is none, `n` is too small for its classes, or the output is there already.
    """
    path = Path(output)
    if path.suffix != ".gpkg":
        raise OutputError(f"{path}: a sample is a GeoPackage; give a name that ends in .gpkg")
    if path.exists():
        raise OutputError(f"{path}: is there already, and may hold labels; choose another name or remove it")
    if design not in DESIGNS:
        raise GeoglmError(f"design {design!r} is unknown; use {', '.join(DESIGNS)}")
    if seed < 0:
        raise GeoglmError(f"seed {seed} is negative; give a whole number from 0 on")
    mapped = ClassMap.read(Path(classes))
    if not mapped.counts.any():
        raise LabelError(f"{classes}: has no classified pixel to draw from")
    boxes: list[PixelBox] = []
    if design == "stratified":
        drawn, units = _by_class(mapped, n, allocation, seed)
    else:
        if block_px < 1 or per_block < 2:
            raise GeoglmError("a block is 1 px or more wide, and 2 units or more are drawn in each")
        by_class = design == "stratified-two-stage"
        drawn, units, boxes = _in_blocks(mapped, n, allocation, seed, _Blocks(block_px, per_block, by_class))
    path.parent.mkdir(parents=True, exist_ok=True)
    georef = mapped.source.meta.georef
    write_sample(path, units.shuffled(seed), drawn, georef, classes=mapped.legend, boxes=boxes)

    def named(counts: NDArray[np.int64]) -> dict[str, int]:
        return dict(zip(drawn.strata, counts.tolist(), strict=True))

    strata = len(drawn.strata)
    return DrawnSample(
        path,
        named(drawn.sizes),
        named(np.bincount(units.stratum, minlength=strata)),
        {} if drawn.blocks is None else named(np.bincount(drawn.blocks.stratum, minlength=strata)),
    )


def _allocated(n: int, sizes: NDArray[np.int64], rule: str, way_out: str) -> NDArray[np.int64]:
    try:
        return allocate(n, sizes, rule)
    except ValueError as error:
        raise GeoglmError(f"{error}; {way_out}") from error


def _by_class(mapped: ClassMap, n: int, allocation: str, seed: int) -> tuple[Design, Units]:
    """Pixels drawn from each class."""
    there = np.flatnonzero(mapped.counts)
    sizes = mapped.counts[there]
    taken = _allocated(n, sizes, allocation, "raise -n")
    stratum = np.full(256, -1, np.int64)
    stratum[there] = np.arange(len(there))
    found = located((stratum[band] for band in mapped.bands()), ranks(taken, sizes, seed))
    return Design(tuple(mapped.labels.classes[k] for k in there), sizes), Units(*np.array(list(found), np.int64).T)


@dataclass(frozen=True, slots=True)
class _Blocks:
    side_px: int
    each: int
    by_class: bool


def _in_blocks(
    mapped: ClassMap, n: int, allocation: str, seed: int, wanted: _Blocks
) -> tuple[Design, Units, list[PixelBox]]:
    """Blocks drawn, and pixels drawn within each; the boxes are those of the blocks."""
    side = wanted.side_px
    grid = BlockGrid.of(mapped.bands(max(BAND_ROWS // side, 1) * side), mapped.source.meta.box, side)
    kinds = grid.commonest if wanted.by_class else np.zeros_like(grid.commonest)
    there, stratum = np.unique(kinds, return_inverse=True)
    names = tuple(f"mostly {mapped.labels.classes[k]}" for k in there) if wanted.by_class else ("the whole map",)
    every = np.bincount(stratum, minlength=len(there))
    way_out = f"-n {n} gives {n // wanted.each} blocks of {wanted.each} points: raise -n, or lower --per-block"
    taken = _allocated(n // wanted.each, every, allocation, way_out)
    chosen = ranks(taken, every, seed)
    drawn = np.concatenate([np.flatnonzero(stratum == k)[places] for k, places in enumerate(chosen)])
    rng = np.random.default_rng([seed, 2])
    rows, cols, block = [], [], []
    for number, which in enumerate(drawn):
        box = grid.box(int(which))
        for row, col in pixels_within(mapped.labels.read(box), wanted.each, rng):
            rows.append(box.top + row)
            cols.append(box.left + col)
            block.append(number)
    places = np.array(block, np.int64)
    blocks = DrawnBlocks(every, stratum[drawn], grid.pixels[drawn])
    sizes = np.bincount(stratum, grid.pixels, minlength=len(there)).astype(np.int64)
    units = Units(stratum[drawn][places], np.array(rows), np.array(cols), places)
    return Design(names, sizes, blocks), units, [grid.box(int(k)) for k in drawn]
