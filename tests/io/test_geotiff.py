from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import torch
from affine import Affine
from rasterio.enums import ColorInterp

from geoglm.errors import SceneMismatch, SceneNotFound, SceneUnreadable
from geoglm.io.geotiff import RasterFile
from geoglm.io.source import read_padded
from geoglm.types import GeoRef, PixelBox
from tests.conftest import SAMPLES, UTM, add_control_points, write_scene

WHOLE = PixelBox(0, 0, 40, 50)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
def test_any_real_dtype_and_number_of_bands_is_read_as_it_is(make_scene: Callable[..., Path], dtype: str) -> None:
    path = make_scene((7, 40, 50), dtype)
    source = RasterFile(path)
    with rasterio.open(path) as file:
        expected = file.read()
    pixels, valid = source.read(WHOLE, range(7))
    assert source.meta.dtype == dtype
    assert (pixels == expected).all()
    assert valid.all()


def test_a_window_is_the_same_as_a_cut_from_the_whole(make_scene: Callable[..., Path]) -> None:
    source = RasterFile(make_scene())
    box = PixelBox(7, 11, 31, 12)
    whole, part = source.read(WHOLE, [2, 0])[0], source.read(box, [2, 0])[0]
    assert (part == whole[(..., *box.within(WHOLE))]).all()


def test_an_alpha_band_is_a_mask_and_no_band(tmp_path: Path) -> None:
    pixels = np.full((4, 40, 50), 9, np.uint8)
    pixels[3, :10] = 0
    path = write_scene(tmp_path / "rgba.tif", pixels, photometric="RGB", alpha="yes")
    source = RasterFile(path)
    assert source.meta.bands == ("red", "green", "blue")
    assert source.meta.mask == ("alpha",)
    valid = source.read(WHOLE, range(3))[1]
    assert not valid[:10].any()
    assert valid[10:].all()


def test_a_band_of_light_that_is_marked_as_alpha_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "rgbn.tif", np.full((4, 40, 50), 9, np.uint8))
    with rasterio.open(path, "r+") as file:
        assert file.colorinterp[3] == ColorInterp.alpha  # by GDAL itself, of four bands of bytes
        file.descriptions = ("Red", "Green", "Blue", "Near Infrared")
    with pytest.raises(SceneMismatch, match=r"band 4 is called Near Infrared and marked as alpha.*-colorinterp_4"):
        RasterFile(path)
    with rasterio.open(path, "r+") as file:  # what gdal_edit.py does
        file.colorinterp = (*file.colorinterp[:3], ColorInterp.undefined)
    assert RasterFile(path).meta.bands == ("Red", "Green", "Blue", "Near Infrared")
    assert RasterFile(path).meta.mask == ()
    with rasterio.open(path, "r+") as file:
        file.colorinterp = (*file.colorinterp[:3], ColorInterp.alpha)
        file.descriptions = ("Band_1", "Band_2", "Band_3", "Band_4")
    assert RasterFile(path).meta.mask == ("alpha",)


def test_a_mask_beside_the_pixels_counts(make_scene: Callable[..., Path]) -> None:
    path = make_scene()
    mask = np.full((40, 50), 255, np.uint8)
    mask[5, 5] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(mask)
    source = RasterFile(path)
    assert source.meta.mask == ("mask",)
    assert (source.read(WHOLE, range(3))[1] == (mask > 0)).all()


def test_nodata_is_per_band_and_seen(make_scene: Callable[..., Path]) -> None:
    source = RasterFile(make_scene(dtype="int16", nodata=-9999))
    assert source.meta.nodata == (-9999.0,) * 3


@pytest.mark.parametrize(
    "transform",
    [UTM, UTM @ Affine.rotation(20), Affine(0.5, 0, 4e5, 0, 0.5, 5e6), Affine(0.1, 0.02, 1 / 3, 0.01, -0.1, 2 / 3)],
    ids=["north-up", "rotated", "south-up", "sheared"],
)
def test_the_transform_is_kept_to_the_last_bit(make_scene: Callable[..., Path], transform: Affine) -> None:
    path = make_scene(transform=transform)
    with rasterio.open(path) as file:
        assert RasterFile(path).meta.georef.transform == file.transform


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_what_is_missing_is_said(make_scene: Callable[..., Path]) -> None:
    assert RasterFile(make_scene()).meta.georef.lacks() is None
    assert "no CRS" in str(RasterFile(make_scene(crs=None)).meta.georef.lacks())
    bare = make_scene(crs=None, transform=None)
    assert "no georeferencing" in str(RasterFile(bare).meta.georef.lacks())
    add_control_points(bare)
    georef = RasterFile(bare).meta.georef
    assert len(georef.gcps) == 4
    assert "ground control points" in str(georef.lacks())


def test_the_ground_sample_distance_is_in_metres(make_scene: Callable[..., Path]) -> None:
    assert RasterFile(make_scene()).meta.gsd == pytest.approx(0.5)
    degrees = make_scene(crs="EPSG:4326", transform=Affine(1e-5, 0, 10, 0, -1e-5, 60))
    assert RasterFile(degrees).meta.gsd == pytest.approx(1.113 * 0.5**0.5, rel=0.01)
    feet = make_scene(crs="EPSG:2263", transform=Affine(1, 0, 1e6, 0, -1, 2e5))
    assert RasterFile(feet).meta.gsd == pytest.approx(0.3048, rel=0.001)


