"""Stratified random samples.

The estimators are those of Stehman, International Journal of Remote Sensing 35(13), 2014,
doi 10.1080/01431161.2014.930207, which hold as well where strata and map classes differ, and are those of Olofsson et
al. 2014 (doi 10.1016/j.rse.2014.02.015) where they do not. Intervals are normal ones: with few units of a rare class
they are a little too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglm.stats.sampling.estimate import Estimate

Values = NDArray[np.float64]


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

    def weights(self) -> Values:
        """See `Sample.weights`."""
        share: Values = self.sizes / self.sizes.sum() / np.maximum(self.taken, 1)
        return share[self.stratum]

    def check(self) -> None:
        """Two units are needed in every stratum that has as many."""
        thin = np.flatnonzero((self.sizes > 0) & (self.taken < np.minimum(self.sizes, 2)))
        if len(thin):
            raise ValueError(f"stratum {int(thin[0])} has {int(self.taken[thin[0]])} labelled units; 2 are needed")
