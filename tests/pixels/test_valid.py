import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglm.pixels.valid import fill_invalid, valid_pixels

SHAPE = (3, 4, 5)


@given(hnp.arrays(np.float32, SHAPE, elements=st.floats(width=32)), st.sampled_from([None, -9999.0, 0.0, np.nan]))
def test_a_float_pixel_is_valid_where_every_band_is_finite_and_none_is_nodata(
    pixels: np.ndarray, nodata: float | None
) -> None:
    valid = valid_pixels(pixels, [nodata] * 3)
    for row, col in np.ndindex(4, 5):
        bands = [float(v) for v in pixels[:, row, col]]
        assert valid[row, col] == all(np.isfinite(v) and v != nodata for v in bands)


@given(hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 7])))
def test_an_eight_bit_pixel_is_invalid_only_where_every_band_is_nodata(pixels: np.ndarray) -> None:
    assert (valid_pixels(pixels, [0] * 3) == (pixels != 0).any(axis=0)).all()


@given(hnp.arrays(np.uint16, SHAPE, elements=st.sampled_from([0, 7])))
def test_a_wider_pixel_is_invalid_where_any_band_is_nodata(pixels: np.ndarray) -> None:
    assert (valid_pixels(pixels, [0] * 3) == (pixels != 0).all(axis=0)).all()


@pytest.mark.parametrize("nodata", [-9999, 256, 0.5, float("nan"), float("inf")])
def test_a_nodata_value_that_the_dtype_cannot_hold_excludes_nothing(nodata: float) -> None:
    assert valid_pixels(np.zeros(SHAPE, np.uint8), [nodata] * 3).all()


def test_a_mask_excludes_what_it_excludes() -> None:
    mask = np.eye(4, 5, dtype=bool)
    assert (valid_pixels(np.ones(SHAPE, np.uint8), [None] * 3, mask) == mask).all()


@given(hnp.arrays(np.float32, SHAPE, elements=st.floats(width=32)))
def test_nothing_that_is_invalid_reaches_the_network(pixels: np.ndarray) -> None:
    valid = valid_pixels(pixels, [None] * 3)
    filled = fill_invalid(pixels, valid, (1.0, 2.0, 3.0))
    assert np.isfinite(filled).all()
    assert (filled[:, valid] == pixels[:, valid]).all()


def test_a_fill_value_is_clipped_to_the_dtype() -> None:
    filled = fill_invalid(np.zeros((1, 1, 1), np.uint8), np.zeros((1, 1), bool), (300.0,))
    assert filled.item() == 255
