"""Two kinds of pixels by one number."""

import numpy as np

from geoglm.stats.threshold import Histogram, split


def two_kinds(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.abs(np.concatenate([rng.normal(2, 0.5, 9000), rng.normal(8, 1, 1000)]))


def test_the_threshold_is_otsus() -> None:
    """The slow way: of all thresholds, the one that leaves the least variance within the two kinds."""
    values = two_kinds()
    found = split(Histogram.of(values, 12), at_least=1)

    def within(t: float) -> float:
        return sum(len(part) * part.var() for part in (values[values < t], values[values >= t]))

    tried = np.linspace(1.5, 9, 400)
    assert within(found.threshold) <= min(within(t) for t in tried) * 1.001
    assert found.probability(np.array([found.threshold])) == [0.5]
    assert (np.diff(found.probability(np.linspace(0, 12, 50))) >= 0).all()
    sure = found.probability(np.array([2, 8]))
    assert sure[0] < 0.01
    assert sure[1] > 0.99


def test_histograms_of_blocks_add_up() -> None:
    values = two_kinds()
    parts = [Histogram.of(v, 12) for v in np.array_split(values, 7)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    assert np.array_equal(total.counts, Histogram.of(values, 12).counts)


def test_one_kind_alone_is_not_split_below_what_chance_explains() -> None:
    values = np.abs(np.random.default_rng(0).normal(2, 0.3, 5000))
    assert split(Histogram.of(values, 12), at_least=5).threshold == 5
    still = split(Histogram.of(np.zeros(100), 12), at_least=5)
    assert still.threshold == 5
    assert still.probability(np.zeros(1)) < 0.01
    nothing = split(Histogram.of(np.zeros(0), 12), at_least=5)
    assert nothing.threshold == 5
