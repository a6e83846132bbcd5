"""Labels from class rasters: warped to the grid of a scene, their values given names."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import CRSError, RasterioError, RasterioIOError
from rasterio.io import MemoryFile
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from geoglm.errors import LabelError
from geoglm.io.guard.raster import UNREADABLE, admitted, opened_name
from geoglm.io.guard.trust import trust
from geoglm.io.label_names import match_names
from geoglm.types import INVALID, PixelBox, SceneMeta

DRIVERS = ["GTiff", "VRT", "PNG", "JP2OpenJPEG", "HFA", "ENVI", "BMP", "GIF", "AAIGrid"]
"""What is opened; lossy JPEG would blur classes into each other."""

PLANE = 3857
"""Stands for the CRS that neither scene nor labels name; looked up late, once PROJ is known to work."""


class RasterLabels:
    """See `open_labels`; each thread has a dataset of its own.

    Raises:
        LabelError: as `open_labels` says.
        SceneUnreadable, RasterioIOError: the file is no raster.
        FileRefused: it might do harm.
    """

    def __init__(
        self, path: Path, meta: SceneMeta, *, classes: Sequence[str] | None, rename: Mapping[str, str]
    ) -> None:
        self._path, self._meta = path, meta
        self._mine = threading.local()
        self._trust = trust()
        self._drivers = admitted(path, DRIVERS, self._trust)
        with self._opened() as file:
            if len([c for c in file.colorinterp if c != ColorInterp.alpha]) != 1:
                raise LabelError(f"{path}: has {file.count} bands; a class raster has one")
            if file.dtypes[0].startswith("complex"):
                raise LabelError(f"{path}: its pixels are {file.dtypes[0]}; classes are whole numbers")
            self._is_byte = file.dtypes[0] == "uint8"
            self._warp, note = _warp_to(meta, file, path)
            names = value_names(file)
        if not names:
            names = {v: f"{v}" for v in self._values_there()}
        legend = match_names(list(names.values()), classes, rename, where=path.name)
        self.classes = legend.classes
        self.notes = ((note,) if note else ()) + legend.notes
        self._values = np.array(list(names), np.float64)
        self._places = np.array(legend.indices, np.uint8)
        self._table = np.full(256, INVALID, np.uint8)
        small = (self._values >= 0) & (self._values < 256)
        self._table[self._values[small].astype(np.intp)] = self._places[small]

    def read(self, box: PixelBox) -> NDArray[np.uint8]:
        """See `Labels.read`."""
        values, known = self._raw(box)
        if values.dtype == np.uint8:
            return np.where(known, self._table[values], np.uint8(INVALID))
        at = np.searchsorted(self._values, values).clip(max=len(self._values) - 1)
        known &= self._values[at] == values
        return np.where(known, self._places[at], np.uint8(INVALID))

    def _raw(self, box: PixelBox) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Values ``(y, x)`` as in the file, and where there are any."""
        window = Window(box.left, box.top, box.width, box.height)
        try:
            dataset = self._dataset()
            return dataset.read(1, window=window), dataset.read_masks(1, window=window) > 0
        except UNREADABLE as error:
            raise LabelError(
                f"{self._path}: cannot be read: {' '.join(str(error.__cause__ or error).split())}"
            ) from error

    def _dataset(self) -> Any:
        """This thread's dataset, on the grid of the scene."""
        if not hasattr(self._mine, "dataset"):
            file = self._opened()
            self._mine.dataset = file if self._warp is None else WarpedVRT(file, **self._warp)
        return self._mine.dataset

    def _opened(self) -> Any:
        """A dataset of the file as it lies."""
        return opened_name(str(self._path.absolute()), self._drivers, self._path, self._trust)

    def _values_there(self) -> list[int]:
        """Values that occur in the scene, ascending."""
        there: set[float] = set()
        for box in self._meta.box.blocks(2048):
            values, known = self._raw(box)
            there |= set(np.unique(values[known]).tolist())
            if len(there) > INVALID + 1:
                raise LabelError(f"{self._path}: has more than {INVALID} different values; that is no class raster")
        there -= {INVALID} if self._is_byte else set()
        if broken := [v for v in there if v != round(v)]:
            raise LabelError(f"{self._path}: has the value {broken[0]:g}; classes are whole numbers")
        if not there:
            raise LabelError(f"{self._path}: has no labelled pixel in {self._meta.name}")
        return sorted(int(v) for v in there)


