"""Tiles drawn: a square of 256 px of a layer at a level, as PNG, transparent where there is nothing to be seen."""

from __future__ import annotations

import io
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoglm.apps.viewer.layers import Layer
from geoglm.apps.viewer.raster import TILE_PX, Grid
from geoglm.io.quicklook import viridis
from geoglm.types import INVALID, PixelBox


def tile_box(grid: Grid, level: int, row: int, col: int) -> PixelBox | None:
    """The pixels of the grid that a tile shows; None where there are none.

    >>> from geoglm.types import GeoRef
    >>> tile_box(Grid(600, 1000, GeoRef()), 1, 1, 0)
    PixelBox(top=512, left=0, bottom=600, right=512)
    """
    side = TILE_PX << level
    if not (0 <= row * side < grid.height and 0 <= col * side < grid.width):
        return None
    return PixelBox(row * side, col * side, (row + 1) * side, (col + 1) * side).clip(grid.box)


def thinned(box: PixelBox, level: int) -> tuple[int, int]:
    """Rows and columns of `box` when one pixel stands for 2 x 2 (level 1), 4 x 4 (level 2) ..."""
    return -(-box.height >> level), -(-box.width >> level)


def tile(layer: Layer, level: int, row: int, col: int, *, hidden: Collection[int] = (), least: int = 0) -> bytes:
    """A tile of `layer` as PNG.

    Args:
        level: 0 for every pixel, 1 for every second ...
        row, col: of the tile, from the upper left.
        hidden: values of classes that are not shown.
        least: percent; classes that are less sure than this are not shown.
    """
    box = tile_box(layer.raster.grid, level, row, col)
    if box is None or level > layer.raster.coarsest:
        return _png(np.full((1, 1), INVALID, np.uint8), SHADES)
    shape = thinned(box, level)
    if layer.kind == "scene":
        return _png_of_scene(scene_pixels(layer, box, shape))
    if layer.kind == "shade":
        return _png(shade_values(layer, box, shape), SHADES)
    return _png(class_values(layer, box, shape, hidden=hidden, least=least), class_palette(layer))


def class_values(
    layer: Layer, box: PixelBox, shape: tuple[int, int], *, hidden: Collection[int] = (), least: int = 0
) -> NDArray[np.uint8]:
    """``shape`` uint8 class values; 255 where there is none, or it is hidden or too unsure."""
    pixels, valid = layer.raster.read(box, [0], shape)
    shown = valid & ~np.isin(pixels[0], list(hidden))
    if least and layer.sure is not None:
        percent, known = layer.sure.read(box, [0], shape)
        shown &= known & (percent[0] >= least)
    return np.where(shown, pixels[0], INVALID).astype(np.uint8)


def shade_values(layer: Layer, box: PixelBox, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """``shape`` uint8 percent, 255 where unknown."""
    pixels, valid = layer.raster.read(box, [0], shape)
    return np.where(valid, pixels[0], INVALID).astype(np.uint8)


def scene_pixels(layer: Layer, box: PixelBox, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """``(*shape, 4)`` red, green, blue and alpha, each band between the two values of its stretch."""
    pixels, valid = layer.raster.read(box, layer.bands, shape)
    low, high = np.array(layer.stretch, np.float32).T[..., None, None]
    shown = ((pixels.astype(np.float32) - low) / np.maximum(high - low, 1e-9) * 255).clip(0, 255)
    rgb = np.rint(np.nan_to_num(shown)).astype(np.uint8)
    rgb = rgb if len(rgb) == 3 else np.repeat(rgb[:1], 3, axis=0)
    return np.dstack([*rgb, valid * np.uint8(255)])


def class_palette(layer: Layer) -> NDArray[np.uint8]:
    """``(256, 4)`` colours of the classes, transparent for values that are none."""
    table = np.zeros((256, 4), np.uint8)
    for c in layer.legend:
        table[c.value] = (*c.rgb, 255)
    return table


def _shade_palette() -> NDArray[np.uint8]:
    table = np.full((256, 4), 255, np.uint8)
    table[:, :3] = viridis(np.arange(256, dtype=np.uint8))
    table[INVALID] = 0
    return table


SHADES = _shade_palette()


def _whole(part: NDArray[np.uint8], fill: int) -> NDArray[np.uint8]:
    """`part` of a tile as a whole one, `fill` beyond the edges of the raster."""
    tile = np.full((TILE_PX, TILE_PX, *part.shape[2:]), fill, np.uint8)
    tile[: part.shape[0], : part.shape[1]] = part
    return tile


def _png(values: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """``(y, x)`` places in a ``(256, 4)`` palette as PNG."""
    image = Image.fromarray(_whole(values, INVALID))
    image.putpalette(palette[:, :3].tobytes(), "RGB")
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=palette[:, 3].tobytes(), compress_level=3)
    return stream.getvalue()


def _png_of_scene(rgba: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(_whole(rgba, 0)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
