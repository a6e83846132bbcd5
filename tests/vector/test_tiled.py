"""Rings in tiles: what is cut adds up, and drawing commands say what was drawn."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geoglm.vector.tiled import EXTENT, MARGIN, Rings, commands, drawn, following, tiles, varints
from tests.io.polygon_tiles.vector_tiles import numbers, rings

seeds = st.integers(0, 2**32 - 1)


def stars(seed: int, count: int = 5) -> Rings:
    """Rings around middles, counterclockwise in their numbers, with numbers left out."""
    rng = np.random.default_rng(seed)
    size = rng.integers(3, 30, count)
    ring = np.repeat(np.cumsum(rng.integers(1, 4, count)), size)
    angle = np.concatenate([np.sort(rng.uniform(0, 2 * np.pi, n)) for n in size])
    reach = rng.uniform(0.1, 2, len(ring))
    points = rng.uniform(-3, 3, (count, 2)).repeat(size, axis=0)
    return Rings(points + reach[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]), ring)


def area(found: Rings) -> float:
    x, y = found.points.T
    after = following(found.ring) if len(x) else []
    return float((x * y[after] - x[after] * y).sum() / 2)


@given(seed=seeds, axis=st.sampled_from([0, 1]), bound=st.floats(-4, 4))
@settings(max_examples=40, deadline=None)
def test_both_sides_of_a_cut_add_up_ring_by_ring(seed: int, axis: int, bound: float) -> None:
    whole = stars(seed)
    low, high = whole.below(axis, bound), whole.below(axis, bound, -1)
    assert low.points[:, axis].max(initial=-9) <= bound <= high.points[:, axis].min(initial=9)
    for k in np.unique(whole.ring):
        one, *sides = (area(Rings(r.points[r.ring == k], r.ring[r.ring == k])) for r in (whole, low, high))
        assert abs(one - sum(sides)) < 1e-9


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_every_tile_is_named_once_and_holds_what_cutting_the_whole_would_leave(seed: int) -> None:
    whole = stars(seed)
    found = {(column, row): piece for column, row, piece in tiles(whole)}
    assert len(found) == len(list(tiles(whole)))
    total = 0.0
    for column in range(-7, 7):
        for row in range(-7, 7):
            own = whole.below(0, column + 1).below(0, column, -1).below(1, row + 1).below(1, row, -1)
            total += area(own)
            there = whole
            for axis, place in enumerate((column, row)):
                there = there.below(axis, place + 1 + MARGIN).below(axis, place - MARGIN, -1)
            assert abs(area(there) - (area(found[column, row]) if (column, row) in found else 0)) < 1e-9
    assert abs(total - area(whole)) < 1e-9


@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_commands_draw_the_points_again(seed: int) -> None:
    whole = stars(seed)
    count = whole.ring.max() + 1
    points, ring = drawn(whole, np.arange(count), np.ones(count, bool), step=1, least=0)
    region = np.arange(count) // 3
    if not len(ring):
        return
    stream, sizes, owner = commands(points, ring, region)
    begins = np.cumsum(sizes) - sizes
    assert owner.tolist() == np.unique(region[ring]).tolist()
    for begin, size, k in zip(begins, sizes, owner, strict=True):
        told = rings(stream[begin : begin + size].tobytes())
        assert told == [[tuple(p) for p in points[ring == r].tolist()] for r in np.unique(ring[region[ring] == k])]


def test_points_that_say_nothing_and_rings_too_small_go_and_holes_go_with_their_outer_ring() -> None:
    def square(side: float, turns: int) -> NDArray[np.float64]:
        return side / EXTENT * np.array([(0, 0), (0.5, 0), (1, 0), (1, 1), (1, 1), (0, 1)])[::turns]

    whole = Rings(np.concatenate([square(100, 1), square(20, -1), square(7, 1), square(6, -1)]), np.arange(4).repeat(6))
    part, outer = np.array([0, 0, 1, 1]), np.array([True, False, True, False])
    points, ring = drawn(whole, part, outer, step=1, least=49)
    assert ring.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert points[:4].tolist() == [[0, 0], [100, 0], [100, 100], [0, 100]]
    assert drawn(whole, part, outer, step=1, least=50)[1].tolist() == [0] * 4 + [1] * 4
    assert drawn(whole, part, ~outer, step=1, least=0)[1].tolist() == []


@given(st.lists(st.integers(0, 2**60)))
def test_numbers_in_seven_bits_are_read_back(values: list[int]) -> None:
    stream, ends = varints(np.array(values, np.int64))
    assert numbers(stream.tobytes()) == values
    assert len(ends) == len(values)
