"""The glance: cells are means of what is valid, whatever the sizes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geoglm.pixels.glance import GLANCE_PX, glance_of, glance_shape

sides = st.integers(1, 40)


@given(shape=st.tuples(sides, sides), data=st.data(), stride=st.sampled_from([1, 4, 16]), seed=st.integers(0, 9))
def test_a_cell_is_the_mean_of_its_valid_pixels(
    shape: tuple[int, int], data: st.DataObject, stride: int, seed: int
) -> None:
    cells = tuple(data.draw(st.integers(1, n)) for n in shape)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 65536, (2, *shape)).astype(np.uint16)
    valid = rng.random(shape) < 0.6
    made = glance_of(pixels, valid, shape=cells, fill=(7.0, 9.0), stride=stride)
    rows, cols = ([n * k // cell for k in range(cell + 1)] for n, cell in zip(shape, cells, strict=True))
    expected = np.empty_like(made)
    expected[:] = np.array([7, 9])[:, None, None]
    for y in range(cells[0]):
        for x in range(cells[1]):
            box = slice(rows[y], rows[y + 1]), slice(cols[x], cols[x + 1])
            if valid[box].any():
                expected[:, y, x] = pixels[(slice(None), *box)][:, valid[box]].astype(np.float64).mean(axis=1)
    assert made.dtype == np.float32
    assert made.shape[1] % stride == made.shape[2] % stride == 0
    assert all(0 <= have - n < stride for have, n in zip(made.shape[1:], cells, strict=True))
    np.testing.assert_array_equal(made, expected)


def test_pixels_without_a_number_are_not_looked_at() -> None:
    pixels = np.array([[[np.nan, 2.0], [np.inf, 4.0]]], np.float32)
    made = glance_of(pixels, np.isfinite(pixels[0]), shape=(1, 1), fill=(0.0,), stride=1)
    assert made.tolist() == [[[3.0]]]


@given(shape=st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), reduce=st.integers(1, 5))
def test_a_glance_keeps_the_scenes_shape_and_is_no_finer_than_the_tiles(shape: tuple[int, int], reduce: int) -> None:
    rows, cols = glance_shape(shape, reduce=reduce)
    assert 1 <= max(rows, cols) <= GLANCE_PX
    coarse = max(reduce, max(shape) / GLANCE_PX)
    assert abs(rows - shape[0] / coarse) <= 1
    assert abs(cols - shape[1] / coarse) <= 1
    if max(shape) <= GLANCE_PX:
        assert glance_shape(shape) == shape
