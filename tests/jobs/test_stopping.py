"""Signals: what is in hand is finished, what is finished is kept, and one line says so."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from geoglm.jobs import stopping
from geoglm.jobs.segment import segment_file
from geoglm.jobs.stopping import Stopped, in_hand
from geoglm.options import PatchRule, SegmentOptions
from tests.conftest import pointwise, write_scene


@pytest.fixture(autouse=True)
def _not_ignored() -> Iterator[None]:
    """A shell that runs the tests in the background has them ignore SIGINT, and so would the runs that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_what_is_in_hand_is_finished_and_nothing_is_begun_after_an_error() -> None:
    begun, finished, second = [], [], threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            second.wait(10)
            raise ValueError("of the first")
        second.set()
        time.sleep(0.05)
        finished.append(number)

    with ThreadPoolExecutor(2) as pool:
        try:
            with in_hand(work) as started:
                for done in [pool.submit(started, n) for n in range(50)]:
                    done.result()
        except ValueError as error:
            assert str(error) == "of the first"  # noqa: PT017
        assert sorted(begun) == [0, *sorted(finished)]
        assert len(begun) < 10


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_lets_the_shards_in_hand_be_finished_and_the_run_goes_on_later(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 960, 1900), dtype=np.uint8)
    scene = write_scene(tmp_path / "scene.tif", pixels)
    model = str(pointwise(tmp_path / "model").folder)
    options = SegmentOptions(model, patch=PatchRule("fixed", 96), shard_px=96, vectors="none", workers=2)
    tiny = write_scene(tmp_path / "tiny.tif", pixels[:, :96, :96])
    segment_file(tiny, tmp_path / "warm", options)  # the network is converted and compiled
    words = ["segment", str(scene), "-o", str(tmp_path / "out"), "-m", model, "--patch", "96", "--shard", "96"]
    run = subprocess.Popen(
        [sys.executable, "-m", "geoglm", *words, "--vectors", "none", "--workers", "2"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    stage = tmp_path / ".out.geoglm-part"
    while run.poll() is None and len(list(stage.glob("shards-*/*.zip"))) < 5:
        time.sleep(0.005)
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    kept = len(list(stage.glob("shards-*/*.zip")))
    assert run.returncode == code
    assert said == f"geoglm: stopped; {kept} of 200 shards are finished, the same command goes on from there\n"
    assert not list(stage.glob("shards-*/*.new"))
    assert not (tmp_path / "out").exists()
    if number == signal.SIGTERM:
        assert segment_file(scene, tmp_path / "out", options).reused == kept
        assert json.loads((tmp_path / "out" / "summary.json").read_text())["shards_reused"] == kept


def test_where_nobody_asks_for_it_a_signal_stops_at_once() -> None:
    with pytest.raises(Stopped) as told, stopping.heeded():
        signal.raise_signal(signal.SIGTERM)
    assert told.value.exit_code == 143
    assert "go on from what is finished" in str(told.value)


def test_a_patient_job_ends_where_it_asks() -> None:
    with stopping.heeded(), stopping.patiently():
        stopping.check()
        signal.raise_signal(signal.SIGINT)  # and nothing happens yet
        with pytest.raises(Stopped):
            stopping.check()


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping.heeded():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
