"""Change between two dates without a model: iteratively reweighted multivariate alteration detection.

Nielsen: The regularized iteratively reweighted MAD method for change detection in multi- and hyperspectral data, IEEE
Transactions on Image Processing 16(2), 2007, doi 10.1109/TIP.2006.888195. Canonical correlation analysis finds the
combinations of bands that agree best between the dates where nothing has changed; their differences are what changed.
A gain and an offset of any band of either date change nothing, so haze, sun and calibration need no correction.

Weights that prefer quiet pixels make the spread of the quiet ones look too small, round after round. It is put right
here by the factor that weighting has on a χ² variable (as M-estimators of scale are made consistent: Maronna 1976, doi
10.1214/aos/1176343347), so that where nothing changed the statistic is χ², and its quantiles mean what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, solve
from scipy.special import betainc
from scipy.stats import chi2

Values = NDArray[np.float64]
Blocks = Callable[[], Iterable[tuple[Values, Values]]]
"""Gives the pixels of both dates block by block, ``(band, n)`` each, as often as it is called."""

ROUNDS, SETTLED = 50, 0.01
"""Rounds at most, and the growth of the information in common, as a share of it, below which no more are made. Where
ground differs by more than chance all over, it grows on slowly while ever less ground counts as unchanged."""

STEADIEST = 1e-6
"""Share of a band's variance that counts as noise: of bands that repeat each other, and of dates that are the same."""

LEAST_VARIETY = 0.1
"""Variance that the bands keep under weights, as a share of that of all pixels, below which no more rounds are made:
what is left then is one kind of ground. Pairs of which up to 45 % had changed kept 0.13 and more, on coasts it fell to
0.00."""

DEAD = 1e-9
"""Share of the bands' mean variance that every band has at least: one without any would have no inverse."""

TINY = 1e-300
"""Keeps sums of no weight from being divided by."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Weighted first and second moments of the bands of both dates; those of blocks are added up.

    Args:
        weight: sum of weights.
        mean: ``(bands,)`` of both dates, one after the other.
        spread: ``(bands, bands)`` weighted sum of products of deviations.
    """

    weight: float
    mean: Values
    spread: Values

    @classmethod
    def of(cls, stacked: Values, weights: Values) -> Moments:
        """Of pixels ``(bands, n)`` with `weights` ``(n,)``."""
        total = float(weights.sum())
        mean = stacked @ weights / max(total, TINY)
        away = stacked - mean[:, None]
        return cls(total, mean, (away * weights) @ away.T)

    def __add__(self, other: Moments) -> Moments:
        """Both together (Chan, Golub, LeVeque 1979)."""
        weight = self.weight + other.weight
        step = other.mean - self.mean
        share = other.weight / max(weight, TINY)
        crossed = self.weight * share * np.outer(step, step)
        return Moments(weight, self.mean + share * step, self.spread + other.spread + crossed)


