"""Areas of interest from files of polygons."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoglm.errors import AreaOfInterestError, SceneUnreadable
from geoglm.io.guard.vectors import read_vectors
from geoglm.types import GeoRef, PixelBox

if TYPE_CHECKING:
    from geopandas import GeoSeries


class AreaOfInterest:
    """The polygons of a file, in the coordinates of a scene.

    Args:
        option: what it was given as, for messages.

    Raises:
        AreaOfInterestError: the file cannot be read, holds no polygon, or cannot be brought into the scene.
    """

    def __init__(self, path: Path, georef: GeoRef, scene: PixelBox, *, option: str = "--aoi") -> None:
        import geopandas
        from pyogrio.errors import DataSourceError

        self.note: str | None = None
        if not path.exists():
            raise AreaOfInterestError(f"{path}: no such file; {option} wants a file with polygons")
        try:
            frame = read_vectors(path)
        except (DataSourceError, SceneUnreadable, ValueError, OSError) as error:
            raise AreaOfInterestError(f"{path}: cannot be read as vectors: {' '.join(str(error).split())}") from error
        if not isinstance(frame, geopandas.GeoDataFrame):
            raise AreaOfInterestError(f"{path}: is a table without geometries; {option} wants polygons")
        parts = frame.geometry.dropna().explode(index_parts=False)
        parts = parts[parts.geom_type == "Polygon"]
        if parts.empty:
            raise AreaOfInterestError(f"{path}: holds no polygon")
        if is_located(parts.crs) and georef.transform is None:
            raise AreaOfInterestError(
                f"{path}: is georeferenced and the scene is not, so they cannot be laid over each other; "
                f"give the scene its transform and CRS, or {option} in its pixels"
            )
        if georef.crs is not None and is_located(parts.crs):
            parts = brought_into(parts, georef, scene)
        else:
            self.note = f"{path.name} or the scene has no CRS: the polygons are taken to be in the scene's coordinates"
        self._transform = georef.transform or Affine.identity()
        self._shapes: list[Any] = [g for g in parts if not g.is_empty]
        if not self._shapes or not self.mask(scene, coarse=True).any():
            raise AreaOfInterestError(f"{path}: does not meet the scene; check its CRS")

    def bounds(self, scene: PixelBox) -> PixelBox:
        """The smallest box of pixels of `scene` that holds all there is of the polygons in it."""
        import shapely

        inverse = ~self._transform
        corners = np.concatenate([shapely.get_coordinates(shapely.box(*g.bounds)) for g in self._shapes])
        cols, rows = inverse @ (corners[:, 0], corners[:, 1])
        top, left = max(int(rows.min()), scene.top), max(int(cols.min()), scene.left)
        return PixelBox(
            min(top, scene.bottom - 1),
            min(left, scene.right - 1),
            min(max(int(np.ceil(rows.max())), top + 1), scene.bottom),
            min(max(int(np.ceil(cols.max())), left + 1), scene.right),
        )

    def mask(self, box: PixelBox, *, coarse: bool = False) -> NDArray[np.bool_]:
        """``(y, x)`` True for pixels of `box` whose centre lies in a polygon.

        Args:
            coarse: thin it to at most 1024 a side, every pixel that is touched set.
        """
        from rasterio.features import geometry_mask

        step = max(1, max(box.shape) // 1024) if coarse else 1
        shape = (-(-box.height // step), -(-box.width // step))
        transform = self._transform @ Affine.translation(box.left, box.top) @ Affine.scale(step)
        inside: NDArray[np.bool_] = geometry_mask(self._shapes, shape, transform, all_touched=coarse, invert=True)
        return inside


def is_located(crs: Any) -> bool:
    """False for no CRS and for the nameless plane that a GeoPackage puts in its place."""
    return crs is not None and not crs.is_engineering


def brought_into(parts: GeoSeries, georef: GeoRef, scene: PixelBox) -> GeoSeries:
    """Polygons in the CRS of the scene, cut to its surroundings first: the ends of the world have no place there."""
    import shapely
    from pyproj import CRS, Transformer

    to_polygons = Transformer.from_crs(CRS.from_wkt(georef.crs or ""), parts.crs, always_xy=True)
    transform = georef.transform or Affine.identity()
    corners = [transform @ (c, r) for c in (scene.left, scene.right) for r in (scene.top, scene.bottom)]
    xs, ys = zip(*corners, strict=True)
    bounds = to_polygons.transform_bounds(min(xs), min(ys), max(xs), max(ys))
    if np.isfinite(bounds).all() and bounds[0] < bounds[2]:
        margin = max(bounds[2] - bounds[0], bounds[3] - bounds[1])
        near = shapely.box(*bounds).buffer(margin, join_style="mitre")
        parts = parts.make_valid().intersection(near).explode(index_parts=False)
        parts = parts[parts.geom_type == "Polygon"]
    return parts.to_crs(georef.crs)
