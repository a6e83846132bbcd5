"""A few of the faults that the scripts here bring about by the hundred."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.faults.world import make


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEOGLM_CACHE", str(folder / "cache"))
        make(folder)
    (folder / "done").touch()
    return folder


def script(name: str, *words: object) -> str:
    told = subprocess.run(
        [sys.executable, "-m", f"tests.faults.{name}", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


@pytest.mark.skipif(shutil.which("cc") is None or sys.platform != "linux", reason="the library is C, for Linux")
def test_all_promises_are_kept_where_operations_fail(world: Path) -> None:
    told = script("inject", "--world", world, "--cases", 2, 4, "--sample", 8)
    assert "all promises kept at 8 of 8 (100.0%)" in told


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")
def test_two_runs_into_one_folder_never_mix(world: Path) -> None:
    assert "0 mixed" in script("twins", "--world", world, "--times", 2)
