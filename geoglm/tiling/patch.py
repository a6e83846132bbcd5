"""How large a patch should be: the stepwise rule, and a planner that weighs cost against memory.

A tile's halo is computed and thrown away, so a large patch wastes less; a patch that divides the scene wastes
no border; and a patch is bounded by the memory its activations take.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from geoglm.errors import PlanError
from geoglm.options import PatchRule
from geoglm.tiling.grid import Axis, TileGrid, round_up
from geoglm.tiling.shards import ShardLayout

LANES = 2
"""Workers that a plan is made for, however many there are: tiles, and with them the map, do not depend on those."""

ALONE_PX = 2048**2
"""Pixels of a tile from which on all cores work at one tile: there is enough in it for each of them."""

TOGETHER = 4
"""Cores that work at one large tile at most."""


def at_once(patch: tuple[int, int], workers: int) -> int:
    """How many tiles of `patch` are in the network at a time, where so many workers bring them.

    Of small ones each worker has its own. Large ones are taken up by several cores together, which is as fast, and the
    network needs its memory, and the time in which the system gives it, once.

    >>> at_once((512, 512), 2), at_once((4096, 4096), 2), at_once((4096, 4096), 16)
    (2, 1, 4)
    """
    return workers if math.prod(patch) < ALONE_PX else max(1, workers // TOGETHER)


@dataclass(frozen=True, slots=True)
class TileCost:
    """What a network costs.

    Args:
        bytes_per_px: memory at work for each pixel of a tile in the network: its activations.
        own_bytes_per_px: what each worker has for a pixel of its tile: what goes in and what comes out.
        base_bytes: memory of the process before any tile.
        shard_bytes_per_px: memory for each pixel of the shard around it.
        shard_side: px; shards are about as large, or one tile if that is larger.
        px_per_s: pixels through the network in a second, one worker.
        tile_s: fixed cost of a tile in seconds.
        first_s_per_byte: time for each byte that the system gives the network's first tiles; measured, 0.4 s for one
            of 4288 px.
        ends_s_per_px: time in which the network waits for the first tile to be read, and in which nothing but the last
            tile is decoded and kept; measured on tiles of 4288 px from a disk.
    """

    bytes_per_px: float
    own_bytes_per_px: float = 0.0
    base_bytes: int = 0
    shard_bytes_per_px: float = 0.0
    shard_side: int = 2048
    px_per_s: float = 5e6
    tile_s: float = 0.004
    first_s_per_byte: float = 0.35e-9
    ends_s_per_px: float = 0.04e-6

    def bytes(self, rows: int, cols: int, *, halo: int = 0, workers: int = LANES) -> int:
        """Memory for so many workers and tiles of so many pixels, `base_bytes` not counted."""
        shard = max(rows, self.shard_side + 2 * halo) * max(cols, self.shard_side + 2 * halo)
        return self.bytes_with(rows, cols, shard_px=shard, workers=workers)

    def bytes_with(self, rows: int, cols: int, *, shard_px: int, workers: int) -> int:
        """The same for shards of so many pixels."""
        network = at_once((rows, cols), workers) * self.bytes_per_px
        own = workers * (rows * cols * self.own_bytes_per_px + shard_px * self.shard_bytes_per_px)
        return int(rows * cols * network + own)

    def seconds(self, grid: TileGrid) -> float:
        """Predicted time for all tiles of `grid` with `LANES` workers, which are idle when no shard is left."""
        rows, cols = grid.patch
        layout = ShardLayout.sized(grid, side_px=self.shard_side)
        together = at_once((rows, cols), LANES)
        spare = -len(layout) % together if len(layout) < EVEN_ENOUGH else 0
        idle = spare * layout.tiles_down * layout.tiles_across
        first = together * rows * cols * self.bytes_per_px * self.first_s_per_byte
        ends = rows * cols * self.ends_s_per_px
        return first + ends + (len(grid) + idle) / LANES * (self.tile_s + rows * cols / self.px_per_s)


EVEN_ENOUGH = 64
"""With so many shards it hardly matters that the last leaves a worker idle."""


class TileRoomTooSmall(PlanError):
    """Not even the smallest patch with its halo fits into the memory for a tile."""

    def __init__(self, room: int, needed: int) -> None:
        super().__init__(room, needed)
        self.needed = needed

    def __str__(self) -> str:
        room, needed = self.args
        return f"{room / 1e6:.0f} MB for a tile is too little: the smallest takes {needed / 1e6:.0f} MB; give more"


@dataclass(frozen=True, slots=True)
class PatchChoice:
    """A patch and why it was chosen."""

    rows: int
    cols: int
    why: str


LARGEST_SIDE = 4608
"""Planned patches are no longer than this: beyond it little is saved, and work that is stopped loses much."""


def stepwise_side(shape: tuple[int, int]) -> int:
    """The mission's rule: long edge over 1024 px → 512; 513 to 1024 → 384; up to 512 → the whole.

    >>> [stepwise_side((n, 10)) for n in (2000, 1024, 512)]
    [512, 384, 512]
    """
    long_edge = max(shape)
    if long_edge > 1024:
        return 512
    return 384 if long_edge > 512 else long_edge


def asked_side(rule: PatchRule, shape: tuple[int, int]) -> int | None:
    """The side that a rule gives a patch whatever its halo, where that is shorter than the scene; else None."""
    side = {"auto": max(shape), "stepwise": stepwise_side(shape), "fixed": rule.side_px}[rule.name]
    return side if side < max(shape) else None


def choose_patch(
    rule: PatchRule,
    shape: tuple[int, int],
    *,
    halo: int,
    stride: int,
    cost: TileCost,
    room: int,
    workers: int = LANES,
) -> PatchChoice:
    """The patch for a scene of `shape`.

    Args:
        halo: px to each side of a core.
        stride: of the network, px.
        room: bytes that so many workers may take together.

    Raises:
        TileRoomTooSmall: not even the smallest useful patch fits into `room`.
    """
    if rule.name == "stepwise":
        side = max(stepwise_side(shape), 2 * round_up(halo, stride) + stride)
        return PatchChoice(side, side, f"stepwise rule for a long edge of {max(shape)} px")
    if rule.name == "fixed":
        return PatchChoice(rule.side_px, rule.side_px, "as asked")
    best: tuple[float, int, int] | None = None
    for rows in _candidates(shape[0], halo, stride):
        for cols in _candidates(shape[1], halo, stride):
            if cost.bytes(rows, cols, halo=halo, workers=workers) > room:
                continue
            grid = TileGrid.over(shape, patch=(rows, cols), halo=halo, stride=stride)
            best = min(best or (math.inf, 0, 0), (cost.seconds(grid), rows, cols))
    if best is None:
        least = (_candidates(n, halo, stride)[0] for n in shape)
        raise TileRoomTooSmall(room, cost.bytes(*least, halo=halo, workers=workers))
    seconds, rows, cols = best
    return PatchChoice(rows, cols, _why(shape, (rows, cols), seconds, halo=halo, stride=stride, cost=cost, room=room))


def _why(
    shape: tuple[int, int],
    patch: tuple[int, int],
    seconds: float,
    *,
    halo: int,
    stride: int,
    cost: TileCost,
    room: int,
) -> str:
    """What a choice costs, beside the stepwise rule's and the bare work."""
    ideal = shape[0] * shape[1] / cost.px_per_s / LANES
    side = round_up(stepwise_side(shape), stride)
    narrow = min(halo, side // 4 // stride * stride)
    stepwise = cost.seconds(TileGrid.over(shape, patch=(side, side), halo=narrow, stride=stride))
    return (
        f"cheapest within {room / 1e6:.0f} MB: {seconds / max(ideal, 1e-9):.2f}x the bare work, where the "
        f"stepwise rule's {side} px with a halo of {narrow} px take {stepwise / max(ideal, 1e-9):.2f}x"
    )


def _candidates(length: int, halo: int, stride: int) -> list[int]:
    """Every patch length that covers `length` in a whole number of tiles with no border wasted."""
    halo, padded = round_up(halo, stride), round_up(length, stride)
    found = {padded} if padded <= LARGEST_SIDE else set()
    core = max(stride, round_up(LARGEST_SIDE - 2 * halo, stride))
    fewest = max(2, math.ceil((padded - 2 * halo) / core))
    for count in range(fewest, fewest + 64):
        side = round_up(math.ceil(max(padded - 2 * halo, 1) / count), stride) + 2 * halo
        if side >= padded:
            break
        if Axis(length, side, halo, stride).count == count:
            found.add(side)
        if side <= 2 * halo + 192:
            break
    return sorted(found or {min(padded, 2 * halo + core)})
