"""What reads back otherwise than it was written is never called finished."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geoglm.errors import OutputError
from geoglm.io import cog
from geoglm.io.cog import Layer, array_blocks, write_cog
from geoglm.io.commit import checks
from geoglm.io.commit.checks import check_bytes, check_place, check_polygons, crc
from geoglm.types import GeoRef
from tests.conftest import UTM, write_scene

PARTS = [b"header", bytes(300), b"x", b"the last block"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, sum(map(len, PARTS)) - 1), flip=st.integers(1, 255), cut=st.booleans())
def test_a_flipped_bit_or_a_missing_end_is_found_wherever_it_is(tmp_path: Path, at: int, flip: int, cut: bool) -> None:
    path, whole = tmp_path / "file", b"".join(PARTS)
    told = [(len(p), crc(p)) for p in PARTS]
    path.write_bytes(whole)
    check_bytes(path, told)
    damaged = whole[:at] if cut else whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :]
    for content in (damaged, whole + b"!"):
        path.write_bytes(content)
        with pytest.raises(OutputError, match="does not read back"):
            check_bytes(path, told)


def test_a_map_that_the_disk_damages_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 5, (700, 600)).astype(np.uint8)

    def damaging(paths: list[Path]) -> None:
        with paths[0].open("r+b") as stream:
            stream.seek(-50, os.SEEK_END)
            stream.write(b"damage")

    monkeypatch.setattr(checks, "sync", damaging)
    with pytest.raises(OutputError, match="does not read back"):
        write_cog(
            tmp_path / "a.tif", values.shape, GeoRef(UTM), Layer(("class",), "mode"), array_blocks(values, "mode")
        )


def test_a_map_without_the_crs_of_its_scene_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_scene(tmp_path / "bare.tif", np.zeros((1, 4, 5), np.uint8), crs=None)
    check_place(path, (4, 5), 1, GeoRef(UTM))
    with pytest.raises(OutputError, match="lost the CRS"):
        check_place(path, (4, 5), 1, GeoRef(UTM, "EPSG:32633"))
    with pytest.raises(OutputError, match="lost the CRS"):
        check_place(path, (4, 5), 1, GeoRef(UTM @ Affine.translation(1, 0)))
    with pytest.raises(OutputError, match="does not read back"):
        check_place(path, (5, 4), 1, GeoRef(UTM))
    assert cog.check_place is check_place


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".fgb"])
def test_polygons_are_counted_again(tmp_path: Path, suffix: str) -> None:
    import geopandas
    import shapely

    path = tmp_path / f"polygons ünd 100%?{suffix}"
    frame = geopandas.GeoDataFrame({"n": range(5)}, geometry=[shapely.box(0, 0, k + 1, 1) for k in range(5)], crs=32633)
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path, layer="polygons")
    check_polygons(path, 5, "EPSG:32633")
    with pytest.raises(OutputError, match="does not read back"):
        check_polygons(path, 6, "EPSG:32633")
    path.write_bytes(path.read_bytes()[:-200] if suffix == ".parquet" else path.read_bytes()[:100])
    with pytest.raises(OutputError, match="does not read back"):
        check_polygons(path, 5, "EPSG:32633")


@pytest.mark.parametrize(
    "undone",
    [
        "DELETE FROM rtree_polygons_geom_rowid WHERE rowid = 1",
        "UPDATE gpkg_ogr_contents SET feature_count = 0",
        "UPDATE gpkg_contents SET min_x = NULL",
    ],
)
def test_a_geopackage_that_gdal_could_not_finish_is_refused(tmp_path: Path, undone: str) -> None:
    import geopandas
    import shapely

    path = tmp_path / "polygons.gpkg"
    squares = [shapely.box(k, 0, k + 1, 1) for k in range(3)]
    geopandas.GeoDataFrame(geometry=squares, crs="EPSG:32633").to_file(path, layer="polygons")
    check_polygons(path, 3, "EPSG:32633")
    with closing(sqlite3.connect(path)) as database:
        database.execute(undone)
        database.commit()
    with pytest.raises(OutputError, match="does not read back"):
        check_polygons(path, 3, "EPSG:32633")
