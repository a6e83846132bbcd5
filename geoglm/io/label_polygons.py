"""Labels from polygons: brought into the coordinates of a scene and rasterised where they are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoglm.errors import LabelError, SceneUnreadable
from geoglm.io.guard.vectors import read_vectors
from geoglm.io.label_names import match_names, plain
from geoglm.io.vectors import brought_into, is_located
from geoglm.types import INVALID, PixelBox, SceneMeta

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


class PolygonLabels:
    """See `open_labels`. A pixel belongs to the last polygon in the file that holds its centre.

    Args:
        no_raster: why the file is no raster either, for the message where it is neither.

    Raises:
        LabelError: as `open_labels` says.
    """

    def __init__(
        self,
        path: Path,
        meta: SceneMeta,
        class_field: str | None,
        *,
        classes: Sequence[str] | None,
        rename: Mapping[str, str],
        no_raster: str,
    ) -> None:
        import shapely

        frame = _read(path, no_raster)
        names = frame[_field(frame, class_field, path)]
        nameless = names.isna()
        kinds = sorted({_text(n) for n in names[~nameless]}, key=_order)
        legend = match_names(kinds, classes, rename, where=path.name)
        places = {plain(n): k for n, k in zip(kinds, legend.indices, strict=True)}
        parts, note = _in_scene(frame[~nameless], meta, path)
        self.classes = legend.classes
        codes = np.array([places[plain(_text(n))] for n in names.loc[parts.index]], np.uint8)
        self._transform = meta.georef.transform or Affine.identity()
        self._shapes = np.asarray(parts.array)[codes != INVALID]
        self._codes = codes[codes != INVALID]
        self._tree = shapely.STRtree(self._shapes)
        if not self._touching(meta.box).size:
            raise LabelError(f"{path}: the labels do not overlap the scene {meta.name}; check the CRS of both")
        gap = f"{nameless.sum()} polygons of {path.name} have no class and are left out" if nameless.any() else None
        found = (note, gap, self._overlaps(path))
        self.notes = tuple(n for n in found if n) + legend.notes

    def read(self, box: PixelBox) -> NDArray[np.uint8]:
        """See `Labels.read`."""
        from rasterio.features import rasterize

        near = self._touching(box)
        if not near.size:
            return np.full(box.shape, INVALID, np.uint8)
        labels: NDArray[np.uint8] = rasterize(
            zip(self._shapes[near], self._codes[near].tolist(), strict=True),
            out_shape=box.shape,
            fill=INVALID,
            transform=self._transform @ Affine.translation(box.left, box.top),
            dtype="uint8",
        )
        return labels

    def _touching(self, box: PixelBox) -> NDArray[np.int64]:
        """Polygons that meet a box, in the order of the file."""
        import shapely

        corners = ((box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom))
        found: NDArray[np.int64] = self._tree.query(
            shapely.Polygon([self._transform @ c for c in corners]), predicate="intersects"
        )
        return np.sort(found)

    def _overlaps(self, path: Path) -> str | None:
        """A line on polygons of different classes that share ground, or None."""
        import shapely

        first, second = self._tree.query(self._shapes, predicate="intersects")
        differing = (first < second) & (self._codes[first] != self._codes[second])
        first, second = self._shapes[first[differing]], self._shapes[second[differing]]
        inside = shapely.relate_pattern(first, second, "T********")
        shared = shapely.area(shapely.intersection(first[inside], second[inside]))
        pixels = shared / abs(self._transform.determinant)
        if not (count := int((pixels > 0.5).sum())):
            return None
        pairs = f"{count} pair{'s' * (count > 1)} of polygons of different classes overlap{'s' * (count == 1)}"
        return f"{path.name}: {pairs} (about {pixels.sum():.0f} px): the later in the file counts"


def _read(path: Path, no_raster: str) -> GeoDataFrame:
    """The polygons of a file, multipolygons taken apart."""
    import geopandas
    from pyogrio.errors import DataSourceError

    try:
        frame = read_vectors(path)
    except (DataSourceError, SceneUnreadable, ValueError, OSError) as error:
        raise LabelError(f"{path}: can be read neither as a class raster nor as polygons ({no_raster})") from error
    if not isinstance(frame, geopandas.GeoDataFrame):
        raise LabelError(f"{path}: is a table without geometries; labels are polygons or a class raster")
    frame = frame[~frame.geometry.isna()].explode(index_parts=False, ignore_index=True)
    frame = frame[frame.geometry.geom_type == "Polygon"]
    if frame.empty:
        raise LabelError(f"{path}: holds no polygon; labels are polygons or a class raster")
    return frame


def _field(frame: GeoDataFrame, asked: str | None, path: Path) -> str:
    """The column with the class."""
    from pandas.api.types import is_string_dtype

    columns = [str(c) for c in frame.columns if c != frame.geometry.name]
    if asked is not None:
        if asked not in columns:
            raise LabelError(f"{path}: has no field {asked!r}; it has {', '.join(columns) or 'none'}")
        return asked
    text = [c for c in columns if is_string_dtype(frame[c]) and frame[c].notna().any() and not _are_colours(frame[c])]
    if len(text) != 1:
        which = ", ".join(text or columns)
        raise LabelError(f"{path}: say which field holds the class (--class-field), one of {which or 'none'}")
    return text[0]


def _are_colours(column: Any) -> bool:
    return bool(column.dropna().astype(str).str.fullmatch("#?[0-9a-fA-F]{6}").all())


def _text(value: Any) -> str:
    """A class as written in a table: whole numbers without a decimal point."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _order(name: str) -> tuple[float, str]:
    """Numbers by size, then names by letter."""
    return (float(name) if name.isdecimal() else np.inf, name)


def _in_scene(frame: GeoDataFrame, meta: SceneMeta, path: Path) -> tuple[Any, str | None]:
    """Polygons in the coordinates of the scene, with the index of `frame`, and a line for the user."""
    shapes = frame.geometry
    if meta.georef.transform is None:
        if is_located(shapes.crs):
            raise LabelError(
                f"{path}: is georeferenced and the scene {meta.name} is not, so they cannot be laid over each other; "
                "give the scene its transform and CRS, or labels in its pixels"
            )
        return shapes, None
    if meta.georef.crs is None or not is_located(shapes.crs):
        return shapes, f"{path.name} or the scene has no CRS: the polygons are taken to be in the scene's coordinates"
    return brought_into(shapes, meta.georef, meta.box), None
