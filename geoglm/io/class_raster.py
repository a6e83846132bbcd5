"""Class rasters of any making: whole numbers in one band, read row by row as codes below 255."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import SceneMismatch
from geoglm.io.geotiff import RasterFile
from geoglm.io.label_names import plain
from geoglm.io.legend import own_legend
from geoglm.io.polygon_table import Legend
from geoglm.types import INVALID, PixelBox, SceneMeta

LEAST, MOST = -(2**31), 2**31 - 1
"""Classes of polygons are 32-bit numbers."""

BLOCK_PX = 1 << 23
"""Pixels read at a time, about."""


class ClassRaster:
    """A raster whose pixels are classes.

    uint8 rasters in which 255 is no data are taken as they are; of any other the values are looked for first, and
    counted: up to 255 of them can be told apart.

    Args:
        path: of the file; its first band is taken.
        keep: names or values of the classes that are wanted; None for all.

    Attributes:
        legend: what the codes of its `rows` stand for.
        kept: ``(256,)`` True for the codes of the classes that are wanted.

    Raises:
        SceneMismatch: it holds no classes, or more than 255, or larger numbers than 32 bits hold, or none of a name in
            `keep`.
    """

    def __init__(self, path: Path, keep: Sequence[str] | None = None) -> None:
        self.path, self._file = path, RasterFile(path)
        self.meta: SceneMeta = self._file.meta
        if len(self.meta.bands) > 1:
            raise SceneMismatch(f"{path}: has {len(self.meta.bands)} bands; a class raster has one")
        self.classes = own_legend(path)
        self._plain = self.meta.dtype == "uint8" and self.meta.nodata == (INVALID,)
        values = np.arange(256) if self._plain else self._values()
        self.legend = Legend.of(self.classes, (*values.tolist(), *[0] * (256 - len(values))))
        self._values_there = values
        self.kept = self._chosen(keep)

    def _blocks(self) -> Iterator[tuple[NDArray[np.generic], NDArray[np.bool_]]]:
        """Values and validity, some rows at a time."""
        height, width = self.meta.height, self.meta.width
        step = max(BLOCK_PX // width // self.meta.block[0], 1) * self.meta.block[0]
        for top in range(0, height, step):
            pixels, valid = self._file.read(PixelBox(top, 0, min(top + step, height), width), (0,))
            yield pixels[0], valid

    def _values(self) -> NDArray[np.int64]:
        """All values there are, in order."""
        found: set[int] = set()
        for pixels, valid in self._blocks():
            some = _values_of(pixels[valid])
            if some.dtype.kind == "f" and (some != np.rint(some)).any():
                raise SceneMismatch(f"{self.path}: holds {some[some != np.rint(some)][0]:g}; classes are whole numbers")
            if some.size and not LEAST <= some.min() <= some.max() <= MOST:
                raise SceneMismatch(
                    f"{self.path}: holds {some.max() if some.max() > MOST else some.min():.0f}; classes are numbers "
                    f"from {LEAST} to {MOST}"
                )
            found.update(some.astype(np.int64).tolist())
            if len(found) > INVALID:
                raise SceneMismatch(f"{self.path}: holds more than {INVALID} values; is it a map of classes?")
        return np.array(sorted(found), np.int64)

    def _chosen(self, keep: Sequence[str] | None) -> NDArray[np.bool_]:
        """``(256,)`` True for the codes of the classes that are wanted."""
        there = np.arange(256) < len(self._values_there)
        there[INVALID] = False
        if keep is None:
            return there
        named = {plain(n): k for k, n in enumerate(self.legend.names) if there[k]}
        numbered = {str(v): k for k, v in enumerate(self.legend.values) if there[k]}
        chosen = np.zeros(256, np.bool_)
        for wanted in keep:
            code = named.get(plain(wanted), numbered.get(wanted.strip()))
            if code is None:
                told = ", ".join([c.name for c in self.classes] or [str(v) for v in self._values_there[:20]])
                raise SceneMismatch(f"{self.path}: has no class {wanted!r}; there are {told}")
            chosen[code] = True
        return chosen

    def rows(self) -> Iterator[NDArray[np.uint8]]:
        """``(y, x)`` uint8 codes of some rows at a time, 255 for no data; `legend` tells what they stand for."""
        for pixels, valid in self._blocks():
            codes: NDArray[np.uint8] = pixels.astype(np.uint8, copy=False) if self._plain else self._coded(pixels)
            if not self._plain or self.meta.mask != ("nodata",):
                codes = np.where(valid, codes, np.uint8(INVALID))
            yield codes

    def _coded(self, pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
        """The code of every pixel; of one without data, any."""
        if pixels.dtype.itemsize > 2:
            return np.searchsorted(self._values_there, pixels).astype(np.uint8)
        codes = np.zeros(1 << 16, np.uint8)
        codes[self._values_there.astype(np.uint16)] = np.arange(len(self._values_there))
        coded: NDArray[np.uint8] = codes[pixels.astype(np.uint16)]
        return coded


def _values_of(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """The different values among pixels."""
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2:
        return np.flatnonzero(np.bincount(pixels))
    return np.unique(pixels)


class ConfidenceRaster:
    """A raster of how sure a map is: percent as geoglm writes it, or shares from 0 to 1.

    Raises:
        SceneMismatch: it is not of the size of the map.
    """

    def __init__(self, path: Path, like: ClassRaster) -> None:
        self._file, self._like = RasterFile(path), like
        if (self._file.meta.height, self._file.meta.width) != (like.meta.height, like.meta.width):
            raise SceneMismatch(
                f"{path}: is {self._file.meta.width} x {self._file.meta.height} px, the map "
                f"{like.meta.width} x {like.meta.height}; the confidence must be that of the map"
            )

    def read(self, top: int, height: int) -> NDArray[np.uint8]:
        """``(y, x)`` uint8 percent of `height` rows from `top`, 255 where unknown."""
        pixels, valid = self._file.read(PixelBox(top, 0, top + height, self._like.meta.width), (0,))
        share = pixels[0]
        if share.dtype == np.uint8:
            percent = share
        else:
            scale, offset = self._file.meta.units[0] if self._file.meta.units else (1.0, 0.0)
            percent = np.rint(np.clip(share * scale + offset, 0, 1) * 100).astype(np.uint8)
        return np.where(valid, percent, np.uint8(INVALID))
