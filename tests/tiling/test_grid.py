import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglm.errors import PlanError
from geoglm.tiling.grid import Axis, TileGrid
from tests.strategies import lengths


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    stride = draw(st.sampled_from([1, 2, 16, 32]))
    halo = draw(st.integers(0, 40))
    rounded = -(-halo // stride) * stride
    patch = draw(st.integers(2 * rounded + 1, 2 * rounded + 300))
    return Axis(draw(lengths), patch, halo, stride)


@given(axes())
def test_every_pixel_lies_in_exactly_one_core(axis: Axis) -> None:
    cores = [axis.tile(k) for k in range(axis.count)]
    assert cores[0].core_start == 0
    assert cores[-1].core_stop == axis.length
    assert all(a.core_stop == b.core_start for a, b in itertools.pairwise(cores))
    assert all(c.core_start < c.core_stop for c in cores)


@given(axes())
def test_a_core_has_its_halo_or_the_border_of_the_scene(axis: Axis) -> None:
    for tile in map(axis.tile, range(axis.count)):
        assert tile.core_start - tile.start >= axis.halo or tile.start == 0
        assert tile.stop - tile.core_stop >= axis.halo or tile.stop == axis.padded


@given(axes())
def test_tiles_have_one_length_and_start_on_the_stride_within_the_padded_scene(axis: Axis) -> None:
    tiles = [axis.tile(k) for k in range(axis.count)]
    assert {t.stop - t.start for t in tiles} == {axis.patch}
    assert all(t.start % axis.stride == 0 and t.start >= 0 and t.stop <= axis.padded for t in tiles)
    assert axis.padded - axis.length < axis.stride


@given(axes())
def test_no_fewer_tiles_would_do(axis: Axis) -> None:
    reach = (axis.count - 1) * (axis.patch - 2 * axis.halo) + 2 * axis.halo
    assert axis.count == 1 or reach < axis.padded


@pytest.mark.parametrize("shape", [(1, 1), (1, 999), (999, 1), (7, 13)])
def test_a_scene_smaller_than_a_patch_is_one_tile(shape: tuple[int, int]) -> None:
    grid = TileGrid.over(shape, patch=(1024, 1024), halo=64, stride=32)
    (tile,) = grid
    assert (tile.core.height, tile.core.width) == shape


def test_two_halos_that_leave_no_core_are_refused_with_a_way_out() -> None:
    with pytest.raises(PlanError, match="use a patch over 256 px"):
        Axis(1000, 256, 128, 32)
