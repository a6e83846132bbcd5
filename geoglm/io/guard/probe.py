"""Files tried in a helper process first, in which GDAL may crash, hang or swell without harm to this one.

The helper imports rasterio and nothing else of weight (0.2 s of CPU), is started once, early where there is something
else to wait for (`begin`), and tries one file after the other: opens it and reads a pixel in its middle. One that dies
is replaced for the next file.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geoglm.errors import FileRefused, MissingExtra, SceneUnreadable

PROCESSOR_S = 30
"""Processor time for one file, however busy the machine is with other things."""
PATIENCE_S = 120.0
"""Time for one file by the clock."""
MEMORY = 2 * 2**30
"""Address space that the helper may take beyond what it starts with, bytes."""
OUT_OF_TIME = getattr(signal, "SIGXCPU", 0)
"""What ends a helper that has used up its processor time."""
TRIED_BYTES = 64 * 2**20
"""A pixel is read where its block takes no more."""


class Helper:
    """The helper process of this one; may be asked from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._passed: set[tuple[Any, ...]] = set()

    def begin(self) -> None:
        """Start it, without waiting for it."""
        with self._lock:
            self._running()

    def try_out(self, path: Path, drivers: Sequence[str], *, name: str | None = None) -> None:
        """Have the file at `path` opened, once as long as it stays the same.

        Args:
            drivers: of rasters that may; ``vectors`` alone stands for those of vectors.
            name: GDAL's, for a file within the file.

        Raises:
            SceneUnreadable: GDAL cannot open it.
            FileRefused: GDAL crashed on it, took too much memory or too long.
        """
        state = path.stat()
        name = name or str(path)
        key = (name, state.st_ino, state.st_size, state.st_mtime_ns, *drivers)
        with self._lock:
            if key in self._passed:
                return
            told = self._asked({"name": name, "drivers": list(drivers), "folder": str(Path.cwd())}, path)
            if told:
                raise SceneUnreadable(path, told.replace(f"'{path}'", "it").replace(str(path), "it"))
            self._passed.add(key)

    def facts(self, path: Path) -> dict[str, Any]:
        """What the NetCDF file or Zarr store at `path` says of its variables (`geoglm.io.grids.facts`).

        Raises:
            SceneUnreadable: it is damaged, or draws on other files.
            FileRefused: reading it crashed, took too much memory or too long.
            MissingExtra: a library for it is not installed.
        """
        with self._lock:
            told = self._asked({"name": str(path), "facts": True, "folder": str(Path.cwd())}, path)
        if isinstance(told, str):
            raise SceneUnreadable(path, told.replace(f"'{path}'", "it").replace(str(path), "it"))
        if "missing" in told:
            raise MissingExtra(told["missing"], "netcdf")
        return dict(told)

    def end(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.end()
            words = [sys.executable, "-P", "-m", __name__]
            bare = os.environ | {"OPENBLAS_NUM_THREADS": "1", "GDAL_VRT_ENABLE_PYTHON": "NO"}
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=bare)
        return self._process

    def _asked(self, request: dict[str, Any], path: Path) -> Any:
        """What the helper says of a file; nothing where all is well and no facts are asked for."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE_S)
        line = process.stdout.readline() if ready else b""
        if line.endswith(b"\n"):
            return json.loads(line)
        self.end()
        if not ready:
            raise FileRefused(path, f"GDAL did not come to an end with it within {PATIENCE_S:g} s")
        code = process.returncode
        if code == -OUT_OF_TIME:
            raise FileRefused(path, f"GDAL did not come to an end with it within {PROCESSOR_S} s of processor time")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise FileRefused(path, f"GDAL crashed on it ({how}); it is damaged, or made to do that")


helper = Helper()
atexit.register(helper.end)


def serve() -> None:
    """The helper itself: a request a line on stdin, an answer a line on stdout, until there are no more."""
    import rasterio
    from rasterio.io import DatasetReader

    _limit_memory()
    out, sys.stdout = sys.stdout, sys.stderr
    with rasterio.Env(GDAL_CACHEMAX=16):
        for line in sys.stdin:
            request = json.loads(line)
            _limit_time()
            os.chdir(request["folder"])
            answer = _facts(request["name"]) if "facts" in request else _tried(DatasetReader, request)
            out.write(json.dumps(answer) + "\n")
            out.flush()


def _limit_memory() -> None:
    """Let this process grow by so much and no more, and leave no picture of it when it dies."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    statm = Path("/proc/self/statm")
    if statm.exists():  # of Linux; elsewhere there is no such limit
        most = int(statm.read_text(encoding="ascii").split()[0]) * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _limit_time() -> None:
    """Have this process die when the file to come takes more of the processor than one may."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    until = int(time.process_time()) + 1 + PROCESSOR_S
    resource.setrlimit(resource.RLIMIT_CPU, (until if most == resource.RLIM_INFINITY else min(until, most), most))


def _tried(reader: Any, request: dict[str, Any]) -> str:
    """Why a file cannot be opened; nothing where it can. That a block cannot be read shows when it is needed."""
    if request["drivers"] == ["vectors"]:
        return _tried_vectors(request["name"])
    from rasterio.errors import RasterioError
    from rasterio.windows import Window

    from geoglm.io.guard.limits import block_bytes

    try:
        dataset = reader(request["name"], driver=request["drivers"])
    except (RasterioError, ValueError, MemoryError) as error:
        return str(error.__cause__ or error) or type(error).__name__
    with dataset, contextlib.suppress(RasterioError, ValueError, MemoryError):
        if block_bytes(dataset) <= TRIED_BYTES:
            middle = Window(dataset.width // 2, dataset.height // 2, 1, 1)
            dataset.read(1, window=middle)
            dataset.read_masks(1, window=middle)
    return ""


def _facts(name: str) -> dict[str, Any] | str:
    """The facts of a NetCDF file or a Zarr store, or why there are none."""
    from geoglm.io.grids.facts import facts

    try:
        return facts(name)
    except ModuleNotFoundError as error:
        return {"missing": error.name or ""}
    except Exception as error:  # a damaged file makes the libraries raise whatever they stumble over
        return " ".join(str(error).split())[:400] or type(error).__name__


def _tried_vectors(name: str) -> str:
    """The same for a file of vectors, of which a feature is read."""
    from pyogrio.errors import DataLayerError, DataSourceError
    from pyogrio.raw import read

    try:
        read(name, max_features=1)
    except (DataSourceError, DataLayerError, ValueError, MemoryError) as error:
        return str(error) or type(error).__name__
    return ""


if __name__ == "__main__":
    serve()
