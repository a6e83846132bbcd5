"""The house: public names, examples, notebooks."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import geoglm
from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = [m.name for m in pkgutil.walk_packages(geoglm.__path__, "geoglm.") if not m.name.endswith("__main__")]


def test_the_public_names_are_these() -> None:
    assert sorted(geoglm.__all__) == [
        *("GeoglmError", "__version__", "assess", "change", "evaluate", "explain", "explore"),
        *("load_model", "open_scene", "report", "sample"),
        *("segment", "segment_file", "series", "train", "vectorize"),
    ]
    assert all(getattr(geoglm, name) for name in geoglm.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = geoglm.nothing


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports_says_what_it_is_and_its_examples_hold(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    assert doctest.testmod(module).failed == 0


def test_every_file_keeps_to_one_idea() -> None:
    for path in (ROOT / "geoglm").rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 500, path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOGLM_NOTEBOOK_STEPS", "2")
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(ROOT / "notebooks")}})
    client.execute()


def test_the_readme_repeats_the_card() -> None:
    readme, metrics = (ROOT / "README.md").read_text(), geoglm.load_model("aerial-landcover").card.metrics
    for name, iou in metrics["iou"].items():
        assert f"| {name} | {iou:.2f} |" in readme
    assert f"| **mean** | **{metrics['miou']:.2f}** |" in readme
