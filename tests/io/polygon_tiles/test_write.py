"""Polygons in PMTiles: every pixel lies in its class at the greatest zoom, read by hand and by GDAL."""

from pathlib import Path

import numpy as np
import pyogrio
import pytest
from affine import Affine
from click.testing import CliRunner
from pyproj import CRS, Transformer

from geoglm.apps.cli import main
from geoglm.errors import OutputError
from geoglm.io.polygon_files import write_polygons
from geoglm.io.polygon_table import Legend, PolygonTable
from geoglm.io.polygon_tiles.archive import Entry, _directories, tile_number, write_archive
from geoglm.io.polygon_tiles.place import WebPlace
from geoglm.types import GeoRef, LandClass
from geoglm.vector.trace import Ground, TraceRules, trace
from tests.conftest import write_scene
from tests.io.polygon_tiles.vector_tiles import Feature, numbers, place, read_tiles
from tests.vector.maps import noise

UTM = GeoRef(Affine(0.5, 0, 400_075, 0, -0.5, 4_999_950), CRS.from_epsg(32633).to_wkt())
TURNED = GeoRef(UTM.transform @ Affine.rotation(30), UTM.crs)
SENTINEL = GeoRef(Affine(10, 0, 600_000, 0, -10, 1_000_000), CRS.from_epsg(32733).to_wkt())
DEGREES = GeoRef(Affine(1e-4, 0, -70, 0, -1e-4, 0.003), "EPSG:4326")
LEGEND = Legend.of([LandClass(1, "wood", "#00ff00"), LandClass(2, "räka", "#123456")])
CLASSES = noise(60, 3).repeat(8, axis=0).repeat(8, axis=1)[:200, :310]
CLASSES[40:90, 60:95] = 255
CERTAIN = np.where(CLASSES == 2, 255, 10 * CLASSES).astype(np.uint8)


def write(path: Path, georef: GeoRef, classes: np.ndarray = CLASSES, *, strip: int = 37, **rules: object) -> int:
    table = PolygonTable(georef, LEGEND, True, multi=TraceRules(**rules).multi)
    ground = Ground.of_pixels(len(classes), georef.transform or Affine.identity())
    rows = [(classes, CERTAIN[: classes.shape[0], : classes.shape[1]])]
    traced = trace(rows, classes.shape, ground, TraceRules(strip_rows=strip, **rules))
    return write_polygons(table, traced, path, classes.shape)


