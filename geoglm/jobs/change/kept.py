"""What the shards of a comparison have found: kept as blocks that go into the maps as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, Protocol

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from geoglm.io.blocks import BLOCK_PX, Place, Plane, blocks_of, gathered, pack
from geoglm.io.journal import ShardParts, Stage
from geoglm.io.pyramid import Gathered
from geoglm.stats.area import class_counts
from geoglm.stats.transitions import Judged, TransitionCodes
from geoglm.tiling.shards import cells_meeting
from geoglm.types import INVALID, PixelBox


class Named(Protocol):
    """A shard of any making."""

    @property
    def name(self) -> str:
        """Fit for a file name."""


OPEN_SHARDS = 64
"""Shards whose files are open at a time while blocks are gathered."""


class Blocks:
    """Planes of uint8 that shards of a stage have kept, put together block by block.

    Args:
        scene: all of it.
        chunks: heights and widths of the shards.
        prefix: of the names of the shards.
    """

    def __init__(
        self, stage: Stage, scene: PixelBox, chunks: tuple[Sequence[int], Sequence[int]], prefix: str = ""
    ) -> None:
        self.stage, self.scene, self.prefix = stage, scene, prefix
        self.tops, self.lefts = ([0, *accumulate(lengths)] for lengths in chunks)
        self.parts = lru_cache(OPEN_SHARDS)(self._opened)

    def has(self, name: str) -> bool:
        """Whether the shard of that name is finished and undamaged."""
        return self.stage.has_shard(self.prefix + name)

    def keep(self, name: str, box: PixelBox, planes: Mapping[Plane, NDArray[np.uint8]], **more: bytes) -> None:
        """Keep what a shard found, ``(y, x)`` of `box`: from here on it is finished."""
        parts = dict(more)
        for plane, values in planes.items():
            parts |= pack(plane, values, box, self.scene)
        self.stage.save_shard(self.prefix + name, parts)

    def block(self, plane: Plane) -> Callable[[int, Place], Gathered]:
        """The blocks of a plane, for `write_cog`."""
        return lambda band, place: gathered(plane, place, dict(self._meeting(place.box)))

    def read(self, plane: Plane, box: PixelBox) -> NDArray[np.uint8]:
        """``(y, x)`` of any box, 255 where nothing was kept."""
        made = np.full(box.shape, INVALID, np.uint8)
        for place in blocks_of(box, self.scene):
            found = gathered(plane, place, dict(self._meeting(place.box)))
            if found is not None:
                square = np.frombuffer(isal_zlib.decompress(found[0]), np.uint8).reshape(BLOCK_PX, BLOCK_PX)
                inside = place.box.clip(box)
                made[inside.within(box)] = square[inside.within(place.box)]
        return made

    def _meeting(self, box: PixelBox) -> Iterator[tuple[PixelBox, ShardParts]]:
        """The shards that a box meets."""
        for row, col, shard in cells_meeting(box, self.tops, self.lefts):
            yield shard, self.parts(row, col)

    def _opened(self, row: int, col: int) -> ShardParts:
        return self.stage.load_shard(f"{self.prefix}{row:05d}-{col:05d}")


CHANGE, STAYS, PROBABILITY = Plane("change", "mode"), Plane("stays", "mode"), Plane("probability", "average")


class Kept(Blocks):
    """What became of the pixels of a pair, shard by shard.

    Args:
        scheme: of codes for pairs of classes; None where change is all that is told.

    Attributes:
        reused: shards that were taken over from an interrupted run.
    """

    def __init__(
        self,
        stage: Stage,
        scene: PixelBox,
        chunks: tuple[Sequence[int], Sequence[int]],
        scheme: TransitionCodes | None = None,
    ) -> None:
        super().__init__(stage, scene, chunks)
        self.scheme, self.reused = scheme, 0

    def missing(self, shards: Iterable[Named]) -> list[Any]:
        """Those of `shards` that are not finished."""
        every = list(shards)
        left = [s for s in every if not self.has(s.name)]
        self.reused = len(every) - len(left)
        return left

    def found(self, name: str, box: PixelBox, judged: Judged) -> None:
        """Keep what became of the pixels of a shard."""
        planes = {CHANGE: judged.codes, PROBABILITY: judged.percent}
        if self.scheme is not None:
            planes[STAYS] = judged.stays
        counts = cell_counts(judged.codes, judged.stays, self.scheme)
        self.keep(name, box, planes, counts=counts.tobytes())

    def areas(self, row_area: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """``(cell,)`` pixels and area of all that was found, see `cell_counts`.

        Args:
            row_area: ``(y,)`` of a pixel of each row.
        """
        kinds = 2 if self.scheme is None else self.scheme.count**2
        pixels, areas = np.zeros(kinds, np.int64), np.zeros(kinds)
        for row, (top, bottom) in enumerate(pairwise(self.tops)):
            counts = np.zeros((bottom - top, kinds), np.int64)
            for col in range(len(self.lefts) - 1):
                counts += np.frombuffer(self.parts(row, col)["counts"], np.int32).reshape(counts.shape)
            pixels += counts.sum(axis=0)
            areas += row_area[top:bottom] @ counts
        return pixels, areas


def cell_counts(
    codes: NDArray[np.uint8], stays: NDArray[np.uint8], scheme: TransitionCodes | None
) -> NDArray[np.int32]:
    """``(y, cell)`` pixels in each row: of the matrix of classes before and after, row by row; without classes those
    that did not change and those that did."""
    if scheme is None:
        return class_counts(codes, (0, 1))
    return class_counts(scheme.cells(codes, stays), range(scheme.count**2))
