"""A CRS whose code is not what it describes is what it describes, in the scene and in the map."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.crs import CRS

from geoglm.errors import SceneUnreadable
from geoglm.io.crs import own_words
from geoglm.io.geotiff import RasterFile
from tests.conftest import write_scene

ZONE = CRS.from_epsg(32617).to_wkt()


@pytest.mark.parametrize("code", [4326, 3857, 28992, 32617, 2056, 27700, 5514, 3031, 4979, 7415])
def test_a_code_that_says_what_the_words_say_stays(code: int) -> None:
    crs = CRS.from_wkt(CRS.from_epsg(code).to_wkt())
    assert own_words(crs) == crs.to_wkt()
    assert own_words(CRS.from_user_input("ESRI:102001")) == CRS.from_user_input("ESRI:102001").to_wkt()


def scene_in(crs: CRS, folder: Path) -> Path:
    """A VRT, which keeps every word of a CRS."""
    vrt = folder / "scene.vrt"
    rasterio.shutil.copy(write_scene(folder / "scene.tif", np.ones((1, 40, 50), np.uint8)), vrt, driver="VRT")
    text = vrt.read_text()
    start, end = text.index("<SRS"), text.index("</SRS>")
    vrt.write_text(text[:start] + "<SRS>" + crs.to_wkt().replace('"', "&quot;") + text[end:])
    return vrt


@pytest.mark.parametrize(("was", "becomes"), [("500000", "400000"), ("-81", "-82"), ("0.9996", "1")])
def test_a_parameter_that_was_changed_is_not_lost_for_the_code(tmp_path: Path, was: str, becomes: str) -> None:
    changed = CRS.from_wkt(ZONE.replace(was, becomes))
    found = RasterFile(scene_in(changed, tmp_path)).meta.georef.crs
    assert found is not None
    assert CRS.from_wkt(found) == changed
    written = write_scene(tmp_path / "map.tif", np.ones((1, 40, 50), np.uint8), crs=found)
    with rasterio.open(written) as file:
        assert file.crs == changed


def test_a_code_on_another_ellipsoid_is_refused(tmp_path: Path) -> None:
    scene = scene_in(CRS.from_wkt(ZONE.replace("298.257223563", "297.0")), tmp_path)
    with pytest.raises(SceneUnreadable, match=r"EPSG:32617 is on another ellipsoid; .*-a_srs"):
        RasterFile(scene)
