from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rioxarray  # the independent reader
import xarray as xr
from affine import Affine

import geoglm
from geoglm.errors import SceneMismatch
from geoglm.io.geotiff import RasterFile
from geoglm.io.lazy import DataArrayScene
from tests.conftest import SAMPLES, UTM, add_control_points, write_scene


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray's own
def test_a_scene_opens_lazily_with_all_it_says_of_itself() -> None:
    scene = geoglm.open_scene(SAMPLES / "brandenburg-sentinel2.tif")
    assert scene.dims == ("band", "y", "x")
    assert scene.chunks is not None
    assert scene.band.values.tolist() == ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B11", "B12"]
    assert scene.rio.crs.to_epsg() == 32633
    assert scene.rio.transform() == RasterFile(SAMPLES / "brandenburg-sentinel2.tif").meta.georef.transform
    assert scene.attrs["nodata"] == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RasterFile, "read", lambda *_: pytest.fail("read before it was asked for"))
        geoglm.open_scene(SAMPLES / "dutch-river.tif")


@pytest.mark.parametrize("transform", [UTM, Affine(0.5, 0, 4e5, 0, 0.5, 5e6), UTM @ Affine.rotation(20)])
def test_an_array_says_the_same_as_its_file(make_scene: Callable[..., Path], transform: Affine) -> None:
    path = make_scene(transform=transform, nodata=0)
    file, array = RasterFile(path), DataArrayScene(geoglm.open_scene(path))
    assert array.meta.georef == file.meta.georef
    assert (array.meta.nodata, array.meta.dtype, array.meta.bands) == (file.meta.nodata, "uint8", file.meta.bands)
    ours, theirs = array.read(array.meta.box, [0, 2]), file.read(file.meta.box, [0, 2])
    assert all((a == b).all() for a, b in zip(ours, theirs, strict=True))


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray's own
def test_names_of_bands_are_found_where_rioxarray_puts_them(make_scene: Callable[..., Path]) -> None:
    path = make_scene()
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("blue", "green", "red")
    scene = rioxarray.open_rasterio(path)
    assert isinstance(scene, xr.DataArray)
    assert DataArrayScene(scene).meta.bands == ("blue", "green", "red")
    assert DataArrayScene(scene.sel(band=[3, 1])).meta.bands == ("red", "blue")
    scene.attrs["long_name"] = ("blue", None, "red")
    assert DataArrayScene(scene).meta.bands == ("blue", "", "red")
    del scene.attrs["long_name"]
    assert DataArrayScene(scene).meta.bands == ("", "", "")


def test_a_slice_lies_where_it_lies(make_scene: Callable[..., Path]) -> None:
    part = geoglm.open_scene(make_scene())[:, 10:20, 5:9]
    transform = DataArrayScene(part).meta.georef.transform
    assert transform is not None
    assert transform @ (0, 0) == pytest.approx(UTM @ (5, 10))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_slice_of_a_turned_scene_and_one_with_control_points_lies_where_it_lies(
    make_scene: Callable[..., Path],
) -> None:
    turned = UTM @ Affine.rotation(20)
    part = DataArrayScene(geoglm.open_scene(make_scene(transform=turned))[:, 10:20, 5:9]).meta.georef
    assert part.transform is not None
    assert part.transform @ (0, 0) == pytest.approx(turned @ (5, 10))
    bare = make_scene(transform=None, crs=None)
    add_control_points(bare)
    point = DataArrayScene(geoglm.open_scene(bare)[:, 10:20, 5:9]).meta.georef.gcps[0]
    assert (point.row, point.col, point.x) == (-10, -5, 10)


def test_one_row_and_one_column_lie_where_they_lie(make_scene: Callable[..., Path]) -> None:
    scene = geoglm.open_scene(make_scene())
    for part, corner in ((scene[:, 7:8], (0, 7)), (scene[:, :, 9:10], (9, 0)), (scene[:, 7:8, 9:10], (9, 7))):
        transform = DataArrayScene(part).meta.georef.transform
        assert transform is not None
        assert transform @ (0, 0) == pytest.approx(UTM @ corner)


def test_uneven_and_empty_slices_are_refused(make_scene: Callable[..., Path]) -> None:
    scene = geoglm.open_scene(make_scene())
    for part, message in ((scene[:, :, [0, 1, 5]], "not evenly spaced"), (scene[:, :0], "empty")):
        with pytest.raises(SceneMismatch, match=message):
            DataArrayScene(part)


def test_a_mask_travels_with_the_scene(tmp_path: Path) -> None:
    pixels = np.full((4, 40, 50), 9, np.uint8)
    pixels[3, :10] = 0
    path = write_scene(tmp_path / "rgba.tif", pixels, photometric="RGB", alpha="yes")
    part = DataArrayScene(geoglm.open_scene(path)[:, 5:20])
    assert part.read(part.meta.box, range(3))[1].sum(axis=1).tolist() == [0] * 5 + [50] * 10


def test_other_dimensions_are_refused(make_scene: Callable[..., Path]) -> None:
    with pytest.raises(SceneMismatch, match="transpose"):
        DataArrayScene(geoglm.open_scene(make_scene()).transpose("y", "x", "band"))


def test_chunks_are_the_shards_planned_for_a_model(make_scene: Callable[..., Path]) -> None:
    path = make_scene((3, 900, 700))
    scene = geoglm.open_scene(path, model="aerial-landcover")
    result = geoglm.segment(path, model="aerial-landcover")
    assert scene.chunks is not None
    assert scene.chunks[1:] == result.classes.chunks
    assert np.prod([len(c) for c in result.classes.chunks or ()]) >= 1


def test_a_crs_that_is_none_is_refused_in_a_line(make_scene: Callable[..., Path]) -> None:
    scene = geoglm.open_scene(make_scene())
    bare = scene.drop_vars("spatial_ref").assign_attrs(crs="EPSG:99999")
    with pytest.raises(SceneMismatch, match=r"'EPSG:99999' of the scene is none"):
        DataArrayScene(bare)
    scene.spatial_ref.attrs.update(crs_wkt="PROJCS[nonsense")
    with pytest.raises(SceneMismatch, match="nonsense"):
        DataArrayScene(scene)
