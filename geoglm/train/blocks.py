"""Validation by place: labels are held back block by block, with a gap between what is learnt and what is checked.

Neighbouring pixels are alike. A pixel held back at random has its twin among the training pixels, and the accuracy
measured on it is that of remembering (Roberts et al. 2017, doi 10.1111/ecog.02881). So the labelled area is laid out
in cells as wide as the gap; labels that touch are one unit (a polygon, or a group of them), large units are cut into
blocks of cells, and whole units are held back. Training cells beside a held-back cell are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.types import PixelBox

Cell = tuple[int, int, int]
"""Scene, row and column of a cell."""

AROUND = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)]
SHARE = 0.25
"""Of a class's pixels that validation should get; never more than half."""
TRIALS = 60
LOST_MOST = 0.3
"""Share of the labels that a gap may cost before a narrower one is tried."""
BLOCKS_ACROSS = 4
"""A unit wider than this part of the labelled extent is cut."""


class Side(IntEnum):
    """What a cell is for."""

    TRAINING = 0
    VALIDATION = 1
    GAP = 2


@dataclass(frozen=True, slots=True)
class CellCounts:
    """Labelled pixels of every class in square cells of `side_px`; cells without labels are left out."""

    side_px: int
    classes: int
    table: Mapping[Cell, NDArray[np.int64]]

    def coarser(self, times: int) -> CellCounts:
        """The same in cells `times` as wide."""
        merged: dict[Cell, NDArray[np.int64]] = {}
        for (scene, row, col), counts in self.table.items():
            cell = scene, row // times, col // times
            merged[cell] = merged[cell] + counts if cell in merged else counts
        return CellCounts(self.side_px * times, self.classes, merged)

    def total(self) -> NDArray[np.int64]:
        """``(class,)`` pixels of every class."""
        return sum(self.table.values(), start=np.zeros(self.classes, np.int64))


