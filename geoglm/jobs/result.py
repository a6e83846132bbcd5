"""What a job says when it is done: where its files lie, and what it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.stats.area import class_areas, pixel_areas
from geoglm.types import GeoRef, LandClass


@dataclass(frozen=True, slots=True)
class ClassArea:
    """What a class covers: pixels, share of the valid pixels, hectares (None where the scene has no CRS)."""

    value: int
    name: str
    colour: str
    pixels: int
    share: float
    hectares: float | None


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """Where the results lie and what they say.

    Args:
        folder: with all outputs.
        classes: area of every class.
        valid_px, invalid_px: classified pixels and pixels without data.
        seconds: phase → duration.
        notes: what the user should know.
        reused: shards taken over from an interrupted run.
    """

    folder: Path
    classes: tuple[ClassArea, ...]
    valid_px: int
    invalid_px: int
    seconds: dict[str, float]
    notes: tuple[str, ...]
    reused: int

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        from geoglm.jobs.notebook.shown import segment_html

        return segment_html(self)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as in ``summary.json``."""
        return {
            "folder": str(self.folder),
            "classes": [
                {
                    "value": c.value,
                    "name": c.name,
                    "colour": c.colour,
                    "pixels": c.pixels,
                    "share": round(c.share, 6),
                    "hectares": None if c.hectares is None else round(c.hectares, 6),
                }
                for c in self.classes
            ],
            "valid_pixels": self.valid_px,
            "invalid_pixels": self.invalid_px,
            "seconds": {k: round(v, 3) for k, v in self.seconds.items()},
            "notes": list(self.notes),
            "shards_reused": self.reused,
        }


def class_table(
    scheme: Sequence[LandClass], counts: NDArray[np.integer], georef: GeoRef, width: int
) -> tuple[tuple[ClassArea, ...], int]:
    """What every class covers, and all valid pixels.

    Args:
        counts: ``(y, class)`` pixels of each class in each row.
        georef: of these rows; areas are true ones, see `geoglm.stats.area.pixel_areas`.
        width: of the scene, px.
    """
    areas = pixel_areas(georef, len(counts), width)
    square_metres = None if areas is None else class_areas(counts, areas)
    pixels = counts.sum(axis=0, dtype=np.int64)
    valid = int(pixels.sum())
    table = tuple(
        ClassArea(
            c.value,
            c.name,
            c.colour,
            int(pixels[k]),
            float(pixels[k]) / max(valid, 1),
            None if square_metres is None else float(square_metres[k]) / 1e4,
        )
        for k, c in enumerate(scheme)
    )
    return table, valid


@dataclass(frozen=True, slots=True)
class DatedResult:
    """Where the results about several dates lie and what they say.

    Args:
        folder: with all outputs.
        summary: plain values, as in ``summary.json``.
        notes: what the user should know.
    """

    folder: Path
    summary: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def changed_share(self) -> float:
        """Share of the judged area that has changed, on any date."""
        return float(self.summary["change"]["changed_share"])
