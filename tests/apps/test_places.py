"""Names of any kind, a locale that knows none of them, limits on files, full disks and places not to be written to."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from click.testing import CliRunner, Result

from geoglm.apps.cli import main
from tests.conftest import ROOT, pointwise, write_scene

NAME = "-ünï cödé 中 'q' 100%.tif"
BARE = {"LC_ALL": "C", "LANG": "C"}
"""As cron and bare containers have it."""
SMALL = ("--patch", "96", "--shard", "96", "--workers", "2", "--quiet", "--no-report")

Disk = Callable[[str], None]


def elsewhere(*words: str, cwd: Path, limit: int | None = None, bare: bool = False) -> subprocess.CompletedProcess[str]:
    """Run geoglm in a process of its own, which can write files of `limit` bytes at most, or has a bare environment."""

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [sys.executable, "-m", "geoglm", *words],
        cwd=cwd,
        env=os.environ | (BARE if bare else {}) | {"PYTHONPATH": str(ROOT)},
        preexec_fn=limited,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def here(*words: object) -> Result:
    return CliRunner().invoke(main, [str(w) for w in words])


def shards_in(stage: Path) -> int:
    return len(list(stage.glob("shards-*/*.zip")))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(pointwise(tmp_path_factory.mktemp("package") / "model").folder)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mounts a small disk at ``disk``, or changes it."""
    place = tmp_path / "disk"
    place.mkdir()

    def mounted(options: str) -> None:
        words = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("may not mount a disk")

    yield mounted
    if place.is_mount():
        subprocess.run(["umount", "-l", str(place)], check=True)


def write(path: Path) -> Path:
    return write_scene(path, np.random.default_rng(0).integers(0, 255, (3, 200, 300), dtype=np.uint8))


def test_spaces_letters_of_any_script_and_leading_dashes_are_names_in_any_locale(tmp_path: Path, model: str) -> None:
    scene = write(tmp_path / NAME)
    words = ["segment", "-m", model, "-o", "-out 中", "--vectors", "none", *SMALL, "--", NAME]
    done = elsewhere(*words, cwd=tmp_path, bare=True)
    assert (done.returncode, done.stderr) == (0, "")
    with rasterio.open(tmp_path / "-out 中" / "classes.tif") as made, rasterio.open(scene) as file:
        assert (made.crs, made.transform) == (file.crs, file.transform)
    shutil.copy(tmp_path / "-out 中" / "classes.tif", tmp_path / "-map 中.tif")
    done = elsewhere("vectorize", "-o", "-p 中.gpkg", "--quiet", "--", "-map 中.tif", cwd=tmp_path, bare=True)
    assert (done.returncode, done.stderr) == (0, "")
    frame = geopandas.read_file(tmp_path / "-p 中.gpkg")
    assert frame.pixels.sum() == 200 * 300
    assert frame.crs == "EPSG:32633"


def test_a_limit_on_the_size_of_files_is_one_line_and_without_it_the_run_goes_on(tmp_path: Path, model: str) -> None:
    write(tmp_path / "scene.tif")
    words = ["segment", "scene.tif", "-m", model, "-o", "out", *SMALL]
    done = elsewhere(*words, cwd=tmp_path, limit=60_000)
    assert done.returncode == 2
    assert done.stderr.startswith(f"geoglm: {tmp_path}/")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
    kept = shards_in(tmp_path / ".out.geoglm-part")
    assert kept == 12
    done = elsewhere(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f'"shards_reused": {kept}' in (tmp_path / "out" / "summary.json").read_text()


def test_a_full_disk_is_one_line_and_with_room_the_run_goes_on(tmp_path: Path, model: str, disk: Disk) -> None:
    disk("size=400k")
    words = ["segment", write(tmp_path / "scene.tif"), "-m", model, "-o", tmp_path / "disk" / "out", *SMALL]
    done = here(*words)
    assert done.exit_code == 2
    assert "No space left on device" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "disk" / "out").exists()
    kept = shards_in(tmp_path / "disk" / ".out.geoglm-part")
    assert kept > 0
    disk("remount,size=64m")
    assert here(*words).exit_code == 0
    assert f'"shards_reused": {kept}' in (tmp_path / "disk" / "out" / "summary.json").read_text()


def test_a_disk_that_is_read_only_is_one_line(tmp_path: Path, model: str, disk: Disk) -> None:
    disk("size=400k,ro")
    done = here("segment", write(tmp_path / "scene.tif"), "-m", model, "-o", tmp_path / "disk" / "out", *SMALL)
    assert done.exit_code == 2
    assert "cannot be written (Read-only file system)" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path, model: str) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    done = here("segment", write(tmp_path / "scene.tif"), "-m", model, "-o", tmp_path / "closed" / "out", *SMALL)
    assert done.exit_code == 2
    assert "cannot be written (Permission denied)" in done.stderr
    assert done.stderr.count("\n") == 1
