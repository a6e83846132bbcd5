"""Reading ahead: while one part of a scene is computed, the next ones come from a slow source."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from geoglm.errors import GeoglmError
from geoglm.io.cache import BlockCache, Pixels
from geoglm.io.source import Source
from geoglm.types import PixelBox

READERS = 2
"""Threads that read ahead: one asks for the next strip while the other is served. Boxes are read strip by strip, so
that the line is not shared among boxes of which the first is wanted most."""


class ReadAhead:
    """`source`, with the `boxes` that will be wanted read before they are, in their order; a context manager.

    What has been read stays in a cache of blocks, so that boxes that overlap do not read the overlap again. Half of
    the cache's room is for what is ahead, half for what lies behind and is shared with boxes to come.

    Args:
        boxes: inside the scene.
        bands: indices of the bands that will be wanted.
        room: bytes for the cache. Where two boxes do not fit into half of it, nothing is read ahead.
    """

    def __init__(self, source: Source, boxes: Sequence[PixelBox], bands: Sequence[int], *, room: int) -> None:
        self.meta, self.bands = source.meta, tuple(bands)
        self._cache = BlockCache(source, room=room)
        self._boxes = list(dict.fromkeys(boxes))
        self._depth = depth_of(self._boxes, room // 2, bytes_px=_bytes_px(source, bands))
        self._next = self._strip = 0
        self._used: set[PixelBox] = set()
        self._turn = threading.Condition()
        self._stopped = False
        count = min(READERS, self._depth)
        self._readers = [threading.Thread(target=self._work, name=f"read ahead {k}") for k in range(count)]

    def __enter__(self) -> ReadAhead:
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._turn:
            self._stopped = True
            self._turn.notify_all()
        for reader in self._readers:
            reader.join()

    def read(self, box: PixelBox, bands: Sequence[int]) -> Pixels:
        """See `Source.read`."""
        with self._turn:  # a box whose turn is near comes sooner if nobody else asks for a part of the line
            while self._due(box):
                self._turn.wait()
        found = self._cache.read(box, bands)
        with self._turn:
            self._used.add(box)
            self._turn.notify_all()
        return found

    def preview(self, bands: Sequence[int], *, side_px: int) -> Pixels:
        """See `Source.preview`."""
        return self._cache.preview(bands, side_px=side_px)

    def _due(self, box: PixelBox) -> bool:
        """Whether a reader will take `box` up whatever else happens."""
        ahead = self._boxes[self._next : len(self._used) + self._depth]
        return not self._stopped and self._depth > 0 and box in ahead and box not in self._used

    def _work(self) -> None:
        while (strip := self._take()) is not None:
            try:
                self._cache.fetch(strip, self.bands)
            except GeoglmError:
                continue  # whoever wants the box reads it again, and is told

    def _take(self) -> PixelBox | None:
        """The next strip to read, as soon as there is room for its box; None at the end."""
        with self._turn:
            while not self._stopped and self._next < len(self._boxes):
                box = self._boxes[self._next]
                if box in self._used:
                    self._next, self._strip = self._next + 1, 0
                elif self._next - len(self._used) < self._depth:
                    strips = self._cache.strips(box)
                    strip = strips[self._strip]
                    self._strip += 1
                    if self._strip == len(strips):
                        self._next, self._strip = self._next + 1, 0
                    self._turn.notify_all()
                    return strip
                else:
                    self._turn.wait()
            return None


def depth_of(boxes: Sequence[PixelBox], room: int, *, bytes_px: int) -> int:
    """How many of `boxes` can be read ahead within `room` bytes; 0 where it is fewer than two.

    >>> depth_of([PixelBox(0, 0, 10, 10)] * 9, 500, bytes_px=1)
    5
    """
    largest = max((b.area for b in boxes), default=1) * bytes_px
    return fit if (fit := min(room // largest, len(boxes))) > 1 else 0


def _bytes_px(source: Source, bands: Sequence[int]) -> int:
    """Bytes of a pixel in the cache: its bands, and whether it is valid."""
    import numpy as np

    return len(bands) * np.dtype(source.meta.dtype).itemsize + 1
