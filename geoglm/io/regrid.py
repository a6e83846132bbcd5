"""Sources seen otherwise: a part of one, and one on the grid of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform

from geoglm.io.source import Source
from geoglm.types import GeoRef, PixelBox

PLANE = 3857
"""Stands for the CRS that a scene does not name; looked up late, once PROJ is known to work."""

SOMEWHERE = Affine(1.0, 0.0, 4096.0, 0.0, -1.0, 4096.0)
"""Stands for the transform that a scene does not have; GDAL takes one that begins at 0, 0 for none."""

LANCZOS_PX = 3
"""How many pixels away the resampling looks."""

STRIP_PX = 1 << 22
"""Pixels read at a time for a preview."""


def thinned(source: Source, bands: Sequence[int], *, side_px: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """See `Source.preview`: every n-th pixel of every n-th row, read strip by strip."""
    scene = source.meta.box
    step = max(1, -(-max(scene.shape) // side_px))
    rows = max(STRIP_PX // scene.width // step, 1) * step
    parts = []
    for top in range(0, scene.height, rows):
        pixels, valid = source.read(PixelBox(top, 0, min(top + rows, scene.height), scene.width), bands)
        parts.append((pixels[:, ::step, ::step], valid[::step, ::step]))
    return np.concatenate([p for p, _ in parts], axis=1), np.concatenate([v for _, v in parts])


class Part:
    """A part of a source, whole pixels of it as they are."""

    def __init__(self, source: Source, box: PixelBox) -> None:
        self.source, self.box = source, box
        own = source.meta.georef
        moved = None if own.transform is None else own.transform @ Affine.translation(box.left, box.top)
        points = tuple(replace(p, row=p.row - box.top, col=p.col - box.left) for p in own.gcps)
        # RPCs count in the pixels of the whole
        georef = GeoRef(moved, own.crs, points, own.gcps_crs, own.rpcs if (box.top, box.left) == (0, 0) else ())
        self.meta = replace(source.meta, height=box.height, width=box.width, georef=georef)

    def read(self, box: PixelBox, bands: Sequence[int]) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """See `Source.read`."""
        top, left = self.box.top, self.box.left
        return self.source.read(PixelBox(box.top + top, box.left + left, box.bottom + top, box.right + left), bands)

    def preview(self, bands: Sequence[int], *, side_px: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """See `Source.preview`; overviews are used where it is all of a source that has them."""
        if self.box == self.source.meta.box:
            return self.source.preview(bands, side_px=side_px)
        return thinned(self, bands, side_px=side_px)


class Regridded:
    """A source on another grid, resampled by a kernel that widens where the other grid is coarser.

    A box is the same whatever else is read: places are computed exactly, and the kernel is that of the whole.

    Args:
        source: to be resampled.
        georef: of the other grid.
        shape: of the other grid, rows and columns.
        gsd: metres of its pixels, None where unknown.
        moved: rows and columns, in pixels of the other grid, by which the source lies further down and to the right
            than it should.
        kernel: bilinear for shares, which must not overshoot; nearest for what is no number.
    """

    def __init__(
        self,
        source: Source,
        georef: GeoRef,
        shape: tuple[int, int],
        *,
        gsd: float | None,
        moved: tuple[float, float] = (0.0, 0.0),
        kernel: Resampling = Resampling.lanczos,
    ) -> None:
        self.source, self._kernel = source, kernel
        own, self._own_crs = _plane_of(source.meta.georef)
        target, self._crs = _plane_of(georef)
        self._own, self._to = own, target @ Affine.translation(moved[1], moved[0])
        self.meta = replace(source.meta, height=shape[0], width=shape[1], georef=georef, gsd=gsd, mask=("mask",))
        middle = PixelBox(shape[0] // 2, shape[1] // 2, shape[0] // 2 + 1, shape[1] // 2 + 1)
        cols, rows = self._places(middle, 2)
        self._step = max(float(np.ptp(rows)), 1e-6), max(float(np.ptp(cols)), 1e-6)

    def _places(self, box: PixelBox, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Columns and rows in the source of points around `box`, so many a side."""
        rows, cols = np.linspace(box.top, box.bottom, count), np.linspace(box.left, box.right, count)
        edge = [(c, r) for r in rows for c in (cols[0], cols[-1])] + [(c, r) for c in cols for r in (rows[0], rows[-1])]
        x, y = self._to @ tuple(np.array(edge).T)
        if self._crs != self._own_crs:
            x, y = (np.array(v) for v in transform(self._crs, self._own_crs, x, y))
        found: tuple[NDArray[np.float64], NDArray[np.float64]] = ~self._own @ (x, y)
        return found

    def read(self, box: PixelBox, bands: Sequence[int]) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """See `Source.read`."""
        dtype = np.dtype(self.meta.dtype)
        working = np.float32 if dtype.itemsize <= 2 or dtype == np.float32 else np.float64
        made = np.full((len(bands), *box.shape), np.nan, working)
        cover = self._cover(box)
        if cover is not None:
            pixels, valid = self.source.read(cover, bands)
            reproject(
                np.where(valid, pixels, np.nan).astype(working),
                made,
                src_transform=self._own @ Affine.translation(cover.left, cover.top),
                src_crs=self._own_crs,
                src_nodata=np.nan,
                dst_transform=self._to @ Affine.translation(box.left, box.top),
                dst_crs=self._crs,
                dst_nodata=np.nan,
                resampling=self._kernel,
                tolerance=0,
                XSCALE=min(1 / self._step[1], 1.0),
                YSCALE=min(1 / self._step[0], 1.0),
            )
        there: NDArray[np.bool_] = np.isfinite(made).all(axis=0)
        made = np.where(there, made, 0)
        if dtype.kind in "ui":
            made = np.clip(np.rint(made), np.iinfo(dtype).min, np.iinfo(dtype).max)
        return made.astype(dtype), there

    def _cover(self, box: PixelBox) -> PixelBox | None:
        """The part of the source that `box` is made of; None where there is none."""
        cols, rows = self._places(box, 17)
        seen = np.isfinite(cols) & np.isfinite(rows)
        if not seen.any():
            return None
        scene, reach = self.source.meta.box, [int(LANCZOS_PX * max(s, 1.0)) + 2 for s in self._step]
        top, bottom = int(rows[seen].min()) - reach[0], int(rows[seen].max()) + reach[0] + 1
        left, right = int(cols[seen].min()) - reach[1], int(cols[seen].max()) + reach[1] + 1
        if top >= scene.bottom or left >= scene.right or bottom <= 0 or right <= 0:
            return None
        return PixelBox(top, left, bottom, right).clip(scene)

    def preview(self, bands: Sequence[int], *, side_px: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """See `Source.preview`."""
        return thinned(self, bands, side_px=side_px)


def _plane_of(georef: GeoRef) -> tuple[Affine, CRS]:
    """Transform and CRS, with stand-ins for what is not known."""
    return georef.transform or SOMEWHERE, CRS.from_epsg(PLANE) if georef.crs is None else CRS.from_wkt(georef.crs)
