"""The pyramid of a map: blocks of every level, made while the finer ones that they stand for are at hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.io.blocks import BLOCK_PX, HALF, Place, compressed, padded
from geoglm.stitch.overviews import Joining, halved
from geoglm.types import PixelBox

Gathered = tuple[bytes, NDArray[np.uint8]] | None
"""A block as it stands in a file, and its first overview; None for a block without data."""

TOGETHER = 3
"""Levels that are made by one thread at a time, from 8 x 8 blocks of the map."""

Grid = tuple[int, int, int, int]
"""Rows and columns of a level, in pixels and in blocks."""


def levels_of(shape: tuple[int, int]) -> list[Grid]:
    """The map and its overviews, each half as large, down to one block."""
    levels: list[Grid] = []
    while not levels or max(levels[-1][2:]) > 1:
        rows, cols = shape if not levels else (-(-levels[-1][0] // 2), -(-levels[-1][1] // 2))
        levels.append((rows, cols, -(-rows // BLOCK_PX), -(-cols // BLOCK_PX)))
    return levels


Emitted = tuple[int, int, int, bytes]
"""Level, row and column of a block, and its bytes."""


Finer = Callable[[int, int], NDArray[np.uint8] | None]
"""Gives what stands for a block of the finer level, by row and column; None where it has no data."""


class Pyramid:
    """All blocks of one band, finer ones before the coarser one that they make."""

    def __init__(
        self, scene: PixelBox, levels: Sequence[Grid], joining: Joining, block: Callable[[Place], Gathered]
    ) -> None:
        self.scene, self.levels, self.joining, self.block = scene, levels, joining, block

    def blocks(self, pool: ThreadPoolExecutor, workers: int) -> Iterator[Emitted]:
        """In an order that does not depend on the threads; few are held at a time."""
        split = min(TOGETHER, len(self.levels) - 1)
        halves: dict[tuple[int, int], NDArray[np.uint8] | None] = {}
        for (row, col), (half, emitted) in _in_order(
            pool, lambda at: self._below(split, *at), list(np.ndindex(*self.levels[split][2:])), ahead=2 * workers
        ):
            halves[row, col] = half
            yield from emitted
        emitted = []
        for level in range(split + 1, len(self.levels)):
            finer, halves = halves, {}
            for row, col in np.ndindex(*self.levels[level][2:]):
                halves[row, col] = self._joined(level, row, col, _known(finer), emitted)
        yield from emitted

    def _below(self, level: int, row: int, col: int) -> tuple[NDArray[np.uint8] | None, list[Emitted]]:
        """The next overview of a block, with the blocks of all levels that it is made of."""
        emitted: list[Emitted] = []
        return self._half(level, row, col, emitted), emitted

    def _half(self, level: int, row: int, col: int, emitted: list[Emitted]) -> NDArray[np.uint8] | None:
        _, _, rows, cols = self.levels[level]
        if row >= rows or col >= cols:
            return None
        if level:
            return self._joined(level, row, col, lambda r, c: self._half(level - 1, r, c, emitted), emitted)
        top, left = row * BLOCK_PX, col * BLOCK_PX
        found = self.block(Place(row, col, PixelBox(top, left, top + BLOCK_PX, left + BLOCK_PX).clip(self.scene)))
        if found is None:
            return None
        emitted.append((0, row, col, found[0]))
        return found[1]

    def _joined(
        self,
        level: int,
        row: int,
        col: int,
        finer: Finer,
        emitted: list[Emitted],
    ) -> NDArray[np.uint8] | None:
        """The half of a block put together from the halves of four finer ones."""
        block = None
        for down, across in np.ndindex(2, 2):
            quarter = finer(2 * row + down, 2 * col + across)
            if quarter is not None:
                block = padded(np.empty((0, 0), np.uint8)) if block is None else block
                block[down * HALF : (down + 1) * HALF, across * HALF : (across + 1) * HALF] = quarter
        if block is None:
            return None
        emitted.append((level, row, col, compressed(block)))
        return halved(block, self.joining)


def _known(halves: Mapping[tuple[int, int], NDArray[np.uint8] | None]) -> Finer:
    return lambda row, col: halves.get((row, col))


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[Any], Any], items: Sequence[Any], *, ahead: int
) -> Iterator[Any]:
    """Items with what `work` makes of them, in their order, at most `ahead` of them begun."""
    begun: deque[Any] = deque()
    for number, item in enumerate(items):
        begun.append(pool.submit(work, item))
        if len(begun) > ahead:
            yield items[number - ahead], begun.popleft().result()
    for item in items[len(items) - len(begun) :]:
        yield item, begun.popleft().result()
