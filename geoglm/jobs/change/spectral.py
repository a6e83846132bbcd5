"""Change by what the bands say, without a model: see `geoglm.stats.irmad`.

The square root of the alteration statistic, cut off at three times what chance explains (beyond that it tells how
large a change is, not whether there is one), is smoothed over a pixel and split in two by Otsu's threshold. Where one
of the dates has been resampled both are smoothed a little first, since the resampled one has lost its sharpness.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import SceneMismatch
from geoglm.jobs.change.maps import NO_CHANGE, ChangeMaps, Progress, for_blocks, scratch
from geoglm.jobs.change.options import ChangeOptions
from geoglm.jobs.change.preflight import Preflight
from geoglm.stats.irmad import Alteration, alteration
from geoglm.stats.smoothing import reach_px, smoothed
from geoglm.stats.threshold import Histogram, Split, split
from geoglm.types import INVALID, LandClass, PixelBox

CHANGE = LandClass(1, "change", "#d7191c")

SMOOTH_PX, SOFTENED_PX = 1.0, 0.7
"""Standard deviations, px, with which the statistic is smoothed, and resampled pairs before they are compared."""

CHANCE, LOUDEST = 0.01, 3.0
"""How often chance exceeds the least threshold, and the multiple of that beyond which louder is no likelier."""

SAMPLE_PX = 1 << 20
"""Pixels, in even steps all over the scene, from which the transformation is found."""

AT_ONCE_PX = 1 << 16
"""Pixels whose moments are taken at a time."""

QUIET = 65_535
"""Marks a pixel without data among the levels; levels go up to one less."""

Pixels = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]


class SpectralChange:
    """The comparison of one pair, step by step.

    Args:
        folder: for arrays that are thrown away.
    """

    def __init__(self, ready: Preflight, options: ChangeOptions, folder: Path, progress: Progress) -> None:
        self.ready, self.options, self.folder, self.progress = ready, options, folder, progress
        self.scene = ready.pair.before.meta.box
        self.softened = SOFTENED_PX if ready.pair.resampled else 0.0
        kinds = {np.dtype(s.meta.dtype) for s in ready.pair.wholes}
        self.full = float(np.iinfo("uint8").max) if kinds == {np.dtype("uint8")} else None

    def maps(self) -> ChangeMaps:
        """All steps, in order.

        Raises:
            SceneMismatch: no pixel has data on both dates.
        """
        found = self._alteration()
        floor = found.beyond_chance(CHANCE)
        levels = scratch(self.folder, "levels", self.scene.shape, np.uint16)
        histogram = self._levels(found, LOUDEST * floor, levels)
        parted = split(histogram, at_least=floor)
        percent = scratch(self.folder, "percent", self.scene.shape, np.uint8)
        codes = scratch(self.folder, "codes", self.scene.shape, np.uint8)
        table = self._table(parted, LOUDEST * floor)
        sure = np.where(table == INVALID, INVALID, table >= 100 * self.options.sure("spectral")).astype(np.uint8)
        for box in self.scene.blocks(self.options.block_px):
            place = box.within(self.scene)
            percent[place], codes[place] = table[levels[place]], sure[levels[place]]
        facts = {
            "canonical_correlations": [round(float(c), 4) for c in found.correlation],
            "threshold": round(parted.threshold, 4),
            "threshold_by": "chance" if parted.threshold <= floor else "Otsu",
            "chance": {"probability": CHANCE, "threshold": round(floor, 4)},
            "softened_px": self.softened,
        }
        return ChangeMaps(codes, percent, (NO_CHANGE, CHANGE), self.ready.pair.before.meta.georef, facts)

    def _pixels(self, box: PixelBox, reach: int, found: Alteration | None = None) -> Pixels:
        """Both dates ``(band, y, x)`` of `box` and `reach` px around it as far as there is any, softened where needed,
        and where both have data. With the transformation `found`, 8-bit data are unclipped by it."""
        soft = reach_px(self.softened) if self.softened else 0
        wide = _grown(box, reach + soft, self.scene)
        before, here = self.ready.pair.before.read(wide, self.ready.bands[0])
        after, there = self.ready.pair.after.read(wide, self.ready.bands[1])
        both, inner = here & there, _grown(box, reach, self.scene).within(wide)
        dates = [np.where(both, d, 0).astype(np.float32) for d in (before, after)]
        if found is not None and self.full is not None:
            one, two = (d.reshape(len(d), -1).astype(np.float64) for d in dates)
            open_ended = found.unclipped(one, two, self.full)
            dates = [o.reshape(d.shape).astype(np.float32) for o, d in zip(open_ended, dates, strict=True)]
        if soft:
            dates = [smoothed(d, both, self.softened) for d in dates]
        return dates[0][:, *inner], dates[1][:, *inner], both[inner]

    def _alteration(self) -> Alteration:
        """The transformation, from a sample that every block adds its part to."""
        step = max(1, int(np.ceil((self.scene.area / SAMPLE_PX) ** 0.5)))
        parts: dict[PixelBox, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

        def look(box: PixelBox) -> None:
            before, after, valid = self._pixels(box, 0)
            thin = np.s_[-box.top % step :: step, -box.left % step :: step]
            there = valid[thin]
            parts[box] = before[:, *thin][:, there], after[:, *thin][:, there]

        self._blocks(look, "looking at both dates")
        ordered = [parts[box] for box in sorted(parts)]
        sample = [np.concatenate([p[k] for p in ordered], axis=1) for k in (0, 1)]

        def blocks() -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
            for k in range(0, sample[0].shape[1], AT_ONCE_PX):
                yield tuple(s[:, k : k + AT_ONCE_PX].astype(np.float64) for s in sample)  # type: ignore[misc]

        try:
            return alteration(blocks)
        except ValueError as error:
            names = (w.meta.name for w in self.ready.pair.wholes)
            raise SceneMismatch(f"{' and '.join(names)}: {error}; check nodata and extent of both") from error

    def _levels(self, found: Alteration, top: float, levels: NDArray[np.uint16]) -> Histogram:
        """How loud every pixel is, from 0 to 65534 for `top`, and how many are."""
        total, adding, reach = Histogram.of(np.zeros(0), top), threading.Lock(), reach_px(SMOOTH_PX)

        def judge(box: PixelBox) -> None:
            nonlocal total
            before, after, valid = self._pixels(box, reach, found)
            loud = np.zeros(valid.shape, np.float32)
            statistic = found.statistic(before[:, valid].astype(np.float64), after[:, valid].astype(np.float64))
            loud[valid] = np.minimum(np.sqrt(statistic), top)
            inner = box.within(_grown(box, reach, self.scene))
            there, even = valid[inner], smoothed(loud, valid, SMOOTH_PX)[inner]
            level = np.rint(even * np.float32((QUIET - 1) / top)).clip(max=QUIET - 1).astype(np.uint16)
            levels[box.within(self.scene)] = np.where(there, level, np.uint16(QUIET))
            with adding:
                total = total + Histogram.of(level[there] * (top / (QUIET - 1)), top)

        self._blocks(judge, "comparing")
        return total

    def _table(self, parted: Split, top: float) -> NDArray[np.uint8]:
        """``(65536,)`` percent for every level."""
        share = parted.probability(np.arange(QUIET + 1) * (top / (QUIET - 1)))
        table = np.rint(100 * share).astype(np.uint8)
        table[QUIET] = INVALID
        return table

    def _blocks(self, work: Callable[[PixelBox], None], phase: str) -> None:
        for_blocks(
            self.scene,
            work,
            side_px=self.options.block_px,
            workers=self.options.workers,
            progress=partial(self.progress, phase),
        )


def _grown(box: PixelBox, by: int, within: PixelBox) -> PixelBox:
    """`box` with `by` pixels more on every side, as far as the scene goes."""
    return PixelBox(box.top - by, box.left - by, box.bottom + by, box.right + by).clip(within)
