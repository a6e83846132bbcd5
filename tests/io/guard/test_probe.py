"""What GDAL does not survive is met in a helper process, and told in a line."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio

from geoglm.errors import FileRefused, SceneUnreadable
from geoglm.io.geotiff import RasterFile
from geoglm.io.guard import probe
from geoglm.io.guard.trust import Trust, trusting
from geoglm.types import PixelBox
from tests.conftest import UTM, write_scene


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write_scene(tmp_path / "scene.tif", np.ones((1, 40, 50), np.uint8))


def blank(path: Path, side: int, tile: int, **more: object) -> Path:
    """A TIFF of which no block is written."""
    tiles = {"tiled": True, "blockxsize": tile, "blockysize": tile, "SPARSE_OK": True, "transform": UTM, **more}
    rasterio.open(path, "w", driver="GTiff", width=side, height=side, count=1, dtype="uint8", **tiles).close()
    return path


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A helper of its own, that stands still."""
    own = probe.Helper()
    monkeypatch.setattr("geoglm.io.guard.raster.helper", own)
    own.begin()
    assert own._process is not None
    os.kill(own._process.pid, signal.SIGSTOP)
    yield own._process
    own.end()


def dies_of(signal_number: int, helper: subprocess.Popen[bytes]) -> None:
    """Have a helper that stands still die once it is asked: one that is found dead is replaced before."""
    requests = helper.stdin
    assert requests is not None

    def asked() -> bool:
        unread = fcntl.ioctl(requests, termios.FIONREAD, bytes(4))
        return int.from_bytes(unread, sys.byteorder) > 0

    def die() -> None:
        while not asked():
            time.sleep(0.01)
        helper.send_signal(signal_number)
        helper.send_signal(signal.SIGCONT)

    threading.Thread(target=die).start()


def test_a_crash_is_one_line_and_the_next_file_is_tried_anew(scene: Path, stopped: subprocess.Popen[bytes]) -> None:
    dies_of(signal.SIGSEGV, stopped)
    with pytest.raises(FileRefused, match=r"GDAL crashed on it .signal 11."):
        RasterFile(scene)
    assert RasterFile(scene).meta.box.shape == (40, 50)


def test_what_takes_too_long_is_given_up(
    scene: Path, stopped: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stopped.poll() is None
    monkeypatch.setattr(probe, "PATIENCE_S", 0.2)
    with pytest.raises(FileRefused, match="did not come to an end"):
        RasterFile(scene)


def test_what_takes_too_much_of_the_processor_is_given_up(scene: Path, stopped: subprocess.Popen[bytes]) -> None:
    dies_of(signal.SIGXCPU, stopped)
    with pytest.raises(FileRefused, match="within 30 s of processor time"):
        RasterFile(scene)


def test_processor_time_is_for_each_file_anew(scene: Path, tmp_path: Path) -> None:
    own = probe.Helper()
    try:
        for name in ("one.tif", "two.tif"):
            own.try_out(write_scene(tmp_path / name, np.ones((1, 40, 50), np.uint8)), ["GTiff"])
            assert own._process is not None
            limits = Path(f"/proc/{own._process.pid}/limits").read_text()
            (soft,) = (int(line.split()[3]) for line in limits.splitlines() if line.startswith("Max cpu time"))
            assert probe.PROCESSOR_S < soft < probe.PROCESSOR_S + 10
    finally:
        own.end()


def test_the_helper_may_grow_by_so_much(scene: Path) -> None:
    RasterFile(scene)
    process = probe.helper._process
    assert process is not None
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    (most,) = (line.split()[3] for line in limits.splitlines() if line.startswith("Max address space"))
    assert int(most) < probe.MEMORY + 2**31


def test_a_file_is_tried_again_when_it_has_changed(scene: Path) -> None:
    RasterFile(scene)
    scene.write_bytes(b"II*\0" + bytes(40))
    with pytest.raises(SceneUnreadable):
        RasterFile(scene)


def test_a_block_that_does_not_fit_the_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = blank(tmp_path / "huge.tif", 46_336, 46_336, compress="deflate")
    assert path.stat().st_size < 400
    with pytest.raises(FileRefused, match="2,147 MB each"):
        RasterFile(path)
    pixels = np.ones((3, 600, 700), np.uint8)
    scene = write_scene(tmp_path / "s.tif", pixels, tiled=True, blockxsize=512, blockysize=512, interleave="pixel")
    with trusting(Trust(memory=3 * 512 * 512 * 4 - 1)), pytest.raises(FileRefused, match="raise --memory"):
        RasterFile(scene)
    with trusting(Trust(memory=3 * 512 * 512 * 4)):
        RasterFile(scene)


def test_a_sparse_scene_of_any_size_and_one_of_many_bands_are_read(tmp_path: Path) -> None:
    source = RasterFile(blank(tmp_path / "vast.tif", 200_000, 512, BIGTIFF="YES", nodata=0))
    assert source.meta.box.shape == (200_000, 200_000)
    assert not source.has_data(PixelBox(190_000, 190_000, 200_000, 200_000), [0])
    many = write_scene(tmp_path / "many.tif", np.ones((1000, 2, 2), np.uint8))
    assert len(RasterFile(many).meta.bands) == 1000
