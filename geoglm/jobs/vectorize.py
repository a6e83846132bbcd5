"""``geoglm.vectorize``: a class raster in, polygons with their attributes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoglm.errors import OutputError
from geoglm.io.class_raster import ClassRaster, ConfidenceRaster
from geoglm.io.polygon_files import SUFFIXES, write_polygons
from geoglm.io.polygon_table import Legend, PolygonTable
from geoglm.jobs.ahead import ahead
from geoglm.stats.area import pixel_areas
from geoglm.stats.lengths import unit_lengths
from geoglm.types import GeoRef, LandClass, SceneMeta
from geoglm.vector.trace import PLAIN, Ground, Rows, TraceRules, trace

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

BLOCK = 512
"""Rows taken at a time from maps that lie on disk."""

Progress = Callable[[str, int, int], None]
"""Called with the phase, and the pixels done and to do in it."""


@dataclass(frozen=True, slots=True)
class VectorizeResult:
    """What was written.

    Args:
        path: of the file.
        polygons: how many it holds.
        pixels: of the map.
        seconds: it took.
        notes: what the user should know.
    """

    path: Path
    polygons: int
    pixels: int
    seconds: float
    notes: tuple[str, ...]


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
) -> GeoDataFrame:
    """Every region of one class as a polygon along pixel edges.

    Args:
        classes: ``(y, x)`` uint8, 255 where there is no class.
        confidence: ``(y, x)`` uint8 percent; None leaves its columns out.
        scheme: names of the class values.

    Returns:
        Columns as `PolygonTable` describes.
    """
    import geopandas

    height, width = classes.shape
    table = PolygonTable(georef, Legend.of(scheme), confidence is not None, multi=rules.multi)
    traced = trace(rows_of(classes, confidence), (height, width), ground_of(georef, height, width), rules)
    return geopandas.GeoDataFrame.from_arrow(table.as_arrow(traced))


def write_traced(
    rows: Iterable[Rows], meta: SceneMeta, table: PolygonTable, path: Path, rules: TraceRules = PLAIN
) -> int:
    """Trace a map row by row into a file; how many polygons it holds.

    Args:
        rows: the map from top to bottom, in pieces of any height and the full width of `meta`.
        path: of the file, in the format of its suffix.
    """
    ground = ground_of(meta.georef, meta.height, meta.width)
    return write_polygons(table, ahead(trace(ahead(rows), (meta.height, meta.width), ground, rules)), path)


def vectorize_file(
    classes: Path,
    output: Path,
    *,
    confidence: Path | None = None,
    keep: Sequence[str] | None = None,
    rules: TraceRules = PLAIN,
    progress: Progress = lambda phase, done, total: None,
) -> VectorizeResult:
    """Polygons of a class raster into a file, row by row: neither is ever in memory as a whole.

    Args:
        classes: raster of one band of whole numbers, of any making.
        output: file to write, in the format of its suffix: ``.gpkg``, ``.parquet`` or ``.fgb``.
        confidence: raster of the same size that tells how sure the map is.
        keep: names or values of the classes wanted; None for all.

    Raises:
        GeoglmError: of the kind that says what is wrong.
    """
    began = time.monotonic()
    if output.suffix not in SUFFIXES:
        raise OutputError(f"{output}: ends in none of {', '.join(sorted(SUFFIXES))}, which tell the format")
    if not output.parent.is_dir():
        raise OutputError(f"{output.parent}: no such folder; make it first or choose another -o")
    source = ClassRaster(classes, keep)
    meta = source.meta
    sure = None if confidence is None else ConfidenceRaster(confidence, source)
    total = meta.box.area

    def rows() -> Iterator[Rows]:
        top = 0
        for codes in source.rows():
            yield codes, None if sure is None else sure.read(top, len(codes))
            top += len(codes)
            progress("tracing polygons", top * meta.width, total)

    table = PolygonTable(meta.georef, source.legend, sure is not None, multi=rules.multi)
    draft = output.with_name(f".{output.name}.draft{output.suffix}")
    try:
        count = write_traced(rows(), meta, table, draft, rules)
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)
    lacks = meta.georef.lacks()
    return VectorizeResult(output, count, total, time.monotonic() - began, () if lacks is None else (lacks,))
