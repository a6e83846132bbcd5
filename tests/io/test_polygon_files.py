"""Polygons in files: what each format gives back."""

from collections.abc import Iterator
from pathlib import Path

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from affine import Affine
from pyproj import CRS

from geoglm.errors import SceneUnreadable
from geoglm.io.polygon_files import along_curve, write_polygons
from geoglm.io.polygon_table import Legend, PolygonTable
from geoglm.types import GeoRef, LandClass
from geoglm.vector.polygons import Polygons
from geoglm.vector.trace import Ground, TraceRules, trace
from tests.vector.maps import noise

UTM = GeoRef(Affine(0.5, 0, 400_000, 0, -0.5, 5_000_000), CRS.from_epsg(32633).to_wkt())
CLASSES = noise(80, 3)
CERTAIN = np.where(CLASSES == 2, 255, 10 * CLASSES).astype(np.uint8)


def write(path: Path, *, classes: np.ndarray = CLASSES, georef: GeoRef = UTM, **rules: object) -> int:
    table = PolygonTable(georef, Legend.of([LandClass(1, "wood", "#00ff00")]), True, multi=TraceRules(**rules).multi)
    ground = Ground.of_pixels(len(classes), georef.transform or Affine.identity())
    rows = [(classes, CERTAIN[: len(classes)])]
    traced = trace(rows, classes.shape, ground, TraceRules(strip_rows=9, **rules))
    return write_polygons(table, traced, path, classes.shape)


def read(path: Path) -> geopandas.GeoDataFrame:
    return geopandas.read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path)


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".fgb"])
def test_every_format_gives_back_every_polygon_and_what_is_known_of_it(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    count = write(path)
    frame = read(path)
    assert len(frame) == count
    assert frame.crs == CRS.from_epsg(32633)
    assert set(frame.geom_type) == {"Polygon"}
    assert frame.geometry.area.sum() == 0.25 * CLASSES.size
    assert frame.pixels.sum() == CLASSES.size
    assert frame.total_bounds.tolist() == [400_000, 4_999_960, 400_040, 5_000_000]
    assert set(zip(frame.class_id, frame.class_name, strict=True)) == {(0, "class 0"), (1, "wood"), (2, "class 2")}
    assert (frame.geometry.length == frame.perimeter_m).all()
    assert np.isnan(frame.mean_confidence[frame.class_id == 2]).all()
    assert (frame.mean_confidence[frame.class_id == 1] == 0.1).all()
    assert (frame.min_confidence[frame.class_id == 0] == 0).all()
    assert shapely.coverage_is_valid(frame.geometry.to_numpy())


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".fgb"])
def test_several_parts_are_multipolygons(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    assert write(path, dissolve=True) == 3
    assert set(read(path).geom_type) == {"MultiPolygon"}


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".fgb"])
def test_no_polygons_and_no_crs_are_written_as_well(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    assert write(path, classes=np.full((4, 5), 255, np.uint8), georef=GeoRef()) == 0
    frame = read(path)
    assert len(frame) == 0
    assert frame.crs is None
    assert "area_px" in frame.columns


def test_spatial_indexes_are_there(tmp_path: Path) -> None:
    for name in ("out.gpkg", "out.fgb"):
        write(tmp_path / name)
        assert pyogrio.read_info(tmp_path / name)["capabilities"]["fast_spatial_filter"]
    path = tmp_path / "out.parquet"
    write(path)
    window = (400_010, 4_999_970, 400_012, 4_999_972)
    found = geopandas.read_parquet(path, bbox=window)
    assert 0 < len(found) < len(geopandas.read_parquet(path))
    assert shapely.intersects(shapely.box(*found.bounds.to_numpy().T), shapely.box(*window)).all()
    assert pq.read_schema(path).field("bbox").type.num_fields == 4


def test_places_near_each_other_lie_near_on_the_curve() -> None:
    boxes = np.array([[x, y, x + 1, y + 1] for x in range(8) for y in range(8)], float)
    order = np.argsort(along_curve(boxes))
    quarters = boxes[order].reshape(4, 16, 4)
    assert all((np.ptp(q[:, :2], axis=0) == 3).all() for q in quarters)


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".fgb"])
def test_what_goes_wrong_while_polygons_are_made_comes_out_as_it_is(tmp_path: Path, suffix: str) -> None:
    def traced() -> Iterator[Polygons]:
        yield from trace([(CLASSES, None)], CLASSES.shape, Ground.of_pixels(80, Affine.identity()))
        raise SceneUnreadable(Path("map.tif"), "it ends here")

    with pytest.raises(SceneUnreadable, match="it ends here"):
        write_polygons(PolygonTable(UTM, Legend.of([]), False), traced(), tmp_path / f"out{suffix}", CLASSES.shape)
