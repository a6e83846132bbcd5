import numpy as np
import pytest
from affine import Affine
from pyproj import CRS, Geod

from geoglm.stats.lengths import unit_lengths
from geoglm.types import GeoRef


def lengths(epsg: int, transform: Affine, shape: tuple[int, int] = (2, 4)) -> np.ndarray | None:
    return unit_lengths(GeoRef(transform=transform, crs=CRS.from_epsg(epsg).to_wkt()), *shape)


def test_a_projected_unit_is_as_many_metres_as_it_says() -> None:
    assert lengths(32633, Affine(10, 0, 0, 0, -10, 0)) == pytest.approx(np.ones((3, 2)))
    assert lengths(2263, Affine(10, 0, 0, 0, -10, 0)) == pytest.approx(np.full((3, 2), 1200 / 3937))


def test_a_degree_is_as_long_as_on_the_ellipsoid() -> None:
    found = lengths(4326, Affine(0.01, 0, 10, 0, -0.01, 50))
    geod = Geod(ellps="WGS84")
    for line, (x, y) in enumerate(found):
        latitude = 50 - 0.01 * line
        assert 0.01 * x == pytest.approx(geod.inv(10.015, latitude, 10.025, latitude)[2], rel=1e-6)
        assert 0.01 * y == pytest.approx(geod.inv(10.02, latitude - 0.005, 10.02, latitude + 0.005)[2], rel=1e-6)


def test_web_mercator_is_not_taken_at_its_word() -> None:
    assert lengths(3857, Affine(1, 0, 0, 0, -1, 8_399_738)) == pytest.approx(np.full((3, 2), 0.5), rel=0.01)


def test_without_a_crs_there_are_no_metres() -> None:
    assert unit_lengths(GeoRef(transform=Affine(1, 0, 0, 0, -1, 0)), 1, 1) is None