def within(feature: Feature, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether points lie in a feature: a ray from each crosses an odd number of edges."""
    odd = np.zeros(len(x), bool)
    for ring in feature.rings:
        for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
            if y0 != y1:
                odd ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return odd


def area(feature: Feature) -> int:
    """Twice its area in square units, holes taken off."""
    pairs = ((a, b) for ring in feature.rings for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)


@pytest.mark.parametrize(
    ("georef", "dissolve"),
    [(UTM, False), (TURNED, False), (SENTINEL, True), (DEGREES, False)],
    ids=["utm", "turned", "sentinel dissolved", "degrees"],
)
def test_every_pixel_lies_in_one_polygon_of_its_class_at_the_greatest_zoom(
    tmp_path: Path, georef: GeoRef, dissolve: bool
) -> None:
    write(tmp_path / "out.pmtiles", georef, dissolve=dissolve)
    tiles, where = read_tiles(tmp_path / "out.pmtiles"), WebPlace.of(georef, *CLASSES.shape)
    assert {z for z, _, _ in tiles} == set(range(where.zooms[0], where.zooms[1] + 1))
    row, col = (k.ravel()[::5] for k in np.indices(CLASSES.shape))
    world = where.world(np.column_stack(georef.transform @ (col + 0.5, row + 0.5))) * 2.0 ** where.zooms[1]
    corner = np.floor(world)
    shown = np.full(len(world), 255)
    assert len(np.unique(corner, axis=0)) > 1
    for column, line in np.unique(corner, axis=0).astype(int):
        here = (corner == (column, line)).all(axis=1)
        x, y = 4096 * (world[here] - (column, line)).T
        found = np.full(here.sum(), 255)
        for feature in tiles.get((where.zooms[1], column, line), []):
            inside = within(feature, x, y)
            assert (found[inside] == 255).all()
            found[inside] = feature.known["class_id"]
        shown[here] = found
    assert (shown == CLASSES.ravel()[::5]).all()


def test_gdal_reads_attributes_and_areas(tmp_path: Path) -> None:
    classes = CLASSES[:60, :60]
    count = write(tmp_path / "out.pmtiles", UTM, classes)
    write(tmp_path / "out.gpkg", UTM, classes)
    whole = pyogrio.read_dataframe(tmp_path / "out.gpkg").to_crs(3857)
    frame = pyogrio.read_dataframe(tmp_path / "out.pmtiles", layer="polygons")
    assert frame.crs == CRS.from_epsg(3857)
    whole = whole.set_index(np.arange(1, count + 1))
    assert set(frame.polygon) == set(whole.index)
    told = whole.loc[frame.polygon]
    for name in ("class_id", "class_name"):
        assert frame[name].tolist() == told[name].tolist()
    assert (
        dict(zip(frame.class_name, frame.colour, strict=True)).items() >= {"wood": "#00ff00", "räka": "#123456"}.items()
    )
    np.testing.assert_allclose(frame.area_m2, told.area_m2, rtol=1e-6)
    np.testing.assert_allclose(frame.mean_confidence, told.mean_confidence, rtol=1e-4, equal_nan=True)
    alone = frame[~frame.polygon.duplicated(keep=False)].set_index("polygon")
    unit = 2 * np.pi * 6378137 / 2 ** WebPlace.of(UTM, *classes.shape).zooms[1] / 4096
    whole = whole.loc[alone.index]
    assert len(alone) > 5
    assert (np.abs(alone.area - whole.area) <= whole.length * unit / 2 + unit**2).all()


def test_coarse_zooms_hold_less_and_nothing_but_what_can_be_seen(tmp_path: Path) -> None:
    write(tmp_path / "out.pmtiles", UTM)
    tiles = read_tiles(tmp_path / "out.pmtiles")
    zooms = sorted({z for z, _, _ in tiles})
    held = [sum(len(r) for k, t in tiles.items() if k[0] == z for f in t for r in f.rings) for z in zooms]
    assert held == sorted(held)
    assert sum(k[0] == zooms[0] for k in tiles) <= 4
    for (zoom, _, _), tile in tiles.items():
        points = np.array([p for f in tile for r in f.rings for p in r])
        assert points.min() >= -64
        assert points.max() <= 4096 + 64
        assert zoom == zooms[-1] or not (points % 4).any()


def test_how_the_map_is_traced_does_not_matter(tmp_path: Path) -> None:
    made = []
    for strip in (11, 400):
        write(tmp_path / "out.pmtiles", UTM, strip=strip)
        tiles = read_tiles(tmp_path / "out.pmtiles")
        made.append(np.array([sum(area(f) for f in tiles[k]) for k in sorted(tiles)]))
    np.testing.assert_allclose(*made, rtol=1e-3, atol=200)
    assert [p.name for p in tmp_path.iterdir()] == ["out.pmtiles"]


def test_a_map_without_polygons_is_a_file_without_tiles(tmp_path: Path) -> None:
    assert write(tmp_path / "out.pmtiles", UTM, np.full((30, 40), 255, np.uint8)) == 0
    assert read_tiles(tmp_path / "out.pmtiles") == {}


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


def test_numbers_of_tiles_are_places_on_the_curve() -> None:
    for number in (*range(400), 12_345_678, 4**17):
        assert tile_number(*place(number)) == number


def test_many_tiles_have_directories_below_the_root(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    tiles = [(int(n), rng.bytes(3)) for n in np.cumsum(rng.integers(1, 10_000, 30_000))]
    write_archive(tmp_path / "a", tiles, {}, zooms=(0, 14), box=(0, 0, 1, 1))
    root, leaves = _directories([Entry(n, 0, 23) for n, _ in tiles])
    assert 0 < len(root) <= 16384 - 127
    assert leaves
    import gzip

    data = (tmp_path / "a").read_bytes()
    length = int.from_bytes(data[16:24], "little")
    count, *told = numbers(gzip.decompress(data[127 : 127 + length]))
    assert told[count : 2 * count] == [0] * count
    assert told[0] == tiles[0][0]


def test_the_middle_of_the_world_is_in_the_middle() -> None:
    where = WebPlace.of(DEGREES, 60, 60)
    back = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True).transform(-70, 0)[0]
    assert where.world(np.array([[-70.0, 0.0]])).ravel() == pytest.approx([0.5 + back / (4 * np.pi * 6378137) * 2, 0.5])


def test_a_scene_without_a_place_is_refused_before_it_is_segmented(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene.tif", np.zeros((3, 32, 32), np.uint8), crs=None)
    told = CliRunner().invoke(main, ["segment", str(scene), "--vectors", "pmtiles", "-o", str(tmp_path / "out")])
    assert told.exit_code == 2
    assert "no CRS that places it there; write the polygons as gpkg, parquet or fgb" in told.output
    assert not (tmp_path / "out").exists()
