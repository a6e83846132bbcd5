"""How often the 95 % intervals of samples in blocks hold the truth, by the number of blocks: an invented, patchy map.

python benchmarks/intervals.py [SAMPLES]      under a second for each thousand on one core
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from geoglm.stats.sampling.two_stage import TwoStageSample

SIDE, EDGE, EACH = 16, 22, 12
"""Side of a block in pixels, of the map in blocks, and points in a drawn block."""
CLASS_SHARES = (0.25, 0.6)


def patchy(rng: np.random.Generator, coarse: float) -> NDArray[np.int64]:
    """``(block, pixel)`` three classes of a map in which neighbours are alike."""
    field = gaussian_filter(rng.normal(size=(EDGE * SIDE, EDGE * SIDE)), coarse)
    classes = np.searchsorted(np.quantile(field, CLASS_SHARES), field)
    return classes.reshape(EDGE, SIDE, EDGE, SIDE).swapaxes(1, 2).reshape(EDGE**2, SIDE**2)


def covered(count: int, samples: int, seed: int = 11) -> dict[str, float]:
    """Share of the samples of `count` blocks whose intervals hold the truth."""
    rng = np.random.default_rng(seed)
    truth, mistakes, other = (patchy(rng, coarse) for coarse in (5, 3, 3))
    mapped = np.where(mistakes == 0, other, truth)
    right = {
        "overall": (mapped == truth).mean(),
        "share": (truth == 0).mean(),
        "user's": (truth == 0)[mapped == 0].mean(),
        "producer's": (mapped == 0)[truth == 0].mean(),
    }
    hits = dict.fromkeys(right, 0)
    for _ in range(samples):
        drawn = rng.choice(EDGE**2, count, replace=False)
        units = drawn[:, None], rng.random((count, SIDE**2)).argpartition(EACH)[:, :EACH]
        m, t = mapped[units].ravel(), truth[units].ravel()
        stratum, pixels = np.zeros(count, np.int64), np.full(count, SIDE**2)
        sample = TwoStageSample(np.array([EDGE**2]), stratum, pixels, np.repeat(np.arange(count), EACH), m, t, 3)
        told = (
            sample.proportion(m == t),
            sample.proportion(t == 0),
            sample.ratio(m == t, m == 0),
            sample.ratio(m == t, t == 0),
        )
        for (name, value), estimate in zip(right.items(), told, strict=True):
            hits[name] += abs(estimate.value - value) <= estimate.margin
    return {name: hit / samples for name, hit in hits.items()}


if __name__ == "__main__":
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    for count in (20, 40, 60, 120):
        told = "  ".join(f"{name} {share:.1%}" for name, share in covered(count, samples).items())
        print(f"{count:4d} blocks: {told}", flush=True)
