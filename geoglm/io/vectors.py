"""Polygons in files: GeoPackage, GeoParquet, FlatGeobuf; and areas of interest from files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoglm.errors import AreaOfInterestError
from geoglm.types import GeoRef, PixelBox

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

DRIVERS = {"gpkg": "GPKG", "fgb": "FlatGeobuf"}


def write_polygons(frame: GeoDataFrame, path: Path) -> None:
    """Write `frame` in the format of the suffix of `path` (``.gpkg``, ``.fgb`` or ``.parquet``)."""
    if path.suffix == ".parquet":
        frame.to_parquet(path, compression="zstd", write_covering_bbox=True)
        return
    driver = DRIVERS[path.suffix.removeprefix(".")]
    with warnings.catch_warnings():
        # that the scene has no CRS was said to the user by then
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        frame.to_file(path, driver=driver, layer="polygons", engine="pyogrio")


class AreaOfInterest:
    """The polygons of a file, in the coordinates of a scene.

    Raises:
        AreaOfInterestError: the file cannot be read, holds no polygon, or cannot be brought into the scene.
    """

    def __init__(self, path: Path, georef: GeoRef, scene: PixelBox) -> None:
        import geopandas
        from pyogrio.errors import DataSourceError
        from shapely import get_type_id

        if not path.exists():
            raise AreaOfInterestError(f"{path}: no such file; --aoi wants a file with polygons")
        try:
            frame = geopandas.read_file(path, engine="pyogrio")
        except (DataSourceError, ValueError) as error:
            raise AreaOfInterestError(f"{path}: cannot be read as vectors: {' '.join(str(error).split())}") from error
        frame = frame[np.isin(get_type_id(frame.geometry.values), (3, 6))]
        if frame.empty:
            raise AreaOfInterestError(f"{path}: holds no polygon")
        if georef.crs is not None and frame.crs is not None:
            frame = frame.to_crs(georef.crs)
        self._transform = georef.transform or Affine.identity()
        self._shapes: list[Any] = [g for g in frame.geometry if g is not None and not g.is_empty]
        if not self.mask(scene, coarse=True).any():
            raise AreaOfInterestError(f"{path}: does not meet the scene; check its CRS")

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
