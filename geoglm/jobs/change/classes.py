"""Change of class between two maps of classes, on the grid of both."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from geoglm.errors import SceneMismatch
from geoglm.io.change.scene_pair import ScenePair
from geoglm.io.change.sureness import sureness
from geoglm.io.label_colours import label_colours, spread_colour
from geoglm.io.label_names import check_shared, place_table, plain
from geoglm.io.labels import open_labels
from geoglm.jobs.change.kept import Kept
from geoglm.jobs.change.maps import NO_CHANGE, Cell, Cells
from geoglm.jobs.change.options import ChangeOptions
from geoglm.jobs.change.threads import Threads
from geoglm.jobs.manifest import quick_key
from geoglm.jobs.progress import Progress
from geoglm.stats.transitions import Judged, TransitionCodes
from geoglm.types import LandClass

MOST = 15
"""Classes that pairs can be told apart of in a byte."""

BYTES_PX = 60
"""What judging a pixel of two maps takes."""


class MapsCompared:
    """The comparison of two class rasters, whose classes are matched by their names, on the grid of `pair`; see
    `geoglm.jobs.change.maps.Comparison`.

    Where a map has its confidence beside it, as `geoglm segment` leaves it, a flip between unsure classes is no change.

    Raises:
        LabelError: one of them is no class raster, or they have no class in common.
        SceneMismatch: together they have more than 15 classes.
    """

    def __init__(self, paths: tuple[Path, Path], pair: ScenePair, options: ChangeOptions) -> None:
        self.paths, self.scene, self.sure_from = paths, pair.before.meta.box, options.sure("classes")
        self.dates = [open_labels(path, pair.before.meta) for path in paths]
        first, second = (d.classes for d in self.dates)
        check_shared(paths, [first, second])
        alike = [plain(n) for n in first] == [plain(n) for n in second]
        every = {plain(n): n for n in (*second, *first)}
        self.classes = (
            first if alike else tuple(sorted(every.values(), key=int if all(map(str.isdecimal, every)) else str))
        )
        check_count(self.classes, paths[0])
        self.scheme = TransitionCodes(len(self.classes))
        self.tables = [place_table(d.classes, self.classes) for d in self.dates]
        found = label_colours(paths[1], None, second) | label_colours(paths[0], None, first)
        colours = [found.get(n, spread_colour(k, len(self.classes))) for k, n in enumerate(self.classes)]
        self.legend = transitions_legend(self.classes, colours)
        self.sure = [sureness(p, v) for p, v in zip(paths, (pair.before, pair.after), strict=True)]
        self.notes = tuple(dict.fromkeys((*pair.notes, *(n for d in self.dates for n in d.notes))))
        self.threads = Threads.within(options, BYTES_PX)
        self.cells = Cells(self.scene, self.threads.side_px)
        self.chunks = self.cells.chunks
        self.key = f"maps {self.threads.side_px} {[None if s is None else quick_key([s.path]) for s in self.sure]}"

    def compare(self, kept: Kept, progress: Progress) -> dict[str, Any]:
        """See `Comparison.compare`."""

        def judge(cell: Cell) -> None:
            kept.found(cell.name, cell.box, self._judged(cell))

        self.threads.run(kept.missing(self.cells), judge, partial(progress, "comparing"), self.scene.area)
        told = ["none: its classes count as sure" if s is None else str(s.path) for s in self.sure]
        return {"maps": [str(p) for p in self.paths], "confidence": told}

    def _judged(self, cell: Cell) -> Judged:
        first, second = (t[d.read(cell.box)] for t, d in zip(self.tables, self.dates, strict=True))
        if self.sure == [None, None]:
            return Judged.of_classes(first, second, self.scheme)
        percent = [np.full(cell.box.shape, 100, np.uint8) if s is None else s.read(cell.box) for s in self.sure]
        return Judged.of_confident((first, percent[0]), (second, percent[1]), self.scheme, at_least=self.sure_from)


def check_count(names: tuple[str, ...], path: Path | str) -> None:
    """Raises:
    SceneMismatch: there are more classes than pairs of them can be told apart.
    """
    if len(names) > MOST:
        raise SceneMismatch(
            f"{path}: {len(names)} classes make too many kinds of change; join some, at most {MOST} can be compared"
        )


def transitions_legend(names: tuple[str, ...], colours: list[str]) -> tuple[LandClass, ...]:
    """No change, and every change in the colour of what it became."""
    scheme = TransitionCodes(len(names))
    pairs = ((code, *scheme.pair(code)) for code in scheme.all)
    return NO_CHANGE, *(LandClass(code, f"{names[a]} → {names[b]}", colours[b]) for code, a, b in pairs)
