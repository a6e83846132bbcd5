import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rio_cogeo.cogeo import cog_validate

from geoglm.io.cog import Layer, array_blocks, classes_layer, write_cog
from geoglm.io.geotiff import RasterFile
from geoglm.stitch.overviews import halved
from geoglm.types import GeoRef, LandClass, PixelBox
from tests.conftest import UTM, add_control_points

SCHEME = (LandClass(0, "water", "#0000ff"), LandClass(7, "forest", "#00ff00"))


def write(path: Path, values: np.ndarray, georef: GeoRef, layer: Layer) -> Path:
    write_cog(path, values.shape[-2:], georef, layer, array_blocks(values, layer.overviews))
    return path


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (1500, 1100)])
@pytest.mark.parametrize("transform", [UTM, Affine(0.5, 0, 4e5, 0, 0.5, 5e6), UTM @ Affine.rotation(20)])
def test_a_map_is_a_valid_cog_in_the_right_place(tmp_path: Path, shape: tuple[int, int], transform: Affine) -> None:
    values = np.random.default_rng(0).choice(np.array([0, 7, 255], np.uint8), shape)
    georef = GeoRef(transform, rasterio.crs.CRS.from_epsg(32633).to_wkt())
    path = write(tmp_path / "classes.tif", values, georef, classes_layer(SCHEME))
    valid, errors, warned = cog_validate(path, strict=True)
    assert (valid, errors, warned) == (True, [], [])
    with rasterio.open(path) as file:
        assert file.transform == transform
        assert file.crs.to_epsg() == 32633
        assert file.nodata == 255
        assert (file.read(1) == values).all()
        assert file.colormap(1)[7] == (0, 255, 0, 255)
        assert file.tags()["CLASS_7"] == "forest"
        assert json.loads(file.tags()["CLASSES"])[0] == {"value": 0, "name": "water", "colour": "#0000ff"}
    assert [p.name for p in tmp_path.iterdir()] == ["classes.tif"]


def test_overviews_are_the_majority_of_classes_and_the_mean_of_confidence(tmp_path: Path) -> None:
    georef = GeoRef(UTM, rasterio.crs.CRS.from_epsg(32633).to_wkt())
    values = np.zeros((1024, 1024), np.uint8)
    values[::2, ::2] = 7
    values[:512] = 255
    for name, layer, expected in (
        ("c.tif", classes_layer(SCHEME), 0),
        ("p.tif", Layer(("confidence",), "average", scale=0.01), 2),
    ):
        path = write(tmp_path / name, values, georef, layer)
        with rasterio.open(path, overview_level=0) as file:
            half = file.read(1)
        assert (half[:256] == 255).all()
        assert (half[256:] == expected).all()
    with rasterio.open(tmp_path / "p.tif") as file:
        assert file.scales == (0.01,)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_control_points_and_rpcs_are_carried_over(tmp_path: Path, make_scene: Callable[..., Path]) -> None:
    scene = add_control_points(make_scene(crs=None, transform=None))
    georef = RasterFile(scene).meta.georef
    path = write(tmp_path / "out.tif", np.zeros((40, 50), np.uint8), georef, classes_layer(SCHEME))
    again = RasterFile(path).meta.georef
    assert again.gcps == georef.gcps
    assert again.gcps_crs == georef.gcps_crs
    names = "HEIGHT_OFF HEIGHT_SCALE LAT_OFF LAT_SCALE LONG_OFF LONG_SCALE LINE_OFF LINE_SCALE SAMP_OFF SAMP_SCALE"
    terms = dict.fromkeys(names.split(), "1.5")
    terms |= {f"{n}_COEFF": " ".join(["0.25"] * 20) for n in ("LINE_NUM", "LINE_DEN", "SAMP_NUM", "SAMP_DEN")}
    rpcs = GeoRef(rpcs=tuple(sorted(terms.items())))
    path = write(tmp_path / "rpc.tif", np.zeros((40, 50), np.uint8), rpcs, classes_layer(SCHEME))
    found = dict(RasterFile(path).meta.georef.rpcs)
    assert [float(v) for v in found["LINE_NUM_COEFF"].split()] == [0.25] * 20
    assert float(found["LAT_OFF"]) == 1.5


@pytest.mark.parametrize("workers", [1, 3])
def test_a_map_of_many_blocks_is_the_same_from_any_number_of_threads(tmp_path: Path, workers: int) -> None:
    values = np.random.default_rng(1).choice(np.array([0, 7, 255], np.uint8), (5000, 9001))
    values[:1100, :3000] = 255
    georef = GeoRef(UTM, rasterio.crs.CRS.from_epsg(32633).to_wkt())
    blocks = array_blocks(values, "mode")
    write_cog(tmp_path / "one.tif", values.shape, georef, classes_layer(SCHEME), blocks)
    write_cog(tmp_path / "many.tif", values.shape, georef, classes_layer(SCHEME), blocks, workers=workers)
    assert (tmp_path / "one.tif").read_bytes() == (tmp_path / "many.tif").read_bytes()
    assert cog_validate(tmp_path / "many.tif", strict=True) == (True, [], [])
    level = values
    with rasterio.open(tmp_path / "many.tif") as file:
        assert (file.read(1) == values).all()
        assert file.overviews(1) == [2, 4, 8, 16, 32]
    for number in range(5):
        even = np.pad(level, [(0, n % 2) for n in level.shape], constant_values=255)
        level = halved(even, "mode")
        with rasterio.open(tmp_path / "many.tif", overview_level=number) as file:
            assert (file.read(1) == level).all()


def test_blocks_without_data_take_no_room(tmp_path: Path) -> None:
    values = np.full((100_000, 60), 255, np.uint8)
    values[70_000:70_010] = 7
    path = write(tmp_path / "c.tif", values, GeoRef(), classes_layer(SCHEME))
    assert path.stat().st_size < 30_000
    assert (RasterFile(path).read(PixelBox(69_990, 0, 70_020, 60), [0])[0][0] == values[69_990:70_020]).all()


def test_a_file_beyond_4_gb_is_a_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geoglm.io.cog.LARGEST_CLASSIC", 1000)
    values = np.random.default_rng(0).choice(np.array([0, 7], np.uint8), (700, 1100))
    path = write(tmp_path / "c.tif", values, GeoRef(UTM), classes_layer(SCHEME))
    assert path.read_bytes()[:4] == b"II+\0"
    assert cog_validate(path, strict=True) == (True, [], [])
    with rasterio.open(path) as file:
        assert (file.read(1) == values).all()
