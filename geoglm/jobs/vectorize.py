"""``geoglm.vectorize``: a class raster in, polygons with their attributes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoglm.io.polygon_table import PolygonTable
from geoglm.stats.area import pixel_areas
from geoglm.stats.lengths import unit_lengths
from geoglm.types import GeoRef, LandClass
from geoglm.vector.trace import PLAIN, Ground, Rows, TraceRules, trace

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

BLOCK = 512
"""Rows taken at a time from maps that lie on disk."""


def ground_of(georef: GeoRef, height: int, width: int) -> Ground:
    """How the pixels of a map lie: areas in m² and lengths in metres, in pixels and units of the map where unknown."""
    transform = georef.transform or Affine.identity()
    areas, lengths = pixel_areas(georef, height, width), unit_lengths(georef, height, width)
    if areas is None or lengths is None:
        return Ground.of_pixels(height, transform)
    return Ground(transform, areas, lengths)


def rows_of(classes: NDArray[np.uint8], confidence: NDArray[np.uint8] | None) -> Iterator[Rows]:
    """Maps, in memory or on disk, as rows."""
    for top in range(0, len(classes), BLOCK):
        place = slice(top, top + BLOCK)
        yield np.asarray(classes[place]), None if confidence is None else np.asarray(confidence[place])


def polygons(
    classes: NDArray[np.uint8],
    confidence: NDArray[np.uint8] | None,
    georef: GeoRef,
    scheme: Sequence[LandClass],
    *,
    rules: TraceRules = PLAIN,
    labels: NDArray[np.int32] | None = None,
) -> GeoDataFrame:
    """Every region of one class as a polygon along pixel edges.

    Args:
        classes: ``(y, x)`` uint8, 255 where there is no class.
        confidence: ``(y, x)`` uint8 percent; None leaves its columns out.
        scheme: names of the class values.
        labels: no longer needed.

    Returns:
        Columns as `PolygonTable` describes.
    """
    import geopandas

    height, width = classes.shape
    table = PolygonTable(georef, tuple(scheme), confidence is not None, multi=rules.multi)
    traced = trace(rows_of(classes, confidence), (height, width), ground_of(georef, height, width), rules)
    return geopandas.GeoDataFrame.from_arrow(table.as_arrow(traced))
