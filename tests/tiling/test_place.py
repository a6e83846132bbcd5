"""The place of a tile: what a pixel is told of where it lies does not depend on the tile that holds it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglm.tiling.place import Frame
from geoglm.types import PixelBox

side = st.integers(1, 200_000)


@given(height=side, width=side, top=side, left=side, reduce=st.integers(1, 6), at=st.integers(0, 4096))
def test_a_pixel_lies_where_it_lies_in_any_tile(
    *, height: int, width: int, top: int, left: int, reduce: int, at: int
) -> None:
    frame = Frame(PixelBox(0, 0, height, width), 0.5, reduce)
    row, col, down, across, _ = frame.place(PixelBox(top, left, top + 1, left + 1)).astype(np.float64)
    assert row + at * down == pytest.approx((top + at * reduce) / height, rel=1e-6)
    assert col + at * across == pytest.approx((left + at * reduce) / width, rel=1e-6)


def test_a_pixel_is_as_large_as_the_network_sees_it() -> None:
    scene, tile = PixelBox(0, 0, 64, 128), PixelBox(32, 32, 64, 64)
    assert Frame(scene).place(tile).tolist() == [0.5, 0.25, 1 / 64, 1 / 128, 0.0]
    assert Frame(scene, 0.25, 4).place(tile).tolist() == [0.5, 0.25, 1 / 16, 1 / 32, 0.0]
    assert Frame(scene, 0.5, 4).place(tile)[4] == 1.0