def _warp_to(meta: SceneMeta, file: Any, path: Path) -> tuple[dict[str, Any] | None, str | None]:
    """How the raster is brought to the scene's grid, None for pixel to pixel; and a line for the user."""
    scene, size = meta.georef, (file.height, file.width)
    bare = file.transform == Affine.identity()
    if bare:
        if size != (meta.height, meta.width):
            raise LabelError(
                f"{path}: has no georeferencing and is {size[1]} x {size[0]} px, the scene {meta.width} x "
                f"{meta.height} px; without it the two must have the same size"
            )
        return None, None if scene.transform is None else f"{path.name} has no georeferencing: taken pixel to pixel"
    if scene.transform is None:
        raise LabelError(
            f"{path}: is georeferenced and the scene {meta.name} is not, so they cannot be laid over each other; "
            "give the scene its transform and CRS, or labels in its pixels"
        )
    if (scene.crs is None) != (file.crs is None):
        which = meta.name if scene.crs is None else path.name
        raise LabelError(f"{path}: of scene and labels only one has a CRS; gdal_edit.py -a_srs gives {which} one")
    crs = CRS.from_epsg(PLANE) if scene.crs is None else CRS.from_wkt(scene.crs)
    own = file.crs or CRS.from_epsg(PLANE)
    _check_overlap(meta, crs, file, own, path)
    if own == crs and size == (meta.height, meta.width) and file.transform.almost_equals(scene.transform, 1e-9):
        return None, None
    masked = file.nodata is not None or ColorInterp.alpha in file.colorinterp
    grid = {"transform": scene.transform, "height": meta.height, "width": meta.width}
    warp = {"src_crs": own, "crs": crs, "resampling": Resampling.nearest, "add_alpha": not masked, **grid}
    return warp, None


def _check_overlap(meta: SceneMeta, crs: CRS, file: Any, own: CRS, path: Path) -> None:
    def bounds(transform: Affine, height: int, width: int) -> tuple[float, ...]:
        xs, ys = zip(*(transform @ (c, r) for c in (0, width) for r in (0, height)), strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    theirs = bounds(file.transform, file.height, file.width)
    try:
        ours = transform_bounds(crs, own, *bounds(meta.georef.transform or Affine.identity(), meta.height, meta.width))
    except (RasterioError, CRSError) as error:
        raise LabelError(f"{path}: its CRS does not reach the scene {meta.name}; check both") from error
    if ours[0] >= theirs[2] or ours[2] <= theirs[0] or ours[1] >= theirs[3] or ours[3] <= theirs[1]:
        raise LabelError(f"{path}: the labels do not overlap the scene {meta.name}; check the CRS of both")


def value_names(file: Any) -> dict[int, str]:
    """Class value → name, ascending, as a raster itself tells it; empty where it does not."""
    tags = {k.lower(): v for k, v in (file.tags() | file.tags(1)).items()}
    try:
        names = {int(c["value"]): str(c["name"]) for c in json.loads(tags.get("classes", "[]"))}
    except (ValueError, TypeError, KeyError):
        names = {}
    if not names and "flag_values" in tags and "flag_meanings" in tags:
        values = [int(v) for v in re.findall(r"-?\d+", tags["flag_values"])]
        names = dict(zip(values, tags["flag_meanings"].split(), strict=False))
    return dict(sorted((names or _described(file)).items()))


def _described(file: Any) -> dict[int, str]:
    """Names from the raster attribute table or the category names, in the words in which GDAL describes a raster."""
    try:
        with MemoryFile(ext=".vrt") as target:
            rasterio.shutil.copy(file, target.name, driver="VRT")
            band = ET.fromstring(target.read()).find("VRTRasterBand")
    except (RasterioIOError, ET.ParseError):
        return {}
    if band is None:
        return {}
    table = band.find("GDALRasterAttributeTable")
    names = {} if table is None else _table_names(table)
    if not names:
        names = {k: c.text or "" for k, c in enumerate(band.iterfind("CategoryNames/Category"))}
    return {k: n for k, n in names.items() if n.strip()}


def _table_names(table: ET.Element) -> dict[int, str]:
    """The columns for value and name of a raster attribute table: by their usage, else by what they hold."""
    value = name = None
    for k, column in enumerate(table.iterfind("FieldDefn")):
        title, kind, usage = ((column.findtext(t) or "").strip() for t in ("Name", "Type", "Usage"))
        if value is None and (usage in ("3", "5") or title.lower() == "value"):
            value = k
        if kind == "2" and (name is None or usage == "2"):
            name = k
    if name is None:
        return {}
    names = {}
    for k, row in enumerate(table.iterfind("Row")):
        cells = [f.text or "" for f in row.iterfind("F")]
        try:
            names[k if value is None else int(float(cells[value]))] = cells[name]
        except (ValueError, IndexError):
            continue
    return names
