import numpy as np
import rasterio.features
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from geoglm.vector.trace import trace_regions
from tests.strategies import class_maps

NORTH_UP = Affine(0.5, 0, 1000.0, 0, -0.5, 2000.0)
ROTATED = NORTH_UP @ Affine.rotation(30)
SOUTH_UP = Affine(2.0, 0, -7.0, 0, 2.0, 3.0)


def trace(classes: np.ndarray, transform: Affine = Affine.identity()):  # noqa: B008
    return trace_regions(classes, None, np.ones(classes.shape[0]), transform)


@given(class_maps(), st.sampled_from([NORTH_UP, ROTATED, SOUTH_UP]))
def test_painting_the_polygons_gives_back_the_map(classes: np.ndarray, transform: Affine) -> None:
    found = trace(classes, transform)
    shapes = list(zip(found.geometry, found.value.tolist(), strict=True))
    painted = np.full(classes.shape, 255, np.uint8)
    if shapes:
        painted = rasterio.features.rasterize(shapes, classes.shape, fill=255, transform=transform, dtype="uint8")
    assert (painted == classes).all()


@given(class_maps())
def test_the_polygons_are_those_of_gdal_and_valid(classes: np.ndarray) -> None:
    found = trace(classes)
    peers = rasterio.features.shapes(classes, mask=classes != 255, connectivity=4)
    expected = sorted((shapely.normalize(shapely.geometry.shape(s)).wkb_hex, v) for s, v in peers)
    simple = [shapely.normalize(shapely.simplify(g, 0)) for g in found.geometry]
    ours = sorted((g.wkb_hex, v) for g, v in zip(simple, found.value.tolist(), strict=True))
    plain = sorted((shapely.normalize(shapely.simplify(shapely.from_wkb(w), 0)).wkb_hex, v) for w, v in expected)
    assert ours == plain
    assert shapely.is_valid(found.geometry).all()


@given(class_maps())
def test_every_pixel_is_counted_once(classes: np.ndarray) -> None:
    confidence = (np.arange(classes.size, dtype=np.int64) % 101).astype(np.uint8).reshape(classes.shape)
    row_area = np.linspace(1, 2, classes.shape[0])
    found = trace_regions(classes, confidence, row_area, Affine.identity())
    valid = classes != 255
    assert found.pixels.sum() == valid.sum()
    assert np.isclose(found.area.sum(), (valid * row_area[:, None]).sum())
    assert np.isclose((found.confidence * found.pixels).sum(), confidence[valid].sum())
    assert (np.abs(shapely.area(found.geometry) - found.pixels) < 1e-9).all()


def test_corners_that_touch_make_a_hole_and_no_bow_tie() -> None:
    classes = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0]], np.uint8)
    found = trace(classes)
    ring = found.geometry[found.value == 1][0]
    assert ring.is_valid
    assert len(ring.interiors) == 1


def test_a_map_without_a_class_has_no_polygons() -> None:
    assert len(trace(np.full((3, 4), 255, np.uint8)).geometry) == 0
