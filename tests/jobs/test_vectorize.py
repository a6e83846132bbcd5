"""From class rasters of any making to files of polygons, from the command line too."""

import json
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
import xarray as xr
from affine import Affine
from click.testing import CliRunner
from geopandas.testing import assert_geodataframe_equal
from pyproj import Geod
from rasterio.features import rasterize

import geoglm
from geoglm.apps.cli_vectorize import vectorize
from geoglm.errors import GeoglmError
from geoglm.io.geotiff import RasterFile
from geoglm.jobs.ahead import ahead
from geoglm.jobs.vectorize import VectorizeResult, merge_small, polygon_file, raster_map
from geoglm.options import PolygonOptions
from tests.conftest import UTM, write_scene
from tests.vector.maps import noise

LEGEND = json.dumps([{"value": 1, "name": "dense wood", "colour": "#00ff00"}])


def raster(folder: Path, classes: np.ndarray, **profile: object) -> Path:
    return write_scene(folder / "map.tif", classes[None], **profile)


def write(path: Path, output: Path, confidence: Path | None = None, **given: object) -> VectorizeResult:
    options = PolygonOptions(**given)
    return polygon_file(raster_map(path, confidence, options), output, options)


def traced(path: Path, **given: object) -> geopandas.GeoDataFrame:
    output = path.with_name("out.parquet")
    result = write(path, output, **given)
    frame = geopandas.read_parquet(output)
    assert result.polygons == len(frame)
    return frame


def pixels(frame: geopandas.GeoDataFrame) -> dict[int, int]:
    return frame.groupby("class_id").pixels.sum().to_dict()


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("uint8", 255), ("uint8", 7), ("uint8", None), ("uint16", 7), ("int32", 7)]
)
def test_class_rasters_of_any_making_are_taken(tmp_path: Path, dtype: str, nodata: int | None) -> None:
    values = np.array([0, 3, 7, 255] if dtype == "uint8" else [0, 3, 7, 300])
    classes = values[noise(40, 4)].astype(dtype)
    counted = {int(v): int((classes == v).sum()) for v in values if v != nodata}
    assert pixels(traced(raster(tmp_path, classes, nodata=nodata))) == counted


def test_only_the_classes_that_are_wanted_by_name_or_value(tmp_path: Path) -> None:
    classes = noise(30, 4)
    path = raster(tmp_path, classes, nodata=255)
    import rasterio

    with rasterio.open(path, "r+") as file:
        file.update_tags(CLASSES=LEGEND)
    frame = traced(path, keep=("Dense-wood", "3"))
    assert pixels(frame) == {1: int((classes == 1).sum()), 3: int((classes == 3).sum())}
    assert set(frame.class_name) == {"dense wood", "class 3"}
    with pytest.raises(GeoglmError, match="no class 'water'; there are dense wood"):
        traced(path, keep=("water",))


def test_confidence_is_percent_or_share(tmp_path: Path) -> None:
    path = raster(tmp_path, np.zeros((4, 4), np.uint8), nodata=255)
    share = np.full((1, 4, 4), 0.5, np.float32)
    share[0, 0, 0] = 0.25
    for values in (share, (share * 100).astype(np.uint8)):
        sure = write_scene(tmp_path / "sure.tif", values)
        frame = traced(path, confidence=sure)
        assert frame.mean_confidence.tolist() == [0.4844]
        assert frame.min_confidence.tolist() == [0.25]


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    path = raster(tmp_path, noise(20, 2), nodata=255)
    told = CliRunner().invoke(vectorize, [str(path), "--connectivity", "8"], catch_exceptions=False)
    frame = geopandas.read_file(tmp_path / "map.gpkg")
    assert f"{len(frame):,} polygons" in told.output
    assert {p.name for p in tmp_path.iterdir()} == {"map.tif", "map.gpkg"}


def test_what_cannot_be_is_refused_in_a_line(tmp_path: Path) -> None:
    good = raster(tmp_path, noise(5, 2), nodata=255)
    three = write_scene(tmp_path / "three.tif", np.zeros((3, 5, 5), np.uint8))
    real = write_scene(tmp_path / "real.tif", np.full((1, 5, 5), 0.5, np.float32))
    many = write_scene(tmp_path / "many.tif", np.arange(400, dtype=np.int32).reshape(1, 20, 20))
    large = write_scene(tmp_path / "large.tif", np.full((1, 5, 5), 4_000_000_000, np.uint32))
    out = tmp_path / "out.gpkg"
    for message, arguments in {
        "a class raster has one": (three, out),
        "whole numbers": (real, out),
        "more than 255 values": (many, out),
        "holds 4000000000; classes are numbers from": (large, out),
        "tell the format": (good, tmp_path / "out.shp"),
        "no such folder": (good, tmp_path / "nowhere" / "out.gpkg"),
        "no such file": (tmp_path / "none.tif", out),
    }.items():
        with pytest.raises(GeoglmError, match=message):
            write(*arguments)
    with pytest.raises(GeoglmError, match="the confidence must be that of the map"):
        write(good, out, many)
    assert not out.exists()
    for wrong in (np.zeros((5, 5), np.uint8), None, xr.Dataset()):
        with pytest.raises(GeoglmError, match=r"wants a path or a \(y, x\) DataArray"):
            geoglm.vectorize(wrong)  # type: ignore[arg-type]


