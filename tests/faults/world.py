"""A small world to fail in: a scene of nine shards, a model, earlier results, and what each command should leave."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 288
TILES = ("--patch", "96", "--shard", "96", "--workers", "2", "--quiet", "--no-report")
COMPARED = ("classes.tif", "confidence.tif", "probabilities.tif")


@dataclass(frozen=True)
class Case:
    """A command, and what lies at its place before.

    Args:
        command: with ``{here}`` for the folder and ``{model}`` for the model.
        earlier: an earlier result is there.
        others: somebody's file is, too.
    """

    name: str
    command: tuple[str, ...]
    earlier: bool = False
    others: bool = False

    @property
    def is_segment(self) -> bool:
        """Whether its result is a folder with a manifest."""
        return self.command[0] == "segment"

    def words(self, world: Path, here: Path) -> list[str]:
        """The command line."""
        return [w.format(here=here, model=world / "new-model") for w in self.command]


SEGMENT = ("segment", "{here}/scene.tif", "-o", "{here}/out", "-m", "{model}", *TILES)
ALL = ("--min-area", "2", "--probabilities", "--layers", "entropy", "--report")
CASES = (
    Case("into a new folder", (*SEGMENT, "--vectors", "none")),
    Case("over an earlier result", (*SEGMENT, "--vectors", "parquet"), earlier=True),
    Case("among other files", (*SEGMENT, "--vectors", "fgb"), earlier=True, others=True),
    Case("all that is written", (*SEGMENT, *ALL), earlier=True),
    Case("polygons", ("vectorize", "{here}/out/classes.tif", "-o", "{here}/some.gpkg", "--quiet"), earlier=True),
)


def make(world: Path) -> None:
    """Scene, models, warm caches and an earlier result; imports torch, so it is done in another process."""
    from tests.conftest import pointwise, write_scene

    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 255, (3, SIDE // 8, SIDE // 8)), np.ones((8, 8))).astype(np.uint8)
    pixels[:, :40, :60] = 0
    write_scene(world / "scene.tif", pixels, nodata=0, compress="deflate", tiled=True, blockxsize=96, blockysize=96)
    for seed, name in enumerate(("old", "new")):
        pointwise(world / f"{name}-model", seed=seed)
        (world / name).mkdir()
        out, model = world / name / "out", world / f"{name}-model"
        succeed("segment", world / "scene.tif", "-o", out, "-m", model, *TILES, "--report")
    succeed("vectorize", world / "new" / "out" / "classes.tif", "-o", world / "old" / "some.gpkg", "--quiet")


def succeed(*words: object) -> None:
    """Run a command here, which must succeed."""
    from geoglm.apps.cli import main

    try:
        main([*map(str, words)])
    except SystemExit as ended:
        if ended.code:
            raise RuntimeError(words) from ended


def made(world: Path) -> Path:
    """The world, made at its first use."""
    os.environ["GEOGLM_CACHE"] = str(world / "cache")
    if not (world / "done").exists():
        subprocess.run([sys.executable, "-m", "tests.faults.world", str(world)], check=True)
        (world / "done").touch()
    return world


@contextmanager
def at(world: Path | None) -> Iterator[Path]:
    """A world that is there, or one made for the moment."""
    if world is not None:
        yield made(world)
        return
    with tempfile.TemporaryDirectory(prefix="geoglm-faults-") as folder:
        yield made(Path(folder))


@contextmanager
def room(world: Path) -> Iterator[Path]:
    """A folder of one script, on the disk of the world."""
    folder = Path(tempfile.mkdtemp(prefix="room-", dir=world))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def place(world: Path, case: Case, here: Path) -> Path:
    """A fresh folder in which the command of a case can run."""
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    shutil.copy2(world / "scene.tif", here)
    if case.earlier:
        shutil.copytree(world / "old" / "out", here / "out")
        if not case.is_segment:
            shutil.copy(world / "old" / "some.gpkg", here)
    if case.others:
        (here / "out" / "mine.txt").write_text("keep me")
    return here


def bytes_of(folder: Path) -> dict[str, str]:
    """Name → hash of every file below a folder."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def polygons_in(path: Path) -> str:
    """A hash of all that a file of polygons holds."""
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return hashlib.sha256(repr(parquet.read_table(path).to_pylist()).encode()).hexdigest()
    import pyogrio

    _, _, shapes, fields = pyogrio.raw.read(path)
    return hashlib.sha256(repr([list(shapes), *(f.tolist() for f in fields)]).encode()).hexdigest()


def result_in(output: Path) -> dict[str, Any] | None:
    """What a finished result says, with nothing in it that changes from run to run; None where there is none.

    Every file must be the one whose hash the manifest tells.
    """
    if not (output / "manifest.json").exists():
        return None
    manifest = json.loads((output / "manifest.json").read_text())
    for name, told in manifest["files"].items():
        path = output / name
        assert hashlib.sha256(path.read_bytes()).hexdigest() == told["sha256"], f"{name} is torn or of another run"
    summary = json.loads((output / "summary.json").read_text())
    hashes = {n: manifest["files"][n]["sha256"] for n in COMPARED if n in manifest["files"]}
    polygons = [polygons_in(p) for p in sorted(output.glob("polygons.*")) if p.suffix not in (".qml", ".sld")]
    return {"outputs": manifest["outputs"], "classes": summary["classes"], "maps": hashes, "polygons": polygons}


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (negative: the signal that killed it), and what it said on stderr."""

    code: int
    said: str


def load() -> None:
    """Import all that a run imports, so that children need not; starts no thread that lives on.

    Files are not tried in a helper first: each child would start its own, which takes as long as the run.
    """
    import dask.threaded
    import openvino
    import PIL.Image
    import pyogrio
    from pyarrow import parquet

    import geoglm.apps.cli
    import geoglm.infer.openvino_logits
    import geoglm.io.quicklook
    import geoglm.jobs.segment
    from geoglm.io.guard.probe import helper
    from geoglm.io.proj import check_proj
    from geoglm.jobs.vectorize import load_tracer, merge_small
    from geoglm.types import GeoRef

    assert dask and openvino and PIL.Image and pyogrio and parquet and geoglm.apps.cli  # noqa: PT018
    load_tracer()
    merge_small(np.zeros((2, 2), np.uint8), GeoRef(), 1.0)
    check_proj()
    helper.begin = lambda: None  # type: ignore[method-assign]
    helper.try_out = lambda *_, **__: None  # type: ignore[method-assign]


def begin(words: list[str], log: Path, before: Callable[[], None] = lambda: None) -> int:
    """Fork a child that runs a command; its process id."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        for number in (1, 2):
            os.dup2(os.open(log if number == 2 else os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        from geoglm.apps.cli import main

        sys.argv = ["geoglm", *words]
        before()
        try:
            main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        except BaseException:
            import traceback

            traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def end(child: int, log: Path) -> Ended:
    """Wait for a child."""
    _, status = os.waitpid(child, 0)
    return Ended(os.waitstatus_to_exitcode(status), log.read_text(errors="replace"))


def run(words: list[str], log: Path, before: Callable[[], None] = lambda: None) -> Ended:
    """Run a command in a child."""
    return end(begin(words, log, before), log)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
