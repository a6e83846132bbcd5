"""Simplified and smoothed outlines: the same regions, still a coverage."""

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from geoglm.errors import GeoglmError
from geoglm.vector.trace import TraceRules
from tests.strategies import class_maps
from tests.vector.maps import STRANGE_MAPS
from tests.vector.test_trace import shapes_of, traced

drawings = st.fixed_dictionaries(
    {
        "simplify": st.sampled_from([0.0, 0.8, 1.5, 5.0, 100.0]),
        "method": st.sampled_from(["visvalingam", "douglas"]),
        "smooth": st.sampled_from([0, 1, 3]),
        "strip_rows": st.sampled_from([2, 5, 64]),
        "connectivity": st.sampled_from([4, 8]),
    }
)


def check(classes: np.ndarray, rules: dict[str, object]) -> None:
    """All regions are there, valid, on their side of every neighbour, and together they cover what they covered."""
    multi = TraceRules(**rules).multi
    exact, value = shapes_of(
        traced(classes, connectivity=rules["connectivity"], strip_rows=rules["strip_rows"]), multi=multi
    )
    drawn, same = shapes_of(traced(classes, **rules), multi=multi)
    assert (value == same).all()
    assert shapely.is_valid(drawn).all()
    assert shapely.coverage_is_valid(drawn)
    assert (shapely.area(drawn) > 0).all()
    assert (shapely.get_num_geometries(drawn) == shapely.get_num_geometries(exact)).all()
    if (classes != 255).all() and len(drawn):
        assert np.isclose(shapely.area(drawn).sum(), classes.size)
        assert shapely.equals(shapely.coverage_union_all(drawn), shapely.box(0, 0, *classes.shape[::-1]))


@given(class_maps(), drawings)
def test_no_region_is_lost_and_none_overlap(classes: np.ndarray, rules: dict[str, object]) -> None:
    check(classes, rules)


@pytest.mark.parametrize("name", STRANGE_MAPS)
@pytest.mark.parametrize("method", ["visvalingam", "douglas"])
def test_strange_maps_are_drawn_like_any(name: str, method: str) -> None:
    check(STRANGE_MAPS[name], {"simplify": 2.0, "method": method, "smooth": 2, "strip_rows": 16, "connectivity": 4})


def slope(side: int = 40) -> np.ndarray:
    rows, cols = np.indices((side, side))
    return (2 * rows < cols + 15).astype(np.uint8)


@pytest.mark.parametrize("method", ["visvalingam", "douglas"])
def test_stairs_become_a_straight_line(method: str) -> None:
    geometry, _ = shapes_of(traced(slope(), simplify=1.5, method=method))
    assert shapely.get_num_coordinates(geometry).tolist() == [5, 5]
    assert shapely.area(geometry).sum() == 1600


@given(class_maps(side=20), st.sampled_from([0.8, 1.5, 3.0]))
def test_douglas_and_peucker_move_no_outline_beyond_the_tolerance(classes: np.ndarray, tolerance: float) -> None:
    exact, _ = shapes_of(traced(classes))
    drawn, _ = shapes_of(traced(classes, simplify=tolerance, method="douglas"))
    if len(exact):
        away = shapely.hausdorff_distance(shapely.boundary(exact), shapely.boundary(drawn), densify=0.25)
        assert away.max() <= tolerance + 1e-9


def test_smoothing_rounds_corners_and_keeps_nodes() -> None:
    geometry, value = shapes_of(traced(slope(), smooth=2))
    around = shapely.get_coordinates(geometry[value == 0])
    turned = np.diff(np.unwrap(np.arctan2(*np.diff(around, axis=0).T)))
    plain = shapely.get_coordinates(shapes_of(traced(slope()))[0][0])
    assert len(around) > 3 * len(plain)
    assert np.sort(np.abs(turned))[-4] < np.pi / 2 + 1e-9
    assert {(0.0, 40.0), (40.0, 40.0)} <= set(map(tuple, around.tolist()))


def test_the_tolerance_counts_in_pixels_whatever_the_transform() -> None:
    from geoglm.vector.trace import Ground

    ground = Ground.of_pixels(40, Affine(30, 0, 5, 0, -30, 7))
    small, _ = shapes_of(traced(slope(), simplify=1.5))
    large, _ = shapes_of(traced(slope(), ground=ground, simplify=1.5))
    assert (shapely.get_num_coordinates(small) == shapely.get_num_coordinates(large)).all()


def test_what_is_no_rule_is_refused() -> None:
    for wrong in ({"connectivity": 6}, {"simplify": -1.0}, {"simplify": float("nan")}, {"smooth": 9}):
        with pytest.raises(GeoglmError, match=next(iter(wrong))):
            TraceRules(**wrong)
