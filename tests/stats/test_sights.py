"""The distance of features: the same for swapped dates, blind to units, and 1 between places taken at random."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglm.stats.sights import Variety


def places(seed: int, count: int = 4000) -> np.ndarray:
    """Six features of so many places, one of them dead."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(6, count)).astype(np.float32) * np.float32([1, 5, 0.2, 3, 0, 1])[:, None]
    return features + np.float32([0, 9, -3, 0, 2, 0])[:, None]


@given(seed=st.integers(0, 2**31))
def test_two_places_at_random_are_one_apart_in_the_root_mean_square(seed: int) -> None:
    scene = places(seed)
    variety = Variety.of(scene, scene)
    apart = variety.distance(scene[:, None, :2000], scene[:, None, 2000:])
    assert np.sqrt((apart**2).mean()) == pytest.approx(1, rel=0.05)


@given(seed=st.integers(0, 2**31), units=st.lists(st.floats(0.3, 3), min_size=6, max_size=6))
def test_it_is_the_same_in_other_units_and_for_swapped_dates(seed: int, units: list[float]) -> None:
    before, after = places(seed), places(seed + 1)
    apart = Variety.of(before, after).distance(before[:, None], after[:, None])
    assert np.array_equal(apart, Variety.of(after, before).distance(after[:, None], before[:, None]))
    before, after = (d * np.float32(units)[:, None] for d in (before, after))
    alive = np.ptp(before, axis=1) > 0
    told = Variety.of(before[alive], after[alive]).distance(before[alive][:, None], after[alive][:, None])
    assert np.allclose(told, apart, rtol=1e-3)


def test_the_same_features_are_nothing_apart_also_where_none_is_alive() -> None:
    scene = places(0)
    assert not Variety.of(scene, places(1)).distance(scene[:, None], scene[:, None]).any()
    flat = np.ones((3, 50), np.float32)
    assert not Variety.of(flat, flat).distance(flat[:, None], 2 * flat[:, None]).any()
