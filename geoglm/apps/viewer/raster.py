"""Rasters read window by window, on one grid, by many threads; a thousandth of the pixels comes from overviews."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from geoglm.errors import SceneMismatch
from geoglm.io.geotiff import DRIVERS, RasterFile
from geoglm.io.guard.raster import admitted, opened_name
from geoglm.io.guard.trust import trust
from geoglm.types import GeoRef, PixelBox, SceneMeta

TILE_PX = 256
"""Side of a tile."""
MOST_PX = 1 << 24
"""Pixels that may be read for one tile; a scene without overviews is not drawn from further away."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The pixels in which a map is shown, as many and where."""

    height: int
    width: int
    georef: GeoRef

    @classmethod
    def of(cls, meta: SceneMeta) -> Grid:
        """That of a raster."""
        return cls(meta.height, meta.width, meta.georef)

    @property
    def box(self) -> PixelBox:
        """All of it."""
        return PixelBox(0, 0, self.height, self.width)

    @property
    def levels(self) -> int:
        """How often it is halved until it is one tile.

        >>> [Grid(n, 100, GeoRef()).levels for n in (1, 256, 257, 100_000)]
        [0, 0, 1, 9]
        """
        return max(0, (max(self.height, self.width) - 1) // TILE_PX).bit_length()

    def lies_like(self, other: Grid) -> bool:
        """Whether the pixels of both are the same ones, to a hundredth."""
        if (self.height, self.width) != (other.height, other.width):
            return False
        mine, others = self.georef.transform, other.georef.transform
        if mine is None or others is None:
            return True
        named = {self.georef.crs, other.georef.crs} - {None}
        if len(named) == 2 and len({CRS.from_wkt(wkt).to_wkt() for wkt in named}) == 2:
            return False
        corners = [(0, 0), (self.width, 0), (0, self.height)]
        return all(np.hypot(*(np.subtract((~mine) @ (others @ c), c))) < 0.01 for c in corners)


class GridRaster:
    """A raster file on a grid, its own or another's onto which it is warped while it is read.

    Args:
        path: of the file.
        onto: the grid; None for its own.
        mean: a pixel of a smaller picture is the mean of those it stands for; else one of them.

    Raises:
        SceneNotFound, SceneUnreadable, FileRefused: it cannot be opened, or might do harm.
        SceneMismatch: it does not say where it lies, or lies elsewhere, and so cannot be brought onto the grid.
    """

    def __init__(self, path: Path, onto: Grid | None = None, *, mean: bool = False) -> None:
        self.path, self.meta, self._trust = path, RasterFile(path).meta, trust()
        self.grid = onto or Grid.of(self.meta)
        self.stamp = f"{path.stat().st_mtime_ns:x}"
        self._how = Resampling.average if mean else Resampling.nearest
        self._drivers = admitted(path, DRIVERS, self._trust)
        self._warped = not Grid.of(self.meta).lies_like(self.grid)
        if self._warped:
            self._check_place()
        self._datasets = _Datasets(self._open)
        with self._datasets.one() as dataset:
            self._bands = [
                k for k, kind in zip(dataset.indexes, dataset.colorinterp, strict=True) if kind != ColorInterp.alpha
            ]
        with self._open_plain() as dataset:
            self._overviews = tuple(int(f) for f in dataset.overviews(1))

    @property
    def coarsest(self) -> int:
        """The level (0: every pixel, 1: every second ...) beyond which a tile would take too many pixels to read."""
        return max(level for level in range(self.grid.levels + 1) if level == 0 or self._cost(level) <= MOST_PX)

    def _cost(self, level: int) -> int:
        """Pixels that are read for a tile."""
        factor = max([f for f in self._overviews if f <= 1 << level], default=1)
        return min((TILE_PX << level) ** 2, self.grid.height * self.grid.width) // factor**2

    def read(
        self, box: PixelBox, bands: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """``(band, *shape)`` pixels of `box` and ``shape`` whether they are valid, in fewer pixels if `shape` is given.

        Args:
            box: within the grid.
            bands: counted from 0, alpha left out.
        """
        window = Window(box.left, box.top, box.width, box.height)
        numbers, size = [self._bands[k] for k in bands], shape or box.shape
        with self._datasets.one() as dataset:
            pixels = dataset.read(numbers, window=window, out_shape=(len(numbers), *size), resampling=self._how)
            masks = dataset.read_masks(numbers, window=window, out_shape=(len(numbers), *size))
        valid: NDArray[np.bool_] = (masks > 0).all(axis=0)
        return pixels, valid & np.isfinite(pixels).all(axis=0)

    def close(self) -> None:
        """Close the file."""
        self._datasets.close()

    def _open_plain(self) -> Any:
        return opened_name(str(self.path.absolute()), self._drivers, self.path, self._trust)

    def _open(self) -> Any:
        dataset = self._open_plain()
        if not self._warped:
            return dataset
        covered = dataset.nodata is not None and MaskFlags.nodata in dataset.mask_flag_enums[0]
        return WarpedVRT(
            dataset,
            crs=CRS.from_wkt(self.grid.georef.crs),
            transform=self.grid.georef.transform,
            height=self.grid.height,
            width=self.grid.width,
            resampling=Resampling.nearest,
            add_alpha=not covered and ColorInterp.alpha not in dataset.colorinterp,
        )

    def _check_place(self) -> None:
        """That a raster on another grid can be warped, and that there is anything of it to be seen."""
        from rasterio.warp import transform_bounds

        own, target = Grid.of(self.meta), self.grid
        if not (own.georef.is_complete and target.georef.is_complete):
            raise SceneMismatch(
                f"{self.path}: has {own.width} x {own.height} px where the map has {target.width} x {target.height}, "
                "and one of the two does not say where it lies; view them one by one"
            )
        left, bottom, right, top = transform_bounds(own.georef.crs, target.georef.crs, *_bounds(own))
        others = _bounds(target)
        if left >= others[2] or right <= others[0] or bottom >= others[3] or top <= others[1]:
            raise SceneMismatch(f"{self.path}: lies elsewhere than the map; view them one by one")


def _bounds(grid: Grid) -> tuple[float, float, float, float]:
    """Left, bottom, right and top in its own CRS."""
    assert grid.georef.transform is not None
    corners = [
        grid.georef.transform @ c for c in ((0, 0), (grid.width, 0), (0, grid.height), (grid.width, grid.height))
    ]
    x, y = zip(*corners, strict=True)
    return min(x), min(y), max(x), max(y)


class _Datasets:
    """Open datasets of one file, each lent to one thread at a time: GDAL's are not to be shared."""

    def __init__(self, opening: Callable[[], Any]) -> None:
        self._opening = opening
        self._idle: list[Any] = []

    @contextmanager
    def one(self) -> Iterator[Any]:
        """A dataset, opened anew where all are in use."""
        try:
            dataset = self._idle.pop()
        except IndexError:
            dataset = self._opening()
        try:
            yield dataset
        finally:
            self._idle.append(dataset)

    def close(self) -> None:
        """Close those that are not in use."""
        while self._idle:
            self._idle.pop().close()
