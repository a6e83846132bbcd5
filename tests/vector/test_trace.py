"""Tracing against GDAL's tracer on whole maps, whatever the strips."""

from itertools import pairwise

import numpy as np
import pytest
import rasterio.features
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglm.vector.polygons import Polygons
from geoglm.vector.trace import Ground, TraceRules, in_strips, trace
from tests.strategies import class_maps
from tests.vector.maps import STRANGE_MAPS

NORTH_UP = Affine(0.5, 0, 1000.0, 0, -0.5, 2000.0)
ROTATED = NORTH_UP @ Affine.rotation(30)
SOUTH_UP = Affine(2.0, 0, -7.0, 0, 2.0, 3.0)

strip_heights = st.sampled_from([1, 2, 3, 5, 64])


def traced(
    classes: np.ndarray,
    certain: np.ndarray | None = None,
    *,
    ground: Ground | None = None,
    cuts: tuple[int, ...] = (),
    **rules: object,
) -> list[Polygons]:
    """All polygons of a map whose rows come in pieces that end at `cuts`."""
    places = np.split(np.arange(len(classes)), sorted(cuts))
    rows = [(classes[p], None if certain is None else certain[p]) for p in places]
    ground = ground or Ground.of_pixels(len(classes), Affine.identity())
    return list(trace(rows, classes.shape, ground, TraceRules(**rules)))


