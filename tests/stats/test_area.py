import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from pyproj import CRS, Geod, Transformer

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


@pytest.mark.parametrize("name", ["EPSG:3857+5773", "EPSG:4087", "EPSG:32662", "EPSG:4326+5773", "EPSG:3395"])
def test_planes_that_are_no_measure_of_the_ground_get_geodesic_areas(name: str) -> None:
    crs = CRS.from_user_input(name)
    corner = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(10, 60)
    step = 1e-4 if crs.is_geographic else 10.0
    transform = Affine(step, 0, corner[0], 0, -step, corner[1])
    ring = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(
        *zip(*(transform @ p for p in ((0, 0), (1, 0), (1, 1), (0, 1))), strict=True)
    )
    areas = pixel_areas(GeoRef(transform, crs.to_wkt()), 1, 1)
    assert areas == pytest.approx([abs(Geod(ellps="WGS84").polygon_area_perimeter(*ring[:2])[0])])


def test_heights_beside_a_plane_change_nothing() -> None:
    plane, with_heights = (CRS.from_user_input(n).to_wkt() for n in ("EPSG:32633", "EPSG:32633+5773"))
    t = Affine(10, 0, 5e5, 0, -10, 5e6)
    assert pixel_areas(GeoRef(t, with_heights), 3, 3) == pytest.approx(pixel_areas(GeoRef(t, plane), 3, 3))


def test_without_a_crs_there_is_no_area() -> None:
    assert pixel_areas(GeoRef(transform=Affine(1, 0, 0, 0, -1, 0)), 1, 1) is None


@given(class_maps())
def test_areas_add_up_row_by_row(classes: np.ndarray) -> None:
    row_area = np.linspace(1, 3, classes.shape[0])
    areas = class_areas(class_counts(classes, range(255)), row_area)
    for value in range(255):
        assert areas[value] == pytest.approx(((classes == value) * row_area[:, None]).sum())
