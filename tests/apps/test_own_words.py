"""On stderr stand geoglm's own words: what libraries say is told where it matters, and all of it with --verbose."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tests.conftest import SAMPLES, write_scene

NOISY = """
import ctypes, logging, os, sys, warnings
from geoglm.apps import cli
from geoglm.jobs import info
told = info.scene_facts
def noisy(*args):
    warnings.warn("a library grows old", DeprecationWarning)
    logging.getLogger("rasterio._err").error("{log}")
    os.write(2, b"C code says hello\\n")
    return told(*args)
info.scene_facts = noisy
cli.main()
"""


def ran(*words: object, log: str = "nothing of note", script: str = NOISY) -> subprocess.CompletedProcess[str]:
    code = script.replace("{log}", log)
    return subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False)


def test_what_does_not_matter_is_dropped_and_told_when_asked_for() -> None:
    scene = SAMPLES / "neon-forest.tif"
    told = ran("info", scene)
    assert (told.returncode, told.stderr) == (0, "")
    told = ran("info", scene, "--verbose")
    assert told.returncode == 0
    assert all(line.startswith("geoglm: verbose: ") for line in told.stderr.splitlines())
    for words in ("rasterio._err: nothing of note", "stderr: C code says hello"):
        assert words in told.stderr


def test_what_matters_is_a_note_of_ours() -> None:
    scene = SAMPLES / "neon-forest.tif"
    told = ran("info", scene, log="CRS of the GeoTIFF keys is not that of EPSG")
    assert told.stderr == "geoglm: note: GDAL is not sure of the CRS of a file; check where the results lie\n"


def test_an_error_is_the_one_line_whatever_libraries_say(tmp_path: Path) -> None:
    told = ran("info", tmp_path / "none.tif", log="GeoTIFF keys")
    assert told.returncode == 2
    assert told.stderr == f"geoglm: {tmp_path}/none.tif: no such file; check the path\n"


@pytest.mark.parametrize("word", ["crash.vrt", "text.tif", "cut.tif", "pipe"])
def test_a_bad_file_is_told_at_once_and_before_anything_heavy_loads(tmp_path: Path, word: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text.tif").write_text("hello")
    (tmp_path / "crash.vrt").write_text("<VRTDataset><!DOCTYPE a></VRTDataset>")
    cut = write_scene(tmp_path / "cut.tif", np.ones((3, 400, 500), np.uint8))
    cut.write_bytes(cut.read_bytes()[:9000])
    script = (
        "import sys, time\nfrom geoglm.apps.cli import main\nbegan = time.process_time()\ntry:\n    main()\nfinally:\n"
        "    heavy = {'torch', 'openvino', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "    print(time.process_time() - began, *heavy)"
    )
    told = ran("segment", tmp_path / word, "-o", tmp_path / "out", script=script)
    assert told.returncode == 2, told.stderr
    assert told.stderr.count("\n") == 1
    seconds, *heavy = told.stdout.split()
    assert not heavy
    assert float(seconds) < 3
    assert not (tmp_path / "out").exists()


def test_a_scene_without_a_place_says_so_in_a_note_and_nothing_else(tmp_path: Path) -> None:
    from rasterio.errors import NotGeoreferencedWarning

    path = tmp_path / "nowhere.tif"
    with (
        pytest.warns(NotGeoreferencedWarning),
        rasterio.open(path, "w", driver="GTiff", width=90, height=80, count=3, dtype="uint8") as file,
    ):
        file.write(np.ones((3, 80, 90), np.uint8))
    told = ran("segment", path, "-o", tmp_path / "out", "-m", "aerial-landcover", "--vectors", "none")
    assert told.returncode == 0, told.stderr
    assert told.stderr
    assert all(line.startswith("geoglm: note: ") for line in told.stderr.splitlines())
