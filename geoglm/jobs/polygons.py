"""The Python face of tracing: polygons of a map in a file or an array, as a GeoDataFrame or in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dask
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geoglm.errors import GeoglmError
from geoglm.io.lazy import georef_of
from geoglm.io.polygon_table import Legend
from geoglm.jobs.vectorize import BLOCK_PX, ClassMap, VectorizeResult, polygon_file, polygon_frame, raster_map
from geoglm.options import Length, PolygonOptions
from geoglm.types import INVALID, LandClass
from geoglm.vector.trace import Rows

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


def vectorize(
    classes: str | Path | xr.DataArray,
    confidence: str | Path | xr.DataArray | None = None,
    *,
    output: str | Path | None = None,
    keep: Sequence[str | int] | None = None,
    min_area: float = 0.0,
    simplify: float | str = 0,
    method: str = "visvalingam",
    smooth: int = 0,
    connectivity: int = 4,
    dissolve: bool = False,
) -> GeoDataFrame | VectorizeResult:
    """Polygons of a class map, one for every connected region of a class, along pixel edges.

    The map is read, or computed, row by row. Neighbours share their outlines point by point, simplified and
    smoothed ones too.

    Args:
        classes: path of a raster of any making, or ``(y, x)`` uint8 with 255 (or ``attrs["nodata"]``) where there is
            no class.
        confidence: the same, for the confidence of each polygon; an array in 0…1.
        output: file to write (``.gpkg``, ``.parquet``, ``.fgb``, or ``.pmtiles`` to be looked at); nothing of the map
            stays in memory then.
        keep: names or values of the classes wanted (rasters in files only).
        min_area: merge regions smaller than this, in m² (pixels without a CRS), into their neighbours.
        simplify: tolerance in metres, or ``"2px"``.
        method: of simplification, ``visvalingam`` or ``douglas``.
        smooth: rounds of cutting corners, 0 to 4.
        connectivity: 4, or 8 for pixels that touch at a corner to belong together.
        dissolve: one multipolygon a class.

    Returns:
        Columns ``class_id``, ``class_name``, ``area_m2`` and ``perimeter_m`` (``_px`` without a CRS), ``pixels`` and,
        where `confidence` is given, ``mean_confidence`` and ``min_confidence``; with `output`, what was written.

    Raises:
        GeoglmError: the map is no map of classes, or of the kind that says what does not fit.
    """
    options = PolygonOptions(
        keep=None if keep is None else tuple(str(k) for k in keep),
        connectivity=connectivity,
        dissolve=dissolve,
        simplify=Length.parse(str(simplify)),
        method=method,  # type: ignore[arg-type]  # checked at birth
        smooth=smooth,
        min_area=min_area,
    )
    if not isinstance(classes, str | Path | xr.DataArray):
        raise GeoglmError(
            f"vectorize wants a path or a (y, x) DataArray such as result.classes, not {type(classes).__name__}"
        )
    if not isinstance(classes, xr.DataArray):
        if isinstance(confidence, xr.DataArray):
            raise GeoglmError("classes in a file want their confidence in a file; give its path")
        source = raster_map(Path(classes), None if confidence is None else Path(confidence), options)
    else:
        if keep is not None or not (confidence is None or isinstance(confidence, xr.DataArray)):
            raise GeoglmError("classes in an array want their confidence in an array, and no choice of classes")
        source = array_map(classes, confidence)
    return polygon_frame(source, options) if output is None else polygon_file(source, Path(output), options)


def array_map(classes: xr.DataArray, confidence: xr.DataArray | None) -> ClassMap:
    """The map in an array, computed row of chunks by row of chunks.

    Raises:
        GeoglmError: it is not two-dimensional with values 0 to 255, or its confidence has another shape.
    """
    if classes.dims != ("y", "x") or classes.dtype != np.uint8:
        raise GeoglmError(f"vectorize wants a (y, x) uint8 class map, not {classes.dims} {classes.dtype}")
    if confidence is not None and confidence.shape != classes.shape:
        raise GeoglmError(f"the confidence is {confidence.shape} px and the map {classes.shape}; they must agree")
    nodata = classes.attrs.get("nodata", INVALID)
    meanings = list(classes.attrs.get("class_names", str(classes.attrs.get("flag_meanings", "")).split()))
    flags = classes.attrs.get("flag_values", [])
    scheme = [LandClass(int(v), n, "#808080") for v, n in zip(flags, meanings, strict=False)]
    height, width = classes.shape
    heights = classes.chunks[0] if classes.chunks else _evenly(height, max(BLOCK_PX // width, 1))

    def rows() -> Iterator[Rows]:
        top = 0
        for some in heights:
            place = slice(top, top + some)
            share = None if confidence is None else confidence[place].data
            values, known = dask.compute(classes[place].data, share)
            if nodata not in (None, INVALID):
                values = np.where(values == nodata, np.uint8(INVALID), values)
            yield values, None if known is None else _percent(known)
            top += some

    return ClassMap(georef_of(classes), (height, width), Legend.of(scheme), confidence is not None, rows)


def _evenly(total: int, step: int) -> tuple[int, ...]:
    return tuple(min(step, total - top) for top in range(0, total, step))


def _percent(share: NDArray[np.floating]) -> NDArray[np.uint8]:
    unknown = np.isnan(share)
    return np.where(unknown, INVALID, np.rint(np.where(unknown, 0, share) * 100)).astype(np.uint8)
