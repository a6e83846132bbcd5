"""What lies beside a raster, or stands in its metadata, draws in no other file."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from geoglm.errors import FileRefused
from geoglm.io.geotiff import RasterFile
from tests.conftest import write_scene

VRT = '<VRTDataset rasterXSize="25" rasterYSize="20"><VRTRasterBand dataType="Byte" band="1"/></VRTDataset>'
POINTS_OUT = (
    "<PAMDataset><Metadata domain='{domain}'><MDI key='OVERVIEW_FILE'>/etc/passwd</MDI></Metadata></PAMDataset>"
)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write_scene(tmp_path / "scene.tif", np.ones((1, 40, 50), np.uint8))


@pytest.mark.parametrize("ending", ["tif.ovr", "tif.OVR", "tif.msk", "tif.msk.ovr", "ovr"])
def test_overviews_and_masks_that_are_no_tiff_are_refused(scene: Path, ending: str) -> None:
    (scene.parent / f"scene.{ending}").write_text(VRT)
    with pytest.raises(FileRefused, match="beside it is no TIFF"):
        RasterFile(scene)


def test_auxiliary_metadata_that_point_elsewhere_are_refused(scene: Path) -> None:
    beside = scene.with_name("scene.tif.aux.xml")
    beside.write_text(POINTS_OUT.format(domain="Overviews"))
    with pytest.raises(FileRefused, match="names files for its overviews"):
        RasterFile(scene)
    beside.write_text("<!DOCTYPE a><PAMDataset/>")
    with pytest.raises(FileRefused, match="document type"):
        RasterFile(scene)
    beside.write_text(POINTS_OUT.format(domain="NAMES"))
    assert RasterFile(scene).meta.box.shape == (40, 50)


def test_tags_that_point_elsewhere_are_refused(scene: Path) -> None:
    with rasterio.open(scene, "r+") as file:
        file.update_tags(ns="OVERVIEWS", OVERVIEW_FILE="/etc/passwd")
    with pytest.raises(FileRefused, match="as its overviews"):
        RasterFile(scene)


def test_overviews_and_masks_of_gdal_are_used(scene: Path) -> None:
    with rasterio.Env(TIFF_USE_OVR=True, GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(scene, "r+") as file:
        file.build_overviews([2])
        file.write_mask(np.arange(2000).reshape(40, 50) % 2 == 0)
    assert {f.name for f in scene.parent.iterdir()} == {"scene.tif", "scene.tif.ovr", "scene.tif.msk"}
    source = RasterFile(scene)
    assert source.meta.mask == ("mask",)
    assert source.read(source.meta.box, [0])[1].sum() == 1000
