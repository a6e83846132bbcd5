"""One mutant looked at as a user would: told about, planned for, read, now and then mapped; and what came of it."""

from __future__ import annotations

import contextlib
import re
import resource
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import psutil
import rasterio
from affine import Affine

from geoglm.errors import GeoglmError
from geoglm.io.geotiff import RasterFile
from geoglm.jobs.info import scene_facts
from geoglm.jobs.segment import segment_file
from geoglm.options import SegmentOptions
from geoglm.types import PixelBox

SMALL_PX = 512 * 512
"""Scenes up to this size are mapped."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a mutant.

    Args:
        kind: ``used``, ``refused``, ``traceback`` or ``wrong`` (georeferencing other than the file's).
        words: of the error.
        seconds: of processor time it took, the helper's among them, however busy the machine is otherwise.
        peak: memory of the process meanwhile, bytes.
    """

    kind: str
    words: str
    seconds: float
    peak: int


def tried(path: Path, *, output: Path | None = None) -> Outcome:
    """Have geoglm look at the file at `path`.

    Args:
        output: a new folder to map it into; None to read parts of it only.
    """
    _forget_peak()
    began = processor_seconds()
    try:
        kind, words = "used", _used(path, output)
        kind = "wrong" if words else "used"
    except GeoglmError as error:
        kind, words = ("refused", str(error)) if "\n" not in str(error) else ("traceback", f"lines: {error!r}")
    except BaseException as error:  # anything at all is a finding
        if isinstance(error, KeyboardInterrupt):
            raise
        import traceback

        kind, words = "traceback", "".join(traceback.format_exception(error)[-3:])
    return Outcome(kind, words, processor_seconds() - began, _peak())


def processor_seconds(process: int | None = None) -> float:
    """Processor time of a process (None for this one) and of its children, those that ended too."""
    total = 0.0
    try:
        own = psutil.Process(process)
        for each in (own, *own.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(each.cpu_times()[:4])
    except psutil.NoSuchProcess:
        pass
    return total


def _used(path: Path, output: Path | None) -> str:
    """What is wrong with the georeferencing; nothing where all is well."""
    options = SegmentOptions(workers=1, vectors="none")
    scene_facts(path, options)
    source = RasterFile(path)
    box = source.meta.box
    middle = PixelBox(box.height // 2, box.width // 2, box.height // 2 + 64, box.width // 2 + 64).clip(box)
    bands = range(len(source.meta.bands))[:8]
    source.read(middle, bands)
    source.preview(bands, side_px=64)
    source.has_data(middle, bands)
    wrong = _differs(path, source.meta.georef.transform, source.meta.georef.crs)
    if wrong or output is None or box.area > SMALL_PX or len(bands) not in (3, 4):
        return wrong
    segment_file(path, output, SegmentOptions(workers=1, vectors="none", model="aerial-landcover"))
    with rasterio.open(output / "classes.tif") as file:
        return _differs(path, None if file.transform == Affine.identity() else file.transform, file.crs)


def _differs(path: Path, transform: Affine | None, crs: object) -> str:
    """How a transform and a CRS differ from those that rasterio alone finds in the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path) as file:
            own = None if file.transform == Affine.identity() else file.transform
            same = (rasterio.crs.CRS.from_user_input(crs) if crs else None) == (file.crs or None)
            if own == transform and same:
                return ""
            return f"{path.name}: {transform} {crs}, not {own} {file.crs}"


def _forget_peak() -> None:
    """Count the peak of this process from here on (Linux)."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak() -> int:
    """Peak of resident memory since `_forget_peak`, bytes."""
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))):
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
