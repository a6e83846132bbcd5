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
from pyproj.exceptions import CRSError

from geoglm.errors import SceneMismatch
from geoglm.io.crs import own_words
from geoglm.io.source import Source
from geoglm.pixels.valid import valid_pixels
from geoglm.stats.area import ground_sample_distance
from geoglm.types import ControlPoint, GeoRef, PixelBox, SceneMeta

PIXEL_NUMBERS = "x and y are pixel numbers, to which GeoTransform applies"
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
    """A scene as ``(band, y, x)``, read chunk by chunk when computed.

    Where the file has a mask or an alpha band, the coordinate ``valid`` ``(y, x)`` tells where there is data.
    """
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
    if set(meta.mask) & {"mask", "alpha"}:

        def read_valid(i: int, j: int) -> NDArray[np.generic]:
            box = PixelBox(int(tops[i]), int(lefts[j]), int(tops[i + 1]), int(lefts[j + 1]))
            return source.read(box, every)[1]

        valid = lazy_blocks(chunks, dask.delayed(read_valid, pure=False), np.empty((0, 0), np.bool_))
        array = array.assign_coords(valid=(("y", "x"), valid))
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
    if t is None or t.b != 0 or t.d != 0:
        # pixel numbers: a slice of a turned scene can be placed by them
        reference["coordinates"] = PIXEL_NUMBERS
        coords |= {"y": np.arange(height) + 0.5, "x": np.arange(width) + 0.5}
    else:
        coords |= {"y": t.f + t.e * (np.arange(height) + 0.5), "x": t.c + t.a * (np.arange(width) + 0.5)}
    return array.assign_coords(coords)


def georef_of(array: xr.DataArray) -> GeoRef:
    """Where an array lies, from its coordinates where it has any, so that a slice lies right.

    Raises:
        SceneMismatch: the coordinates are not evenly spaced, or the CRS is none.
    """
    reference = array.coords["spatial_ref"].attrs if "spatial_ref" in array.coords else {}
    wkt = reference.get("crs_wkt") or reference.get("spatial_ref")
    given = wkt or array.attrs.get("crs")
    try:
        known = CRS.from_user_input(given) if given else None
    except CRSError as error:
        raise SceneMismatch(f"the CRS {str(given)[:60]!r} of the scene is none; write it as EPSG:4326") from error
    crs = own_words(known) if known else None
    crs = wkt if wkt and known and crs == known.to_wkt() else crs  # as it was written
    whole = None
    if "GeoTransform" in reference:
        whole = Affine.from_gdal(*(float(v) for v in str(reference["GeoTransform"]).split()))
    elif "transform" in array.attrs:
        whole = Affine(*tuple(array.attrs["transform"])[:6])
    points = [ControlPoint(*p) for p in reference.get("gcps", [])]
    transform = whole
    if "x" in array.coords and "y" in array.coords and array.coords["x"].ndim == array.coords["y"].ndim == 1:
        if reference.get("coordinates") == PIXEL_NUMBERS:
            (col, across), (row, down) = _axis(array, "x", 1.0), _axis(array, "y", 1.0)
            moved = Affine.translation(col, row) @ Affine.scale(across, down)
            transform = None if whole is None else whole @ moved
            points = [ControlPoint((p.row - row) / down, (p.col - col) / across, p.x, p.y, p.z) for p in points]
        else:
            (left, across), (top, down) = (
                _axis(array, axis, None if whole is None else step)
                for axis, step in (("x", whole.a if whole else 1.0), ("y", whole.e if whole else 1.0))
            )
            transform = Affine(across, 0.0, left, 0.0, down, top)
            if whole is not None and transform.almost_equals(whole, precision=1e-9 * abs(across)):
                transform = whole
            if crs is None and whole is None:
                transform = None  # bare numbers
    return GeoRef(
        transform=transform,
        crs=crs,
        gcps=tuple(points),
        gcps_crs=reference.get("gcps_crs") or None,
        rpcs=tuple((str(k), str(v)) for k, v in reference.get("rpcs", [])),
    )


def _axis(array: xr.DataArray, axis: str, step: float | None) -> tuple[float, float]:
    """Where an axis begins (the edge of its first pixel) and its step; `step` is the one that is known."""
    values = np.asarray(array.coords[axis], np.float64)
    even = step
    if len(values) > 1:
        found = float(values[-1] - values[0]) / (len(values) - 1)
        if step is None or not np.isclose(found, step, rtol=1e-6):
            even = found
        if not np.allclose(np.diff(values), found, rtol=1e-3):
            raise SceneMismatch(f"the coordinates {axis} of the scene are not evenly spaced; take a plain slice")
    if even is None or even == 0:
        raise SceneMismatch(f"a single {axis} does not tell the size of a pixel; add a transform or take two")
    return float(values[0]) - even / 2, even


def _band_names(array: xr.DataArray) -> tuple[str, ...]:
    """The names in the ``band`` coordinate; of bands with numbers those in ``long_name``, where rioxarray puts them."""
    unnamed = array.attrs.get("unnamed_bands", [])
    told = array.attrs.get("long_name")
    listed = ["" if name is None else str(name) for name in told] if isinstance(told, list | tuple) else []
    given = array.coords["band"].values.tolist() if "band" in array.coords else range(1, array.sizes["band"] + 1)

    def name(place: int, band: object) -> str:
        if place in unnamed:
            return ""
        if not str(band).isdecimal():
            return str(band)
        return listed[int(str(band)) - 1] if 0 < int(str(band)) <= len(listed) else ""

    return tuple(name(k, band) for k, band in enumerate(given))


class DataArrayScene:
    """A ``(band, y, x)`` DataArray as a source, read and computed box by box.

    Raises:
        SceneMismatch: the dimensions are others.
    """

    def __init__(self, array: xr.DataArray) -> None:
        if array.dims != ("band", "y", "x"):
            raise SceneMismatch(f"the scene has dimensions {array.dims}; (band, y, x) is needed, see .transpose()")
        if 0 in array.shape:
            raise SceneMismatch(f"the scene is empty: its shape is {array.shape}")
        self.array = array
        georef = georef_of(array)
        count, height, width = array.shape
        nodata = array.attrs.get("nodata", array.attrs.get("_FillValue"))
        several = list(nodata) if isinstance(nodata, list | tuple | np.ndarray) else [nodata] * count
        self.meta = SceneMeta(
            name=str(array.name or "scene"),
            height=height,
            width=width,
            dtype=str(array.dtype),
            bands=_band_names(array),
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
        part = self.array[list(bands), rows, cols]
        mask = part.coords["valid"].data if "valid" in part.coords else None
        pixels, mask = dask.compute(part.data, mask, scheduler="synchronous")
        valid = valid_pixels(np.asarray(pixels), [self.meta.nodata[k] for k in bands], mask)
        return np.asarray(pixels), valid
