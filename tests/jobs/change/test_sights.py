"""Change that a network has to see as well: what it takes back of what the bands say, and what it must not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from geoglm.errors import GeoglmError, PlanError, SceneMismatch
from geoglm.jobs.change.run import ChangeResult, change
from tests.conftest import SAMPLES, pointwise, write_scene

TEN_METRES = Affine(10, 0, 400_000, 0, -10, 5_800_000)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """Fields, wood and a lake in winter: 9 × 384 × 384 px uint16."""
    with rasterio.open(SAMPLES / "brandenburg-sentinel2.tif") as file:
        pixels: np.ndarray = file.read()[:, 128:, 128:]
    return pixels


def pasted(scene: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squares that change places with those that look least like them, and where they are."""
    changed, truth = scene.copy(), np.zeros(scene.shape[1:], bool)
    corners = [(r, c) for r in range(16, 344, 40) for c in range(16, 344, 40)]
    bright = {rc: np.median(scene[6, rc[0] : rc[0] + 24, rc[1] : rc[1] + 24]) for rc in corners}
    order = sorted(corners, key=lambda rc: bright[rc])
    for dark, light in zip(order[:4], order[-4:], strict=True):
        for (row, col), (there, across) in ((dark, light), (light, dark)):
            changed[:, row : row + 24, col : col + 24] = scene[:, there : there + 24, across : across + 24]
            truth[row : row + 24, col : col + 24] = True
    return changed, truth


def in_other_light(pixels: np.ndarray) -> np.ndarray:
    """Brighter in the shadows than in the sun, which no gain and offset undo, and a little noise."""
    top = float(pixels.max())
    noise = 0.002 * top * np.random.default_rng(0).normal(size=pixels.shape)
    return np.rint(top * (pixels / top) ** 0.75 + noise).clip(1, 20_000).astype(np.uint16)


def judged(result: ChangeResult) -> np.ndarray:
    with rasterio.open(result.folder / "change.tif") as file:
        made: np.ndarray = file.read(1)
    return made


def run(folder: Path, before: np.ndarray, after: np.ndarray, **choices: object) -> ChangeResult:
    files = zip(("before", "after"), (before, after), strict=True)
    paths = [write_scene(folder / f"{name}.tif", date, transform=TEN_METRES, nodata=0) for name, date in files]
    return change(*paths, folder / "out", **{"vectors": "none", "method": "features"} | choices)


def test_it_finds_change_in_another_light_and_takes_back_what_the_light_did(tmp_path: Path, scene: np.ndarray) -> None:
    changed, truth = pasted(scene)
    after = in_other_light(changed)
    bands = judged(run(tmp_path, scene, after, method="spectral")) == 1
    result = run(tmp_path, scene, after)
    found = judged(result) == 1
    assert (found & truth).sum() / truth.sum() >= 0.85
    assert (found & ~truth).sum() <= 0.5 * (bands & ~truth).sum()
    assert not (found & ~bands).any()
    assert result.summary["method"] == "features"
    assert result.summary["model"]["name"] == "sentinel2-landcover"
    with rasterio.open(result.folder / "probability.tif") as file:
        assert np.array_equal(file.read(1) >= 50, found)


def test_swapped_dates_give_the_same_map_and_tiles_hardly_matter(tmp_path: Path, scene: np.ndarray) -> None:
    after = in_other_light(pasted(scene)[0])
    after[:, 100:140, 200:260] = 0
    one = judged(run(tmp_path, scene, after, block_px=0))
    assert (one == 1).any()
    assert (one == 255).sum() == 40 * 60
    assert np.array_equal(judged(run(tmp_path, after, scene)), one)
    assert (judged(run(tmp_path, scene, after, block_px=128, workers=1)) == one).mean() > 0.9999


@pytest.mark.parametrize("date", [lambda p: p, in_other_light], ids=["itself", "another light"])
def test_unchanged_ground_has_no_change(tmp_path: Path, scene: np.ndarray, date: Callable) -> None:
    result = run(tmp_path, scene, date(scene))
    assert result.changed_share < 1e-3


def test_any_model_may_look(tmp_path: Path, scene: np.ndarray) -> None:
    package = pointwise(tmp_path / "eyes", bands=3)
    small = (scene[2::-1] // 16).clip(1, 255).astype(np.uint8)
    changed, truth = pasted(np.concatenate([small] * 3))
    found = judged(run(tmp_path, small, changed[:3], model=str(package.folder))) == 1
    assert (found & truth).sum() / truth.sum() >= 0.9
    assert (found & truth).sum() / found.sum() >= 0.9


def test_scales_are_whole_numbers_too_and_one_does_not_do_for_two_kinds_of_pixels(
    tmp_path: Path, scene: np.ndarray
) -> None:
    package = pointwise(tmp_path / "eyes", bands=3)
    small = scene[2::-1, :64, :64]
    asked = {"model": str(package.folder), "memory": 10**9}
    assert run(tmp_path, small, small, scale=10_000, **asked).changed_share == 0
    with pytest.raises(SceneMismatch, match="one --scale does not do for both"):
        run(tmp_path, small, (small // 16).astype(np.uint8), scale=10_000, **asked)


def test_a_model_that_a_dead_band_misleads_is_told_to_be_no_judge(tmp_path: Path, scene: np.ndarray) -> None:
    changed, truth = pasted(scene)
    changed[4] = 900
    result = run(tmp_path, scene, changed)
    assert any("no judge of this pair" in n for n in result.notes)
    assert (judged(result)[truth] == 1).any()


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"scheduler": "local:2"}, "leave --scheduler out"),
        ({"memory": 500 * 10**6}, "use --method spectral"),
        ({"method": "auto", "scale": 255.0}, "leave --scale out"),
        ({"method": "spectral", "scale": 255.0}, "leave --scale out"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    tmp_path: Path, scene: np.ndarray, choices: dict[str, object], told: str
) -> None:
    from geoglm.options import SchedulerRule

    if "scheduler" in choices:
        choices["scheduler"] = SchedulerRule.parse(str(choices["scheduler"]))
    with pytest.raises((GeoglmError, PlanError), match=told):
        run(tmp_path, scene, scene, **choices)
    assert not (tmp_path / "out").exists()
