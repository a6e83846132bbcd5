"""Shards scored by worker processes: the same map, whatever happens to them."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import dask
import distributed
import numpy as np
import pytest
from click.testing import CliRunner

import geoglm
from geoglm.apps.cli import main
from geoglm.errors import PlanError, SceneNotFound
from geoglm.io.parcel import pack_scores, unpack_scores
from geoglm.jobs.cluster import processes
from geoglm.jobs.segment import segment_file
from geoglm.jobs.workplace import find_workplace
from geoglm.options import PatchRule, SchedulerRule, SegmentOptions
from geoglm.types import Scores
from tests.conftest import pointwise, write_scene
from tests.jobs.worn_out import mend, wear_out


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SegmentOptions]:
    """A scene of 36 shards, and how to segment it."""
    folder = tmp_path_factory.mktemp("inputs")
    pixels = np.random.default_rng(0).integers(0, 255, (3, 576, 600), dtype=np.uint8)
    pixels[:, :100, :200] = 0
    scene = write_scene(folder / "scene.tif", pixels, nodata=0)
    model = str(pointwise(folder / "model").folder)
    return scene, SegmentOptions(model, patch=PatchRule("fixed", 96), shard_px=96, vectors="none", workers=2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    before = dict(os.environ)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, dashboard_address=":0", memory_limit=0, silence_logs=50
    ) as cluster:
        yield cluster
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def client(cluster: distributed.LocalCluster) -> Iterator[distributed.Client]:
    with distributed.Client(cluster, set_as_default=False) as client:
        yield client


def maps(folder: Path) -> bytes:
    return b"".join((folder / f"{name}.tif").read_bytes() for name in ("classes", "confidence"))


@pytest.fixture(scope="module")
def by_threads(inputs: tuple[Path, SegmentOptions], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("threads") / "out"
    segment_file(inputs[0], folder, inputs[1])
    assert json.loads((folder / "manifest.json").read_text())["scheduler"] == "threads of this process"
    return maps(folder)


def test_one_process_two_and_two_of_which_one_is_killed_give_the_map_of_threads(
    inputs: tuple[Path, SegmentOptions],
    by_threads: bytes,
    cluster: distributed.LocalCluster,
    client: distributed.Client,
    tmp_path: Path,
) -> None:
    scene, options = inputs
    segment_file(scene, tmp_path / "one", options, client=client)
    assert maps(tmp_path / "one") == by_threads
    cluster.scale(2)
    client.wait_for_workers(2, timeout=60)
    seen: list[int] = []
    segment_file(scene, tmp_path / "two", options, lambda phase, done, total: seen.append(done), client=client)
    assert maps(tmp_path / "two") == by_threads
    assert len({d for d in seen if d}) >= 36
    before = client.run(os.getpid)
    killed: list[int] = []

    def kill_one(phase: str, done: int, total: int) -> None:
        if phase == "segmenting" and done and not killed:
            killed.append(next(iter(before.values())))
            os.kill(killed[0], signal.SIGKILL)

    segment_file(scene, tmp_path / "killed", options, kill_one, client=client)
    assert killed
    assert maps(tmp_path / "killed") == by_threads
    client.wait_for_workers(2, timeout=60)
    assert killed[0] not in client.run(os.getpid).values()


def test_a_run_stopped_on_the_cluster_is_continued_by_threads(
    inputs: tuple[Path, SegmentOptions], by_threads: bytes, client: distributed.Client, tmp_path: Path
) -> None:
    scene, options = inputs

    def stop(phase: str, done: int, total: int) -> None:
        if phase == "segmenting" and done > total // 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment_file(scene, tmp_path / "out", options, stop, client=client)
    assert segment_file(scene, tmp_path / "out", options).reused > 10
    assert maps(tmp_path / "out") == by_threads


def test_a_map_in_python_is_scored_by_the_workers(
    inputs: tuple[Path, SegmentOptions], client: distributed.Client
) -> None:
    scene, options = inputs
    there = geoglm.segment(scene, options.model, patch=96, shard_px=96, client=client)
    here = geoglm.segment(scene, options.model, patch=96, shard_px=96)
    assert set(client.who_has(there)) != set()
    assert (client.compute(there.classes).result().values == here.classes.values).all()


def test_a_failing_worker_is_given_no_second_chance_and_a_hopeless_shard_ends_the_run(
    inputs: tuple[Path, SegmentOptions], by_threads: bytes, client: distributed.Client, tmp_path: Path
) -> None:
    scene, options = inputs
    bad = next(iter(client.nthreads()))
    client.run(wear_out, workers=[bad])
    segment_file(scene, tmp_path / "out", options, client=client)
    assert maps(tmp_path / "out") == by_threads
    client.run(mend, workers=[bad])
    client.run(wear_out)
    with pytest.raises(SceneNotFound, match="worn out"):
        segment_file(scene, tmp_path / "none", options, client=client)
    assert not (tmp_path / "none").exists()
    client.run(mend)


def test_processes_are_asked_for_on_the_command_line(
    inputs: tuple[Path, SegmentOptions], by_threads: bytes, tmp_path: Path
) -> None:
    scene, options = inputs
    tiling = ["--patch", "96", "--shard", "96", "--vectors", "none"]
    given = ["segment", str(scene), "-o", str(tmp_path / "out"), "-m", options.model, *tiling]
    told = CliRunner().invoke(main, [*given, "--scheduler", "local:1", "--quiet"])
    assert (told.exit_code, told.output) == (0, "")
    assert maps(tmp_path / "out") == by_threads
    assert "1 processes" in json.loads((tmp_path / "out" / "manifest.json").read_text())["scheduler"]


def test_without_a_scheduler_one_line_says_so(
    inputs: tuple[Path, SegmentOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geoglm.jobs.cluster.PATIENCE_S", 0.5)
    told = CliRunner().invoke(
        main, ["segment", str(inputs[0]), "-o", str(tmp_path / "out"), "--scheduler", "tcp://127.0.0.1:1"]
    )
    assert told.exit_code == 2
    assert told.stderr.count("\n") == 1
    assert "no dask scheduler answers at tcp://127.0.0.1:1" in told.stderr
    assert not (tmp_path / "out").exists()


def test_auto_takes_the_cluster_only_where_more_threads_are_free(
    cluster: distributed.LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = SchedulerRule.parse("auto")
    assert find_workplace(rule, threads=2).open is None
    with dask.config.set({"scheduler-address": cluster.scheduler_address}):
        monkeypatch.setattr("geoglm.jobs.workplace.free_threads", lambda threads: 100.0)
        assert "100.0 here" in find_workplace(rule, threads=100).where
        monkeypatch.setattr("geoglm.jobs.workplace.free_threads", lambda threads: -1.0)
        place = find_workplace(rule, threads=2)
        assert place.open is not None
        assert cluster.scheduler_address in place.where


def test_a_scheduler_is_named_in_full() -> None:
    assert SchedulerRule.parse("local:3") == SchedulerRule("processes", count=3)
    assert SchedulerRule.parse("tcp://10.0.0.1:8786").address == "tcp://10.0.0.1:8786"
    for wrong in ("local", "local:0", "tcp://host", "spark", "http://host:1"):
        with pytest.raises(PlanError, match="use threads, auto, local:2"):
            SchedulerRule.parse(wrong)


def test_scores_travel_unchanged() -> None:
    rng = np.random.default_rng(1)
    sent = Scores(*(rng.integers(0, 255, shape, dtype=np.uint8) for shape in ((5, 7), (5, 7), (3, 5, 7))))
    came = unpack_scores(pack_scores(sent))
    assert came.probabilities is not None
    assert sent.probabilities is not None
    for a, b in zip(
        (sent.classes, sent.confidence, sent.probabilities),
        (came.classes, came.confidence, came.probabilities),
        strict=True,
    ):
        assert (a == b).all()


def test_processes_leave_the_environment_as_it_was() -> None:
    """Dask sets one thread for OpenMP before it starts workers; what runs here afterwards must not inherit that."""
    before = dict(os.environ)
    with processes(1, threads=1):
        pass
    assert dict(os.environ) == before
