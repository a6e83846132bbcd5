"""What a wheel holds: all that runs outside this tree, and nothing that only tests need."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCES = ("pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names of the files in it, built from a copy, so that nothing of the build stays here."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "geoglm", copy / "geoglm", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--wheel-dir", str(out), str(copy)], check=True, capture_output=True)
    (built,) = out.glob("geoglm-*.whl")
    with zipfile.ZipFile(built) as packed:
        return packed.namelist()


def test_every_file_of_the_package_is_in_the_wheel(wheel: list[str]) -> None:
    ours = {p for p in (ROOT / "geoglm").rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert {str(p.relative_to(ROOT)) for p in ours} <= set(wheel)


def test_weights_pages_and_types_are_in_the_wheel(wheel: list[str]) -> None:
    models = [Path(n).parent.name for n in wheel if n.endswith("/model.safetensors")]
    assert sorted(models) == ["aerial-landcover", "sentinel2-landcover"]
    needed = ("geoglm/py.typed", "geoglm/io/report/report.html", "geoglm/apps/viewer/page/index.html")
    assert set(needed) <= set(wheel)
    assert sum(n.endswith("/model.onnx") for n in wheel) == 2


def test_tests_and_docs_are_not_in_the_wheel(wheel: list[str]) -> None:
    assert {n.split("/")[0] for n in wheel if ".dist-info/" not in n} == {"geoglm"}
