"""What may happen to a run besides signals: the scene changes, the disk damages, memory runs out, a worker fails."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from geoglm.apps.cli import main
from geoglm.errors import OutOfMemory, OutputError, SceneChanged
from geoglm.jobs.maps import Maps
from geoglm.jobs.scorer import ShardScorer
from geoglm.jobs.segment import segment_file
from geoglm.options import PatchRule, SegmentOptions
from geoglm.registry.package import ModelPackage
from geoglm.types import Scores


@pytest.fixture
def scene(make_scene: Callable[..., Path]) -> Path:
    return make_scene((3, 300, 400))


@pytest.fixture
def options(oracle: ModelPackage) -> SegmentOptions:
    return SegmentOptions(str(oracle.folder), patch=PatchRule("fixed", 128), shard_px=128, vectors="none", workers=2)


def cut(scene: Path) -> None:
    os.truncate(scene, scene.stat().st_size - 5)


def replace(scene: Path) -> None:
    shutil.copy(scene, scene.with_name("other"))
    with scene.with_name("other").open("r+b") as file:
        file.seek(-9, os.SEEK_END)
        file.write(b"new")
    scene.with_name("other").replace(scene)


def touch(scene: Path) -> None:
    os.utime(scene, ns=(0, 0))


@pytest.mark.parametrize("change", [cut, replace, touch, Path.unlink])
@pytest.mark.parametrize("phase", ["segmenting", "writing rasters"])
def test_a_scene_that_changes_while_it_is_read_gives_no_map(
    tmp_path: Path, scene: Path, options: SegmentOptions, change: Callable[[Path], None], phase: str
) -> None:
    done = []

    def progress(now: str, part: int, total: int) -> None:
        if now == phase and part and not done:
            done.append(now)
            change(scene)

    with pytest.raises(SceneChanged, match="changed or replaced"):
        segment_file(scene, tmp_path / "out", options, progress)
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("rounds", [1, 2, 9])
def test_a_shard_that_the_disk_damages_is_scored_again(
    tmp_path: Path, scene: Path, options: SegmentOptions, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    segment_file(scene, tmp_path / "calm", options)
    write, left = Maps.write, [rounds]

    def damaging(self: Maps, progress: Callable[[int, int], None]) -> None:
        if left[0]:
            left[0] -= 1
            path = sorted(self.stage.shards.glob("*.zip"))[left[0] % 3]
            content = bytearray(path.read_bytes())
            content[len(content) // 3] ^= 4
            path.write_bytes(content)
        write(self, progress)

    monkeypatch.setattr(Maps, "write", damaging)
    if rounds > 3:
        with pytest.raises(OutputError, match="check the disk"):
            segment_file(scene, tmp_path / "out", options)
        return
    segment_file(scene, tmp_path / "out", options)
    assert (tmp_path / "out" / "classes.tif").read_bytes() == (tmp_path / "calm" / "classes.tif").read_bytes()


@pytest.mark.parametrize("room", [128, 256, 0], ids="{} px at a time".format)
def test_where_memory_runs_out_fewer_workers_then_smaller_patches_go_on(
    tmp_path: Path, scene: Path, options: SegmentOptions, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    score = ShardScorer.score

    def hungry(self: ShardScorer, row: int, col: int) -> Scores:
        if self.plan.workers * max(self.plan.layout.grid.patch) > room:
            raise MemoryError
        return score(self, row, col)

    monkeypatch.setattr(ShardScorer, "score", hungry)
    if not room:
        with pytest.raises(OutOfMemory, match="with patches of 128 px and 1 at a time"):
            segment_file(scene, tmp_path / "out", options)
        assert not list(tmp_path.glob("*out*"))
        return
    asked = SegmentOptions(options.model, patch=PatchRule("fixed", 256), shard_px=256, vectors="none", workers=2)
    notes = segment_file(scene, tmp_path / "out", asked).notes
    assert any("memory ran out with 2 workers; 1 went on" in n for n in notes)
    assert any("patches of 128 px" in n for n in notes) == (room == 128)


def test_a_worker_that_fails_is_one_line_and_keeps_what_others_finished(
    tmp_path: Path, scene: Path, oracle: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    score, done = ShardScorer.score, threading.Semaphore(4)

    def failing(self: ShardScorer, row: int, col: int) -> Scores:
        if not done.acquire(blocking=False):
            raise ZeroDivisionError("of no shard's\nmaking")
        return score(self, row, col)

    words = ["segment", str(scene), "-o", str(tmp_path / "out"), "-m", str(oracle.folder), "--quiet"]
    words += ["--patch", "128", "--shard", "128", "--vectors", "none"]
    monkeypatch.setattr(ShardScorer, "score", failing)
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 2
    assert told.stderr == (
        "geoglm: unforeseen ZeroDivisionError: of no shard's making (GEOGLM_TRACEBACK=1 shows where)\n"
    )
    monkeypatch.undo()
    assert len(list(tmp_path.glob(".out.geoglm-part/shards-*/*.zip"))) == 4
    again = CliRunner().invoke(main, [*words[:-2], "--vectors", "none"])
    assert (again.exit_code, again.output) == (0, "")
    assert np.array([p.name for p in tmp_path.iterdir() if "geoglm" in p.name]).size == 0
