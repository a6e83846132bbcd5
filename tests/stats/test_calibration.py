"""Calibration against its definition, and temperatures that are known beforehand."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglm.stats.calibration import BINS, LIMITS, Reliability, fit_temperature


def softmax(logits: np.ndarray) -> np.ndarray:
    chance = np.exp(logits - logits.max(1, keepdims=True))
    return chance / chance.sum(1, keepdims=True)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_the_calibration_error_is_that_of_its_definition(pixels: list[tuple[float, bool]]) -> None:
    certain, right = np.array([p[0] for p in pixels]), np.array([p[1] for p in pixels])
    error = 0.0
    for k in range(BINS):
        inside = [(c, r) for c, r in pixels if min(int(c * BINS), BINS - 1) == k]
        if inside:
            error += abs(np.mean([r for _, r in inside]) - np.mean([c for c, _ in inside])) * len(inside)
    whole = Reliability.of(certain, right)
    assert whole.error == pytest.approx(error / len(pixels), abs=1e-12)
    half = len(pixels) // 2
    parts = Reliability.of(certain[:half], right[:half]) + Reliability.of(certain[half:], right[half:])
    assert np.allclose(parts.sums, whole.sums)


@given(hnp.arrays(np.uint8, 50, elements=st.integers(0, 100)), hnp.arrays(np.bool_, 50))
def test_whole_percents_are_confidences_too(percent: np.ndarray, right: np.ndarray) -> None:
    expected = Reliability.of(percent / 100, right)
    assert np.allclose(Reliability.of_percent(percent, right).sums, expected.sums)
    assert sum(row["pixels"] for row in expected.table()) == 50


@pytest.mark.parametrize("true", [0.3, 1.0, 1.7, 6.0])
def test_a_temperature_is_found_again_and_mends_the_error(true: float) -> None:
    """Truth is drawn from softmax(z), the network says true × z: too sure by that factor."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, (40_000, 5))
    truth = (softmax(z).cumsum(1) > rng.random((len(z), 1))).argmax(1)
    found = fit_temperature(true * z, truth)
    assert found == pytest.approx(true, rel=0.03)

    def error(temperature: float) -> float:
        chance = softmax(true * z / temperature)
        return Reliability.of(chance.max(1), chance.argmax(1) == truth).error

    assert error(found) < 0.012
    assert true == 1 or error(1) > 0.05


@given(
    hnp.arrays(np.float32, (12, 4), elements=st.floats(-30, 30, width=32)),
    hnp.arrays(np.int64, 12, elements=st.integers(0, 3)),
)
def test_no_other_temperature_is_likelier(logits: np.ndarray, truth: np.ndarray) -> None:
    def loss(temperature: float) -> float:
        z = logits.astype(float) / temperature
        top = z.max(1)
        return float((np.log(np.exp(z - top[:, None]).sum(1)) + top - z[range(12), truth]).mean())

    best = fit_temperature(logits, truth)
    assert LIMITS[0] <= best <= LIMITS[1]
    assert all(loss(best) <= loss(t) + 1e-6 for t in np.geomspace(*LIMITS, 40))


def test_without_pixels_there_is_no_error_and_nothing_to_mend() -> None:
    assert np.isnan(Reliability.nothing().error)
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, int)) == 1
