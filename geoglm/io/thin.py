"""A scene made thinner: one pixel for several, read from the overviews of the file where it has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoglm.io.geotiff import RasterFile
from geoglm.types import GeoRef, PixelBox


class ThinScene:
    """`source` with one pixel, their mean, for each `factor` x `factor` of its own; see `geoglm.io.source.Source`."""

    def __init__(self, source: RasterFile, factor: int) -> None:
        self.source, self.factor = source, factor
        meta, own = source.meta, source.meta.georef
        self.meta = replace(
            meta,
            height=-(-meta.height // factor),
            width=-(-meta.width // factor),
            gsd=None if meta.gsd is None else meta.gsd * factor,
            georef=GeoRef(None if own.transform is None else own.transform @ Affine.scale(factor), own.crs),
        )

    def read(self, box: PixelBox, bands: Sequence[int]) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """See `Source.read`."""
        times = self.factor
        full = PixelBox(box.top * times, box.left * times, box.bottom * times, box.right * times)
        return self.source.read_thin(full.clip(self.source.meta.box), bands, shape=box.shape)

    def preview(self, bands: Sequence[int], *, side_px: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """See `Source.preview`."""
        return self.source.preview(bands, side_px=side_px)