def count_cells(
    labels: NDArray[np.uint8], box: PixelBox, *, scene: int, side_px: int, classes: int
) -> dict[Cell, NDArray[np.int64]]:
    """Labelled pixels by cell and class in the `labels` ``(y, x)`` of `box`; 255 and the like count for nothing."""
    rows, cols = np.nonzero(labels < classes)
    if not rows.size:
        return {}
    cells = np.stack([(rows + box.top) // side_px, (cols + box.left) // side_px], axis=1)
    places, owner = np.unique(cells, axis=0, return_inverse=True)
    pairs = owner.ravel() * classes + labels[rows, cols]
    counts = np.bincount(pairs, minlength=len(places) * classes).reshape(-1, classes)
    return {(scene, int(r), int(c)): n for (r, c), n in zip(places, counts, strict=True)}


@dataclass(frozen=True, slots=True)
class BlockSplit:
    """Which cells teach and which judge.

    Args:
        gap_px: side of a cell: more than so many pixels lie between a training and a validation pixel, along rows or
            along columns. 0 where nothing is held back.
        sides: cell → what it is for; all labelled cells are there.
        training, validation: ``(class,)`` pixels.
        units: ``(class,)`` places, far enough apart to be held back, in which each class occurs.
    """

    gap_px: int
    sides: Mapping[Cell, Side]
    training: tuple[int, ...]
    validation: tuple[int, ...]
    units: tuple[int, ...]

    def measured(self, least_px: int) -> tuple[bool, ...]:
        """For each class whether both sides have `least_px` pixels, so that its accuracy can be told."""
        return tuple(min(t, v) >= least_px for t, v in zip(self.training, self.validation, strict=True))

    def labels_for(self, side: Side, labels: NDArray[np.uint8], box: PixelBox, scene: int) -> NDArray[np.uint8]:
        """The `labels` ``(y, x)`` of `box`, with 255 wherever they are not for `side`."""
        if not self.gap_px:
            return labels if side is Side.TRAINING else np.full_like(labels, 255)
        rows = np.arange(box.top, box.bottom) // self.gap_px
        cols = np.arange(box.left, box.right) // self.gap_px
        wanted = np.zeros((rows[-1] - rows[0] + 1, cols[-1] - cols[0] + 1), np.bool_)
        for r in range(wanted.shape[0]):
            for c in range(wanted.shape[1]):
                wanted[r, c] = self.sides.get((scene, int(rows[0]) + r, int(cols[0]) + c)) is side
        return np.where(wanted[np.ix_(rows - rows[0], cols - cols[0])], labels, np.uint8(255))


def everything_teaches(counts: CellCounts) -> BlockSplit:
    """Nothing is held back."""
    total = tuple(int(n) for n in counts.total())
    sides = dict.fromkeys(counts.table, Side.TRAINING)
    return BlockSplit(0, sides, total, (0,) * counts.classes, (1,) * counts.classes)


def split_blocks(counts: CellCounts, *, gap_px: int, least_px: int, seed: int) -> BlockSplit:
    """Hold back about a quarter of every class, as far from the rest as there is room.

    The gap is `gap_px` (rounded down to the cells of `counts` doubled a number of times) where that leaves every
    class on both sides that could be, and costs no more than 30 % of the labels; else half of that, and so on.

    Args:
        counts: in the narrowest cells that may serve as a gap.
        gap_px: what the gap should be, px: twice the network's halo, and no pixel seen in training is seen from
            a held-back one.
        least_px: pixels a class needs on each side.
        seed: of the choice among equal ones.

    Returns:
        A split in which everything teaches where fewer than two classes could be on both sides: an accuracy
        measured on one class would say nothing.
    """
    widths = [1]
    while counts.side_px * widths[-1] * 2 <= gap_px:
        widths.append(widths[-1] * 2)
    splits = [_split(counts.coarser(w), least_px=least_px, seed=seed) for w in reversed(widths)]
    best = max(sum(s.measured(least_px)) for s in splits)
    if best < 2:
        return replace(everything_teaches(counts), units=splits[-1].units)
    good = [s for s in splits if sum(s.measured(least_px)) == best]
    total = int(counts.total().sum())
    return next((s for s in good if _lost(s, total) <= LOST_MOST), min(good, key=lambda s: _lost(s, total)))


def _lost(split: BlockSplit, total: int) -> float:
    """Share of the labels that lie in the gap."""
    return 1 - (sum(split.training) + sum(split.validation)) / total


def _split(counts: CellCounts, *, least_px: int, seed: int) -> BlockSplit:
    """The best of many random choices of units, with cells of one width."""
    units = _units(counts)
    sizes = np.stack([sum((counts.table[c] for c in u), start=np.zeros(counts.classes, np.int64)) for u in units])
    rng = np.random.default_rng(seed)
    total = counts.total()

    def judged(chosen: Sequence[int]) -> tuple[tuple[float, ...], BlockSplit]:
        split = _with_gap(counts, [c for k in chosen for c in units[k]], (sizes > 0).sum(axis=0))
        held = np.array(split.validation) / np.maximum(total, 1)
        off = float(np.abs(held - SHARE)[total > 0].mean()) if total.any() else 0.0
        return (float(sum(split.measured(least_px))), -_lost(split, max(int(total.sum()), 1)) - off), split

    return max((judged(_draw(sizes, total, rng)) for _ in range(TRIALS)), key=lambda found: found[0])[1]


def _draw(sizes: NDArray[np.int64], total: NDArray[np.int64], rng: np.random.Generator) -> list[int]:
    """Units in random order, each taken if a class still wants it and none would lose more than half."""
    chosen, held = [], np.zeros_like(total)
    for k in rng.permutation(len(sizes)):
        wanted = (sizes[k] > 0) & (held < SHARE * total)
        if wanted.any() and (2 * (held + sizes[k]) <= total).all():
            chosen.append(int(k))
            held = held + sizes[k]
    return chosen


def _with_gap(counts: CellCounts, held: Sequence[Cell], units: NDArray[Any]) -> BlockSplit:
    """The split that holds back the cells `held`: their neighbours that are not held back themselves are the gap."""
    inside = set(held)
    beside = {(s, r + i, c + j) for s, r, c in held for i, j in AROUND} - inside
    sides = {c: Side.VALIDATION if c in inside else Side.GAP if c in beside else Side.TRAINING for c in counts.table}
    sums = {side: np.zeros(counts.classes, np.int64) for side in Side}
    for cell, side in sides.items():
        sums[side] += counts.table[cell]
    training, validation = (tuple(int(n) for n in sums[side]) for side in (Side.TRAINING, Side.VALIDATION))
    return BlockSplit(counts.side_px, sides, training, validation, tuple(int(n) for n in units))


def _units(counts: CellCounts) -> list[list[Cell]]:
    """Groups of cells that touch, corners included; what is too wide is cut into square blocks of cells."""
    side = _block_side(counts)
    left, units = set(counts.table), []
    while left:
        group, edge = [], [min(left)]
        left.discard(edge[0])
        while edge:
            scene, row, col = cell = edge.pop()
            group.append(cell)
            near = [n for i, j in AROUND if (n := (scene, row + i, col + j)) in left]
            left.difference_update(near)
            edge += near
        units += _cut(sorted(group), side)
    return units


def _cut(group: list[Cell], side: int) -> list[list[Cell]]:
    """One unit, or the blocks of `side` cells that it is made of."""
    top, left = (min(c[axis] for c in group) for axis in (1, 2))
    height, width = (max(c[axis] for c in group) + 1 - low for axis, low in ((1, top), (2, left)))
    if max(height, width) <= side:
        return [group]
    blocks: dict[tuple[int, int], list[Cell]] = {}
    for cell in group:
        blocks.setdefault(((cell[1] - top) // side, (cell[2] - left) // side), []).append(cell)
    return list(blocks.values())


def _block_side(counts: CellCounts) -> int:
    """Cells across a block: a quarter of the longer side of the widest labelled scene, at least one."""
    widest = 1
    for scene in {s for s, _, _ in counts.table}:
        for axis in (1, 2):
            at = [c[axis] for c in counts.table if c[0] == scene]
            widest = max(widest, max(at) + 1 - min(at))
    return max(1, -(-widest // BLOCKS_ACROSS))
