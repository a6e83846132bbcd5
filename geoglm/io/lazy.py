"""The xarray face of a scene: a source as a dask-backed DataArray, and a DataArray as a source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from geoglm.errors import SceneMismatch
from geoglm.io.geotiff import ground_sample_distance
from geoglm.io.source import Source
from geoglm.pixels.valid import valid_pixels
from geoglm.types import ControlPoint, GeoRef, PixelBox, SceneMeta

Chunks = tuple[tuple[int, ...], tuple[int, ...]]


def lazy_blocks(chunks: Chunks, block: Callable[[int, int], Any], like: NDArray[np.generic]) -> da.Array:
    """A dask array put together from delayed blocks.

    Args:
        chunks: heights and widths of the blocks; leading axes of `like` are never cut.
        block: gives the delayed value of block (i, j).
        like: empty array with the dtype and the leading axes.
    """
    lead = like.shape[:-2]
    rows = [
        [da.from_delayed(block(i, j), shape=(*lead, h, w), dtype=like.dtype) for j, w in enumerate(chunks[1])]
        for i, h in enumerate(chunks[0])
    ]
    blocks: da.Array = da.block(rows)
    return blocks


def scene_array(source: Source, chunks: Chunks) -> xr.DataArray:
    """A scene as ``(band, y, x)``, read chunk by chunk when computed."""
    meta = source.meta
    tops, lefts = (np.concatenate([[0], np.cumsum(c)]) for c in chunks)
    every = range(len(meta.bands))

    def read(i: int, j: int) -> NDArray[np.generic]:
        return source.read(PixelBox(int(tops[i]), int(lefts[j]), int(tops[i + 1]), int(lefts[j + 1])), every)[0]

    data = lazy_blocks(chunks, dask.delayed(read, pure=False), np.empty((len(meta.bands), 0, 0), meta.dtype))
    names = [name or f"band {k}" for k, name in enumerate(meta.bands, 1)]
    array = xr.DataArray(data, dims=("band", "y", "x"), coords={"band": names}, name=meta.name)
    array.attrs["nodata"] = meta.nodata[0] if len(set(meta.nodata)) == 1 else list(meta.nodata)
    array.attrs["unnamed_bands"] = [k for k, name in enumerate(meta.bands) if not name]
    return located(array, meta.georef)


def located(array: xr.DataArray, georef: GeoRef) -> xr.DataArray:
    """`array` with x and y of the pixel centres and a ``spatial_ref`` as CF and rioxarray write it."""
    height, width = array.sizes["y"], array.sizes["x"]
    t = georef.transform
    reference: dict[str, Any] = {}
    if georef.crs is not None:
        reference["crs_wkt"] = reference["spatial_ref"] = georef.crs
        array.attrs["crs"] = CRS.from_wkt(georef.crs).to_string()
    if t is not None:
        array.attrs["transform"] = tuple(t)[:6]
        reference["GeoTransform"] = " ".join(repr(float(v)) for v in t.to_gdal())
    if georef.gcps:
        reference["gcps"] = [[p.row, p.col, p.x, p.y, p.z] for p in georef.gcps]
        reference["gcps_crs"] = georef.gcps_crs or ""
    if georef.rpcs:
        reference["rpcs"] = [list(item) for item in georef.rpcs]
    coords: dict[str, Any] = {"spatial_ref": ((), 0, reference)}
    if t is None:
        coords |= {"y": np.arange(height) + 0.5, "x": np.arange(width) + 0.5}
    elif t.b == 0 and t.d == 0:
        coords |= {"y": t.f + t.e * (np.arange(height) + 0.5), "x": t.c + t.a * (np.arange(width) + 0.5)}
    return array.assign_coords(coords)


def georef_of(array: xr.DataArray) -> GeoRef:
    """Where an array lies: from its coordinates if it has regular ones, so that a slice lies right."""
    reference = array.coords["spatial_ref"].attrs if "spatial_ref" in array.coords else {}
    wkt = reference.get("crs_wkt") or reference.get("spatial_ref")
    crs = wkt or (CRS.from_user_input(array.attrs["crs"]).to_wkt() if array.attrs.get("crs") else None)
    transform = _regular(array)
    if transform is None and "GeoTransform" in reference:
        transform = Affine.from_gdal(*(float(v) for v in str(reference["GeoTransform"]).split()))
    if not crs and transform is not None and "GeoTransform" not in reference:
        transform = None  # bare pixel numbers
    points = tuple(ControlPoint(*p) for p in reference.get("gcps", []))
    return GeoRef(
        transform=transform,
        crs=crs,
        gcps=points,
        gcps_crs=reference.get("gcps_crs") or None,
        rpcs=tuple((str(k), str(v)) for k, v in reference.get("rpcs", [])),
    )


def _regular(array: xr.DataArray) -> Affine | None:
    """The transform that follows from evenly spaced coordinates; a single row or column needs `transform`."""
    if "x" not in array.coords or "y" not in array.coords:
        return None
    stored = array.attrs.get("transform")
    starts, steps = [], []
    for axis, place in (("x", 0), ("y", 4)):
        values = np.asarray(array.coords[axis], np.float64)
        if values.ndim != 1:
            return None
        even = (values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 else None
        if stored is not None and (even is None or np.isclose(even, stored[place], rtol=1e-6)):
            even = float(stored[place])
        if even is None or not np.allclose(np.diff(values), even, rtol=1e-3):
            return None
        starts.append(values[0] - even / 2)
        steps.append(even)
    if stored is not None and np.allclose(starts, (stored[2], stored[5]), rtol=0, atol=1e-6 * abs(steps[0])):
        return Affine(*stored)
    return Affine(steps[0], 0.0, starts[0], 0.0, steps[1], starts[1])


class DataArrayScene:
    """A ``(band, y, x)`` DataArray as a source, read and computed box by box.

    Raises:
        SceneMismatch: the dimensions are others.
    """

    def __init__(self, array: xr.DataArray) -> None:
        if array.dims != ("band", "y", "x"):
            raise SceneMismatch(f"the scene has dimensions {array.dims}; (band, y, x) is needed, see .transpose()")
        self.array = array
        georef = georef_of(array)
        count, height, width = array.shape
        nodata = array.attrs.get("nodata", array.attrs.get("_FillValue"))
        several = nodata if isinstance(nodata, list | tuple) else [nodata] * count
        unnamed = array.attrs.get("unnamed_bands", [])
        names = [str(b) for b in array.coords["band"].values] if "band" in array.coords else [""] * count
        self.meta = SceneMeta(
            name=str(array.name or "scene"),
            height=height,
            width=width,
            dtype=str(array.dtype),
            bands=tuple("" if k in unnamed or name.isdecimal() else name for k, name in enumerate(names)),
            nodata=tuple(None if n is None else float(n) for n in several),
            gsd=ground_sample_distance(georef, height, width),
            georef=georef,
            mask=("nodata",) if nodata is not None else (),
        )

    def read(self, box: PixelBox, bands: Sequence[int]) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """See `Source.read`."""
        rows, cols = box.within(self.meta.box)
        return self._pixels(bands, rows, cols)

    def preview(self, bands: Sequence[int], *, side_px: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """See `Source.preview`."""
        step = max(1, -(-max(self.meta.height, self.meta.width) // side_px))
        return self._pixels(bands, slice(None, None, step), slice(None, None, step))

    def _pixels(self, bands: Sequence[int], rows: slice, cols: slice) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        part = self.array[list(bands), rows, cols].data
        pixels = np.asarray(dask.compute(part, scheduler="synchronous")[0])
        return pixels, valid_pixels(pixels, [self.meta.nodata[k] for k in bands])
