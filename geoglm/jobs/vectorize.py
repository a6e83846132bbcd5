"""``geoglm.vectorize``: a class raster in, polygons with their attributes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoglm.stats.area import pixel_areas
from geoglm.types import GeoRef, LandClass
from geoglm.vector.trace import trace_regions

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


def polygons(
    classes: NDArray[np.uint8],
    confidence: NDArray[np.uint8] | None,
    georef: GeoRef,
    scheme: Sequence[LandClass],
    *,
    labels: NDArray[np.int32] | None = None,
) -> GeoDataFrame:
    """Every region of one class as a polygon along pixel edges.

    Args:
        classes: ``(y, x)`` uint8, 255 where there is no class.
        confidence: ``(y, x)`` uint8 percent; None leaves the column out.
        scheme: names of the class values.
        labels: see `trace_regions`.

    Returns:
        Columns ``class_id``, ``class_name``, ``area_m2`` (``area_px`` where the raster has no CRS),
        ``pixels`` and ``mean_confidence`` (0 to 1).
    """
    import geopandas

    areas = pixel_areas(georef, *classes.shape)
    unit = "area_px" if areas is None else "area_m2"
    row_area = np.ones(classes.shape[0]) if areas is None else areas
    regions = trace_regions(classes, confidence, row_area, georef.transform or Affine.identity(), labels=labels)
    names = np.array([f"class {v}" for v in range(256)], dtype=object)
    for c in scheme:
        names[c.value] = c.name
    columns = {
        "class_id": regions.value.astype(np.int32),
        "class_name": names[regions.value],
        unit: regions.area,
        "pixels": regions.pixels,
    }
    if confidence is not None:
        columns["mean_confidence"] = np.round(regions.confidence / 100, 4)
    return geopandas.GeoDataFrame(columns, geometry=regions.geometry, crs=georef.crs)
