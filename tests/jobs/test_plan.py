"""The plan: what is decided, why, and what it predicts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoglm.errors import PlanError, SceneMismatch
from geoglm.io.geotiff import RasterFile
from geoglm.io.memory import ArrayScene
from geoglm.jobs.cache import cache_folder
from geoglm.jobs.pace import recall, remember
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.planning import make_plan
from geoglm.options import HaloRule, PatchRule, SegmentOptions, parse_bands, parse_memory, parse_scale
from tests.conftest import SAMPLES, pointwise


def plan(shape: tuple[int, int] = (3000, 4000), **options: Any) -> SegmentPlan:
    scene = ArrayScene(np.broadcast_to(np.uint8(7), (3, *shape)), gsd=0.5)
    return make_plan(scene, SegmentOptions("aerial-landcover", **options))


@pytest.mark.parametrize("budget", ["1GB", "2GB", "4GB"])
@pytest.mark.parametrize("workers", [1, 2])
def test_the_plan_stays_within_its_memory(budget: str, workers: int) -> None:
    made = plan(memory=parse_memory(budget), workers=workers, vectors="none")
    assert made.memory <= parse_memory(budget)


def test_more_memory_never_costs_more_work() -> None:
    work = [plan(memory=parse_memory(m)).tile_px for m in ("1GB", "2GB", "4GB", "16GB")]
    assert work == sorted(work, reverse=True)


def test_the_halo_is_the_models_own_unless_said_otherwise() -> None:
    card = plan().package.card
    assert plan().halo == card.halo
    assert plan(halo=HaloRule("exact")).halo == card.exact_halo
    assert plan(halo=HaloRule("fixed", 40)).halo == 64


def test_a_scene_finer_than_the_model_works_at_is_averaged_for_it() -> None:
    def reduction(gsd: float | None, **options: Any) -> int:
        scene = ArrayScene(np.zeros((3, 50, 50), np.uint8), gsd=gsd)
        return make_plan(scene, SegmentOptions("aerial-landcover", **options)).reduce

    assert [reduction(g) for g in (0.1, 0.15, 0.25, 0.4, 0.5, 1.0, None)] == [5, 3, 2, 1, 1, 1, 1]
    made = make_plan(RasterFile(SAMPLES / "dutch-river.tif"), SegmentOptions())
    assert made.layout.grid.rows.stride == made.package.card.stride * 2
    assert make_plan(RasterFile(SAMPLES / "dutch-river.tif", resample=0.5), SegmentOptions(resample=0.5)).reduce == 1


@pytest.mark.parametrize("memory", [10**9, 2 * 10**9, 9 * 10**9])
def test_the_tiles_are_the_same_for_any_number_of_workers(memory: int) -> None:
    patches = {plan((9000, 9000), workers=w, memory=memory).layout.grid.patch for w in (0, 1, 2, 4, 64)}
    assert len(patches) == 1
    made = plan((9000, 9000), workers=64, memory=memory)
    assert made.workers < 64
    assert any("has room for" in n for n in made.notes)


def test_no_work_is_planned_for_more_workers_than_shards() -> None:
    assert plan((100, 100), workers=8).workers == 1


def test_a_package_that_is_not_tileable_is_blended_and_says_so(tmp_path: Path) -> None:
    tiling = {"stride": 1, "tileable": False, "halo": 16}
    package = pointwise(tmp_path / "p", **{"geoglm:tiling": tiling})
    scene = ArrayScene(np.zeros((3, 300, 300), np.uint8))
    patch = PatchRule("fixed", 128)
    made = make_plan(scene, SegmentOptions(str(package.folder), patch=patch))
    assert made.blend_px == 16
    assert any("not exactly tileable" in n for n in made.notes)
    assert make_plan(scene, SegmentOptions(str(package.folder), patch=patch, blend=False)).blend_px == 0
    with pytest.raises(PlanError, match="--halo auto"):
        make_plan(scene, SegmentOptions(str(package.folder), halo=HaloRule("exact")))


def test_a_ground_sample_distance_far_outside_is_noted_with_the_way_out() -> None:
    source = RasterFile(SAMPLES / "brandenburg-sentinel2.tif")
    made = make_plan(source, SegmentOptions("aerial-landcover", scale=3000.0))
    assert any("--resample 2" in n for n in made.notes)
    with pytest.raises(SceneMismatch, match="--scale 10000"):
        make_plan(source, SegmentOptions("aerial-landcover"))


def test_auto_scale_is_read_from_the_scene() -> None:
    source = RasterFile(SAMPLES / "brandenburg-sentinel2.tif")
    made = make_plan(source, SegmentOptions("aerial-landcover", scale="auto"))
    assert 1000 < made.full_scale < 10_000


def test_the_time_expected_is_that_of_the_last_run_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOGLM_CACHE", str(tmp_path))
    made = plan(workers=1)
    assert made.describe()["predicted_seconds_why"] == "not yet measured on this machine"
    remember(cache_folder(), made.pace_key, made.tile_px / 12.0)
    assert made.seconds() == (pytest.approx(12.0, rel=0.01), "as fast as the last run on this machine")
    assert made.describe()["patch_px"] == plan(workers=1).describe()["patch_px"]


def test_a_damaged_note_of_the_pace_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "pace.json").write_text("{")
    assert recall(tmp_path, "k") is None
    remember(tmp_path, "k", 5.0)
    assert recall(tmp_path, "k") == 5.0


def test_text_becomes_values_or_a_line() -> None:
    assert [parse_memory(t) for t in ("2GB", "750MB", "1.5G", "100", "4 GiB")] == [
        *(2 * 10**9, 750 * 10**6, 15 * 10**8, 100, 4 * 10**9),
    ]
    assert parse_bands("4, 3,2") == (4, 3, 2)
    assert (parse_scale("auto"), parse_scale(None), parse_scale("1e4")) == ("auto", None, 10_000.0)
    for parse, text in ((parse_memory, "2 quarts"), (parse_bands, "0,1"), (parse_scale, "nan"), (parse_scale, "x")):
        with pytest.raises(PlanError):
            parse(text)
