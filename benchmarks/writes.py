"""What it costs to have results on the disk, read again and hashed before they are called finished.

    python benchmarks/writes.py SCENE

Prints the seconds of each and their share of the whole run.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geoglm.io.cog
import geoglm.io.journal
import geoglm.io.polygon_files
from geoglm.jobs.segment import segment_file
from geoglm.options import SegmentOptions

TIMED = (
    (geoglm.io.cog, "check_bytes", "maps onto the disk and read again"),
    (geoglm.io.cog, "check_place", "maps opened again"),
    (geoglm.io.cog, "crc", "checksums of blocks"),
    (geoglm.io.polygon_files, "check_polygons", "polygons onto the disk and counted again"),
    (geoglm.io.journal, "sync", "all onto the disk before it is shown"),
    (geoglm.io.journal, "file_facts", "hashes for the manifest"),
    (geoglm.io.journal, "publish", "made visible"),
)


def timed(spent: dict[str, float], what: str, true: Callable[..., Any]) -> Callable[..., Any]:
    """`true`, with its seconds added up."""

    def call(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return true(*arguments, **named)
        finally:
            spent[what] += time.perf_counter() - began

    return call


def main() -> None:
    """Run and print."""
    spent: dict[str, float] = defaultdict(float)
    for room, name, what in TIMED:
        setattr(room, name, timed(spent, what, getattr(room, name)))
    with tempfile.TemporaryDirectory(dir=".") as folder:
        began = time.perf_counter()
        segment_file(Path(sys.argv[1]), Path(folder) / "out", SegmentOptions())
        whole = time.perf_counter() - began
        size = sum(p.stat().st_size for p in (Path(folder) / "out").iterdir())
    for what, seconds in spent.items():
        print(f"{seconds:8.2f} s  {seconds / whole:6.2%}  {what}")
    print(
        f"{sum(spent.values()):8.2f} s  {sum(spent.values()) / whole:6.2%}  of {whole:.1f} s, for {size / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
