"""Where a grid lies, by CF's and rioxarray's conventions: coordinates of pixel centres, and a ``grid_mapping``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from affine import Affine

from geoglm.errors import SceneMismatch, SceneUnreadable
from geoglm.io.grids.variables import Variable, role
from geoglm.io.guard.vrt import harmless_system
from geoglm.types import GeoRef

MAPPINGS = ("spatial_ref", "crs")
"""Variables that hold the CRS where no ``grid_mapping`` names one: xarray loses it on the way through arithmetic."""
APART = 0.02
"""Pixels by which coordinates and GeoTransform may differ, beyond whole ones."""
METRES = {
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), 1.0),
    **dict.fromkeys(("km", "kilometre", "kilometres", "kilometer", "kilometers"), 1e3),
    **dict.fromkeys(("foot", "feet", "ft"), 0.3048),
    **dict.fromkeys(("us survey foot", "us_survey_foot"), 1200 / 3937),
}
"""``units`` of coordinates on a plane."""


def place(
    where: object, layer: Variable, known: Mapping[str, Variable], axes: Mapping[str, Sequence[Any]]
) -> tuple[str | None, Affine | None]:
    """CRS (WKT) and transform of a variable; None for what nothing tells.

    Raises:
        SceneUnreadable: the coordinates are not evenly spaced, contradict the GeoTransform, or the CRS is none.
    """
    import xarray as xr

    from geoglm.io.lazy import georef_of

    mapping = _mapping(layer, known)
    reference: dict[str, Any] = {}
    if crs := _crs(where, layer, mapping, known):
        reference["crs_wkt"] = crs
    if whole := _geotransform(where, mapping):
        reference["GeoTransform"] = " ".join(repr(n) for n in whole.to_gdal())
    coords: dict[str, Any] = {"spatial_ref": ((), 0, reference)}
    for dim, n, axis in zip(layer.dims[-2:], layer.shape[-2:], ("y", "x"), strict=True):
        if dim in axes and len(axes[dim]) == n:
            if not known[dim].dtype.startswith(("int", "uint", "float")):
                raise SceneUnreadable(where, f"its coordinates {dim} are no numbers")
            step = _step(where, dim, str(known[dim].attrs.get("units", "")), crs)
            coords[axis] = ((axis,), _evened(axes[dim], known[dim].dtype) * step)
    frame = xr.DataArray(np.broadcast_to(np.uint8(0), layer.shape[-2:]), dims=("y", "x"), coords=coords)
    try:
        found: GeoRef = georef_of(frame)
    except SceneMismatch as error:
        raise SceneUnreadable(where, str(error)) from error
    if whole is not None and found.transform is not None:
        _check_apart(where, found.transform, whole)
    return found.crs, found.transform


def _step(where: object, dim: str, units: str, crs: str | None) -> float:
    """What coordinates are multiplied by to be in the units of the CRS.

    Raises:
        SceneUnreadable: they are in units of another kind, such as the radians of a geostationary view.
    """
    from pyproj import CRS

    if crs is None or not units:
        return 1.0
    axes = CRS.from_wkt(crs).axis_info
    plane = bool(axes) and axes[0].unit_name != "degree"
    if not plane and units.lower().startswith("degree"):
        return 1.0
    if not plane or units.lower() not in METRES:
        raise SceneUnreadable(where, f"its coordinates {dim} are in {units!r}, which is no unit of its CRS")
    ratio = METRES[units.lower()] / axes[0].unit_conversion_factor
    return 1.0 if np.isclose(ratio, 1.0, rtol=1e-9, atol=0) else ratio


def _mapping(layer: Variable, known: Mapping[str, Variable]) -> Mapping[str, Any]:
    """The attributes of the variable that holds the CRS."""
    names = str(layer.attrs.get("grid_mapping", "")).replace(":", " ").split()[:1]
    return next((known[n].attrs for n in (*names, *MAPPINGS) if n in known), {})


def _crs(where: object, layer: Variable, mapping: Mapping[str, Any], known: Mapping[str, Variable]) -> str | None:
    """The CRS as it is written out, or put together from CF's parameters; WGS 84 where the axes are degrees."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    own = layer.attrs.get("_CRS")
    text = mapping.get("crs_wkt") or mapping.get("spatial_ref") or (own.get("wkt") if isinstance(own, dict) else None)
    try:
        if text:
            if not harmless_system(str(text)):
                raise SceneUnreadable(where, f"its CRS {str(text)[:60]!r} is none that is written out; use WKT")
            return CRS.from_user_input(str(text)).to_wkt()
        if "grid_mapping_name" in mapping:
            return CRS.from_cf(dict(mapping)).to_wkt()
    except (CRSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SceneUnreadable(where, f"its CRS cannot be understood ({' '.join(str(error).split())[:200]})") from error
    return CRS.from_epsg(4326).to_wkt() if _are_degrees(layer, known) else None


def _are_degrees(layer: Variable, known: Mapping[str, Variable]) -> bool:
    """Whether rows and columns are latitudes and longitudes, by their units or their names."""
    for dim, axis in zip(layer.dims[-2:], ("y", "x"), strict=True):
        attrs = known[dim].attrs if dim in known else {}
        units = str(attrs.get("units", ""))
        if role(dim, known) != axis or not (
            units.startswith(("degree_", "degrees_")) or (not units and dim.lower().startswith(("lat", "lon")))
        ):
            return False
    return True


def _geotransform(where: object, mapping: Mapping[str, Any]) -> Affine | None:
    """The ``GeoTransform`` of rioxarray and GDAL, exact where coordinates are rounded."""
    if (text := mapping.get("GeoTransform")) is None:
        return None
    try:
        transform = Affine.from_gdal(*(float(n) for n in str(text).split()))
    except (TypeError, ValueError) as error:
        raise SceneUnreadable(where, f"its GeoTransform {str(text)[:60]!r} is not six numbers") from error
    if transform.b or transform.d or not transform.a or not transform.e or not all(np.isfinite(n) for n in transform):
        raise SceneUnreadable(where, f"its GeoTransform {str(text)[:60]!r} is turned, or gives pixels no size")
    return transform


def _evened(values: Sequence[Any], dtype: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Coordinates kept as float32 without the noise of that: evenly spaced if they may be meant so."""
    given = np.asarray(values, np.float64)
    if dtype == "float32" and len(given) > 1:
        even = np.linspace(given[0], given[-1], len(given))
        if np.abs(given - even).max() <= 2 * np.spacing(np.float32(np.abs(given).max())):
            return even
    return given


def _check_apart(where: object, found: Affine, whole: Affine) -> None:
    """That coordinates are of the centres of the pixels that the GeoTransform lays down.

    Raises:
        SceneUnreadable: they lie half a pixel off, or anywhere else in between.
    """
    off = ((found.c - whole.c) / whole.a, (found.f - whole.f) / whole.e)
    flipped = found.e * whole.e < 0
    if any(abs(o - round(o)) > APART for o in off) and not flipped:
        raise SceneUnreadable(
            where,
            f"its coordinates and its GeoTransform lie {off[0]:.2f} and {off[1]:.2f} px apart; coordinates are to be "
            "those of the centres of pixels: take GeoTransform out, or mend x and y",
        )