@dataclass(frozen=True, slots=True, eq=False)
class Alteration:
    """What tells change from no change.

    Args:
        before_mean, after_mean: ``(bands,)``.
        before_axes, after_axes: ``(bands, variates)`` canonical vectors, least correlated pair first.
        correlation: ``(variates,)`` canonical correlations; as many as the date with fewer bands has.
        forecasts: ``(bands, bands)`` of the first date by the second, and of the second by the first: linear regression
            on unchanged pixels.
        spreads: ``(bands,)`` standard deviations of unchanged pixels, of the first and of the second date.
        scatter: factor by which the spread of unchanged pixels seems smaller than it is.
        in_common: largest canonical correlation while every pixel counted the same. Those of `correlation` come near
            1 even for dates of different ground, of which some pixels are always alike.
    """

    before_mean: Values
    after_mean: Values
    before_axes: Values
    after_axes: Values
    correlation: Values
    forecasts: tuple[Values, Values]
    spreads: tuple[Values, Values]
    scatter: float = 1.0
    in_common: float = 1.0

    @classmethod
    def of(cls, moments: Moments, bands: int, *, weighted: bool) -> Alteration:
        """From the moments of unchanged pixels.

        Args:
            bands: of the first date.
            weighted: the moments are weighted by `unchanged`.
        """
        covariance = moments.spread / max(moments.weight, TINY)
        spread = np.diag(covariance)
        dead = np.concatenate([np.full(len(s), DEAD * s.mean()) for s in (spread[:bands], spread[bands:])])
        covariance = covariance + np.diag(STEADIEST * spread + dead + 1e-12)
        first, second, both = covariance[:bands, :bands], covariance[bands:, bands:], covariance[:bands, bands:]
        if bands <= len(covariance) - bands:
            correlation, axes, paired = _canonical(first, second, both)
        else:
            correlation, paired, axes = _canonical(second, first, both.T)
        scatter = scatter_of(len(correlation)) if weighted else 1.0
        forecasts: tuple[Values, Values] = (solve(second, both.T).T, solve(first, both).T)
        spreads = np.sqrt(spread[:bands]), np.sqrt(spread[bands:])
        common = float(correlation.max())
        means = moments.mean[:bands], moments.mean[bands:]
        return cls(*means, axes, paired, correlation, forecasts, spreads, scatter, common)

    @property
    def shared(self) -> float:
        """Information that the dates have in common, nats a pixel (of normal variables: Gelfand, Yaglom 1957)."""
        return float(-0.5 * np.log(np.maximum(1 - self.correlation**2, STEADIEST)).sum())

    def variety(self, whole: Alteration) -> float:
        """Variance of the bands as a share of that in `whole`, geometric mean; of the date that has less of it left."""
        pairs = zip(self.spreads, whole.spreads, strict=True)
        return float(min(np.exp(2 * np.log(np.maximum(a, TINY) / np.maximum(b, TINY)).mean()) for a, b in pairs))

    def statistic(self, before: Values, after: Values) -> Values:
        """``(n,)`` sum of squared standardised differences; χ² with as many degrees of freedom as variates where
        nothing changed.

        Args:
            before, after: ``(band, n)``.
        """
        difference = self.before_axes.T @ (before - self.before_mean[:, None])
        difference -= self.after_axes.T @ (after - self.after_mean[:, None])
        variance = np.maximum(2 * (1 - self.correlation), 2 * STEADIEST) / self.scatter
        total: Values = (difference**2 / variance[:, None]).sum(axis=0)
        return total

    def unchanged(self, statistic: Values) -> Values:
        """Probability of a statistic as large or larger where nothing changed."""
        likely: Values = chi2.sf(statistic, len(self.correlation))
        return likely

    def beyond_chance(self, probability: float) -> float:
        """Square root of the statistic that unchanged pixels exceed with this probability."""
        return float(np.sqrt(chi2.isf(probability, len(self.correlation))))


def _canonical(narrow: Values, wide: Values, both: Values) -> tuple[Values, Values, Values]:
    """Canonical correlations ``(k,)`` and vectors ``(bands, k)`` of two sets of bands, the first not the larger."""
    projected = both @ solve(wide, both.T)
    squared, axes = eigh((projected + projected.T) / 2, narrow)
    correlation = np.sqrt(squared.clip(0, 1))
    return correlation, axes, solve(wide, both.T @ axes) / np.maximum(correlation, 1e-9)


def scatter_of(variates: int) -> float:
    """How much smaller a variance becomes when normal pixels are weighted by how likely their χ² is exceeded.

    The mean of ``x`` weighted by ``P(X > x)``, for X in χ² of k degrees of freedom, is k times this; since ``x`` times
    the density of k is k times that of k + 2, it comes down to how often a χ² of k + 2 is less than one of k.

    >>> scatter_of(2)
    0.5
    """
    return float(2 * betainc(variates / 2 + 1, variates / 2, 0.5))


def alteration(blocks: Blocks) -> Alteration:
    """The transformation of a pair, refined until it settles: pixels count by how unchanged they looked before.

    The less changed ground counts, the more the dates have in common, as long as it is the change that goes. Where that
    falls again, or little is left of the variety of the scene, what counts has become one kind of ground, open water
    mostly, whose bands hold little but noise, and the rest of the scene would count as changed; so the last
    transformation well before that is taken.

    Raises:
        ValueError: there is no pixel.
    """
    rounds: list[Alteration] = []
    for _ in range(ROUNDS):
        last = rounds[-1] if rounds else None
        total: Moments | None = None
        bands = 0
        for before, after in blocks():
            bands = len(before)
            weights = np.ones(before.shape[1]) if last is None else last.unchanged(last.statistic(before, after))
            part = Moments.of(np.concatenate([before, after]), weights)
            total = part if total is None else total + part
        if total is None or not total.weight:
            raise ValueError("the two dates have no valid pixel in common")
        new = Alteration.of(total, bands, weighted=last is not None)
        if last is not None:
            new = replace(new, in_common=last.in_common)
            if new.shared < last.shared or new.variety(rounds[0]) < LEAST_VARIETY:
                return _before_collapse(rounds)
            if new.shared - last.shared < SETTLED * last.shared:
                return new
        rounds.append(new)
    return rounds[-1]


def _before_collapse(rounds: list[Alteration]) -> Alteration:
    """The last of `rounds` that kept half of the variety that the first weighted one has: it goes faster and faster."""
    enough = rounds[1].variety(rounds[0]) / 2 if len(rounds) > 1 else 0.0
    return next(r for r in reversed(rounds) if r.variety(rounds[0]) >= enough)
