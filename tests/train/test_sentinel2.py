"""The Sentinel-2 recipe: places kept apart, skies that keep their label, and lessons at both levels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geoglm.train.samples import Moment
from geoglm.train.sentinel2 import data, recipe, score, skies
from geoglm.train.sentinel2.data import HELD_OUT, LEFT_OUT, VALIDATION, Lesson, lessons, pairs, scenes_of
from tests.conftest import write_scene


def by_brightness(pixels: np.ndarray) -> np.ndarray:
    """A teacher of nine classes, a function of the pixel alone."""
    return -np.abs(pixels.mean(axis=0)[None] / 300 - np.arange(9)[:, None, None])


def scene(folder: Path, name: str, seed: int = 0, side: int = 72) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(100, 3000, (9, side, side)).astype(np.uint16)
    write_scene(folder / f"{name}.tif", pixels, nodata=0)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    place = HELD_OUT[-1]
    held = (*HELD_OUT[0].top, *place.top, *place.surface, *VALIDATION[0].top, LEFT_OUT[0])
    rows = ["file,level,place"]
    levels = dict.fromkeys(held, "L1C") | {"farm": "L1C", "forest": "L2A", "terramind_other_L2A": "L2A"}
    for seed, (name, level) in enumerate(levels.items()):
        scene(tmp_path, name, seed)
        rows.append(f"{name}.tif,{level},somewhere")
    (tmp_path / "PROVENANCE.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def taught(archive: Path) -> list[Lesson]:
    return list(lessons(archive, by_brightness, seed=1, temperature=0.5))  # type: ignore[arg-type]


def test_no_scene_of_a_held_out_place_is_trained_on(archive: Path) -> None:
    farm, forest = taught(archive)
    assert (farm.plain.pixels == data.read(archive, "farm")).all()
    assert farm.surface is None
    assert forest.surface is not None
    assert (forest.surface.pixels == data.read(archive, "forest")).all()
    assert (forest.surface.labels == forest.plain.labels).all()
    names = [n for p in (*HELD_OUT, *VALIDATION) for n in (*p.top, *p.surface)]
    assert len(names) == len(set(names))
    assert not set(names) & set(LEFT_OUT)
    assert len(HELD_OUT) >= 6


def test_changed_ground_gets_the_teachers_new_answer(archive: Path) -> None:
    farm, _ = taught(archive)
    for changed in (farm.seasonal, farm.snowy):
        assert (changed.pixels != farm.plain.pixels).any()
        expected = by_brightness(changed.pixels.astype(np.float32)).argmax(axis=0)
        assert (changed.labels == expected).mean() > 0.99


def test_pairs_share_the_answer_to_top_of_atmosphere(archive: Path) -> None:
    place = HELD_OUT[-1]
    ((of, above, below),) = pairs(archive, [place], by_brightness)  # type: ignore[arg-type]
    assert of is place
    assert (above.labels == below.labels).all()
    assert (above.pixels != below.pixels).any()
    assert len(list(scenes_of(archive, [place], by_brightness))) == 1  # type: ignore[arg-type]


def test_a_batch_shows_both_levels_under_the_same_label(archive: Path) -> None:
    every = taught(archive)
    kinds = {
        "plain": [lesson.plain for lesson in every],
        "seasonal": [lesson.seasonal for lesson in every],
        "snowy": [lesson.snowy for lesson in every],
        "surface": [lesson.surface for lesson in every if lesson.surface],
    }
    sets = recipe.sample_sets(kinds)
    batch = recipe.draw(sets, np.random.default_rng(0), Moment(0, 8, 32))
    again = recipe.draw(sets, np.random.default_rng(0), Moment(0, 8, 32))
    assert batch.pixels.shape == (8, 9, 32, 32)
    assert batch.soft is not None
    assert torch.equal(batch.pixels, again.pixels)
    assert float(batch.pixels.min()) >= 0


@given(st.integers(0, 10_000))
def test_the_surface_is_what_top_of_atmosphere_was_made_of(seed: int) -> None:
    rng = np.random.default_rng(seed)
    surface = rng.uniform(300, 9000, (9, 4, 5)).astype(np.float32)
    a, b = skies.SLOPE[:, None, None], skies.AIRLIGHT[:, None, None]
    back = skies.to_surface(torch.from_numpy((a * surface + b) / 1e4))
    assert back.numpy() * 1e4 == pytest.approx(surface, rel=1e-3)
    hazy = skies.to_surface(torch.from_numpy(surface / 1e4), np.random.default_rng(seed))
    assert float(hazy.min()) > 0


@given(st.integers(0, 200))
def test_seasons_and_snow_stay_reflectance(seed: int) -> None:
    top = np.random.default_rng(seed).uniform(100, 4000, (9, 40, 50)).astype(np.float32)
    for change in (skies.season, skies.snowfall):
        changed = change(top, np.random.default_rng(seed))
        assert changed.shape == top.shape
        assert changed.dtype == np.float32
        assert changed.min() >= skies.DARKEST
        assert changed.max() < 20_000
    snowy = skies.snowfall(top, np.random.default_rng(seed))
    assert snowy[0].mean() > skies.relight(top, np.random.default_rng(seed))[0].mean() * 0.5


def test_only_classes_that_are_there_count_in_the_mean() -> None:
    confusion = np.zeros((9, 9), np.int64)
    confusion[0, 0], confusion[4, 4], confusion[4, 0], confusion[8, 4] = 500, 400, 95, 5
    told = score.in_words(confusion)
    assert told["miou"] == pytest.approx((500 / 595 + 400 / 500) / 2, abs=1e-4)
    assert told["overall_accuracy"] == 0.9
    assert told["iou"]["bare"] is None
