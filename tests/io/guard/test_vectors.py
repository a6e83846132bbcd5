"""Files of polygons hold their own shapes: what names other files, servers or commands is not opened."""

import os
import sqlite3
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely

from geoglm.errors import AreaOfInterestError, FileRefused, LabelError
from geoglm.io.geotiff import RasterFile
from geoglm.io.guard.trust import Trust, trusting
from geoglm.io.guard.vectors import read_vectors
from geoglm.io.labels import open_labels
from geoglm.io.vectors import AreaOfInterest
from geoglm.types import GeoRef, PixelBox
from tests.conftest import write_scene

KML = (
    '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><Point><coordinates>1,2</coordinates></Point>'
    "</Placemark></Document></kml>"
)


@pytest.fixture
def frame() -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame({"kind": ["a"]}, geometry=[shapely.box(0, 0, 9, 9)], crs="EPSG:32633")


@pytest.mark.parametrize("ending", ["gpkg", "geojson", "fgb", "shp", "parquet"])
def test_the_usual_kinds_are_read(tmp_path: Path, frame: geopandas.GeoDataFrame, ending: str) -> None:
    path = tmp_path / f"shapes.{ending}"
    frame.to_parquet(path) if ending == "parquet" else frame.to_file(path, engine="pyogrio")
    assert read_vectors(path).geometry.iloc[0].area == pytest.approx(81)


@pytest.mark.parametrize(
    "content",
    [
        '{"type": "gdal_streamed_alg", "command_line": "gdal vector read /etc/passwd", "a": {"type": "Feature"}}',
        "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>"
        "</OGRVRTDataSource>",
        "<OGRWFSDataSource><URL>http://127.0.0.1:1/</URL></OGRWFSDataSource>",
        "WKT,kind\n",
        '{"a": 1}',
    ],
)
def test_what_could_name_something_else_is_refused_by_labels_and_areas_of_interest(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "shapes.geojson"
    path.write_text(content)
    with pytest.raises(AreaOfInterestError, match="it is no GeoPackage"):
        AreaOfInterest(path, GeoRef(), PixelBox(0, 0, 4, 4))
    scene = write_scene(tmp_path / "scene.tif", np.ones((1, 40, 50), np.uint8))
    with pytest.raises((LabelError, FileRefused)):
        open_labels(path, RasterFile(scene).meta)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("CREATE VIEW v AS SELECT ogr_geocode('home') AS a", "reaches elsewhere"),
        ("CREATE VIEW v AS SELECT load_extension('/tmp/x.so') AS a", "reaches elsewhere"),
        ("CREATE VIRTUAL TABLE v USING VirtualOGR('/etc/passwd')", "module"),
    ],
)
def test_a_database_with_views_that_reach_out_is_refused(
    tmp_path: Path, frame: geopandas.GeoDataFrame, made: str, why: str
) -> None:
    path = tmp_path / "shapes.gpkg"
    frame.to_file(path, engine="pyogrio")
    database = sqlite3.connect(path)
    database.execute("PRAGMA writable_schema = ON")
    database.execute(
        "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES (?, 'v', 'v', 0, ?)",
        ["view" if "VIEW" in made else "table", made],
    )
    database.commit()
    database.close()
    with pytest.raises(FileRefused, match=why):
        read_vectors(path)


def test_other_kinds_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.kml").write_text(KML)
    with pytest.raises(ValueError, match="--allow-driver"):
        read_vectors(tmp_path / "a.kml")
    with trusting(Trust(drivers=("LIBKML", "KML"))):
        assert len(read_vectors(tmp_path / "a.kml")) == 1
    os.mkfifo(tmp_path / "a.geojson")
    with pytest.raises(FileRefused, match="regular file"):
        read_vectors(tmp_path / "a.geojson")
