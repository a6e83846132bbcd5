"""Lengths on the ground of the units in which a map counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer

from geoglm.stats.area import is_measured_on_the_ellipsoid
from geoglm.types import GeoRef


def unit_lengths(georef: GeoRef, height: int, width: int) -> NDArray[np.float64] | None:
    """Metres on the ground for one unit of x and one of y, on every line between rows.

    A geographic CRS, a Mercator projection and plate carrée get geodesic lengths (Karney 2013, doi
    10.1007/s00190-012-0578-z) in the middle column; any other projected CRS the metres of its unit.

    Returns:
        ``(height + 1, 2)``, or None where the scene does not say where it lies.
    """
    if georef.transform is None or georef.crs is None:
        return None
    crs = CRS.from_wkt(georef.crs)
    if not is_measured_on_the_ellipsoid(crs):
        return np.full((height + 1, 2), crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0)
    t, col, lines = georef.transform, width / 2, np.arange(height + 1, dtype=np.float64)
    x, y = t.a * col + t.b * lines + t.c, t.d * col + t.e * lines + t.f
    step = float(np.sqrt(abs(t.determinant))) / 2
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    geod = Geod(ellps="WGS84")

    def metres(dx: float, dy: float) -> NDArray[np.float64]:
        west, east = to_degrees.transform(x - dx, y - dy), to_degrees.transform(x + dx, y + dy)
        length: NDArray[np.float64] = np.asarray(geod.inv(*west, *east)[2]) / (2 * step)
        return length

    return np.column_stack([metres(step, 0.0), metres(0.0, step)])
