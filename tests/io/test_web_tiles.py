"""Polygons in PMTiles, read by GDAL: every pixel lies in one polygon of its class at the greatest zoom."""

from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from click.testing import CliRunner
from pyproj import CRS, Transformer

from geoglm.apps.cli import main
from geoglm.errors import OutputError
from geoglm.io.polygon_files import write_polygons
from geoglm.io.polygon_table import Legend, PolygonTable
from geoglm.io.web_tiles import WebPlace
from geoglm.types import GeoRef, LandClass
from geoglm.vector.trace import Ground, TraceRules, trace
from tests.conftest import write_scene
from tests.vector.maps import noise

UTM = GeoRef(Affine(0.5, 0, 400_075, 0, -0.5, 4_999_950), CRS.from_epsg(32633).to_wkt())
TURNED = GeoRef(UTM.transform @ Affine.rotation(30), UTM.crs)
SENTINEL = GeoRef(Affine(10, 0, 600_000, 0, -10, 1_000_000), CRS.from_epsg(32733).to_wkt())
DEGREES = GeoRef(Affine(1e-4, 0, -70, 0, -1e-4, 0.003), "EPSG:4326")
LEGEND = Legend.of([LandClass(1, "wood", "#00ff00"), LandClass(2, "räka", "#123456")])
CLASSES = noise(60, 3).repeat(8, axis=0).repeat(8, axis=1)[:200, :310]
CLASSES[40:90, 60:95] = 255
CERTAIN = np.where(CLASSES == 2, 255, 10 * CLASSES).astype(np.uint8)


def write(path: Path, georef: GeoRef, classes: np.ndarray = CLASSES, **rules: object) -> int:
    table = PolygonTable(georef, LEGEND, True, multi=TraceRules(**rules).multi)
    ground = Ground.of_pixels(len(classes), georef.transform or Affine.identity())
    rows = [(classes, CERTAIN[: classes.shape[0], : classes.shape[1]])]
    traced = trace(rows, classes.shape, ground, TraceRules(strip_rows=37, **rules))
    return write_polygons(table, traced, path, classes.shape)


@pytest.mark.parametrize(
    ("georef", "dissolve"),
    [(UTM, False), (TURNED, False), (SENTINEL, True), (DEGREES, False)],
    ids=["utm", "turned", "sentinel dissolved", "degrees"],
)
def test_every_pixel_lies_in_one_polygon_of_its_class(tmp_path: Path, georef: GeoRef, dissolve: bool) -> None:
    write(tmp_path / "out.pmtiles", georef, dissolve=dissolve)
    frame = pyogrio.read_dataframe(tmp_path / "out.pmtiles", layer="polygons")
    assert frame.crs == CRS.from_epsg(3857)
    assert [p.name for p in tmp_path.iterdir()] == ["out.pmtiles"]
    row, col = (k.ravel() for k in np.indices(CLASSES.shape))
    onto = Transformer.from_crs(georef.crs, "EPSG:3857", always_xy=True)
    middles = shapely.points(*onto.transform(*(georef.transform @ (col + 0.5, row + 0.5))))
    at, piece = shapely.STRtree(frame.geometry.values).query(middles, predicate="within")
    assert len(np.unique(at)) == len(at)
    shown = np.full(CLASSES.size, 255)
    shown[at] = frame.class_id.to_numpy()[piece]
    assert (shown == CLASSES.ravel()).all()


def test_pieces_know_their_polygon_and_keep_its_area(tmp_path: Path) -> None:
    count = write(tmp_path / "out.pmtiles", UTM)
    write(tmp_path / "out.fgb", UTM)
    whole = pyogrio.read_dataframe(tmp_path / "out.fgb").to_crs(3857)
    frame = pyogrio.read_dataframe(tmp_path / "out.pmtiles", layer="polygons")
    assert set(frame.polygon) == set(range(1, count + 1))
    for name in ("class_id", "class_name", "area_m2", "mean_confidence"):
        per_class = frame.drop_duplicates("polygon")[name].sort_values().tolist()
        np.testing.assert_array_equal(np.array(per_class), np.array(whole[name].sort_values().tolist()))
    assert (
        dict(zip(frame.class_name, frame.colour, strict=True)).items() >= {"wood": "#00ff00", "räka": "#123456"}.items()
    )
    unit = 2 * np.pi * 6378137 / 2 ** WebPlace.of(UTM, *CLASSES.shape).zooms[1] / 4096
    for name, pieces in frame.groupby("class_name"):
        told = whole[whole.class_name == name]
        assert abs(pieces.area.sum() - told.area.sum()) <= told.length.sum() * unit / 2


def test_a_map_without_polygons_is_a_file_without_tiles(tmp_path: Path) -> None:
    assert write(tmp_path / "out.pmtiles", UTM, np.full((30, 40), 255, np.uint8)) == 0
    assert (tmp_path / "out.pmtiles").exists()


@pytest.mark.parametrize(
    ("georef", "why"),
    [
        (GeoRef(), "has no CRS"),
        (GeoRef(UTM.transform, None), "has no CRS"),
        (GeoRef(Affine(0.1, 0, 179, 0, -0.1, 10), "EPSG:4326"), "crosses the 180th meridian"),
        (GeoRef(Affine(0.1, 0, 10, 0, -0.1, 89), "EPSG:4326"), "reaches beyond 85.0511 degrees"),
    ],
)
def test_where_no_tiles_are_it_is_said_in_one_line(tmp_path: Path, georef: GeoRef, why: str) -> None:
    with pytest.raises(OutputError, match=why) as told:
        write(tmp_path / "out.pmtiles", georef, CLASSES[:40, :40])
    assert "gpkg, parquet or fgb" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_scene_without_a_place_is_refused_before_it_is_segmented(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene.tif", np.zeros((3, 32, 32), np.uint8), crs=None)
    told = CliRunner().invoke(main, ["segment", str(scene), "--vectors", "pmtiles", "-o", str(tmp_path / "out")])
    assert told.exit_code == 2
    assert "no CRS that places it there; write the polygons as gpkg, parquet or fgb" in told.output
    assert not (tmp_path / "out").exists()
