import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from pyproj import CRS, Geod

from geoglm.stats.area import class_areas, class_counts, pixel_areas
from geoglm.types import GeoRef
from tests.strategies import class_maps


def georef(epsg: int, transform: Affine) -> GeoRef:
    return GeoRef(transform=transform, crs=CRS.from_epsg(epsg).to_wkt())


def test_a_projected_pixel_has_its_plane_area_in_square_metres() -> None:
    assert pixel_areas(georef(32633, Affine(10, 0, 0, 0, -10, 0)), 3, 3) == pytest.approx([100] * 3)
    feet = pixel_areas(georef(2263, Affine(10, 0, 0, 0, -10, 0)), 1, 1)
    assert feet == pytest.approx([100 * (1200 / 3937) ** 2])


def test_a_geographic_pixel_has_its_geodesic_area() -> None:
    areas = pixel_areas(georef(4326, Affine(0.01, 0, 10, 0, -0.01, 50)), 2, 2)
    ring = ([10.01, 10.02, 10.02, 10.01], [50, 50, 49.99, 49.99])
    assert areas[0] == pytest.approx(abs(Geod(ellps="WGS84").polygon_area_perimeter(*ring)[0]))
    assert areas[1] > areas[0]


def test_web_mercator_is_not_taken_at_its_word() -> None:
    equator = pixel_areas(georef(3857, Affine(1, 0, 0, 0, -1, 0)), 1, 1)
    at_60 = pixel_areas(georef(3857, Affine(1, 0, 0, 0, -1, 8_399_738)), 1, 1)
    assert equator == pytest.approx([1], rel=0.01)
    assert at_60 == pytest.approx([0.25], rel=0.01)


def test_without_a_crs_there_is_no_area() -> None:
    assert pixel_areas(GeoRef(transform=Affine(1, 0, 0, 0, -1, 0)), 1, 1) is None


@given(class_maps())
def test_areas_add_up_row_by_row(classes: np.ndarray) -> None:
    row_area = np.linspace(1, 3, classes.shape[0])
    areas = class_areas(class_counts(classes, range(255)), row_area)
    for value in range(255):
        assert areas[value] == pytest.approx(((classes == value) * row_area[:, None]).sum())
