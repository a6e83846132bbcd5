"""Scenes with the reflectance offset of Sentinel-2 give the maps that they would give without."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geoglm.errors import PlanError, SceneMismatch
from geoglm.io.geotiff import RasterFile
from geoglm.jobs.manifest import describe_run
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.planning import make_plan
from geoglm.jobs.segment import segment_file
from geoglm.options import SegmentOptions, parse_offset
from tests.conftest import pointwise, write_scene


@pytest.fixture
def reflectance(tmp_path: Path) -> str:
    card = {"geoglm:reflectance_offset": True, "geoglm:full_scale": {"uint16": 10_000, "float32": 1}}
    return str(pointwise(tmp_path / "model", **card).folder)


def scene(path: Path, *, offset: int, gap: bool = False) -> Path:
    values = np.random.default_rng(3).integers(40, 9000, (3, 60, 70))
    pixels = (values + offset).astype(np.uint16)
    if gap:
        pixels[:, 10:20, 10:20] = 0
    return write_scene(path, pixels, nodata=0)


def plan(path: Path, model: str, **options: Any) -> SegmentPlan:
    return make_plan(RasterFile(path), SegmentOptions(model, **options))


def test_a_scene_with_the_offset_gives_the_same_map(tmp_path: Path, reflectance: str) -> None:
    maps = []
    for offset in (0, 1000):
        path = scene(tmp_path / f"scene{offset}.tif", offset=offset, gap=True)
        result = segment_file(
            path, tmp_path / f"out{offset}", SegmentOptions(reflectance, precision="f32", vectors="none")
        )
        assert f"pixel value {offset} counts as reflectance 0" in "\n".join(result.notes)
        with rasterio.open(tmp_path / f"out{offset}" / "classes.tif") as file:
            maps.append(file.read())
    assert (maps[0] == maps[1]).all()
    assert (maps[0] == 255).sum() == 100


def test_the_user_has_the_last_word(tmp_path: Path, reflectance: str) -> None:
    path = scene(tmp_path / "scene.tif", offset=1000)
    made = {o: plan(path, reflectance, offset=parse_offset(o)) for o in ("auto", "0", "1000", "250")}
    assert {o: p.zero for o, p in made.items()} == {"auto": 1000, "0": 0, "1000": 1000, "250": 250}
    assert len({p.key for p in made.values()}) == 3
    assert describe_run(made["250"], path, "x")["plan"]["zero"] == 250
    with pytest.raises(PlanError, match="offset 'much' is no number"):
        parse_offset("much")


def test_a_model_that_is_not_of_reflectance_takes_pixels_as_they_are(tmp_path: Path) -> None:
    plain = str(pointwise(tmp_path / "plain").folder)
    path = scene(tmp_path / "scene.tif", offset=1000)
    assert plan(path, plain).zero == 0
    assert plan(path, plain, offset=1000.0).zero == 1000


def test_what_the_file_says_is_believed(tmp_path: Path, reflectance: str) -> None:
    path = scene(tmp_path / "scene.tif", offset=3000)
    assert plan(path, reflectance).zero == 0
    assert any("--offset 1000" in n for n in plan(path, reflectance).notes)
    with rasterio.open(path, "r+") as file:
        file.update_tags(PROCESSING_BASELINE="05.09")
    assert plan(path, reflectance).zero == 1000
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (1e-4,) * 3, (-0.1,) * 3
    assert plan(path, reflectance).zero == 1000
    folder = tmp_path / "S2B_MSIL1C_20230101T101409_N0509_R022_T33UUB_20230101T103514.SAFE"
    folder.mkdir()
    named = scene(folder / "stack.tif", offset=3000)
    assert plan(named, reflectance).zero == 1000


def test_real_numbers_that_are_no_reflectance_are_refused(tmp_path: Path, reflectance: str) -> None:
    pixels = np.random.default_rng(0).uniform(0, 0.4, (3, 30, 30)).astype(np.float32)
    assert plan(write_scene(tmp_path / "a.tif", pixels), reflectance).zero == 0
    whole = write_scene(tmp_path / "b.tif", pixels * 10_000)
    with pytest.raises(SceneMismatch, match="real numbers up to"):
        plan(whole, reflectance)
    assert plan(whole, reflectance, scale=10_000.0).full_scale == 10_000
