"""``geoglm.vectorize``: a class raster in, polygons with their attributes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoglm.errors import OutputError
from geoglm.io.class_raster import ClassRaster, ConfidenceRaster
from geoglm.io.commit.draft import drafted
from geoglm.io.polygon_files import SUFFIXES, TILES, write_polygons
from geoglm.io.polygon_table import Legend, PolygonTable
from geoglm.io.web_tiles import WebPlace
from geoglm.jobs.ahead import ahead
from geoglm.jobs.progress import Progress, silent
from geoglm.options import PolygonOptions
from geoglm.stats.area import ground_sample_distance, pixel_areas
from geoglm.stats.lengths import unit_lengths
from geoglm.types import INVALID, GeoRef, SceneMeta
from geoglm.vector.merge import becomes, merged
from geoglm.vector.trace import PLAIN, Ground, Rows, TraceRules, trace

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

    from geoglm.vector.polygons import Polygons

BLOCK_PX = 1 << 23
"""Pixels taken at a time from maps in memory, about."""


@dataclass(frozen=True, slots=True)
class ClassMap:
    """A map of classes that can be read from top to bottom, more than once.

    Args:
        shape: height and width.
        legend: what its values stand for.
        confident: whether confidence comes with the classes.
        rows: begins to read.
        kept: ``(256,)`` True for the values that are wanted; None for all.
    """

    georef: GeoRef
    shape: tuple[int, int]
    legend: Legend
    confident: bool
    rows: Callable[[], Iterator[Rows]]
    kept: NDArray[np.bool_] | None = None

    def ground(self) -> Ground:
        """How its pixels lie: areas in m² and lengths in metres, or in pixels and units of the map where unknown."""
        return ground_of(self.georef, *self.shape)

    def rules(self, options: PolygonOptions) -> TraceRules:
        """The options with their lengths in pixels."""
        gsd = ground_sample_distance(self.georef, *self.shape)
        return TraceRules(
            options.connectivity, options.dissolve, options.simplify.in_px(gsd), options.method, options.smooth
        )

    def merged(self, min_area: float, progress: Progress) -> ClassMap:
        """The same map without regions smaller than `min_area` m² (pixels where unknown), see `geoglm.vector.merge`."""
        become = find_small(self.classes(progress), self.georef, self.shape, min_area)

        def rows() -> Iterator[Rows]:
            sure: list[NDArray[np.uint8] | None] = []

            def classes() -> Iterator[NDArray[np.uint8]]:
                for some, certain in self.rows():
                    sure.append(certain)
                    yield some

            for some in merged(classes(), self.shape[1], become):
                yield some, sure.pop()

        return replace(self, rows=rows)

    def wanted(self) -> ClassMap:
        """The same map with no data where a class is not wanted."""
        if self.kept is None or self.kept[:INVALID].all():
            return self
        becomes_of = np.where(self.kept, np.arange(256), INVALID).astype(np.uint8)
        return replace(self, rows=lambda: ((becomes_of[some], sure) for some, sure in self.rows()))

    def classes(self, progress: Progress) -> Iterator[NDArray[np.uint8]]:
        """Its rows without their confidence."""
        done = 0
        for some, _ in self.rows():
            yield some
            done += some.size
            progress("measuring regions", done, self.shape[0] * self.shape[1])


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
    """See `ClassMap.ground`."""
    transform = georef.transform or Affine.identity()
    areas, lengths = pixel_areas(georef, height, width), unit_lengths(georef, height, width)
    if areas is None or lengths is None:
        return Ground.of_pixels(height, transform)
    return Ground(transform, areas, lengths)


def find_small(
    classes: Iterable[NDArray[np.uint8]], georef: GeoRef, shape: tuple[int, int], min_area: float
) -> NDArray[np.uint8]:
    """What becomes of every region where those under `min_area` m² (pixels where unknown) are merged, see `becomes`."""
    ground, t = ground_of(georef, *shape), georef.transform or Affine.identity()
    x, y = ground.scale[shape[0] // 2]
    edges = float(np.hypot(t.a * x, t.d * y)), float(np.hypot(t.b * x, t.e * y))
    return becomes(classes, shape[1], ground.row_area, min_area, edges)


def merge_small(classes: NDArray[np.uint8], georef: GeoRef, min_area: float) -> None:
    """Merge the small regions of a map in place; it may lie on disk."""
    height, width = classes.shape
    step = max(BLOCK_PX // width, 1)

    def rows() -> Iterator[NDArray[np.uint8]]:
        for top in range(0, height, step):
            yield np.ascontiguousarray(classes[top : top + step])

    become, top = find_small(rows(), georef, classes.shape, min_area), 0
    for some in merged(rows(), width, become):
        classes[top : top + len(some)] = some
        top += len(some)


def write_traced(
    rows: Iterable[Rows], meta: SceneMeta, table: PolygonTable, path: Path, rules: TraceRules = PLAIN
) -> int:
    """Trace a map row by row into a file; how many polygons it holds.

    Args:
        rows: the map from top to bottom, in pieces of any height and the full width of `meta`.
        path: of the file, in the format of its suffix.
    """
    ground = ground_of(meta.georef, meta.height, meta.width)
    shape = meta.height, meta.width
    return write_polygons(table, ahead(trace(ahead(rows), shape, ground, rules)), path, shape)


def _traced(what: ClassMap, options: PolygonOptions, progress: Progress) -> tuple[PolygonTable, Iterator[Polygons]]:
    """The table and the polygons of a map, which are made as they are asked for."""
    rules = what.rules(options)
    table = PolygonTable(what.georef, what.legend, what.confident, multi=rules.multi)
    if options.min_area > 0:
        what = what.merged(options.min_area, progress)
    what = what.wanted()

    def rows() -> Iterator[Rows]:
        done = 0
        for some in what.rows():
            yield some
            done += some[0].size
            progress("tracing polygons", done, what.shape[0] * what.shape[1])

    return table, trace(ahead(rows()), what.shape, what.ground(), rules)


def load_tracer() -> None:
    """Load what tracing needs, compiled code and the writer of files included, so that no map waits for it."""
    import pyogrio  # noqa: F401

    pixel = np.zeros((1, 1), np.uint8), np.zeros((1, 1), np.uint8)
    table = PolygonTable(GeoRef(), Legend.of(()), confident=True)
    table.as_arrow(trace([pixel], (1, 1), Ground.of_pixels(1, Affine.identity())))


def polygon_frame(what: ClassMap, options: PolygonOptions, progress: Progress = silent) -> GeoDataFrame:
    """Polygons of a map, all in memory, with the columns of `PolygonTable` but for the boxes."""
    import geopandas

    table, traced = _traced(what, options, progress)
    return geopandas.GeoDataFrame.from_arrow(table.as_arrow(traced))


def polygon_file(what: ClassMap, output: Path, options: PolygonOptions, progress: Progress = silent) -> VectorizeResult:
    """Polygons of a map into a file, row by row: neither is ever in memory as a whole.

    Args:
        output: file to write, in the format of its suffix: ``.gpkg``, ``.parquet``, ``.fgb`` or ``.pmtiles``. It
            appears whole.

    Raises:
        OutputError: there is no such format or folder, or it cannot be written; no tiles show the place of the map.
        OutputBusy: another run is at the same file.
    """
    began = time.monotonic()
    if output.suffix not in (*SUFFIXES, TILES):
        raise OutputError(f"{output}: ends in none of {', '.join(sorted((*SUFFIXES, TILES)))}, which tell the format")
    if output.suffix == TILES:
        WebPlace.of(what.georef, *what.shape)
    if not output.parent.is_dir():
        raise OutputError(f"{output.parent}: no such folder; make it first or choose another -o")
    with drafted(output) as draft:
        table, traced = _traced(what, options, progress)
        count = write_polygons(table, ahead(traced), draft, what.shape)
    lacks = what.georef.lacks()
    seconds = time.monotonic() - began
    return VectorizeResult(output, count, what.shape[0] * what.shape[1], seconds, () if lacks is None else (lacks,))


def raster_map(classes: Path, confidence: Path | None, options: PolygonOptions) -> ClassMap:
    """The map in a class raster of any making, with its confidence from another raster of its size.

    Raises:
        SceneError: of the kind that says what is wrong.
    """
    source = ClassRaster(classes, options.keep)
    sure = None if confidence is None else ConfidenceRaster(confidence, source)
    meta = source.meta

    def rows() -> Iterator[Rows]:
        top = 0
        for codes in source.rows():
            yield codes, None if sure is None else sure.read(top, len(codes))
            top += len(codes)

    return ClassMap(meta.georef, (meta.height, meta.width), source.legend, sure is not None, rows, source.kept)
