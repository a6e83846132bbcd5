"""Levels of resolution: a shard seen more coarsely, as one tile of a smaller scene."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglm.tiling.grid import Tile, TileGrid, round_up
from geoglm.tiling.shards import Shard
from geoglm.types import PixelBox, Scores


@dataclass(frozen=True, slots=True)
class Level:
    """A resolution at which one pixel stands for `factor` x `factor` of the scene's.

    Args:
        grid: of the smaller scene; only its patch, halo and stride count, since each shard has a tile of its own.
    """

    factor: int
    grid: TileGrid

    @classmethod
    def over(cls, scene: PixelBox, shards: Iterable[PixelBox], *, factor: int, halo: int, stride: int) -> Level:
        """The level of `factor`, with tiles that take in the largest of `shards` and its halo.

        Args:
            halo, stride: px of the smaller scene.
        """
        shape = (-(-scene.height // factor), -(-scene.width // factor))
        halo = round_up(halo, stride)
        cores = [thinned(s, factor).shape for s in shards]
        rows, cols = (max(lengths) + 2 * halo + stride for lengths in zip(*cores, strict=True))
        return cls(factor, TileGrid.over(shape, patch=(rows, cols), halo=halo, stride=stride))

    def shard(self, shard: Shard) -> Shard:
        """`shard` at this level: its box in pixels of the smaller scene, and the one tile that fills it."""
        core = thinned(shard.box, self.factor)
        rows, cols = self.grid.rows, self.grid.cols
        top = _start(core.top, rows.halo, rows.stride, most=rows.padded - rows.patch)
        left = _start(core.left, cols.halo, cols.stride, most=cols.padded - cols.patch)
        read = PixelBox(top, left, top + rows.patch, left + cols.patch)
        return Shard(shard.row, shard.col, core, (Tile(0, 0, read, core),))

    @property
    def area(self) -> int:
        """Pixels of a tile."""
        rows, cols = self.grid.patch
        return rows * cols


def thinned(box: PixelBox, factor: int) -> PixelBox:
    """The pixels of the smaller scene that `box` meets."""
    return PixelBox(box.top // factor, box.left // factor, -(-box.bottom // factor), -(-box.right // factor))


def enlarged(scores: Scores, core: PixelBox, box: PixelBox, factor: int) -> Scores:
    """Scores of `core`, in the smaller scene, as scores of `box` in the scene: each pixel repeated."""
    rows = np.arange(box.top, box.bottom) // factor - core.top
    cols = np.arange(box.left, box.right) // factor - core.left

    def spread(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return values.take(rows, axis=-2).take(cols, axis=-1)

    layers = scores.probabilities
    return Scores(
        spread(scores.classes),
        spread(scores.confidence),
        None if layers is None else spread(layers),
        {name: spread(layer) for name, layer in scores.doubts.items()},
    )


def _start(core: int, halo: int, stride: int, *, most: int) -> int:
    """Where a tile begins: a halo before its core, on a multiple of the stride, inside the scene."""
    return min(max(0, core - halo) // stride * stride, most)
