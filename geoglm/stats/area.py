"""Areas of pixels and classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from affine import Affine
from numba import njit
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer

from geoglm.types import GeoRef


def pixel_areas(georef: GeoRef, height: int, width: int) -> NDArray[np.float64] | None:
    """Area of one pixel in each row, m², or None where the scene does not say where it lies.

    A geographic CRS gets geodesic areas (Karney 2013, doi 10.1007/s00190-012-0578-z) of the pixels in the
    middle column. So does a Mercator projection such as web mercator, whose plane areas are 2× too large at
    45° and more beyond, and plate carrée (2× at 60°). Any other projected CRS gets its plane area.
    """
    if georef.transform is None or georef.crs is None:
        return None
    crs = CRS.from_wkt(georef.crs)
    if not is_measured_on_the_ellipsoid(crs):
        unit = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
        return np.full(height, abs(georef.transform.determinant) * unit**2)
    return _geodesic(georef.transform, crs, np.arange(height, dtype=np.float64), width // 2)


def ground_sample_distance(georef: GeoRef, height: int, width: int) -> float | None:
    """Metres between pixel centres in the middle of the scene: the square root of a pixel's area there."""
    if georef.transform is None or georef.crs is None:
        return None
    crs = CRS.from_wkt(georef.crs)
    if not is_measured_on_the_ellipsoid(crs):
        unit = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
        return float(np.sqrt(abs(georef.transform.determinant))) * unit
    return float(np.sqrt(_geodesic(georef.transform, crs, np.array([height // 2], np.float64), width // 2)[0]))


def is_measured_on_the_ellipsoid(crs: CRS) -> bool:
    """True for a geographic CRS, and for one whose plane is no measure of the ground: a Mercator projection, or degrees
    that are counted in metres (plate carrée). Heights beside it change nothing.
    """
    while inner := (crs.source_crs if crs.is_bound else crs.sub_crs_list[0] if crs.is_compound else None):
        crs = inner
    operation = crs.coordinate_operation
    name = "" if operation is None else operation.method_name
    mercator = "Mercator" in name and "Transverse" not in name and "Oblique" not in name
    return crs.is_geographic or mercator or any(word in name for word in ("Equidistant Cylindrical", "Plate Carree"))


def _geodesic(transform: Affine, crs: CRS, rows: NDArray[np.float64], col: int) -> NDArray[np.float64]:
    """Geodesic area of the pixel in column `col` of each of `rows`, on the WGS 84 ellipsoid."""
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    corners = []
    for right, down in ((0, 0), (1, 0), (1, 1), (0, 1)):
        x = transform.a * (col + right) + transform.b * (rows + down) + transform.c
        y = transform.d * (col + right) + transform.e * (rows + down) + transform.f
        corners.append(to_degrees.transform(x, y))
    geod = Geod(ellps="WGS84")
    areas = [
        abs(geod.polygon_area_perimeter([c[0][k] for c in corners], [c[1][k] for c in corners])[0])
        for k in range(len(rows))
    ]
    return np.array(areas)


def class_counts(classes: NDArray[np.uint8], values: Sequence[int]) -> NDArray[np.int32]:
    """``(y, value)`` pixels of each of `values` in each row of `classes`."""
    counts = np.empty((len(classes), len(values)), np.int32)
    _count(np.ascontiguousarray(classes), np.array(values, np.uint8), counts)
    return counts


@njit(cache=True, nogil=True)
def _count(classes, values, counts):  # type: ignore[no-untyped-def]
    for y in range(classes.shape[0]):
        row = classes[y]
        for k in range(values.size):
            found, value = np.int32(0), values[k]
            for x in range(row.size):
                found += np.int32(row[x] == value)
            counts[y, k] = found


def class_areas(counts: NDArray[np.integer], row_area: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(value,)`` area of what was counted ``(y, value)``, in the unit of `row_area`."""
    areas: NDArray[np.float64] = row_area @ counts
    return areas
