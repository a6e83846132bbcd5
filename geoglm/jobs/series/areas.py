"""What a series found, in areas: of every class on every date, and of first changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.jobs.series.maps import Counts
from geoglm.stats.area import pixel_areas
from geoglm.types import LandClass, SceneMeta


@dataclass(frozen=True, slots=True, eq=False)
class SeriesAreas:
    """Areas in `unit`: ``ha``, or ``px`` where the scenes do not say where they lie.

    Args:
        pixels: ``(date, class)`` after smoothing.
        smoothed: ``(date, class)`` areas after smoothing.
        alone: ``(date, class)`` areas as each date was seen by itself, without what it has no data of.
        first: ``(date,)`` areas that first changed on a date; at date 0 those that never did.
        flips: changes from a date to the next, of the dates by themselves and smoothed.
    """

    unit: str
    pixels: NDArray[np.int64]
    smoothed: NDArray[np.float64]
    alone: NDArray[np.float64]
    first: NDArray[np.float64]
    flips: tuple[int, int]

    @classmethod
    def of(cls, counts: Counts, grid: SceneMeta) -> SeriesAreas:
        """From rows of pixels, whose areas may differ."""
        metres = pixel_areas(grid.georef, grid.height, grid.width)
        row = np.ones(grid.height) if metres is None else metres / 1e4
        smoothed, alone, first = (
            np.tensordot(row, c, axes=(0, 0)) for c in (counts.smoothed, counts.alone, counts.first)
        )
        unit = "px" if metres is None else "ha"
        return cls(unit, counts.smoothed.sum(axis=0), smoothed, alone, first, counts.flips)

    @property
    def total(self) -> float:
        """Area that any date has data of."""
        return float(self.first.sum())

    @property
    def seen(self) -> NDArray[np.float64]:
        """``(date,)`` share of that which each date has data of."""
        share: NDArray[np.float64] = self.alone.sum(axis=1) / max(self.total, 1e-300)
        return share

    def rows(self, days: Sequence[str], legend: Sequence[LandClass]) -> list[dict[str, Any]]:
        """A row for every date and class, as in ``areas.csv``: shares are of what is known of a date."""
        total, known = max(self.total, 1e-300), np.maximum(self.alone.sum(axis=1), 1e-300)
        return [
            {
                "date": day,
                "value": c.value,
                "class": c.name,
                "pixels": int(self.pixels[t, k]),
                f"area_{self.unit}": round(float(self.smoothed[t, k]), 6),
                "share": round(float(self.smoothed[t, k]) / total, 6),
                "share_by_itself": round(float(self.alone[t, k] / known[t]), 6),
            }
            for t, day in enumerate(days)
            for k, c in enumerate(legend)
        ]

    def changes(self, days: Sequence[str]) -> dict[str, Any]:
        """Plain values of what changed."""
        total, (alone, smoothed) = max(self.total, 1e-300), self.flips
        later = list(zip(days, self.first.tolist(), strict=True))[1:]
        changed = sum(area for _, area in later)
        return {
            "unit": self.unit,
            "judged": round(self.total, 6),
            "changed": round(changed, 6),
            "changed_share": round(changed / total, 6),
            "first_change": [
                {"value": k, "date": day, "area": round(area, 6), "share": round(area / total, 6)}
                for k, (day, area) in enumerate(later, 1)
            ],
            "flips_by_themselves": alone,
            "flips_smoothed": smoothed,
        }
