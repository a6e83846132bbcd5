import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglm.errors import SceneMismatch
from geoglm.pixels.scale import Scaling, percentile_scale

SCALING = Scaling(mean=(0.4, 0.5), std=(0.2, 0.3), full_scale={"uint8": 255})


@given(st.floats(0, 70_000), st.floats(1, 70_000))
def test_slope_and_offset_say_what_the_contract_says(value: float, full: float) -> None:
    slope, offset = SCALING.slope_and_offset(full)
    for k in range(2):
        expected = (value / full - SCALING.mean[k]) / SCALING.std[k]
        assert slope[k] * value + offset[k] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_the_fill_value_is_zero_to_the_network() -> None:
    slope, offset = SCALING.slope_and_offset(10_000)
    assert np.asarray(SCALING.fill(10_000)) * slope + offset == pytest.approx([0, 0], abs=1e-6)


def test_sixteen_bits_are_never_divided_by_255_in_silence() -> None:
    with pytest.raises(SceneMismatch, match=r"uint16 pixels with values 3 to 3021.*--scale 10000"):
        SCALING.full_for("uint16", None, (3, 3021))
    for dtype, highest, usual in (
        ("float32", 1.1, 1),
        ("float32", 255, 255),
        ("uint16", 1, 255),
        ("uint16", 60_000, 65535),
    ):
        with pytest.raises(SceneMismatch, match=rf"\(--scale {usual}\)"):
            SCALING.full_for(dtype, None, (0, highest))
    assert SCALING.full_for("uint16", 10_000, None) == 10_000
    assert SCALING.full_for("uint8", None, None) == 255


def test_auto_scale_is_the_percentile_of_valid_pixels() -> None:
    pixels = np.arange(1000, dtype=np.uint16).reshape(1, 10, 100)
    valid = np.ones((10, 100), bool)
    valid[9] = False
    assert percentile_scale(pixels, valid, 50) == pytest.approx(449.5)
    with pytest.raises(SceneMismatch, match="no valid pixel above zero"):
        percentile_scale(pixels, np.zeros_like(valid))


@given(st.floats(-500, 70_000), st.floats(1, 70_000), st.floats(0, 1000))
def test_the_logistic_of_a_logarithm_is_that_of_dynamic_world(value: float, full: float, zero: float) -> None:
    """Written as its authors do: y = (ln(0.005 x + 1) − a) / b, then the logistic function of 5 y − 1."""
    a, b = (1.7417268, 2.2891541), (2.0232987, 2.6171675)
    mean, std = (tuple(p + q / 5 for p, q in zip(a, b, strict=True)), tuple(q / 5 for q in b))
    scaling = Scaling(mean, std, gain=(50.0, 50.0), zero=zero)
    x = max((value - zero) / full, 0) * 10_000
    y = (np.log(0.005 * x + 1) - np.array(a)) / np.array(b)
    assert scaling.applied(np.array([value, value]), full) == pytest.approx(1 / (1 + np.exp(1 - 5 * y)), abs=1e-4)
    assert scaling.applied(np.array(scaling.fill(full)), full) == pytest.approx(0.5, abs=1e-3)


@given(st.integers(0, 2**32 - 1), st.floats(1, 5000), st.floats(-100, 100))
def test_a_stretch_brings_the_middle_of_a_scene_to_one_half_whatever_its_units(
    seed: int, full: float, zero: float
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 3000, (2, 30, 30)).astype(np.float32)
    asked = Scaling((0.0, 0.5), (1.0, 0.5), percentiles=(10, 90), zero=zero)
    found = asked.stretched(pixels, np.ones((30, 30), bool), full).applied(pixels, full)
    low, high = (np.percentile(pixels, q, axis=(1, 2)).reshape(2, 1, 1) for q in (10, 90))
    stretched = ((pixels - low) / (high - low)).clip(0, 1)
    assert found[0] == pytest.approx(stretched[0], abs=1e-3)
    assert found[1] == pytest.approx(2 * stretched[1] - 1, abs=2e-3)


def test_a_scene_without_data_is_stretched_all_the_same() -> None:
    scaling = Scaling((0.0,), (1.0,), percentiles=(2, 98))
    nothing = scaling.stretched(np.zeros((1, 4, 4)), np.zeros((4, 4), bool), 1.0)
    assert nothing.applied(np.array([0.25]), 1.0) == pytest.approx(0.25)
    assert not scaling.is_linear
