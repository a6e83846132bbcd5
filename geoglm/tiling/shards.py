"""Shards: blocks of whole tile cores, the units of work. Each is read, inferred and kept by itself."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from geoglm.tiling.grid import Tile, TileGrid
from geoglm.types import PixelBox


@dataclass(frozen=True, slots=True)
class Shard:
    """A block of tiles: its own `box` of output pixels, and the tiles needed to fill it."""

    row: int
    col: int
    box: PixelBox
    tiles: tuple[Tile, ...]

    @property
    def read(self) -> PixelBox:
        """The box of all its tiles, halos included."""
        boxes = [t.read for t in self.tiles]
        return PixelBox(
            min(b.top for b in boxes),
            min(b.left for b in boxes),
            max(b.bottom for b in boxes),
            max(b.right for b in boxes),
        )

    @property
    def name(self) -> str:
        """Its place in the layout, fit for a file name."""
        return f"{self.row:05d}-{self.col:05d}"


@dataclass(frozen=True, slots=True)
class ShardLayout:
    """How the tiles of a grid are grouped; the result does not depend on it.

    Args:
        grid: the tiles.
        tiles_down, tiles_across: tiles in a shard, at most.
        with_neighbours: tiles around a shard belong to it too (their halos reach in), as blending needs.
    """

    grid: TileGrid
    tiles_down: int
    tiles_across: int
    with_neighbours: bool = False

    @classmethod
    def sized(cls, grid: TileGrid, *, side_px: int, with_neighbours: bool = False) -> ShardLayout:
        """Shards of about `side_px` pixels a side, at least one tile each, evenly filled."""

        def group(count: int, length: int) -> int:
            wanted = max(1, round(side_px / (length / count)))
            return math.ceil(count / math.ceil(count / wanted))

        down = group(grid.rows.count, grid.rows.length)
        across = group(grid.cols.count, grid.cols.length)
        return cls(grid, down, across, with_neighbours)

    @property
    def shape(self) -> tuple[int, int]:
        """Shards down and across."""
        rows, cols = self.grid.shape
        return -(-rows // self.tiles_down), -(-cols // self.tiles_across)

    def __len__(self) -> int:
        down, across = self.shape
        return down * across

    @property
    def chunks(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Heights and widths of the shards' boxes, as dask and xarray write chunks."""
        down, across = self.shape
        heights = tuple(self.shard(r, 0).box.height for r in range(down))
        widths = tuple(self.shard(0, c).box.width for c in range(across))
        return heights, widths

    def owner(self, tile: Tile) -> tuple[int, int]:
        """Row and column of the shard whose box holds the core of `tile`."""
        return tile.row // self.tiles_down, tile.col // self.tiles_across

    def shard(self, row: int, col: int) -> Shard:
        """The shard in row `row` and column `col` of the layout."""
        rows, cols = self.grid.shape
        first_row, first_col = row * self.tiles_down, col * self.tiles_across
        last_row = min(first_row + self.tiles_down, rows) - 1
        last_col = min(first_col + self.tiles_across, cols) - 1
        first, last = self.grid.tile(first_row, first_col).core, self.grid.tile(last_row, last_col).core
        ring = int(self.with_neighbours)
        tiles = tuple(
            self.grid.tile(r, c)
            for r in range(max(first_row - ring, 0), min(last_row + ring + 1, rows))
            for c in range(max(first_col - ring, 0), min(last_col + ring + 1, cols))
        )
        return Shard(row, col, PixelBox(first.top, first.left, last.bottom, last.right), tiles)

    def __iter__(self) -> Iterator[Shard]:
        down, across = self.shape
        for row in range(down):
            for col in range(across):
                yield self.shard(row, col)


def cells_meeting(box: PixelBox, tops: Sequence[int], lefts: Sequence[int]) -> Iterator[tuple[int, int, PixelBox]]:
    """Row, column and box of the cells of a layout that a box meets.

    Args:
        tops, lefts: first rows and columns of the cells in order, and where the last ones end.
    """
    for row in range(bisect_right(tops, box.top) - 1, bisect_right(tops, box.bottom - 1)):
        for col in range(bisect_right(lefts, box.left) - 1, bisect_right(lefts, box.right - 1)):
            yield row, col, PixelBox(tops[row], lefts[col], tops[row + 1], lefts[col + 1])