def test_working_ahead_keeps_the_order_and_raises_what_went_wrong() -> None:
    assert list(ahead(range(50))) == list(range(50))
    with pytest.raises(ZeroDivisionError):
        list(ahead(1 // k for k in (1, 0)))
    some = ahead(iter(range(100)))
    assert next(some) == 0
    some.close()


def test_drawn_polygons_from_the_command_line_are_a_coverage(tmp_path: Path) -> None:
    classes = noise(50, 3)
    path, output = raster(tmp_path, classes, nodata=255), tmp_path / "drawn.fgb"
    drawing = ["--min-area", "3", "--simplify", "0.6", "--smooth", "2", "--method", "douglas"]
    told = CliRunner().invoke(vectorize, [str(path), "-o", str(output), *drawing], catch_exceptions=False)
    assert told.exit_code == 0
    frame = geopandas.read_file(output)
    assert frame.area_m2.min() >= 3
    assert np.isclose(frame.area_m2.sum(), 0.25 * classes.size)
    assert np.isclose(frame.geometry.area.sum(), 0.25 * classes.size)
    assert shapely.coverage_is_valid(frame.geometry.to_numpy())
    assert (frame.geometry.area != frame.area_m2).any()


def test_small_regions_are_merged_before_classes_are_chosen(tmp_path: Path) -> None:
    classes = np.zeros((9, 9), np.uint8)
    classes[4, 4] = 1
    path = raster(tmp_path, classes, nodata=255)
    assert pixels(traced(path, keep=("1",))) == {1: 1}
    assert pixels(traced(path, keep=("1",), min_area=1.0)) == {}
    assert pixels(traced(path, keep=("0",), min_area=1.0)) == {0: 81}


def test_a_map_in_a_file_and_in_an_array_give_the_same_frame(tmp_path: Path) -> None:
    path = raster(tmp_path, noise(30, 3), nodata=255)
    sure = write_scene(tmp_path / "sure.tif", noise(30, 100)[None])
    from_file = geoglm.vectorize(path, sure, simplify="2px", smooth=1)
    classes = geoglm.open_scene(path)[0]
    confidence = geoglm.open_scene(sure)[0] / np.float32(100)
    from_array = geoglm.vectorize(classes, confidence.drop_vars("band"), simplify=1.0, smooth=1)
    assert_geodataframe_equal(from_file, from_array)
    written = geoglm.vectorize(classes, output=tmp_path / "out.gpkg")
    assert written.polygons == len(from_array)
    with pytest.raises(GeoglmError, match="in an array"):
        geoglm.vectorize(classes, sure)
    with pytest.raises(GeoglmError, match="no length"):
        geoglm.vectorize(path, simplify="two")


def test_a_map_is_merged_in_place_as_it_is_row_by_row(tmp_path: Path) -> None:
    classes = noise(40, 2)
    path = raster(tmp_path, classes, nodata=255)
    merge_small(classes, RasterFile(path).meta.georef, 2.0)
    frame = traced(path, min_area=2.0)
    painted = rasterize(zip(frame.geometry, frame.class_id, strict=True), classes.shape, transform=UTM, dtype="uint8")
    assert (painted == classes).all()


def test_on_a_geographic_map_areas_and_perimeters_are_geodesic(tmp_path: Path) -> None:
    classes = np.zeros((40, 60), np.uint8)
    classes[10:25, 20:50] = 1
    path = raster(tmp_path, classes, nodata=255, crs="EPSG:4326", transform=Affine(1e-3, 0, 10, 0, -1e-3, 50))
    frame = traced(path, keep=("1",))
    area, perimeter = Geod(ellps="WGS84").geometry_area_perimeter(frame.geometry[0])
    assert frame.area_m2[0] == pytest.approx(area, rel=1e-4)
    assert frame.perimeter_m[0] == pytest.approx(perimeter, rel=1e-4)
