"""Telling two kinds of pixels apart by one number, from a histogram that is counted block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """How often which value occurs; those of blocks are added up.

    Args:
        top: values lie between 0 and this, the last bin holds all beyond.
        counts: ``(bins,)``.
    """

    top: float
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, values: NDArray[np.floating], top: float) -> Histogram:
        """Of values that are not negative, of any shape."""
        bins = np.minimum((values.ravel() * (BINS / top)).astype(np.int64), BINS - 1)
        return cls(top, np.bincount(bins, minlength=BINS))

    def __add__(self, other: Histogram) -> Histogram:
        return Histogram(self.top, self.counts + other.counts)

    @property
    def middles(self) -> NDArray[np.float64]:
        """``(bins,)`` what the values of a bin are taken for."""
        middles: NDArray[np.float64] = (np.arange(len(self.counts)) + 0.5) * self.top / len(self.counts)
        return middles


@dataclass(frozen=True, slots=True)
class Split:
    """Where quiet pixels end and loud ones begin.

    Args:
        threshold: values above are loud.
        steepness: how fast one turns into the other there, per unit of value.
    """

    threshold: float
    steepness: float

    def probability(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """That a pixel of this value is loud: 0.5 at the threshold.

        The posterior of two normal distributions of one spread, each as likely beforehand, whose means lie as far apart
        as those of the two kinds (linear discriminant analysis).
        """
        away = np.clip(self.steepness * (np.asarray(values, np.float64) - self.threshold), -50, 50)
        likely: NDArray[np.float64] = 1 / (1 + np.exp(-away))
        return likely


def split(histogram: Histogram, *, at_least: float) -> Split:
    """The threshold of Otsu 1979 (doi 10.1109/TSMC.1979.4310076), which makes the two kinds most alike within.

    It finds two kinds even where there is only one; `at_least`, what chance alone explains, keeps it from that.
    """
    counts, middles = histogram.counts.astype(np.float64), histogram.middles
    low = np.cumsum(counts)
    high = low[-1] - low
    sums = np.cumsum(counts * middles)
    parted = (low > 0) & (high > 0)
    low_mean = np.divide(sums, low, out=np.zeros_like(sums), where=low > 0)
    high_mean = np.divide(sums[-1] - sums, high, out=np.zeros_like(sums), where=high > 0)
    between = np.where(parted, low * high * (high_mean - low_mean) ** 2, 0)
    best = int(between.argmax())
    edge = (best + 1) * histogram.top / len(counts) if parted.any() else 0.0
    threshold = max(edge, at_least)
    apart = histogram.top / 2 if not parted.any() else float(high_mean[best] - low_mean[best])
    total = max(low[-1], 1.0)
    variance = (counts @ (middles - sums[-1] / total) ** 2 - between[best] / total) / total
    return Split(threshold, apart / max(float(variance), (0.05 * at_least) ** 2))
