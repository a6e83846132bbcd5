"""The target of an explanation: the pixel at a coordinate, or those inside polygons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoglm.errors import TargetError
from geoglm.io.vectors import AreaOfInterest
from geoglm.types import PixelBox, SceneMeta


@dataclass(frozen=True, slots=True)
class Target:
    """Pixels of a scene.

    Args:
        box: the smallest that holds them.
        mask: ``(y, x)`` of the box.
        words: what was asked for.
    """

    box: PixelBox
    mask: NDArray[np.bool_]
    words: str

    @property
    def is_point(self) -> bool:
        """Whether it is a single pixel."""
        return self.box.area == 1


def point_target(meta: SceneMeta, xy: tuple[float, float], *, lonlat: bool = False) -> Target:
    """The pixel that holds a point.

    Args:
        xy: in the scene's CRS; column and row where it has no transform.
        lonlat: it is longitude and latitude (WGS 84) instead.

    Raises:
        TargetError: it lies outside the scene, or the scene cannot place it.
    """
    words = f"{xy[0]:.10g}, {xy[1]:.10g}" + (" (longitude, latitude)" if lonlat else "")
    if not all(map(math.isfinite, xy)):
        raise TargetError(f"point {words} is no place; write it as X,Y")
    if lonlat:
        xy = _from_lonlat(meta, xy)
    transform = meta.georef.transform or Affine.identity()
    col, row = ~transform @ xy if all(map(math.isfinite, xy)) else (math.inf, math.inf)
    if not (0 <= row < meta.height and 0 <= col < meta.width):
        corners = [transform @ (c, r) for c in (0, meta.width) for r in (0, meta.height)]
        (left, right), (low, high) = ((min(v), max(v)) for v in zip(*corners, strict=True))
        raise TargetError(
            f"point {words} lies outside of {meta.name}, which reaches from x {left:.10g} to {right:.10g} and from "
            f"y {low:.10g} to {high:.10g} in its own coordinates"
        )
    top, left = int(row), int(col)
    return Target(PixelBox(top, left, top + 1, left + 1), np.ones((1, 1), np.bool_), f"the pixel at {words}")


def _from_lonlat(meta: SceneMeta, xy: tuple[float, float]) -> tuple[float, float]:
    from pyproj import CRS, Transformer

    if meta.georef.crs is None or meta.georef.transform is None:
        raise TargetError(f"{meta.name} has no CRS or no transform to place longitude and latitude; use --at X,Y")
    into = Transformer.from_crs(CRS.from_epsg(4326), CRS.from_wkt(meta.georef.crs), always_xy=True)
    x, y = into.transform(*xy)
    return float(x), float(y)


def polygon_target(meta: SceneMeta, path: Path) -> Target:
    """The pixels whose centres lie in the polygons of a file.

    Raises:
        AreaOfInterestError: the file cannot be read or holds no polygon that meets the scene.
        TargetError: no pixel's centre lies in them.
    """
    area = AreaOfInterest(path, meta.georef, meta.box, option="--polygon")
    box = area.bounds(meta.box)
    mask = area.mask(box)
    if not mask.any():
        raise TargetError(f"{path}: no pixel of {meta.name} has its centre in the polygon; use --at for a single pixel")
    rows, cols = (np.flatnonzero(mask.any(axis=a)) for a in (1, 0))
    tight = PixelBox(
        box.top + int(rows[0]), box.left + int(cols[0]), box.top + int(rows[-1]) + 1, box.left + int(cols[-1]) + 1
    )
    return Target(tight, mask[tight.within(box)], f"the polygon of {path.name}")
