"""Whether a part of a raster file holds data at all, found out from as little of it as will do.

Blocks that a sparse GeoTIFF never wrote are not even read; a mask or an alpha band is read in place of all bands; of
bands with a nodata value no more than it takes to find one valid pixel. The rules are those of `geoglm.pixels.valid`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rasterio.windows import Window

from geoglm.pixels.valid import valid_pixels
from geoglm.types import PixelBox

STRIP_PX = 1 << 20
"""Pixels looked at in one go, about."""


def holds_data(
    dataset: Any,
    box: PixelBox,
    numbers: Sequence[int],
    nodata: Sequence[float | None],
    *,
    mask: int | None,
    alpha: bool,
) -> bool:
    """Whether a pixel of `box` may be valid; True where only reading it all would tell.

    Args:
        dataset: of rasterio.
        numbers: of the bands that are used, counted from 1.
        nodata: of each of them, None where it has none.
        mask: number of the alpha band, or of a band with a mask of the whole file; None for neither.
        alpha: whether it is an alpha band.
    """
    if mask is not None:
        return any(_masked(dataset, strip, mask, alpha=alpha) for strip in _strips(dataset, box))
    known = [(k, n) for k, n in zip(numbers, nodata, strict=True) if n is not None]
    byte = dataset.dtypes[numbers[0] - 1] in ("uint8", "int8")
    if not known or (byte and len(known) < len(numbers)):
        return True
    return any(
        _valid(dataset, strip, known, byte=byte) for strip in _strips(dataset, box) if _written(dataset, strip, known)
    )


def _masked(dataset: Any, strip: PixelBox, band: int, *, alpha: bool) -> bool:
    window = _window(strip)
    values = dataset.read(band, window=window) if alpha else dataset.read_masks(band, window=window)
    return bool((values > 0).any())


def _valid(dataset: Any, strip: PixelBox, known: Sequence[tuple[int, float]], *, byte: bool) -> bool:
    """Whether the strip has a valid pixel; of wider numbers a single band without data is enough for none."""
    valid = None
    for band, nodata in known:
        there = valid_pixels(dataset.read([band], window=_window(strip)), [nodata])
        valid = there if valid is None else (valid | there if byte else valid & there)
        if bool(valid.any()) == byte:
            return byte
    return not byte


def _written(dataset: Any, strip: PixelBox, known: Sequence[tuple[int, float]]) -> bool:
    """Whether a block of the strip was ever written; True where the file is no GeoTIFF that could tell."""
    if dataset.driver != "GTiff":
        return True
    rows, cols = dataset.block_shapes[0]
    bands = [b for b, _ in known] if str(dataset.interleaving).endswith("band") else [1]
    return any(
        dataset.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band)
        for row in range(strip.top // rows, -(-strip.bottom // rows))
        for col in range(strip.left // cols, -(-strip.right // cols))
        for band in bands
    )


def _strips(dataset: Any, box: PixelBox) -> Iterator[PixelBox]:
    """The box from top to bottom, in whole rows of the file's blocks."""
    rows = dataset.block_shapes[0][0]
    step = max(STRIP_PX // box.width // rows, 1) * rows
    top = box.top
    while top < box.bottom:
        bottom = min((top // step + 1) * step, box.bottom)
        yield PixelBox(top, box.left, bottom, box.right)
        top = bottom


def _window(box: PixelBox) -> Window:
    return Window(box.left, box.top, box.width, box.height)
