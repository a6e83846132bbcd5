"""Accuracy and area from a probability sample, with how sure they are.

Pixels of a map counted by class are biased by the map's own mistakes. A probability sample with reference labels gives
areas and accuracies without that bias: Olofsson, Foody, Herold, Stehman, Woodcock, Wulder: Good practices for
estimating area and assessing accuracy of land change, Remote Sensing of Environment 148, 2014,
doi 10.1016/j.rse.2014.02.015.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.stats.sampling.estimate import Estimate, Sample

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """What a sample says of a map.

    Args:
        matrix: error matrix in proportions of the population, ``(class, class)``, map by row, reference by column.
        overall: share of the population that is mapped right.
        users, producers: per class, the share right of what is mapped as it, and of what it is.
        shares: per class, its share of the population by the reference.
        mapped: per class, its share of the population by the map: known, or estimated where strata are no classes.
    """

    matrix: Values
    overall: Estimate
    users: tuple[Estimate, ...]
    producers: tuple[Estimate, ...]
    shares: tuple[Estimate, ...]
    mapped: tuple[Estimate, ...]

    def as_dict(self, names: Sequence[str], *, area: float | None = None, unit: str = "ha") -> dict[str, Any]:
        """Plain values by name of class; areas too where the population's `area` is known."""
        rows = {}
        for k, name in enumerate(names):
            rows[name] = {
                "users_accuracy": self.users[k].as_dict(),
                "producers_accuracy": self.producers[k].as_dict(),
                "share": self.shares[k].as_dict(),
                "mapped_share": self.mapped[k].as_dict(),
            }
            if area is not None:
                rows[name][f"area_{unit}"] = (self.shares[k] * area).as_dict()
                rows[name][f"mapped_area_{unit}"] = (self.mapped[k] * area).as_dict()
        return {
            "overall_accuracy": self.overall.as_dict(),
            "classes": rows,
            "error_matrix": self.matrix.round(8).tolist(),
        }


def assess(sample: Sample) -> Assessment:
    """Accuracy and area shares of a map from a sample of it.

    Raises:
        ValueError: so few units are labelled that nothing is known of their spread.
    """
    sample.check()
    each = range(sample.classes)
    right = sample.mapped == sample.truth
    return Assessment(
        _matrix(sample),
        sample.proportion(right),
        tuple(sample.ratio(right, sample.mapped == k) for k in each),
        tuple(sample.ratio(right, sample.truth == k) for k in each),
        tuple(sample.proportion(sample.truth == k) for k in each),
        tuple(sample.proportion(sample.mapped == k) for k in each),
    )


def _matrix(sample: Sample) -> Values:
    cell = sample.mapped * sample.classes + sample.truth
    flat = np.bincount(cell, sample.weights(), minlength=sample.classes**2)
    return flat.astype(np.float64).reshape(sample.classes, sample.classes)
