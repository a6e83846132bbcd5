"""Whether a confidence means what it says, and the one number that mends it.

Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks. ICML 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Equal-width bins of confidence, as in the paper."""

LIMITS = (0.05, 20.0)
"""A fitted temperature stays within these; one at a limit says that confidence tells nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Confidence against success, bin by bin; those of parts are added up.

    Args:
        sums: ``(bin, 3)`` float64: pixels, their summed confidence, pixels that are right.
    """

    sums: NDArray[np.float64]

    @classmethod
    def nothing(cls) -> Reliability:
        """Of no pixel."""
        return cls(np.zeros((BINS, 3)))

    @classmethod
    def of(cls, confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_]) -> Reliability:
        """Of pixels with `confidence` in 0…1; bin k holds [k / 15, (k + 1) / 15), the last one 1 as well."""
        certain = confidence.ravel().astype(np.float64)
        place = (certain * BINS).astype(np.intp).clip(0, BINS - 1)
        weights = (None, certain, right.ravel().astype(np.float64))
        return cls(np.stack([np.bincount(place, w, minlength=BINS) for w in weights], axis=1).astype(np.float64))

    @classmethod
    def of_percent(cls, percent: NDArray[np.uint8], right: NDArray[np.bool_]) -> Reliability:
        """Of pixels whose confidence is given in whole percent, as maps hold it."""
        total, hit = (np.bincount(p.ravel(), minlength=101)[:101] for p in (percent, percent[right]))
        certain = np.arange(101) / 100
        place = (certain * BINS).astype(np.intp).clip(0, BINS - 1)
        weights = (total, total * certain, hit)
        return cls(np.stack([np.bincount(place, w, minlength=BINS) for w in weights], axis=1))

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(self.sums + other.sums)

    @property
    def error(self) -> float:
        """Expected calibration error: mean |accuracy − confidence| of the bins, weighted by pixels; NaN of none."""
        pixels, certain, right = self.sums.T
        return float(np.abs(right - certain).sum() / pixels.sum()) if pixels.sum() else float("nan")

    def table(self) -> list[dict[str, float]]:
        """A row for each bin that holds a pixel: its limits, pixels, mean confidence and accuracy."""
        return [
            {
                "from": round(k / BINS, 4),
                "to": round((k + 1) / BINS, 4),
                "pixels": int(pixels),
                "confidence": round(certain / pixels, 4),
                "accuracy": round(right / pixels, 4),
            }
            for k, (pixels, certain, right) in enumerate(self.sums.tolist())
            if pixels
        ]


def fit_temperature(logits: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]]) -> float:
    """The temperature T for which softmax(logits / T) gives the truth the greatest likelihood.

    The mean negative log-likelihood is convex in b = 1 / T: its slope E[z] − z_truth grows with b, its curvature is
    Var[z] ≥ 0, both under softmax(b z). Newton's steps find the zero of the slope, halving the interval where they
    would leave it.

    Args:
        logits: ``(n, class)``, a sample of labelled pixels.
        truth: ``(n,)`` class places.

    Returns:
        T within `LIMITS`; above 1 where the network is too sure of itself. 1 without any pixel.
    """
    if not len(truth):
        return 1.0
    z = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    there = z[np.arange(len(z)), truth].mean()
    low, high = 1 / LIMITS[1], 1 / LIMITS[0]
    b = 1.0
    for _ in range(100):
        chance = np.exp(b * z)
        chance /= chance.sum(axis=1, keepdims=True)
        mean = (chance * z).sum(axis=1)
        slope = mean.mean() - there
        low, high = (b, high) if slope < 0 else (low, b)
        curve = ((chance * z * z).sum(axis=1) - mean**2).mean()
        step = b - slope / curve if curve > 0 else low
        after = step if low < step < high else (low + high) / 2
        if abs(after - b) < 1e-9 * b:
            break
        b = after
    return float(1 / b)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A temperature, and the expected calibration error without and with it.

    Args:
        temperature: fitted on all pixels.
        before: error as the network is.
        after: error when either half of the pixels is scaled by the temperature of the other, so that no pixel is
            judged by a temperature it had a say in.
        pixels: how many it was fitted on.
    """

    temperature: float
    before: float
    after: float
    pixels: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as in the card."""
        return {
            "temperature": round(self.temperature, 4),
            "ece_before": round(self.before, 4),
            "ece_after": round(self.after, 4),
            "pixels": self.pixels,
        }


def calibrate(logits: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]]) -> Calibration:
    """Fit a temperature and measure what it mends.

    Args:
        logits: ``(n, class)`` of labelled pixels, in an order that keeps neighbours together: the halves that judge
            each other are the first and the second of it.
        truth: ``(n,)`` class places.
    """
    half = len(truth) // 2
    parts = (logits[:half], truth[:half]), (logits[half:], truth[half:])
    swapped = (fit_temperature(*parts[1]), fit_temperature(*parts[0]))
    after = sum((_reliability(*p, t) for p, t in zip(parts, swapped, strict=True)), Reliability.nothing())
    before = _reliability(logits, truth, 1.0)
    return Calibration(fit_temperature(logits, truth), before.error, after.error, len(truth))


def _reliability(logits: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]], temperature: float) -> Reliability:
    if not len(truth):
        return Reliability.nothing()
    z = (logits - logits.max(axis=1, keepdims=True)).astype(np.float64) / temperature
    confidence = 1 / np.exp(z).sum(axis=1)
    return Reliability.of(confidence, logits.argmax(axis=1) == truth)
