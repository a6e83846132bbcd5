"""The resolution controller keeps to its rule, its clamps and the time it is given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglm.tiling.resolution import Controller, Left, resolution

shares = st.floats(0, 1)
EXPECTED = (1e-6, 0.35e-6, 0.15e-6, 0.08e-6)


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


@given(
    share=st.floats(0.2, 0.9),
    parts=st.integers(8, 40),
    errs=st.lists(st.floats(0.8, 1.3), min_size=4, max_size=4),
    seed=st.integers(0, 99),
)
def test_two_workers_end_near_their_deadline(share: float, parts: int, errs: list[float], seed: int) -> None:
    """Levels cost up to 1.3 times what was expected, a part up to a tenth more or less than its level.

    `share` is of the time that all would take in full.
    """
    rng, px = np.random.default_rng(seed), 1000
    true = [e * err for e, err in zip(EXPECTED, errs, strict=True)]
    deadline = share * parts * px * true[0] / 2
    watched, ends, at_work = Controller(EXPECTED), [0.0, 0.0], [(0, 0.0, 0.0)] * 2
    for begun in range(parts):
        who = int(np.argmin(ends))
        now, (level, began, _) = ends[who], at_work[who]
        if now > 0:
            watched = watched.seen(level, px=px, seconds=now - began, bandwidth=1e6, load=0.1)
        busy = max(0.0, at_work[1 - who][2] - now)
        left = Left((parts - begun) * px, 2 * (deadline - now) - busy, part_px=px, wall=deadline - now)
        watched = watched.choose(left)
        at_work[who] = watched.level, now, now + watched.costs[watched.level] * px
        ends[who] = now + true[watched.level] * px * rng.uniform(0.9, 1.1)
    assert 0.75 < max(ends) / deadline < 1.25


@given(ratio=st.floats(1.05, 3))
def test_with_time_enough_everything_is_looked_at_in_full(ratio: float) -> None:
    assert Controller(EXPECTED).choose(Left(1000, 1000 * EXPECTED[0] * ratio)).level == 0
