"""Explaining a place: what happens to the class when squares are covered, bands left out, or values changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import TargetError
from geoglm.io.explain.target import Target
from geoglm.io.source import Source
from geoglm.jobs.explain.context import context_maps
from geoglm.jobs.explain.lens import Floats, Lens
from geoglm.jobs.explain.options import ExplainOptions
from geoglm.jobs.explain.record import Change, Explanation, Verdict
from geoglm.jobs.progress import Progress
from geoglm.stats.explain.flip import nearest_flip
from geoglm.stats.explain.shapley import Shapley, shapley
from geoglm.types import INVALID

CELLS = 16
"""Squares along the longer side of the window that are covered in turn, unless their side is given."""


def explain_place(source: Source, target: Target, options: ExplainOptions, progress: Progress) -> Explanation:
    """The class of `target`, and why it is that one.

    Raises:
        TargetError: there is no data.
        GeoglmError: scene, model and options do not fit together.
    """
    progress("loading the network", 0, 0)
    return _Place(Lens.over(source, options.plan_options(), target), target, options, progress).explained()


@dataclass
class _Place:
    """One explanation on its way."""

    lens: Lens
    target: Target
    options: ExplainOptions
    progress: Progress

    def __post_init__(self) -> None:
        lens = self.lens
        self.inside = np.zeros(lens.window.shape, np.bool_)
        self.inside[self.target.box.within(lens.window)] = self.target.mask
        self.inside &= lens.valid
        if not self.inside.any():
            raise TargetError(f"{lens.plan.source.meta.name} has no data at {self.target.words}; choose another place")
        self.absent = lens.absent(self.options.reference)
        self.scheme = lens.plan.package.card.classes
        self.logits = lens.logits(lens.pixels)
        ranks = np.argsort(-self._mean(self.logits), kind="stable")
        if len(ranks) < 2:
            raise TargetError(f"{lens.plan.package.card.name} knows but one class: there is nothing to explain")
        self.first, self.rival = int(ranks[0]), int(ranks[1])

    def explained(self) -> Explanation:
        """All parts of it."""
        lens, part = self.lens, self.lens.inside.within(self.lens.window)
        values = np.array([c.value for c in self.scheme], np.uint8)
        classes = np.where(lens.valid, values[self.logits.argmax(axis=0)], np.uint8(INVALID))
        occlusion = self._occlusion()
        shares = self._shares()
        change = self._change()
        meta, card = lens.plan.source.meta, lens.plan.package.card
        none = "no change of its bands up to 8 standard deviations was found that flips the class"
        return Explanation(
            scene=meta.name,
            model=f"{card.name} {card.version}",
            target=self.target.words,
            window=lens.inside,
            inside=self.inside[part],
            classes=classes[part],
            bands=card.bands,
            indices=lens.plan.bands,
            scheme=self.scheme,
            verdict=self._verdict(),
            absent=self.absent.astype(np.float64),
            cell_px=self._cell(),
            occlusion=occlusion,
            shares=shares,
            change=change,
            context=context_maps(lens),
            notes=lens.plan.notes + (() if change else (none,)),
        )

    def _mean(self, logits: Floats) -> NDArray[np.float64]:
        """``(class,)`` over the target."""
        mean: NDArray[np.float64] = logits[:, self.inside].mean(axis=1, dtype=np.float64)
        return mean

    def _odds(self, pixels: Floats) -> float:
        """Log-odds of the class over its rival, for other pixels."""
        mean = self._mean(self.lens.logits(pixels))
        return float(mean[self.first] - mean[self.rival])

    def _verdict(self) -> Verdict:
        mean = self._mean(self.logits)
        there = self.logits[:, self.inside].astype(np.float64)
        chance = np.exp(there - there.max(axis=0))
        shares = (chance / chance.sum(axis=0)).mean(axis=1)
        odds = float(mean[self.first] - mean[self.rival])
        return Verdict(self.scheme[self.first], self.scheme[self.rival], shares, odds)

    def _cell(self) -> int:
        return self.options.cell_px or -(-max(self.lens.inside.shape) // CELLS)

    def _occlusion(self) -> NDArray[np.float64]:
        """``(rows, cols)`` by how much the log-odds fall when a cell holds what counts as absent."""
        lens, cell = self.lens, self._cell()
        boxes = list(lens.inside.blocks(cell))

        def covered(number: int) -> float:
            pixels, place = lens.pixels.copy(), boxes[number].within(lens.window)
            pixels[(..., *place)] = np.where(lens.valid[place], self.absent[:, None, None], pixels[(..., *place)])
            return self._odds(pixels)

        told = lens.each(covered, len(boxes), lambda done: self.progress("covering squares", done, len(boxes)))
        height, width = lens.inside.shape
        mean = self._mean(self.logits)
        drop: NDArray[np.float64] = mean[self.first] - mean[self.rival] - np.array(told)
        return drop.reshape(-(-height // cell), -(-width // cell))

    def _shares(self) -> Shapley:
        lens = self.lens
        without = np.where(lens.valid, self.absent[:, None, None], lens.pixels)

        def worth(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
            def of(number: int) -> float:
                return self._odds(np.where(inside[number][:, None, None], lens.pixels, without))

            return np.array(lens.each(of, len(inside), lambda n: self.progress("leaving out bands", n, len(inside))))

        return shapley(worth, len(self.absent))

    def _region(self) -> NDArray[np.bool_]:
        """The pixels whose values change: those of the polygon, or all of its class around a single one."""
        if not self.target.is_point:
            return self.inside
        from scipy.ndimage import label

        same = (self.logits.argmax(axis=0) == self.first) & self.lens.valid
        numbers = label(same)[0]
        region: NDArray[np.bool_] = numbers == numbers[self.inside][0]
        return region

    def _change(self) -> Change | None:
        lens, region, (_, spread) = self.lens, self._region(), self.lens.around()
        dtype = np.dtype(lens.plan.source.meta.dtype)
        least, most = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "iu" else (-np.inf, np.inf)

        def changed(change: NDArray[np.float64]) -> Floats:
            pixels = lens.pixels.copy()
            pixels[:, region] = (pixels[:, region] + (change * spread)[:, None]).clip(least, most)
            return pixels

        def scores(changes: NDArray[np.float64]) -> NDArray[np.float64]:
            told = lens.each(lambda n: self._mean(lens.logits(changed(changes[n]))), len(changes), lambda done: None)
            return np.array(told)

        self.progress("changing bands", 0, 0)
        flip = nearest_flip(scores, len(spread))
        if flip is None:
            return None
        before = lens.pixels[:, region].mean(axis=1, dtype=np.float64)
        return Change(
            self.scheme[flip.index], region[lens.inside.within(lens.window)], flip.change * spread, flip.change, before
        )
