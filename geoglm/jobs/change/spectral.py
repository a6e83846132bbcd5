"""Change by what the bands say, without a model: see `geoglm.stats.irmad`.

The square root of the alteration statistic, cut off at three times what chance explains (beyond that it tells how
large a change is, not whether there is one), is smoothed over a pixel and split in two by Otsu's threshold. Where one
of the dates has been resampled both are softened a little before they are compared, since the resampled one has lost
its sharpness; what chance explains is still that of the dates as they are, or less noise would make more change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import SceneMismatch
from geoglm.jobs.change.kept import Kept
from geoglm.jobs.change.maps import NO_CHANGE, Cell, Cells
from geoglm.jobs.change.options import ChangeOptions
from geoglm.jobs.change.preflight import Preflight
from geoglm.jobs.change.threads import Threads
from geoglm.jobs.progress import Progress
from geoglm.stats.irmad import Alteration, alteration
from geoglm.stats.loudness import QUIET, levels_of, loudness, unclip
from geoglm.stats.smoothing import reach_px, smoothed
from geoglm.stats.threshold import Histogram, Split, split
from geoglm.stats.transitions import Judged
from geoglm.types import INVALID, LandClass, PixelBox

CHANGE = LandClass(1, "change", "#d7191c")

SMOOTH_PX, SOFTENED_PX = 1.0, 0.7
"""Standard deviations, px, with which the statistic is smoothed, and resampled pairs before they are compared."""

CHANCE, LOUDEST = 0.01, 3.0
"""How often chance exceeds the least threshold, and the multiple of that beyond which louder is no likelier."""

ALIKE, ENOUGH_BANDS = 0.55, 4
"""Two dates of one place have a larger canonical correlation than this in common, where they have so many bands.
Sixteen pairs that were tried (cities seen by Sentinel-2, Taizhou, Colorado) had 0.65 and more, some 50 of other ground,
or turned over, 0.48 and less; with fewer bands two seasons of one place may have less as well."""

FEW_PX = 10
"""Of fewer pixels than this, times the bands, change cannot be told from chance."""


SAMPLE_PX, WINDOW_PX, WINDOWS = 1 << 18, 256, 12
"""About how many pixels the transformation is found from: in even steps, of windows so wide, so many a side."""

AT_ONCE_PX = 1 << 16
"""Pixels whose moments are taken at a time."""

Pixels = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]


class SecondOpinion(Protocol):
    """Somebody who has to find changed too what the bands call changed.

    Attributes:
        key: what the opinion depends on besides scenes and options.
        notes: what the user should know.
    """

    key: str
    notes: tuple[str, ...]

    def form(
        self, kept: Kept, found: Alteration, quiet: Callable[[PixelBox], NDArray[np.bool_]], progress: Progress
    ) -> dict[str, Any]:
        """Look at the whole pair; what the summary says of it.

        Args:
            kept: keeps on its stage what is found on the way.
            found: the transformation of the bands.
            quiet: gives ``(y, x)`` of a box, where the bands of both dates say the same.
        """

    def percent(self, box: PixelBox) -> NDArray[np.uint8]:
        """``(y, x)`` how likely a change is, 255 where there is no data; once the opinion is formed."""


class SpectralChange:
    """The comparison of one pair by its bands; see `geoglm.jobs.change.maps.Comparison`.

    Args:
        second: has to agree with every change.
    """

    legend: tuple[LandClass, ...] = NO_CHANGE, CHANGE
    classes: tuple[str, ...] = ()

    def __init__(self, ready: Preflight, options: ChangeOptions, second: SecondOpinion | None = None) -> None:
        self.ready, self.options, self.second = ready, options, second
        self.notes = tuple(dict.fromkeys((*ready.notes, *(second.notes if second else ()))))
        self.scene = ready.pair.before.meta.box
        self.softened = SOFTENED_PX if ready.pair.resampled else 0.0
        metas = [s.meta for s in ready.pair.wholes]
        kinds = {np.dtype(m.dtype) for m in metas}
        self.full = float(np.iinfo("uint8").max) if kinds == {np.dtype("uint8")} else None
        bands = [(len(b), np.dtype(m.dtype).itemsize) for b, m in zip(ready.bands, metas, strict=True)]
        self.threads = Threads.within(options, sum(n * (16 + 2 * size) for n, size in bands) + 40)
        self.cells = Cells(self.scene, self.threads.side_px)
        self.chunks = self.cells.chunks
        self.key = f"spectral {self.threads.side_px} {second.key if second else ''}"

    def compare(self, kept: Kept, progress: Progress) -> dict[str, Any]:
        """See `Comparison.compare`.

        Raises:
            SceneMismatch: no pixel has data on both dates.
        """
        progress("looking at both dates", 0, 0)
        found = self._alteration()
        if len(found.correlation) >= ENOUGH_BANDS and found.in_common < ALIKE:
            self.notes += (
                f"the dates have hardly anything in common (correlation {found.in_common:.2f}; dates of one place have "
                f"{ALIKE:g} and more): what is called unchanged means little; check that both show the same ground",
            )
        floor = found.beyond_chance(CHANCE)
        levels = _Levels(kept, LOUDEST * floor)
        todo = [c for c in self.cells if not levels.has(c)]
        self.threads.run(todo, partial(self._level, found, levels), partial(progress, "comparing"), self.scene.area)
        parted = split(levels.histogram(self.cells), at_least=floor)
        table = _table(parted, LOUDEST * floor)
        least = 100 * self.options.sure("spectral")
        told: dict[str, Any] = {}
        if self.second:
            told = self.second.form(kept, found, partial(self._quiet, found, floor), progress)
            self.notes = tuple(dict.fromkeys((*self.notes, *self.second.notes)))

        def judge(cell: Cell) -> None:
            percent = table[levels.read(cell)]
            if self.second:
                other = self.second.percent(cell.box)
                percent = np.where((percent == INVALID) | (other == INVALID), INVALID, np.minimum(percent, other))
            codes = np.where(percent == INVALID, INVALID, percent >= least).astype(np.uint8)
            kept.found(cell.name, cell.box, Judged(codes, codes, percent))

        self.threads.run(kept.missing(self.cells), judge, partial(progress, "telling apart"), self.scene.area)
        return {
            "in_common": round(found.in_common, 4),
            "canonical_correlations": [round(float(c), 4) for c in found.correlation],
            "threshold": round(parted.threshold, 4),
            "threshold_by": "chance" if parted.threshold <= floor else "Otsu",
            "chance": {"probability": CHANCE, "threshold": round(floor, 4)},
            "softened_px": self.softened,
        } | told

    def _level(self, found: Alteration, levels: _Levels, cell: Cell) -> None:
        """How loud the pixels of a cell are."""
        even, valid = self._loudness(found, levels.top, cell.box)
        levels.keep(cell, *levels_of(even, valid, levels.top))

    def _quiet(self, found: Alteration, floor: float, box: PixelBox) -> NDArray[np.bool_]:
        """Where chance explains what the bands say, ``(y, x)``."""
        even, valid = self._loudness(found, LOUDEST * floor, box)
        return np.asarray((even < floor) & valid)

    def _loudness(self, found: Alteration, top: float, box: PixelBox) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """How loud the pixels of a box are, evened out, up to `top`; and where there is data."""
        reach = reach_px(SMOOTH_PX)
        before, after, valid = self._pixels(box, reach, found)
        inner = box.within(_grown(box, reach, self.scene))
        return smoothed(loudness(before, after, valid, found, top), valid, SMOOTH_PX)[inner], valid[inner]

    def _pixels(self, box: PixelBox, reach: int, found: Alteration | None = None) -> Pixels:
        """Both dates ``(band, y, x)`` of `box` and `reach` px around it as far as there is any, and where both have
        data. With the transformation `found` they are softened where needed, and 8-bit data unclipped by it."""
        softened = self.softened if found is not None else 0.0
        soft = reach_px(softened) if softened else 0
        wide = _grown(box, reach + soft, self.scene)
        before, here = self.ready.pair.before.read(wide, self.ready.bands[0])
        after, there = self.ready.pair.after.read(wide, self.ready.bands[1])
        both, inner = here & there, _grown(box, reach, self.scene).within(wide)
        first, second = (_numbers(d, both) for d in (before, after))
        if found is not None and self.full is not None:
            unclip(first, second, found, self.full)
        if soft:
            first, second = (smoothed(d, both, softened) for d in (first, second))
        return first[:, *inner], second[:, *inner], both[inner]

    def _alteration(self) -> Alteration:
        """The transformation, from a sample that does not depend on the cells."""
        windows = list(windows_of(self.scene))
        step = max(1, int(np.ceil((sum(w.area for w in windows) / SAMPLE_PX) ** 0.5)))

        def look(box: PixelBox) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            before, after, valid = self._pixels(box, 0)
            thin = np.s_[-box.top % step :: step, -box.left % step :: step]
            there = valid[thin]
            return before[:, *thin][:, there], after[:, *thin][:, there]

        seen = self.threads.map(windows, look)
        sample = [np.concatenate([s[k] for s in seen], axis=1) for k in (0, 1)]

        def blocks() -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
            for k in range(0, sample[0].shape[1], AT_ONCE_PX):
                first, second = (s[:, k : k + AT_ONCE_PX].astype(np.float64) for s in sample)
                yield first, second

        least = FEW_PX * max(map(len, sample))
        if 0 < sample[0].shape[1] < least:
            self.notes += (
                f"only {sample[0].shape[1]} pixels have data on both dates, fewer than the {least} from which change "
                "can be told from chance",
            )
        try:
            return alteration(blocks)
        except ValueError as error:
            names = (w.meta.name for w in self.ready.pair.wholes)
            raise SceneMismatch(f"{' and '.join(names)}: {error}; check nodata and extent of both") from error


class _Levels:
    """How loud every pixel is, from 0 to 65,534 for `top`, kept cell by cell."""

    def __init__(self, kept: Kept, top: float) -> None:
        self.stage, self.top = kept.stage, top

    def has(self, cell: Cell) -> bool:
        return self.stage.has_shard(f"level-{cell.name}")

    def keep(self, cell: Cell, levels: NDArray[np.uint16], histogram: Histogram) -> None:
        parts = {"levels": levels.tobytes(), "counts": histogram.counts.tobytes()}
        self.stage.save_shard(f"level-{cell.name}", parts)

    def read(self, cell: Cell) -> NDArray[np.uint16]:
        parts = self.stage.load_shard(f"level-{cell.name}")
        return np.frombuffer(parts["levels"], np.uint16).reshape(cell.box.shape)

    def histogram(self, cells: Cells) -> Histogram:
        """Of all cells."""
        total = Histogram.of(np.zeros(0), self.top)
        for cell in cells:
            counts = np.frombuffer(self.stage.load_shard(f"level-{cell.name}")["counts"], np.int64)
            total = total + Histogram(self.top, counts)
        return total


def windows_of(scene: PixelBox) -> Iterator[PixelBox]:
    """Windows spread evenly over a scene; all of a small one."""
    chosen: list[Sequence[int]] = []
    for length in scene.shape:
        count = -(-length // WINDOW_PX)
        chosen.append(sorted(set(np.linspace(0, count - 1, min(count, WINDOWS)).round().astype(int).tolist())))
    for row in chosen[0]:
        for col in chosen[1]:
            top, left = row * WINDOW_PX, col * WINDOW_PX
            yield PixelBox(top, left, top + WINDOW_PX, left + WINDOW_PX).clip(scene)


def _table(parted: Split, top: float) -> NDArray[np.uint8]:
    """``(65536,)`` percent for every level."""
    share = parted.probability(np.arange(QUIET + 1) * (top / (QUIET - 1)))
    table = np.rint(100 * share).astype(np.uint8)
    table[QUIET] = INVALID
    return table


def _numbers(pixels: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """As float32, 0 where there is no data."""
    numbers = pixels.astype(np.float32)
    if not valid.all():
        numbers[:, ~valid] = 0
    return numbers


def _grown(box: PixelBox, by: int, within: PixelBox) -> PixelBox:
    """`box` with `by` pixels more on every side, as far as the scene goes."""
    return PixelBox(box.top - by, box.left - by, box.bottom + by, box.right + by).clip(within)
