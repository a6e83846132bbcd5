"""What a series leaves behind beside its maps: table, plot, quicklook, styles."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date

import numpy as np

from geoglm.io.geotiff import RasterFile
from geoglm.io.series.plots import draw_areas, draw_series
from geoglm.io.style_files import style_classes, style_percent
from geoglm.jobs.series.areas import SeriesAreas
from geoglm.jobs.series.maps import SeriesMaps

PANEL_PX = 400
"""Longer side of a map in the quicklook."""

SHOWN = 11
"""Dates shown in the quicklook, evenly out of all."""


def write_styles(maps: SeriesMaps) -> None:
    """Styles beside every map."""
    for name in maps.layers:
        if name.startswith("classes"):
            style_classes(maps.path(name), maps.seen.legend)
        else:
            style_percent(maps.path(name))
    style_classes(maps.path("first-change"), maps.first_legend)


def write_areas(maps: SeriesMaps, areas: SeriesAreas, days: Sequence[date]) -> None:
    """``areas.csv`` and ``areas.png``."""
    folder, rows = maps.stage.drafts, areas.rows(maps.days, maps.seen.legend)
    with (folder / "areas.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    known = np.maximum(areas.alone.sum(axis=1, keepdims=True), 1e-300)
    alone = areas.alone / known * areas.total  # as if the date had data of all
    draw_areas(folder / "areas.png", days, areas.smoothed, alone, maps.seen.legend, unit=areas.unit)


def write_quicklook(maps: SeriesMaps, areas: SeriesAreas) -> None:
    """``quicklook.png``."""
    count = min(len(maps.days), SHOWN)
    chosen = sorted({round(k) for k in np.linspace(0, len(maps.days) - 1, count)})
    days = [maps.days[k] for k in chosen]

    def seen(name: str) -> np.ndarray:
        return np.asarray(RasterFile(maps.path(name)).preview([0], side_px=PANEL_PX)[0][0], np.uint8)

    draw_series(
        maps.stage.drafts / "quicklook.png",
        [(day, seen(f"classes-{day}")) for day in days],
        maps.seen.legend,
        seen("first-change"),
        maps.first_legend,
        shares=(areas.first / max(areas.total, 1e-300)).tolist(),
    )
