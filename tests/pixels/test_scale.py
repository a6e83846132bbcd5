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
    assert SCALING.full_for("uint16", 10_000, None) == 10_000
    assert SCALING.full_for("uint8", None, None) == 255


def test_auto_scale_is_the_percentile_of_valid_pixels() -> None:
    pixels = np.arange(1000, dtype=np.uint16).reshape(1, 10, 100)
    valid = np.ones((10, 100), bool)
    valid[9] = False
    assert percentile_scale(pixels, valid, 50) == pytest.approx(449.5)
    with pytest.raises(SceneMismatch, match="no valid pixel above zero"):
        percentile_scale(pixels, np.zeros_like(valid))
