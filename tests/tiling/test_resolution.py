"""The resolution controller keeps to its rule, its clamps and the time it is given."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from geoglm.tiling.resolution import Controller, Left, resolution

shares = st.floats(0, 1)
EXPECTED = (1e-6, 0.3e-6, 0.1e-6, 0.04e-6)


@given(bandwidth=shares, load=shares, more=shares)
def test_r_is_the_rule_and_grows_with_bandwidth_and_falls_with_load(bandwidth: float, load: float, more: float) -> None:
    r = resolution(bandwidth, 1.0, load)
    assert r == pytest.approx(0.6 * bandwidth + 0.4 * (1 - load))
    assert 0 <= r <= 1
    assert resolution(min(1.0, bandwidth + more), 1.0, load) >= r
    assert resolution(bandwidth, 1.0, min(1.0, load + more)) <= r


@given(levels=st.lists(st.integers(0, 3), max_size=8), allowed=st.floats(1e-9, 2e-6))
def test_a_collapsed_source_forces_the_coarsest_level(levels: list[int], allowed: float) -> None:
    watched = Controller(EXPECTED)
    for level in levels:
        watched = watched.seen(level, px=100, seconds=1e-4, bandwidth=100, load=0)
    for _ in range(9):
        watched = watched.seen(0, px=100, seconds=1e-4, bandwidth=1, load=0)
        if watched.bandwidth is not None and watched.bandwidth < 0.3 * watched.best:
            assert watched.choose(Left(100, 100 * allowed)).level == 3


def test_a_source_that_stays_slow_counts_as_what_it_is() -> None:
    watched = Controller(EXPECTED).seen(0, px=100, seconds=1e-4, bandwidth=100, load=0)
    for _ in range(60):
        watched = watched.seen(0, px=100, seconds=1e-4, bandwidth=1, load=0)
    assert watched.choose(Left(100, 1.0)).level == 0


@given(load=shares, allowed=st.floats(1e-9, 2e-6), level=st.integers(0, 3))
def test_a_loaded_machine_refines_nothing(load: float, allowed: float, level: int) -> None:
    watched = Controller(EXPECTED, load=load, level=level)
    chosen = watched.choose(Left(100, 100 * allowed)).level
    assert chosen >= level or load <= 0.8


@given(ratio=st.floats(0.06, 1.5), speed=st.floats(0.5, 2), parts=st.integers(12, 60), load=st.floats(0, 0.7))
def test_the_time_is_used_and_not_exceeded(ratio: float, speed: float, parts: int, load: float) -> None:
    """On a machine `speed` times as slow as expected; ratio is of the time given to that at full resolution."""
    px, watched = 1000, Controller(EXPECTED)
    given_s = ratio * parts * px * EXPECTED[0] * speed
    assume(given_s > 1.1 * parts * px * EXPECTED[-1] * speed)
    left_s, levels = given_s, []
    for done in range(parts):
        watched = watched.choose(Left((parts - done) * px, left_s))
        took = px * EXPECTED[watched.level] * speed
        left_s -= took
        levels.append(watched.level)
        watched = watched.seen(watched.level, px=px, seconds=took, bandwidth=1e6, load=load)
    part = px * EXPECTED[0] * speed
    assert left_s > -1.5 * part * max(1, speed)
    if ratio < 1:
        assert left_s < max(2 * part, 0.1 * given_s)
    else:
        assert set(levels[2:]) == {0}


@given(ratio=st.floats(1.05, 3))
def test_with_time_enough_everything_is_looked_at_in_full(ratio: float) -> None:
    assert Controller(EXPECTED).choose(Left(1000, 1000 * EXPECTED[0] * ratio)).level == 0
