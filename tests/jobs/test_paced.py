"""A time budget: everything in full where there is time, coarser where there is none, and said shard by shard."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from geoglm.apps.cli import main
from geoglm.errors import PlanError
from geoglm.jobs.budget import run_bytes
from geoglm.jobs.paced import coarse_levels
from geoglm.jobs.segment import plan_file, segment_file
from geoglm.options import HaloRule, PatchRule, SegmentOptions
from tests.conftest import pointwise, write_scene

TILING = {"patch": PatchRule("fixed", 320), "halo": HaloRule("fixed", 32), "shard_px": 256}


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(pointwise(tmp_path / "model").folder)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Squares of 8 x 8 equal pixels, at whose borders it ends, and a corner without data in which a shard lies."""
    squares = np.random.default_rng(0).integers(1, 255, (3, 100, 120), dtype=np.uint8)
    squares[:, :40, :40] = 0
    return write_scene(tmp_path / "scene.tif", squares.repeat(8, 1).repeat(8, 2), nodata=0)


def maps(folder: Path) -> bytes:
    return b"".join((folder / f"{name}.tif").read_bytes() for name in ("classes", "confidence"))


@pytest.mark.parametrize(("seconds", "factors"), [(3600.0, {"1 x 1"}), (0.01, {"8 x 8"})], ids=["an hour", "no time"])
def test_a_map_made_coarsely_lies_where_that_made_in_full_lies(
    scene: Path, model: str, tmp_path: Path, seconds: float, factors: set[str]
) -> None:
    for name, budget in (("plain", None), ("paced", seconds)):
        options = SegmentOptions(model, **TILING, vectors="none", time_budget=budget)  # type: ignore[arg-type]
        notes = segment_file(scene, tmp_path / name, options).notes
    assert any("11 of 12 shards were looked at coarsely: 11 with 8 x 8" in n for n in notes) == ("8 x 8" in factors)
    assert maps(tmp_path / "plain") == maps(tmp_path / "paced")
    told = json.loads((tmp_path / "paced" / "manifest.json").read_text())["resolution"]
    assert told["time_budget_s"] == seconds
    assert set(told["pixels_seen_as_one"].values()) == {*factors, "no data"}
    assert len(told["pixels_seen_as_one"]) == 3 * 4
    assert "resolution" not in json.loads((tmp_path / "plain" / "manifest.json").read_text())


def test_a_stopped_run_says_at_last_how_every_shard_was_seen(scene: Path, model: str, tmp_path: Path) -> None:
    options = SegmentOptions(model, **TILING, vectors="none", time_budget=0.01, workers=1)  # type: ignore[arg-type]

    def stop(phase: str, done: int, total: int) -> None:
        if phase == "segmenting" and done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment_file(scene, tmp_path / "out", options, stop)
    assert segment_file(scene, tmp_path / "out", options).reused > 0
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())["resolution"]
    assert len(told["pixels_seen_as_one"]) == 3 * 4


def test_a_time_budget_that_cannot_be_is_refused_in_one_line(scene: Path, model: str, tmp_path: Path) -> None:
    lines = {
        ("--time-budget", "soon"): "write it as 60s or 2min",
        ("--time-budget", "0"): "write it as 60s or 2min",
        ("--time-budget", "1h", "--scheduler", "local:2"): "leave one of the two out",
        ("--time-budget", "60s", "--resample", "1"): "leave --resample out",
    }
    for arguments, line in lines.items():
        told = CliRunner().invoke(
            main, ["segment", str(scene), "-o", str(tmp_path / "out"), "-m", model, "--vectors", "none", *arguments]
        )
        assert told.exit_code == 2, arguments
        assert told.stderr.count("\n") == 1, told.stderr
        assert line in told.stderr, told.stderr
        assert not (tmp_path / "out").exists()


def test_only_levels_that_fit_into_the_memory_are_used(scene: Path, model: str) -> None:
    options = SegmentOptions(model, **TILING, workers=2)  # type: ignore[arg-type]
    plan = plan_file(scene, options)
    every = coarse_levels(plan)
    assert [c.level.factor for c in every] == [2, 4, 8]
    base = run_bytes(plan.layout, plan.cost, plan.workers)
    sizes = [2 * c.bytes for c in every]
    two = replace(plan, options=replace(options, memory=base + sizes[2] + sizes[1] + sizes[0] - 1))
    assert [c.level.factor for c in coarse_levels(two)] == [4, 8]
    with pytest.raises(PlanError, match="give at least --memory"):
        coarse_levels(replace(plan, options=replace(options, memory=base + sizes[2] - 1)))