def test_jpeg_2000_and_vrt_are_read(make_scene: Callable[..., Path], tmp_path: Path) -> None:
    path = make_scene((3, 128, 128))
    with rasterio.open(path) as file:
        pixels = file.read()
        rasterio.shutil.copy(file, tmp_path / "s.jp2", driver="JP2OpenJPEG", QUALITY="100", REVERSIBLE="YES")
        rasterio.shutil.copy(file, tmp_path / "s.vrt", driver="VRT")
    for name, driver in (("s.jp2", "JP2OpenJPEG"), ("s.vrt", "VRT")):
        source = RasterFile(tmp_path / name)
        assert source.meta.driver == driver
        assert (source.read(source.meta.box, range(3))[0] == pixels).all()


def test_beyond_the_edge_there_is_fill_and_nothing_valid(make_scene: Callable[..., Path]) -> None:
    source = RasterFile(make_scene())
    pixels, valid = read_padded(source, PixelBox(30, 40, 64, 64), [0, 1], fill=(7.0, 8.0), dtype="uint8")
    assert pixels.shape == (2, 34, 24)
    assert valid.sum() == 10 * 10
    assert (pixels[0, 10:] == 7).all()
    assert (pixels[1, :, 10:] == 8).all()


def test_resampling_keeps_the_corner_and_the_extent() -> None:
    source = RasterFile(SAMPLES / "dutch-river.tif", resample=0.5)
    fine = RasterFile(SAMPLES / "dutch-river.tif")
    assert (source.meta.height, source.meta.width) == (500, 500)
    assert source.meta.gsd == pytest.approx(0.5)
    assert source.meta.georef.transform @ (500, 500) == pytest.approx(fine.meta.georef.transform @ (1000, 1000))
    part = PixelBox(100, 100, 200, 200)
    whole = source.read(source.meta.box, range(3))[0]
    assert (source.read(part, range(3))[0] == whole[:, 100:200, 100:200]).all()
    mean = fine.read(PixelBox(200, 200, 400, 400), range(3))[0].reshape(3, 100, 2, 100, 2).mean((2, 4))
    assert np.abs(whole[:, 100:200, 100:200] - mean).max() <= 1


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    "profile",
    [{}, {"crs": None}, {"crs": None, "transform": None}, {"transform": UTM @ Affine.rotation(20)}, {"nodata": 0}],
    ids=["placed", "no CRS", "nowhere", "rotated", "nodata"],
)
def test_a_scene_is_zoomed_wherever_it_lies(make_scene: Callable[..., Path], profile: dict[str, Any]) -> None:
    path = make_scene((3, 40, 50), **profile)
    own = RasterFile(path)
    pixels = np.maximum(own.read(own.meta.box, range(3))[0], 1).astype(np.float32)  # what is 0 may be nodata
    with rasterio.open(path, "r+") as file:
        file.write(pixels.astype(np.uint8))
    half, double = RasterFile(path, zoom=0.5), RasterFile(path, zoom=2)
    assert (half.meta.height, half.meta.width, double.meta.height, double.meta.width) == (20, 25, 80, 100)
    found, valid = half.read(half.meta.box, range(3))
    assert valid.all()
    assert np.abs(found - pixels.reshape(3, 20, 2, 25, 2).mean((2, 4))).max() <= 0.5
    slow = torch.nn.functional.interpolate(torch.from_numpy(pixels)[None], scale_factor=2, mode="bilinear")[0].numpy()
    found, valid = double.read(PixelBox(7, 9, 61, 100), range(3))
    assert valid.all()
    assert np.abs(found - slow[:, 7:61, 9:100]).max() <= 0.5
    assert half.meta.gsd == (None if own.meta.gsd is None else pytest.approx(2 * own.meta.gsd))
    there = own.meta.georef.transform
    assert (double.meta.georef.crs is None) == (own.meta.georef.crs is None)
    if there is None:
        assert double.meta.georef == GeoRef()
    else:
        assert double.meta.georef.transform @ (20, 30) == pytest.approx(there @ (10, 15))  # type: ignore[operator]


def test_a_scene_without_a_crs_is_not_resampled(make_scene: Callable[..., Path]) -> None:
    with pytest.raises(SceneMismatch, match="no transform and CRS"):
        RasterFile(make_scene(crs=None), resample=2.0)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SceneNotFound, match="no such file"):
        RasterFile(tmp_path / "none.tif")


@pytest.mark.parametrize("content", [b"", b"hello, I am text", b"II*\x00\x08\x00\x00\x00"])
def test_what_is_no_raster_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.tif"
    path.write_bytes(content)
    with pytest.raises(SceneUnreadable) as caught:
        RasterFile(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.99])
def test_a_truncated_file_is_found_before_any_work(make_scene: Callable[..., Path], keep: float) -> None:
    path = make_scene((3, 400, 500), compress="deflate", tiled=True, blockxsize=64, blockysize=64)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(SceneUnreadable):
        RasterFile(path)


def test_complex_pixels_are_refused(make_scene: Callable[..., Path]) -> None:
    with pytest.raises(SceneUnreadable, match="complex64"):
        RasterFile(make_scene(dtype="complex64"))


def test_a_driver_that_is_not_on_the_list_is_refused(make_scene: Callable[..., Path], tmp_path: Path) -> None:
    with rasterio.open(make_scene()) as file:
        rasterio.shutil.copy(file, tmp_path / "s.img", driver="HFA")
    with pytest.raises(SceneUnreadable):
        RasterFile(tmp_path / "s.img")


def test_colour_interpretation_names_the_bands(make_scene: Callable[..., Path]) -> None:
    path = make_scene((4, 40, 50))
    with rasterio.open(path, "r+") as file:
        file.colorinterp = [ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.undefined]
        file.set_band_description(4, "nir")
    assert RasterFile(path).meta.bands == ("blue", "green", "red", "nir")
