"""What a whole scene's map owes to each band, against the slow obvious version."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

import geoglm
from geoglm.jobs.explain import scene as scene_job
from geoglm.jobs.explain.record import Importance
from tests.conftest import UTM, pointwise, write_scene
from tests.jobs.explain.test_place import Linear


@pytest.mark.parametrize("patch", [None, 64], ids=["one tile", "many tiles"])
def test_it_is_the_mean_fall_in_probability_of_each_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patch: int | None
) -> None:
    model = pointwise(tmp_path / "model", bands=2, classes=3)
    pixels = np.random.default_rng(0).integers(1, 256, (2, 130, 150)).astype(np.uint8)
    pixels[:, 20:60, 30:40] = 0
    scene = write_scene(tmp_path / "scene.tif", pixels, nodata=0)
    if patch is not None:
        from dataclasses import replace

        from geoglm.options import HaloRule, PatchRule

        made = scene_job.make_plan
        small = {"patch": PatchRule("fixed", patch), "halo": HaloRule("fixed", 8)}
        monkeypatch.setattr(scene_job, "make_plan", lambda s, o: made(s, replace(o, **small)))
    found = geoglm.explain(
        scene, tmp_path / "out", whole=True, model=str(model.folder), cell_px=10, reference=(100, 120)
    )
    assert isinstance(found, Importance)

    def shares(values: np.ndarray) -> np.ndarray:
        power = np.exp(Linear(model).logits(values.astype(np.float64)))
        return np.asarray(power / power.sum(axis=0))

    valid, sure = (pixels != 0).all(axis=0), shares(pixels)
    best = sure.argmax(axis=0)[None]
    for band, value in enumerate((100, 120)):
        without = pixels.copy()
        without[band] = value
        drop = np.take_along_axis(sure - shares(without), best, axis=0)[0]
        cells = np.where(valid, drop, np.nan).reshape(13, 10, 15, 10).swapaxes(1, 2).reshape(13, 15, 100)
        empty = np.isnan(cells).all(axis=-1)
        assert (np.isnan(found.drops[band]) == empty).all()
        assert found.drops[band][~empty] == pytest.approx(np.nanmean(cells[~empty], axis=-1), abs=1e-5)
        assert found.mean[band] == pytest.approx(drop[valid].mean(), abs=1e-5)
    with rasterio.open(tmp_path / "out" / "importance.tif") as file:
        assert file.shape == (13, 15)
        assert file.descriptions == ("without band 1", "without band 2")
        assert file.transform == UTM @ UTM.scale(10)
        assert np.array_equal(file.read(), found.drops.astype(np.float32), equal_nan=True)
