"""Everything measured between a map and a reference, at each ground resolution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.stats import accuracy
from geoglm.stats.boundary import TOLERANCE_PX, Index, boundary_counts, boundary_f1, tolerance_at
from geoglm.stats.calibration import Calibration, Reliability
from geoglm.types import INVALID

RATIOS = {
    "iou": accuracy.intersection_over_union,
    "f1": accuracy.f1_score,
    "users_accuracy": accuracy.precision,
    "producers_accuracy": accuracy.recall,
}
"""What is told of each class, besides boundary F1."""


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """A map against a reference; agreements of blocks and scenes are added up.

    Args:
        confusion: ``(class, class)`` pixels, truth by row and map by column.
        boundary: ``(class, 4)``, see `boundary_counts`.
        reliability: of the map's confidence; of no pixel where it has none.
    """

    confusion: NDArray[np.int64]
    boundary: NDArray[np.int64]
    reliability: Reliability

    @classmethod
    def nothing(cls, classes: int) -> Agreement:
        """Of no pixel."""
        return cls(np.zeros((classes, classes), np.int64), np.zeros((classes, 4), np.int64), Reliability.nothing())

    @classmethod
    def of(
        cls,
        truth: NDArray[np.uint8],
        found: NDArray[np.uint8],
        percent: NDArray[np.uint8] | None,
        *,
        classes: int,
        core: Index = (slice(None), slice(None)),
        tolerance_px: int = TOLERANCE_PX,
    ) -> Agreement:
        """Of one block.

        Args:
            truth, found: ``(y, x)`` class places, 255 for none.
            percent: ``(y, x)`` confidence in whole percent; None where the map has none.
            core, tolerance_px: the part that is counted, and how near outlines must lie; see `boundary_counts`.
        """
        outlines = boundary_counts(truth, found, classes=classes, core=core, tolerance_px=tolerance_px)
        truth, found = truth[core], found[core]
        sure = Reliability.nothing()
        if percent is not None:
            certain = percent[core]
            known = (truth < classes) & (found < classes) & (certain != INVALID)
            sure = Reliability.of_percent(certain[known], truth[known] == found[known])
        return cls(accuracy.count_pairs(truth, found, classes=classes), outlines, sure)

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            self.confusion + other.confusion, self.boundary + other.boundary, self.reliability + other.reliability
        )

    @property
    def pixels(self) -> int:
        """Labelled pixels that the map has a class for."""
        return int(self.confusion.sum())

    @property
    def miou(self) -> float:
        """Mean IoU over the classes that the reference has."""
        return accuracy.mean_iou(self.confusion)

    @property
    def iou(self) -> NDArray[np.float64]:
        """IoU of each class."""
        return accuracy.intersection_over_union(self.confusion)

    @property
    def overall_accuracy(self) -> float:
        """Share of labelled pixels that are mapped right."""
        return accuracy.overall_accuracy(self.confusion)

    @property
    def boundary_f1(self) -> float:
        """Mean boundary F1 over the classes that the reference has an outline of."""
        there = self.boundary[:, 2] > 0
        return float(boundary_f1(self.boundary)[there].mean()) if there.any() else math.nan

    @property
    def calibration_error(self) -> float:
        """Expected calibration error; NaN where the map has no confidence."""
        return self.reliability.error

    def as_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """Plain values for JSON; None for what the reference says nothing about."""
        ratios = {name: ratio(self.confusion) for name, ratio in RATIOS.items()}
        ratios["boundary_f1"] = boundary_f1(self.boundary)
        counts = self.confusion.sum(axis=1)
        return {
            "pixels": self.pixels,
            "miou": _plain(self.miou),
            "overall_accuracy": _plain(self.overall_accuracy),
            "boundary_f1": _plain(self.boundary_f1),
            "ece": _plain(self.calibration_error),
            "classes": {
                name: {"pixels": int(counts[k])} | {title: _plain(values[k]) for title, values in ratios.items()}
                for k, name in enumerate(classes)
            },
            "confusion_matrix": self.confusion.tolist(),
            "reliability": self.reliability.table(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """How well a model maps labelled scenes, seen at one or more magnifications.

    Args:
        classes: names, in the order of all counts.
        by_scale: pixels a side in terms of the scene's own → agreement. At 0.5 the scene has half as many pixels a
            side, each twice as coarse on the ground; at 2 twice as many, each half as coarse.
        calibration: the temperature fitted on these scenes, where one was.
        notes: what the user should know.
        facts: what was compared with what, for the record.
    """

    classes: tuple[str, ...]
    by_scale: Mapping[float, Agreement]
    calibration: Calibration | None = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] | None = None

    @property
    def own(self) -> Agreement:
        """At the scene's own resolution, or at the one nearest to it that was measured."""
        return self.by_scale[min(self.by_scale, key=lambda s: abs(math.log(s)))]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON and for the card: the main figures, then all of them by resolution."""
        own = self.own
        return {
            **(self.facts or {}),
            "miou": _plain(own.miou),
            "overall_accuracy": _plain(own.overall_accuracy),
            "iou": {name: _plain(v) for name, v in zip(self.classes, own.iou, strict=True)},
            "by_resolution": {
                f"{s:g}": a.as_dict(self.classes) | {"boundary_tolerance_px": tolerance_at(s)}
                for s, a in sorted(self.by_scale.items())
            },
            **({} if self.calibration is None else {"calibration": self.calibration.as_dict()}),
            **({"notes": list(self.notes)} if self.notes else {}),
        }


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
