"""A source that remembers: blocks of pixels, each read once while there is room for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from geoglm.io.source import Source
from geoglm.types import PixelBox

SIDE_PX = 512
"""Least side of a block of the cache; of a file whose blocks are larger, theirs."""

Pixels: TypeAlias = tuple[NDArray[np.generic], NDArray[np.bool_]]
Key: TypeAlias = tuple[int, int, tuple[int, ...]]


class BlockCache:
    """`source`, with at most `room` bytes of its blocks kept, those used last; read from any thread.

    Two that want a block at the same time read it once. Missing blocks beside each other are read in one go.
    """

    def __init__(self, source: Source, *, room: int) -> None:
        self.source, self.meta, self.room = source, source.meta, room
        rows, cols = self.meta.block
        self._side = max(SIDE_PX, min(rows, 4 * SIDE_PX), min(cols, 4 * SIDE_PX))
        self._blocks: OrderedDict[Key, Future[Pixels]] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return self._held

    def read(self, box: PixelBox, bands: Sequence[int]) -> Pixels:
        """See `Source.read`."""
        pixels = np.empty((len(bands), *box.shape), self.meta.dtype)
        valid = np.empty(box.shape, np.bool_)
        for key, future in self._wanted(box, tuple(bands)).items():
            block = self._box(key)
            part = block.clip(box)
            theirs, there = future.result()
            pixels[(..., *part.within(box))] = theirs[(..., *part.within(block))]
            valid[part.within(box)] = there[part.within(block)]
        return pixels, valid

    def fetch(self, box: PixelBox, bands: Sequence[int]) -> None:
        """Have the blocks of `box` in the cache."""
        for future in self._wanted(box, tuple(bands)).values():
            future.result()

    def strips(self, box: PixelBox) -> list[PixelBox]:
        """`box` cut along the rows of blocks, from top to bottom."""
        first = (box.top // self._side + 1) * self._side
        cuts = [box.top, *range(first, box.bottom, self._side), box.bottom]
        return [PixelBox(top, box.left, bottom, box.right) for top, bottom in pairwise(cuts)]

    def preview(self, bands: Sequence[int], *, side_px: int) -> Pixels:
        """See `Source.preview`."""
        return self.source.preview(bands, side_px=side_px)

    def _wanted(self, box: PixelBox, bands: tuple[int, ...]) -> dict[Key, Future[Pixels]]:
        """The blocks that `box` meets; those that nobody has asked for yet are read here."""
        side, wanted, missing = self._side, {}, []
        with self._lock:
            for row in range(box.top // side, -(-box.bottom // side)):
                for col in range(box.left // side, -(-box.right // side)):
                    key = (row, col, bands)
                    if key not in self._blocks:
                        self._blocks[key] = Future()
                        missing.append(key)
                    self._blocks.move_to_end(key)
                    wanted[key] = self._blocks[key]
        try:
            for group in _rectangles(missing):
                self._load(group, wanted)
        except BaseException as error:
            self._fail([k for k in missing if not wanted[k].done()], error)
            raise
        return wanted

    def _load(self, group: list[Key], wanted: dict[Key, Future[Pixels]]) -> None:
        """Read the blocks of a rectangle, and let go of those that were used longest ago."""
        first, last, bands = self._box(group[0]), self._box(group[-1]), group[0][2]
        whole = PixelBox(first.top, first.left, last.bottom, last.right)
        pixels, valid = self.source.read(whole, bands)
        for key in group:
            place = self._box(key).within(whole)
            block = (pixels[(..., *place)].copy(), valid[place].copy()) if len(group) > 1 else (pixels, valid)
            wanted[key].set_result(block)
            with self._lock:
                self._held += _bytes(block)
        with self._lock:
            while self._held > self.room and (old := next((k for k, f in self._blocks.items() if f.done()), None)):
                self._held -= _bytes(self._blocks.pop(old).result())

    def _fail(self, keys: list[Key], error: BaseException) -> None:
        """Tell those who wait, and let whoever comes next try again."""
        with self._lock:
            failed = [self._blocks.pop(k) for k in keys]
        for future in failed:
            future.set_exception(error)

    def _box(self, key: Key) -> PixelBox:
        top, left = key[0] * self._side, key[1] * self._side
        return PixelBox(top, left, top + self._side, left + self._side).clip(self.meta.box)


def _bytes(block: Pixels) -> int:
    return block[0].nbytes + block[1].nbytes


def _rectangles(keys: list[Key]) -> Iterator[list[Key]]:
    """`keys`, by row and column, in groups that fill rectangles: runs along a row, and alike runs below them."""
    runs: list[list[Key]] = []
    for key in keys:
        if runs and runs[-1][-1][:2] == (key[0], key[1] - 1):
            runs[-1].append(key)
        else:
            runs.append([key])
    groups: list[list[list[Key]]] = []
    for run in runs:
        if groups and [(row + 1, col) for row, col, _ in groups[-1][-1]] == [k[:2] for k in run]:
            groups[-1].append(run)
        else:
            groups.append([run])
    for group in groups:
        yield [key for run in group for key in run]
