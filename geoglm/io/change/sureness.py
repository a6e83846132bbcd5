"""How sure a map of classes is, from the raster of confidence that lies beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling

from geoglm.io.geotiff import RasterFile
from geoglm.io.regrid import Part, Regridded
from geoglm.io.source import Source
from geoglm.types import PixelBox


class Sureness:
    """Percent on the grid that a map is seen on.

    Args:
        path: of the raster.
        view: the map, on that grid.
    """

    def __init__(self, path: Path, view: Source) -> None:
        self.path, whole = path, RasterFile(path)
        self._view: Source = whole
        if isinstance(view, Part):
            self._view = Part(whole, view.box)
        elif isinstance(view, Regridded):
            meta = view.meta
            self._view = Regridded(whole, meta.georef, meta.box.shape, gsd=meta.gsd, kernel=Resampling.nearest)

    def read(self, box: PixelBox) -> NDArray[np.uint8]:
        """``(y, x)`` uint8 percent; 100 where it is not known."""
        pixels, valid = self._view.read(box, [0])
        return np.where(valid, pixels[0], 100).astype(np.uint8)


def sureness(classes: Path, view: Source) -> Sureness | None:
    """How sure a map is, where geoglm has written that beside it; else None.

    Args:
        classes: the file of the map.
        view: the map on the grid on which it is compared.
    """
    path = classes.with_name("confidence.tif")
    if classes.name != "classes.tif" or not path.is_file():
        return None
    one, other = RasterFile(classes).meta, RasterFile(path).meta
    same = (one.box, one.georef.transform) == (other.box, other.georef.transform)
    return Sureness(path, view) if same and other.dtype == "uint8" and len(other.bands) == 1 else None
