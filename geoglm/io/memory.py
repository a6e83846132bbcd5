"""Scenes in memory: a NumPy array as a source, for notebooks and tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglm.pixels.valid import valid_pixels
from geoglm.types import GeoRef, PixelBox, SceneMeta


class ArrayScene:
    """A ``(band, y, x)`` array with what a file would say of it.

    Args:
        mask: ``(y, x)`` False where the scene has no data; None for everywhere.
    """

    def __init__(
        self,
        pixels: NDArray[np.generic],
        *,
        name: str = "scene",
        bands: tuple[str, ...] | None = None,
        nodata: float | None = None,
        mask: NDArray[np.bool_] | None = None,
        gsd: float | None = None,
        georef: GeoRef | None = None,
    ) -> None:
        count, height, width = pixels.shape
        self.pixels, self.mask = pixels, mask
        self.meta = SceneMeta(
            name=name,
            height=height,
            width=width,
            dtype=str(pixels.dtype),
            bands=bands or ("",) * count,
            nodata=(nodata,) * count,
            gsd=gsd,
            georef=georef or GeoRef(),
            mask=("nodata",) * (nodata is not None) + ("mask",) * (mask is not None),
        )

    def read(self, box: PixelBox, bands: Sequence[int]) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """See `Source.read`."""
        return self._pixels(bands, *box.within(self.meta.box))

    def preview(self, bands: Sequence[int], *, side_px: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """See `Source.preview`."""
        step = max(1, -(-max(self.meta.height, self.meta.width) // side_px))
        return self._pixels(bands, slice(None, None, step), slice(None, None, step))

    def _pixels(self, bands: Sequence[int], rows: slice, cols: slice) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        pixels = self.pixels[list(bands), rows, cols]
        mask = None if self.mask is None else self.mask[rows, cols]
        return pixels, valid_pixels(pixels, [self.meta.nodata[k] for k in bands], mask)
