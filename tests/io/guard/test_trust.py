"""More is let in where the user says so, for as long as the command runs."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from click.testing import CliRunner

from geoglm.apps.cli import main
from geoglm.errors import FileRefused, SceneUnreadable
from geoglm.io.geotiff import RasterFile
from geoglm.io.guard.trust import Trust, trust, trusting
from geoglm.io.remote import scene_ref
from tests.conftest import write_scene


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    scene = write_scene(tmp_path / "scene.tif", np.full((3, 40, 50), 9, np.uint8))
    with rasterio.open(scene) as file:
        rasterio.shutil.copy(file, tmp_path / "scene.png", driver="PNG")
    return tmp_path / "scene.png"


def test_other_kinds_are_opened_where_they_are_asked_for(picture: Path) -> None:
    with pytest.raises(SceneUnreadable, match="--allow-driver PNG"):
        RasterFile(picture)
    with trusting(Trust(drivers=("png",))):
        source = RasterFile(picture)
    assert (source.read(source.meta.box, [0])[0] == 9).all()
    assert trust() == Trust()


def test_a_command_is_told_what_to_let_in_and_forgets_it_afterwards(picture: Path) -> None:
    words = ["info", str(picture), "-m", "aerial-landcover"]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 2
    assert refused.output.count("\n") == 1
    assert CliRunner().invoke(main, [*words, "--allow-driver", "PNG"]).exit_code == 0
    assert trust() == Trust()


def test_an_item_of_this_machine_draws_on_its_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    write_scene(tmp_path / "scene.tif", np.ones((1, 40, 50), np.uint8))
    item = tmp_path / "inner" / "item.json"

    def naming(href: str) -> None:
        item.write_text(f'{{"type": "Feature", "assets": {{"a": {{"href": "{href}", "roles": ["data"]}}}}}}')

    for href, way in (
        ("../scene.tif", "--allow-vrt-source"),
        (f"{tmp_path}/scene.tif", "--allow-vrt-source"),
        ("http://127.0.0.1:1/a.tif", "--allow-remote"),
        ("s3://bucket/a.tif", "--allow-remote"),
    ):
        naming(href)
        with pytest.raises(FileRefused, match=way):
            RasterFile(scene_ref(item))
    naming("../scene.tif")
    with trusting(Trust(folders=(tmp_path,))):
        assert RasterFile(scene_ref(item)).meta.box.shape == (40, 50)
