"""Accuracy and area from a probability sample, with how sure they are.

Pixels of a map counted by class are biased by the map's own mistakes. A stratified sample with reference labels gives
areas and accuracies without that bias: Olofsson, Foody, Herold, Stehman, Woodcock, Wulder: Good practices for
estimating area and assessing accuracy of land change, Remote Sensing of Environment 148, 2014,
doi 10.1016/j.rse.2014.02.015. The estimators are those of Stehman, International Journal of Remote Sensing 35(13),
2014, doi 10.1080/01431161.2014.930207, which hold as well where strata and map classes differ, and are the former's
where they do not. Intervals are normal ones: with few units of a rare class they are a little too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

NORMAL_95 = 1.959964
"""Standard errors to either side that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its standard error; NaN where the sample says nothing."""

    value: float
    error: float

    @property
    def margin(self) -> float:
        """Half the width of the 95 % confidence interval."""
        return NORMAL_95 * self.error

    def __mul__(self, unit: float) -> Estimate:
        return Estimate(self.value * unit, self.error * unit)

    def as_dict(self) -> dict[str, float | None]:
        """Value, standard error and the ends of the 95 % interval, None for NaN."""
        ends = (self.value - self.margin, self.value + self.margin)
        named = zip(("value", "standard_error", "low", "high"), (self.value, self.error, *ends), strict=True)
        return {k: None if np.isnan(v) else float(v) for k, v in named}


@dataclass(frozen=True, slots=True, eq=False)
class StratifiedSample:
    """Labelled units of a stratified random sample drawn without replacement.

    Args:
        sizes: ``(stratum,)`` units in each stratum of the population.
        stratum, mapped, truth: ``(unit,)`` places of each sampled unit's stratum, map class and reference class.
        classes: number of classes of map and reference.
    """

    sizes: NDArray[np.int64]
    stratum: NDArray[np.int64]
    mapped: NDArray[np.int64]
    truth: NDArray[np.int64]
    classes: int

    @property
    def taken(self) -> NDArray[np.int64]:
        """``(stratum,)`` units in the sample."""
        return np.bincount(self.stratum, minlength=len(self.sizes))

    def proportion(self, has: NDArray[np.bool_]) -> Estimate:
        """Share of the population for which `has`, a ``(unit,)`` truth about the sample, holds."""
        mean, spread = self._moments(has.astype(np.float64), has.astype(np.float64))
        weight = self.sizes / self.sizes.sum()
        variance = (weight**2 * self._finite() * spread / np.maximum(self.taken, 1)).sum()
        return Estimate(float((weight * mean).sum()), float(np.sqrt(variance)))

    def ratio(self, part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> Estimate:
        """Share of those in `whole` that are in `part` too: the combined ratio estimator; NaN where there is none."""
        y, x = (part & whole).astype(np.float64), whole.astype(np.float64)
        (mean_y, var_y), (mean_x, var_x) = self._moments(y, y), self._moments(x, x)
        _, both = self._moments(y, x)
        total = float((self.sizes * mean_x).sum())
        if total == 0:
            return Estimate(np.nan, np.nan)
        share = float((self.sizes * mean_y).sum()) / total
        spread = var_y + share**2 * var_x - 2 * share * both
        variance = (self.sizes**2.0 * self._finite() * spread / np.maximum(self.taken, 1)).sum() / total**2
        return Estimate(share, float(np.sqrt(max(variance, 0.0))))

    def _moments(self, y: Values, x: Values) -> tuple[Values, Values]:
        """Mean of `y` in each stratum, and the covariance of `y` with `x` there."""
        count = self.taken

        def summed(values: Values) -> Values:
            return np.bincount(self.stratum, values, minlength=len(count)).astype(np.float64)

        filled = np.maximum(count, 1)
        mean = summed(y) / filled
        covariance = (summed(y * x) - filled * mean * summed(x) / filled) / np.maximum(count - 1, 1)
        return mean, covariance

    def _finite(self) -> Values:
        """What is left of the variance when a share of a finite stratum has been seen."""
        left: Values = 1 - self.taken / np.maximum(self.sizes, 1)
        return left

    def matrix(self) -> Values:
        """The error matrix in proportions of the population, ``(class, class)``, map by row and reference by column."""
        weight = self.sizes / self.sizes.sum() / np.maximum(self.taken, 1)
        cell = self.mapped * self.classes + self.truth
        flat = np.bincount(cell, weight[self.stratum], minlength=self.classes**2)
        return flat.astype(np.float64).reshape(self.classes, self.classes)


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """What a sample says of a map.

    Args:
        matrix: see `StratifiedSample.matrix`.
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


def assess(sample: StratifiedSample) -> Assessment:
    """Accuracy and area shares of a map from a sample of it.

    Raises:
        ValueError: a stratum with units has fewer than two in the sample, so nothing is known of its spread.
    """
    thin = np.flatnonzero((sample.sizes > 0) & (sample.taken < np.minimum(sample.sizes, 2)))
    if len(thin):
        raise ValueError(f"stratum {int(thin[0])} has {int(sample.taken[thin[0]])} labelled units; 2 are needed")
    each = range(sample.classes)
    right = sample.mapped == sample.truth
    return Assessment(
        sample.matrix(),
        sample.proportion(right),
        tuple(sample.ratio(right, sample.mapped == k) for k in each),
        tuple(sample.ratio(right, sample.truth == k) for k in each),
        tuple(sample.proportion(sample.truth == k) for k in each),
        tuple(sample.proportion(sample.mapped == k) for k in each),
    )
