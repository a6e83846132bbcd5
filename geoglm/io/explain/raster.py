"""Maps of numbers at low resolution, over the place of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from geoglm.io.guard.raster import quiet
from geoglm.types import GeoRef

UNIT = "fall in the probability of the mapped class when the band is replaced, 0 to 1"


def write_floats(
    path: Path, values: NDArray[np.float64], georef: GeoRef, *, step_px: int, bands: Sequence[str]
) -> None:
    """Write ``(band, rows, cols)`` as a float32 GeoTIFF with NaN for no data.

    Args:
        georef: of the scene.
        step_px: pixels of the scene a side for each of the map's.
    """
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "count": len(values),
        "height": values.shape[1],
        "width": values.shape[2],
        "dtype": "float32",
        "nodata": float("nan"),
        "compress": "deflate",
    }
    if georef.transform is not None:
        profile["transform"] = georef.transform @ Affine.scale(step_px)
    if georef.crs is not None:
        profile["crs"] = CRS.from_wkt(georef.crs)
    with quiet(), rasterio.open(path, "w", **profile) as target:
        target.write(values.astype(np.float32))
        target.update_tags(UNIT=UNIT)
        for number, band in enumerate(bands, 1):
            target.set_band_description(number, f"without {band}")