def shapes_of(found: list[Polygons], *, multi: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Geometries and classes."""
    geometry = np.concatenate([f.as_shapely(multi=multi) for f in found])
    return geometry, np.concatenate([f.measures.value for f in found])


def as_set(geometry: np.ndarray, value: np.ndarray) -> list[tuple[str, int]]:
    """Comparable whatever the order of regions, rings and vertices, and vertices on straight lines."""
    plain = shapely.normalize(shapely.simplify(geometry, 0))
    return sorted(zip(shapely.to_wkb(plain, hex=True).tolist(), value.tolist(), strict=True))


def by_gdal(classes: np.ndarray) -> list[tuple[str, int]]:
    peers = list(rasterio.features.shapes(classes, mask=classes != 255, connectivity=4))
    shapes = np.array([shapely.geometry.shape(s) for s, _ in peers], dtype=object)
    return as_set(shapes, np.array([int(v) for _, v in peers], dtype=int))


def painted(geometry: np.ndarray, value: np.ndarray, shape: tuple[int, int], transform: Affine) -> np.ndarray:
    if not len(geometry):
        return np.full(shape, 255, np.uint8)
    pairs = list(zip(geometry, value.tolist(), strict=True))
    return rasterio.features.rasterize(pairs, shape, fill=255, transform=transform, dtype="uint8")


@given(class_maps(), strip_heights)
def test_the_polygons_are_those_of_gdal_valid_and_a_coverage(classes: np.ndarray, strip_rows: int) -> None:
    geometry, value = shapes_of(traced(classes, strip_rows=strip_rows))
    assert as_set(geometry, value) == by_gdal(classes)
    assert shapely.is_valid(geometry).all()
    assert shapely.coverage_is_valid(geometry)
    assert shapely.is_ccw(shapely.get_exterior_ring(geometry)).all() or not len(geometry)


@pytest.mark.parametrize("name", STRANGE_MAPS)
def test_strange_maps_are_traced_like_any(name: str) -> None:
    classes = STRANGE_MAPS[name]
    every = [shapes_of(traced(classes, strip_rows=rows)) for rows in (1, 7, 1000)]
    for geometry, value in every:
        assert as_set(geometry, value) == by_gdal(classes)
        assert shapely.coverage_is_valid(geometry)
        assert (painted(geometry, value, classes.shape, Affine.identity()) == classes).all()


@given(class_maps(), st.sampled_from([NORTH_UP, ROTATED, SOUTH_UP]), strip_heights)
def test_painting_the_polygons_gives_back_the_map(classes: np.ndarray, transform: Affine, strip_rows: int) -> None:
    ground = Ground.of_pixels(len(classes), transform)
    geometry, value = shapes_of(traced(classes, ground=ground, strip_rows=strip_rows))
    assert (painted(geometry, value, classes.shape, transform) == classes).all()
    assert shapely.is_ccw(shapely.get_exterior_ring(geometry)).all() or not len(geometry)


@given(class_maps(), st.data())
def test_how_the_rows_come_in_changes_no_byte(classes: np.ndarray, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(classes)), max_size=5))
    certain = np.arange(classes.size, dtype=np.int64).reshape(classes.shape).astype(np.uint8)
    whole, pieces = traced(classes, certain, strip_rows=3), traced(classes, certain, cuts=tuple(cuts), strip_rows=3)
    for one, other in zip(whole, pieces, strict=True):
        assert one.as_wkb()[0].tobytes() == other.as_wkb()[0].tobytes()
        for mine, its in zip(one.measures.as_arrays(), other.measures.as_arrays(), strict=True):
            assert (mine == its).all()


@given(class_maps(), strip_heights)
def test_what_is_measured_is_what_lies_inside(classes: np.ndarray, strip_rows: int) -> None:
    certain = (np.arange(classes.size) % 101).astype(np.uint8).reshape(classes.shape)
    certain[::3, ::2] = 255
    row_area = np.linspace(1, 2, len(classes))
    ground = Ground(NORTH_UP, row_area, np.ones((len(classes) + 1, 2)))
    for found in traced(classes, certain, ground=ground, strip_rows=strip_rows):
        geometry, m = found.as_shapely(), found.measures
        assert np.allclose(shapely.bounds(geometry), found.bounds)
        assert np.allclose(shapely.length(geometry), found.perimeter)
        assert (np.round(shapely.area(geometry) / 0.25) == m.pixels).all()
        for k, shape in enumerate(geometry):
            inside = painted(np.array([shape]), np.array([1]), classes.shape, NORTH_UP) == 1
            known = certain[inside & (certain != 255)]
            assert np.isclose(m.area[k], (inside * row_area[:, None]).sum())
            assert (m.sure[k], m.total[k]) == (known.size, known.sum(dtype=int))
            assert m.least[k] == (known.min() if known.size else 255)


@given(class_maps(), strip_heights)
def test_pixels_that_touch_at_a_corner_are_one_region_of_eight(classes: np.ndarray, strip_rows: int) -> None:
    geometry, value = shapes_of(traced(classes, strip_rows=strip_rows, connectivity=8), multi=True)
    count = sum(1 for _ in rasterio.features.shapes(classes, mask=classes != 255, connectivity=8))
    assert len(geometry) == count
    assert shapely.is_valid(geometry).all()
    assert shapely.coverage_is_valid(geometry)
    assert (painted(geometry, value, classes.shape, Affine.identity()) == classes).all()


@given(class_maps(), strip_heights)
def test_dissolved_every_class_is_one_region(classes: np.ndarray, strip_rows: int) -> None:
    geometry, value = shapes_of(traced(classes, strip_rows=strip_rows, dissolve=True), multi=True)
    assert sorted(value) == sorted(set(classes.ravel().tolist()) - {255})
    assert shapely.is_valid(geometry).all()
    assert (painted(geometry, value, classes.shape, Affine.identity()) == classes).all()


@given(class_maps())
def test_well_known_binary_is_what_shapely_reads(classes: np.ndarray) -> None:
    for multi in (False, True):
        for found in traced(classes, strip_rows=4, connectivity=8 if multi else 4):
            wkb, begins = found.as_wkb(multi=multi)
            read = [shapely.from_wkb(wkb[a:b].tobytes()) for a, b in pairwise(begins)]
            assert shapely.equals_exact(np.array(read, dtype=object), found.as_shapely(multi=multi)).all()


def test_a_region_leaves_with_the_last_strip_that_touches_it() -> None:
    classes = np.zeros((40, 4), np.uint8)
    classes[1, 1] = classes[20, 2] = 1
    assert [len(found) for found in traced(classes, strip_rows=10)] == [1, 0, 1, 1]


@settings(max_examples=20)
@given(st.lists(st.integers(0, 7), max_size=9), st.integers(1, 9))
def test_strips_are_all_of_one_height(heights: list[int], height: int) -> None:
    rows = [(np.full((h, 2), k, np.uint8), None) for k, h in enumerate(heights)]
    strips = [classes for classes, _ in in_strips(rows, height)]
    assert all(len(s) == height for s in strips[:-1])
    assert sum(len(s) for s in strips) == sum(heights)
    assert [v for s in strips for v in s[:, 0]] == [k for k, h in enumerate(heights) for _ in range(h)]
