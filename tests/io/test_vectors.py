from pathlib import Path

import geopandas
import pytest
import shapely

from geoglm.errors import AreaOfInterestError
from geoglm.io.vectors import AreaOfInterest
from geoglm.types import GeoRef, PixelBox
from tests.conftest import UTM

SCENE = PixelBox(0, 0, 60, 60)


@pytest.mark.filterwarnings("ignore:'crs' was not provided:UserWarning")
def test_polygons_in_degrees_are_not_laid_over_bare_pixels(tmp_path: Path) -> None:
    square = [shapely.box(5, 51, 6, 52)]
    geopandas.GeoDataFrame(geometry=square, crs=4326).to_file(tmp_path / "degrees.geojson")
    geopandas.GeoDataFrame(geometry=square).to_file(tmp_path / "pixels.gpkg")
    for georef in (GeoRef(), GeoRef(crs="EPSG:4326")):  # of control points, say
        with pytest.raises(AreaOfInterestError, match=r"degrees\.geojson: is georeferenced and the scene is not"):
            AreaOfInterest(tmp_path / "degrees.geojson", georef, SCENE)
    inside = AreaOfInterest(tmp_path / "pixels.gpkg", GeoRef(), SCENE).mask(SCENE)
    assert inside.nonzero() == ([51], [5])


@pytest.mark.filterwarnings("ignore:'crs' was not provided:UserWarning")
def test_polygons_without_a_crs_are_in_the_coordinates_of_the_scene(tmp_path: Path) -> None:
    plane = 'LOCAL_CS["Undefined Cartesian SRS with unknown unit",UNIT["unknown",1]]'
    for name, crs in (("none", None), ("plane", plane)):
        frame = geopandas.GeoDataFrame(geometry=[shapely.box(*(UTM @ (5, 52)), *(UTM @ (6, 51)))], crs=crs)
        frame.to_file(tmp_path / f"{name}.gpkg")
        area = AreaOfInterest(tmp_path / f"{name}.gpkg", GeoRef(UTM, "EPSG:32633"), SCENE)
        assert area.mask(SCENE).nonzero() == ([51], [5])
        assert area.note is not None
