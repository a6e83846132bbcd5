"""The tile grid: every pixel belongs to the core of exactly one tile, and each core has its halo.

All tiles along an axis have the same length, start on a multiple of the network's stride and are spread
evenly; the first and the last touch the scene's borders, so that no tile reaches outside and a border costs
no halo. Cores meet in the middle of the overlap, at least `halo` away from both tiles' ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from geoglm.errors import PlanError
from geoglm.types import PixelBox


def round_up(length: int, multiple: int) -> int:
    """The smallest multiple not below `length`.

    >>> round_up(33, 32)
    64
    """
    return -(-length // multiple) * multiple


@dataclass(frozen=True, slots=True)
class AxisTile:
    """A tile along one axis: read ``[start, stop)``, keep ``[core_start, core_stop)``."""

    start: int
    stop: int
    core_start: int
    core_stop: int


@dataclass(frozen=True, slots=True)
class Axis:
    """The tiles along one axis of a scene.

    Args:
        length: of the scene, px.
        patch: of every tile, px, a multiple of `stride`; a longer one than the scene is cut to it.
        halo: least distance from a core to its tile's end, px, scene borders aside; rounded up to `stride`.
        stride: tiles start on its multiples.

    Raises:
        PlanError: two halos leave no core in a patch that does not span the scene.
    """

    length: int
    patch: int
    halo: int
    stride: int

    def __post_init__(self) -> None:
        if self.length < 1 or self.stride < 1 or self.halo < 0:
            raise PlanError(f"cannot tile {self.length} px with halo {self.halo} px and stride {self.stride}")
        object.__setattr__(self, "halo", round_up(self.halo, self.stride))
        padded = round_up(self.length, self.stride)
        object.__setattr__(self, "patch", min(round_up(self.patch, self.stride), padded))
        if self.patch < padded and self.patch <= 2 * self.halo:
            raise PlanError(
                f"patch {self.patch} px has no core between two halos of {self.halo} px; "
                f"use a patch over {2 * self.halo} px or a smaller halo"
            )

    @property
    def padded(self) -> int:
        """The length rounded up to the stride, in px."""
        return round_up(self.length, self.stride)

    @property
    def count(self) -> int:
        """How many tiles."""
        if self.patch >= self.padded:
            return 1
        return -(-(self.padded - 2 * self.halo) // (self.patch - 2 * self.halo))

    def start(self, index: int) -> int:
        """Where tile `index` begins."""
        if self.count == 1:
            return 0
        even = index * (self.padded - self.patch) // (self.count - 1)
        return even // self.stride * self.stride

    def cut(self, index: int) -> int:
        """Where the core of tile `index` begins: in the middle of its overlap with the tile before."""
        if index == 0:
            return 0
        if index == self.count:
            return self.length
        return (self.start(index - 1) + self.patch + self.start(index)) // 2

    def reading(self, start: int, stop: int) -> list[int]:
        """The tiles that read some of ``[start, stop)``."""
        return [k for k in range(self.count) if self.start(k) < stop and self.start(k) + self.patch > start]

    def tile(self, index: int) -> AxisTile:
        """Tile `index`; it may stop behind the scene by less than one stride."""
        start = self.start(index)
        return AxisTile(start, start + self.patch, self.cut(index), self.cut(index + 1))


@dataclass(frozen=True, slots=True)
class Tile:
    """One patch for the network: `read` it (up to a stride beyond the scene), keep its `core`."""

    row: int
    col: int
    read: PixelBox
    core: PixelBox


@dataclass(frozen=True, slots=True)
class TileGrid:
    """The tiles of a scene, by row and column."""

    rows: Axis
    cols: Axis

    @classmethod
    def over(cls, shape: tuple[int, int], *, patch: tuple[int, int], halo: int, stride: int) -> TileGrid:
        """The grid of a scene of `shape` with patches of `patch` (rows, columns), all in px."""
        return cls(*(Axis(n, p, halo, stride) for n, p in zip(shape, patch, strict=True)))

    @property
    def shape(self) -> tuple[int, int]:
        """Tiles down and across."""
        return self.rows.count, self.cols.count

    @property
    def patch(self) -> tuple[int, int]:
        """Rows and columns of every tile, px."""
        return self.rows.patch, self.cols.patch

    def __len__(self) -> int:
        return self.rows.count * self.cols.count

    def tile(self, row: int, col: int) -> Tile:
        """The tile in grid row `row` and column `col`."""
        down, across = self.rows.tile(row), self.cols.tile(col)
        return Tile(
            row,
            col,
            PixelBox(down.start, across.start, down.stop, across.stop),
            PixelBox(down.core_start, across.core_start, down.core_stop, across.core_stop),
        )

    def reading(self, box: PixelBox) -> Iterator[Tile]:
        """The tiles whose read boxes meet `box`."""
        for row in self.rows.reading(box.top, box.bottom):
            for col in self.cols.reading(box.left, box.right):
                yield self.tile(row, col)

    def __iter__(self) -> Iterator[Tile]:
        for row in range(self.rows.count):
            for col in range(self.cols.count):
                yield self.tile(row, col)
