"""What a comparison leaves behind: rasters, polygons, table, pictures."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.io.change.plots import draw_change, draw_matrix
from geoglm.io.cog import Layer, array_blocks, classes_layer, write_cog
from geoglm.io.polygon_table import Legend
from geoglm.io.styles import classes_style, confidence_style, polygons_style
from geoglm.jobs.change.maps import NO_CHANGE, ChangeMaps
from geoglm.options import VectorFormat
from geoglm.stats.area import pixel_areas
from geoglm.stats.transitions import Judged, TransitionCodes, named
from geoglm.types import INVALID, SceneMeta

ROWS = 512
"""Rows of a map taken at a time."""


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
    matrix: NDArray[np.float64] | None

    @classmethod
    def of(cls, maps: ChangeMaps) -> ChangeAreas:
        """Counted row by row."""
        height, width = maps.codes.shape
        metres = pixel_areas(maps.georef, height, width)
        row_area = np.ones(height) if metres is None else metres / 1e4
        pixels, areas = np.zeros(256, np.int64), np.zeros(256)
        scheme, matrix = TransitionCodes(len(maps.classes)), np.zeros((len(maps.classes),) * 2)
        for rows in _bands(height):
            codes = np.asarray(maps.codes[rows])
            for row, area in zip(codes, row_area[rows], strict=True):
                counted = np.bincount(row, minlength=256)
                pixels += counted
                areas += area * counted
            if maps.stays is not None:
                matrix += Judged(codes, np.asarray(maps.stays[rows]), codes).areas(row_area[rows], scheme)
        there = [c.value for c in maps.legend]
        return cls(
            "px" if metres is None else "ha",
            {v: int(pixels[v]) for v in there},
            {v: float(areas[v]) for v in there},
            matrix if maps.stays is not None else None,
        )

    @property
    def changed(self) -> float:
        """Area of all changes."""
        return sum(a for v, a in self.areas.items() if v != NO_CHANGE.value)

    @property
    def total(self) -> float:
        """Area that was judged."""
        return sum(self.areas.values())

    def as_dict(self, maps: ChangeMaps) -> dict[str, Any]:
        """Plain values; kinds of change that do not occur are left out."""
        total = max(self.total, 1e-300)
        listed = [c for c in maps.legend if self.pixels[c.value] or len(maps.legend) == 2]
        told: dict[str, Any] = {
            "unit": self.unit,
            "judged": round(self.total, 6),
            "changed": round(self.changed, 6),
            "changed_share": round(self.changed / total, 6),
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


def _bands(height: int) -> Iterator[slice]:
    for top in range(0, height, ROWS):
        yield slice(top, min(top + ROWS, height))


def write_rasters(folder: Path, maps: ChangeMaps) -> None:
    """``change.tif`` and ``probability.tif``, with styles."""
    layers = (
        ("change", classes_layer(maps.legend), maps.codes),
        ("probability", Layer(("probability of change",), "average", scale=0.01), maps.percent),
    )
    for name, layer, values in layers:
        blocks = array_blocks(values, layer.overviews)
        write_cog(folder / f"{name}.tif", values.shape, maps.georef, layer, blocks)
    (folder / "change.qml").write_text(classes_style(maps.legend), encoding="utf-8")
    (folder / "probability.qml").write_text(confidence_style(), encoding="utf-8")


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

    def rows() -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        for part in _bands(meta.height):
            codes = np.asarray(maps.codes[part])
            yield np.where(codes == NO_CHANGE.value, np.uint8(INVALID), codes), np.asarray(maps.percent[part])

    table = ChangeTable(maps.georef, Legend.of(maps.legend), confident=True, ends=ends)
    count = write_traced(rows(), meta, table, folder / f"polygons.{kind}")
    (folder / "polygons.qml").write_text(polygons_style(changes), encoding="utf-8")
    return count


def write_matrix(folder: Path, maps: ChangeMaps, areas: ChangeAreas) -> None:
    """``transitions.csv`` and ``transitions.png``, where classes are known."""
    if areas.matrix is None:
        return
    with (folder / "transitions.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([f"from \\ to ({areas.unit})", *maps.classes])
        writer.writerows([n, *(f"{v:.6f}" for v in row)] for n, row in zip(maps.classes, areas.matrix, strict=True))
    draw_matrix(folder / "transitions.png", areas.matrix, maps.classes, areas.unit)


def write_picture(
    folder: Path, maps: ChangeMaps, areas: ChangeAreas, pictures: tuple[Any, Any], titles: tuple[str, str]
) -> None:
    """``quicklook.png``."""
    step = max(1, -(-max(maps.codes.shape) // 1200))
    shares = {v: a / max(areas.total, 1e-300) for v, a in areas.areas.items() if v != NO_CHANGE.value}
    codes = np.asarray(maps.codes[::step, ::step])
    draw_change(folder / "quicklook.png", pictures, codes, maps.legend, titles=titles, shares=shares)
