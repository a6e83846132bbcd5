"""geoglm among rasterio's commands."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

from geoglm.apps.rio import plugin
from tests.conftest import SAMPLES


def rio(*words: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("rio")), "geoglm", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_rio_finds_it_and_it_answers_as_ever(tmp_path: Path) -> None:
    (found,) = (e for e in entry_points(group="rasterio.rio_plugins") if e.name == "geoglm")
    assert found.load() is plugin
    told = rio("info", SAMPLES / "neon-forest.tif", "--json")
    assert told.returncode == 0, told.stderr
    assert '"aerial-landcover"' in told.stdout
    wrong = rio("segment", tmp_path / "none.tif")
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)
