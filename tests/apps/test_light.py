"""geoglm as most install it, without torch: maps are made, and what needs more says what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SAMPLES, pointwise

EXTRAS = ("torch", "torchvision", "segmentation_models_pytorch", "timm", "safetensors", "nncf", "onnx", "onnxscript")
SLOW = ("matplotlib", "dask", "xarray")
"""Not extras, but seconds to import: a small scene does without."""
BARE = f"""
import sys
for name in {(*EXTRAS, *SLOW)}:
    sys.modules[name] = None  # its import fails as that of a module that is not installed
from geoglm.apps.cli import main
main()
"""


def bare(*words: object) -> subprocess.CompletedProcess[str]:
    """The command line in a process that can import none of them."""
    return subprocess.run([sys.executable, "-c", BARE, *map(str, words)], capture_output=True, text=True, check=False)


def test_a_scene_is_segmented_without_the_extras_the_first_time_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOGLM_CACHE", str(tmp_path / "cache"))
    told = bare("segment", SAMPLES / "neon-forest.tif", "-o", tmp_path / "out", "--quiet")
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    assert (tmp_path / "out" / "polygons.gpkg").exists()


def test_what_needs_an_extra_names_it_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOGLM_CACHE", str(tmp_path / "cache"))  # in another the network may be converted already
    model = pointwise(tmp_path / "taught").folder
    scene = SAMPLES / "neon-forest.tif"
    for words in (
        ("segment", scene, "-m", model, "-o", tmp_path / "out"),
        ("segment", scene, "--device", "torch-cpu", "-o", tmp_path / "out"),
        ("train", "--scenes", scene, "--labels", scene, "-o", tmp_path / "mine"),
        ("export", model, "-o", tmp_path / "graph"),
    ):
        told = bare(*words)
        assert told.returncode == 2, told.stderr
        assert told.stderr.splitlines()[-1].endswith("which is not installed; pip install 'geoglm[train]' brings it")
        assert "Traceback" not in told.stderr
