"""Hard cases that are no attacks: each is read with the georeferencing it has, or refused in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.rpc import RPC

from geoglm.errors import GeoglmError
from geoglm.io.geotiff import RasterFile
from geoglm.io.guard.raster import quiet
from geoglm.jobs.segment import segment_file
from geoglm.options import SegmentOptions
from geoglm.registry.package import ModelPackage
from tests.conftest import UTM, add_control_points, write_scene

CASES: dict[str, dict[str, Any]] = {
    "one pixel": {"shape": (3, 1, 1)},
    "one row": {"shape": (3, 1, 700)},
    "one column": {"shape": (3, 700, 1)},
    "many bands": {"shape": (1000, 3, 4)},
    "nan and infinity": {"dtype": "float32", "values": [np.nan, np.inf, -np.inf, 1]},
    "1 bit": {"nbits": 1, "values": [0, 1]},
    "12 bits": {"dtype": "uint16", "nbits": 12},
    "int8": {"dtype": "int8"},
    "uint64": {"dtype": "uint64"},
    "int64": {"dtype": "int64"},
    "float64": {"dtype": "float64"},
    "half precision": {"dtype": "float32", "nbits": 16},
    "palette": {"shape": (1, 40, 50), "photometric": "palette"},
    "alpha": {"shape": (4, 40, 50), "alpha": "yes"},
    "rotated": {"transform": UTM @ Affine.rotation(30)},
    "south up": {"transform": Affine(0.5, 0, 400_000, 0, 0.5, 5_000_000)},
    "antimeridian": {"crs": "EPSG:4326", "transform": Affine(0.01, 0, 179.9, 0, -0.01, 10)},
    "a CRS of its own": {"crs": "+proj=laea +lat_0=1 +lon_0=2 +ellps=sphere"},
    "no CRS": {"crs": None},
    "big and planar": {"BIGTIFF": "YES", "interleave": "band", "tiled": True, "blockxsize": 16, "blockysize": 16},
    "big endian": {"ENDIANNESS": "BIG"},
}
CASES |= {
    f"codec {name}": {"compress": name}
    for name in ("lzw", "deflate", "zstd", "lzma", "packbits", "lerc", "lerc_zstd", "lerc_deflate", "webp", "jpeg")
}
CASES |= {
    f"codec {name}": {"shape": (1, 40, 50), "compress": name, "nbits": 1, "values": [0, 1]}
    for name in ("ccittrle", "ccittfax3", "ccittfax4")
}


@pytest.mark.parametrize("name", CASES)
def test_a_hard_case_lies_where_it_says(tmp_path: Path, name: str) -> None:
    given = dict(CASES[name])
    shape, dtype = given.pop("shape", (3, 40, 50)), given.pop("dtype", "uint8")
    values = given.pop("values", [1, 2, 3, 4])
    path = write_scene(tmp_path / "s.tif", np.resize(np.array(values, dtype), shape), **given)
    source = RasterFile(path)
    pixels, valid = source.read(source.meta.box, range(len(source.meta.bands)))
    with quiet(), rasterio.open(path) as file:
        assert source.meta.georef.transform == file.transform
        assert (source.meta.georef.crs is None) == (file.crs is None)
        assert file.crs is None or rasterio.crs.CRS.from_wkt(source.meta.georef.crs) == file.crs
        assert source.meta.box.shape == file.shape == valid.shape
        assert np.array_equal(pixels, file.read(range(1, len(pixels) + 1)), equal_nan=pixels.dtype.kind == "f")


@pytest.mark.parametrize(
    "name", ["one pixel", "one row", "one column", "rotated", "south up", "antimeridian", "no CRS"]
)
def test_a_map_of_a_hard_case_lies_where_its_scene_does(tmp_path: Path, oracle: ModelPackage, name: str) -> None:
    given = dict(CASES[name])
    scene = write_scene(tmp_path / "s.tif", np.full(given.pop("shape", (3, 40, 50)), 7, np.uint8), **given)
    segment_file(scene, tmp_path / "out", SegmentOptions(model=str(oracle.folder), vectors="none", workers=1))
    with quiet(), rasterio.open(scene) as own, rasterio.open(tmp_path / "out/classes.tif") as made:
        assert (made.shape, made.transform, made.crs) == (own.shape, own.transform, own.crs)


def test_what_is_no_data_is_told_by_masks_alpha_and_values_of_each_band(tmp_path: Path) -> None:
    pixels = np.ones((3, 40, 50), np.uint8)
    there = np.zeros((40, 50), bool)
    there[:, :20] = True
    for name, inside in (("inside", True), ("beside", False)):
        path = write_scene(tmp_path / f"{name}.tif", pixels)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside), rasterio.open(path, "r+") as file:
            file.write_mask(there)
        assert (tmp_path / f"{name}.tif.msk").exists() is not inside
        assert np.array_equal(validity(path), there)
    path = write_scene(
        tmp_path / "alpha.tif", np.concatenate([pixels, 255 * there[None]]).astype(np.uint8), alpha="yes"
    )
    assert np.array_equal(validity(path), there)
    pixels[:, ~there] = np.array([[7], [8], [9]])
    rasterio.shutil.copy(write_scene(tmp_path / "s.tif", pixels), tmp_path / "s.vrt", driver="VRT")
    text = (tmp_path / "s.vrt").read_text()
    for band, value in ((1, 7), (2, 8), (3, 9)):
        start = text.index(">", text.index(f'band="{band}"')) + 1
        text = f"{text[:start]}<NoDataValue>{value}</NoDataValue>{text[start:]}"
    (tmp_path / "s.vrt").write_text(text)
    assert np.array_equal(validity(tmp_path / "s.vrt"), there)


def validity(path: Path) -> np.ndarray:
    source = RasterFile(path)
    return source.read(source.meta.box, range(3))[1]


def test_scales_and_offsets_are_told(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "s.tif", np.ones((2, 4, 5), np.uint16))
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (0.5, 2.0), (1.0, -3.0)
    assert RasterFile(path).meta.units == ((0.5, 1.0), (2.0, -3.0))


def test_complex_numbers_and_loops_of_directories_are_one_line(tmp_path: Path) -> None:
    write_scene(tmp_path / "complex.tif", np.ones((1, 4, 5), np.complex64))
    looped = write_scene(tmp_path / "loop.tif", np.ones((1, 4, 5), np.uint8)).read_bytes()
    at = int.from_bytes(looped[4:8], "little")
    after = at + 2 + 12 * int.from_bytes(looped[at : at + 2], "little")
    (tmp_path / "loop.tif").write_bytes(looped[:after] + at.to_bytes(4, "little") + looped[after + 4 :])
    with pytest.raises(GeoglmError, match="complex64") as caught:
        RasterFile(tmp_path / "complex.tif")
    assert "\n" not in str(caught.value)
    assert RasterFile(tmp_path / "loop.tif").meta.box.shape == (4, 5)  # its one image is sound


def test_points_and_polynomials_are_kept(tmp_path: Path) -> None:
    with quiet():
        path = write_scene(tmp_path / "s.tif", np.ones((1, 40, 50), np.uint8), transform=None, crs=None)
        add_control_points(path)
    assert len(RasterFile(path).meta.georef.gcps) == 4
    ones = [1.0] * 20
    rpc = RPC(0, 1, 50, 1, ones, ones, 20, 20, 10, 1, ones, ones, 25, 25)
    with quiet():
        path = write_scene(tmp_path / "r.tif", np.ones((1, 40, 50), np.uint8), transform=None, crs=None, rpcs=rpc)
    assert RasterFile(path).meta.georef.rpcs
