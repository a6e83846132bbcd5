"""What a comparison leaves behind: rasters, polygons, table, pictures."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.io.blocks import BLOCK_PX, Place
from geoglm.io.change.flows import draw_flows
from geoglm.io.change.plots import draw_change, draw_matrix
from geoglm.io.class_raster import ClassRaster, ConfidenceRaster
from geoglm.io.cog import Layer, array_blocks, classes_layer, write_cog
from geoglm.io.geotiff import RasterFile
from geoglm.io.polygon_table import Legend
from geoglm.io.pyramid import Gathered
from geoglm.io.style_files import style_classes, style_percent, style_polygons
from geoglm.jobs.change.kept import CHANGE, PROBABILITY, STAYS, Kept, cell_counts
from geoglm.jobs.change.maps import NO_CHANGE, Comparison
from geoglm.options import VectorFormat
from geoglm.stats.area import pixel_areas
from geoglm.stats.transitions import TransitionCodes, named
from geoglm.types import INVALID, GeoRef, LandClass, PixelBox, SceneMeta

Areas = NDArray[np.float64]

SHOWN_PX = 1200
"""Pixels a side of a picture, at most."""

STRIP_PX = 1 << 22
"""Pixels of a map taken at a time."""


class ChangeMaps:
    """The maps of a comparison, from shards to files.

    Args:
        kept: what was found.
        comparison: what it means.
        georef: where it lies.
        folder: for the files.
        workers: threads.
    """

    def __init__(self, kept: Kept, comparison: Comparison, georef: GeoRef, folder: Path, workers: int) -> None:
        self.kept, self.folder, self.georef, self.workers = kept, folder, georef, workers
        self.legend, self.classes = comparison.legend, comparison.classes
        self.shape = kept.scene.shape

    def write(self, min_area: float) -> ChangeAreas:
        """``change.tif`` and ``probability.tif``, with styles; how much changed.

        Args:
            min_area: regions smaller than this are merged into their neighbours, m² (pixels where unknown).
        """
        probability = Layer(("probability of change",), "average", scale=0.01)
        self._cog("probability", probability, self.kept.block(PROBABILITY))
        style_percent(self.folder / "probability.tif")
        style_classes(self.folder / "change.tif", self.legend)
        metres = pixel_areas(self.georef, *self.shape)
        row_area = np.ones(self.shape[0]) if metres is None else metres / 1e4
        if min_area > 0:
            counted = self._merged(min_area, row_area)
        else:
            self._cog("change", classes_layer(self.legend), self.kept.block(CHANGE))
            counted = self.kept.areas(row_area)
        return ChangeAreas.of(*counted, self, unit="px" if metres is None else "ha")

    def _cog(self, name: str, layer: Layer, block: Callable[[int, Place], Gathered]) -> None:
        write_cog(self.folder / f"{name}.tif", self.shape, self.georef, layer, block, workers=self.workers)

    def _merged(self, min_area: float, row_area: Areas) -> tuple[NDArray[np.int64], Areas]:
        """Write ``change.tif`` with small regions merged, and count anew."""
        from geoglm.jobs.vectorize import merge_small  # Numba loads here

        kept = self.kept
        spool = kept.stage.folder / "codes.npy"
        codes: NDArray[np.uint8] = np.lib.format.open_memmap(spool, "w+", np.uint8, self.shape)
        for box in self._strips():
            codes[box.within(kept.scene)] = kept.read(CHANGE, box)
        merge_small(codes, self.georef, min_area)
        self._cog("change", classes_layer(self.legend), array_blocks(codes, "mode"))
        kinds = 2 if kept.scheme is None else kept.scheme.count**2
        pixels, areas = np.zeros(kinds, np.int64), np.zeros(kinds)
        for box in self._strips():
            some = np.asarray(codes[box.within(kept.scene)])
            stays = some if kept.scheme is None else kept.read(STAYS, box)
            counts = cell_counts(some, stays, kept.scheme).astype(np.int64)
            pixels, areas = pixels + counts.sum(axis=0), areas + row_area[box.top : box.bottom] @ counts
        return pixels, areas

    def _strips(self) -> Iterator[PixelBox]:
        """The scene from top to bottom, whole blocks of rows at a time."""
        rows = max(STRIP_PX // self.shape[1] // BLOCK_PX, 1) * BLOCK_PX
        for top in range(0, self.shape[0], rows):
            yield PixelBox(top, 0, min(top + rows, self.shape[0]), self.shape[1])

    def thin(self, side_px: int) -> NDArray[np.uint8]:
        """``(y, x)`` codes of the whole, at most so many a side."""
        return np.asarray(RasterFile(self.folder / "change.tif").preview([0], side_px=side_px)[0][0], np.uint8)

    def rows(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """Codes, 255 where nothing changed, and percent, from top to bottom."""
        change = ClassRaster(self.folder / "change.tif")
        percent, top = ConfidenceRaster(self.folder / "probability.tif", change), 0
        for codes in change.rows():
            yield np.where(codes == NO_CHANGE.value, np.uint8(INVALID), codes), percent.read(top, len(codes))
            top += len(codes)


@dataclass(frozen=True, slots=True, eq=False)
class ChangeAreas:
    """How much changed.

    Args:
        unit: of the areas: ``ha``, or ``px`` where the scenes do not say where they lie.
        pixels: code → pixels.
        areas: code → area.
        matrix: ``(from, to)`` areas, None where classes are not known.
    """

    unit: str
    pixels: dict[int, int]
    areas: dict[int, float]
    matrix: Areas | None

    @classmethod
    def of(cls, pixels: NDArray[np.int64], areas: Areas, maps: ChangeMaps, *, unit: str) -> ChangeAreas:
        """From pixels and areas of cells, see `geoglm.jobs.change.kept.cell_counts`."""
        n, codes = len(maps.classes), [c.value for c in maps.legend if c != NO_CHANGE]
        if not n:
            return cls(unit, dict(enumerate(pixels.tolist())), dict(enumerate(areas.tolist())), None)
        matrix = areas.reshape(n, n)
        still = {0: int(pixels[:: n + 1].sum())}, {0: float(matrix.trace())}
        changed = {c: int(pixels[c - 1]) for c in codes}, {c: float(areas[c - 1]) for c in codes}
        return cls(unit, still[0] | changed[0], still[1] | changed[1], matrix)

    @property
    def changed(self) -> float:
        """Area of all changes."""
        return sum(a for v, a in self.areas.items() if v != NO_CHANGE.value)

    @property
    def total(self) -> float:
        """Area that was judged."""
        return sum(self.areas.values())

    @property
    def changed_share(self) -> float:
        """Of the area that was judged."""
        return self.changed / max(self.total, 1e-300)

    def as_dict(self, maps: ChangeMaps) -> dict[str, Any]:
        """Plain values; kinds of change that do not occur are left out."""
        total = max(self.total, 1e-300)
        listed = [c for c in maps.legend if self.pixels[c.value] or len(maps.legend) == 2]
        told: dict[str, Any] = {
            "unit": self.unit,
            "judged": round(self.total, 6),
            "changed": round(self.changed, 6),
            "changed_share": round(self.changed_share, 6),
            "changed_pixels": sum(n for v, n in self.pixels.items() if v != NO_CHANGE.value),
            "kinds": [
                {
                    "value": c.value,
                    "name": c.name,
                    "pixels": self.pixels[c.value],
                    "area": round(self.areas[c.value], 6),
                    "share": round(self.areas[c.value] / total, 6),
                }
                for c in listed
            ],
        }
        return told if self.matrix is None else told | {"from_to": named(self.matrix.round(6), maps.classes)}


def write_polygons(folder: Path, maps: ChangeMaps, meta: SceneMeta, kind: VectorFormat) -> int:
    """``polygons.*`` of all changes, with their style; how many there are."""
    if kind == "none":
        return 0
    from geoglm.io.change.table import ChangeTable
    from geoglm.jobs.vectorize import write_traced  # Numba loads here

    scheme = TransitionCodes(len(maps.classes))
    changes = [c for c in maps.legend if c != NO_CHANGE]
    pairs = {c.name: scheme.pair(c.value) for c in changes} if maps.classes else {}
    ends = {name: (maps.classes[a], maps.classes[b]) for name, (a, b) in pairs.items()}

    table = ChangeTable(maps.georef, Legend.of(maps.legend), confident=True, ends=ends)
    count = write_traced(maps.rows(), meta, table, folder / f"polygons.{kind}")
    style_polygons(folder, changes)
    return count


def write_matrix(folder: Path, maps: ChangeMaps, areas: ChangeAreas) -> None:
    """``transitions.csv``, and what it says as ``transitions.png`` and ``flows.png``, where classes are known."""
    if areas.matrix is None:
        return
    with (folder / "transitions.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([f"from \\ to ({areas.unit})", *maps.classes])
        writer.writerows([n, *(f"{v:.6f}" for v in row)] for n, row in zip(maps.classes, areas.matrix, strict=True))
    draw_matrix(folder / "transitions.png", areas.matrix, maps.classes, areas.unit)
    scheme = TransitionCodes(len(maps.classes))
    colours = {scheme.pair(c.value)[1]: c.colour for c in maps.legend if c != NO_CHANGE}
    classes = [LandClass(k, n, colours.get(k, "#808080")) for k, n in enumerate(maps.classes)]
    draw_flows(folder / "flows.png", areas.matrix, classes, areas.unit)


def write_picture(
    folder: Path, maps: ChangeMaps, areas: ChangeAreas, pictures: tuple[Any, Any], titles: tuple[str, str]
) -> None:
    """``quicklook.png``."""
    shares = {v: a / max(areas.total, 1e-300) for v, a in areas.areas.items() if v != NO_CHANGE.value}
    draw_change(folder / "quicklook.png", pictures, maps.thin(SHOWN_PX), maps.legend, titles=titles, shares=shares)
