"""How a plan cuts a scene up: halo, tiles, shards and workers, within the memory there is."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from geoglm.errors import PlanError
from geoglm.jobs.budget import budget_of, cost_of, room_of, run_bytes, shard_side
from geoglm.options import SegmentOptions
from geoglm.registry.package import ModelPackage
from geoglm.tiling.grid import TileGrid, round_up
from geoglm.tiling.patch import PatchChoice, TileCost, TileRoomTooSmall, asked_side, choose_patch
from geoglm.tiling.shards import ShardLayout
from geoglm.types import SceneMeta

PARTS = 12
"""With a time budget a scene is cut into at least so many parts, if they are not too small, so that there are decisions
to make on the way; larger tiles would waste less on halos."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A scene cut into tiles and shards.

    Args:
        layout: tiles and shards.
        blend_px: half-width of the fade between tiles; 0 for a cut.
        workers: threads.
        cost: of a tile.
        notes: lines the user should read.
        reasons: what was chosen → why.
    """

    layout: ShardLayout
    blend_px: int
    workers: int
    cost: TileCost
    notes: tuple[str, ...]
    reasons: dict[str, str]


def cut_scene(meta: SceneMeta, package: ModelPackage, options: SegmentOptions, *, reduce: int) -> Cut:
    """Tiles, shards and workers for a scene.

    Args:
        reduce: pixels a side that are averaged into one for the network.

    Raises:
        PlanError: what is asked for does not fit together, or not into the memory.
    """
    card, shape, notes = package.card, meta.box.shape, []
    blend = (not card.tileable) if options.blend is None else options.blend
    if not card.tileable:
        notes.append(
            f"{card.name} is not exactly tileable: its map depends a little on the tiles"
            + (", which are faded into each other" if blend else "")
        )
    stride, cost = card.stride * reduce, cost_of(meta, package, options, reduce=reduce, blend=blend)
    halo, halo_why, seams = _halo(package, options, reduce, shape)
    tile = None if card.graph is None or card.graph.tile is None else card.graph.tile
    if tile is not None:
        patch = _fixed(card.name, (tile[0] * reduce, tile[1] * reduce), options)
    else:
        patch = _patch(shape, options, halo=halo, stride=stride, cost=cost)
    grid = TileGrid.over(shape, patch=(patch.rows, patch.cols), halo=halo, stride=stride)
    blend_px = min(grid.rows.halo, _half_core(grid)) if blend and len(grid) > 1 else 0
    layout = ShardLayout.sized(grid, side_px=shard_side(options), with_neighbours=blend_px > 0)
    workers, short = _workers(layout, options, cost)
    return Cut(
        layout,
        blend_px,
        workers,
        cost,
        notes=tuple(n for n in (*notes, seams, *short) if n),
        reasons={"patch": patch.why, "halo": halo_why},
    )


def _patch(shape: tuple[int, int], options: SegmentOptions, *, halo: int, stride: int, cost: TileCost) -> PatchChoice:
    """The patch that the rule and the memory give: for two workers, or for one where that is all there is room for."""
    rooms = [room := room_of(options, cost)]
    if options.time_budget is not None:
        side = math.isqrt(math.prod(shape) // PARTS) + 2 * halo
        rooms.insert(0, min(room, cost.bytes(side, side, halo=halo)))
    for some in rooms:
        try:
            return choose_patch(options.patch, shape, halo=halo, stride=stride, cost=cost, room=some)
        except TileRoomTooSmall:
            continue
    try:
        return choose_patch(options.patch, shape, halo=halo, stride=stride, cost=cost, room=room, workers=1)
    except TileRoomTooSmall as error:
        least = math.ceil((cost.base_bytes + error.needed) / 1e8) / 10
        raise PlanError(
            f"{budget_of(options) / 1e9:.3g} GB is too little for one tile with a halo of {halo} px in a shard of "
            f"{cost.shard_side} px; give at least --memory {least:.1f}GB, or a smaller --halo or --shard"
        ) from error


def _fixed(name: str, tile: tuple[int, int], options: SegmentOptions) -> PatchChoice:
    """The only patch that a network takes."""
    rows, cols = tile
    if options.patch.name == "fixed" and {options.patch.side_px} != {rows, cols}:
        raise PlanError(f"{name} takes tiles of {rows} x {cols} px and no others; leave --patch out")
    return PatchChoice(rows, cols, "the only size that the network takes")


def _workers(layout: ShardLayout, options: SegmentOptions, cost: TileCost) -> tuple[int, list[str]]:
    """How many workers, and lines for the user where the memory is short of what was asked for."""
    budget, least, notes = budget_of(options), run_bytes(layout, cost, 1), []
    asked = options.workers or len(os.sched_getaffinity(0))
    fitting = next((w for w in range(asked, 1, -1) if run_bytes(layout, cost, w) <= budget), 1)
    rows, cols = layout.grid.patch
    if least > budget:
        notes.append(
            f"a tile of {rows} x {cols} px in its shard takes {least / 1e9:.1f} GB, "
            "more than --memory; --patch auto keeps to it"
        )
    if options.workers > fitting:
        notes.append(f"--memory has room for {fitting} of {options.workers} workers")
    return min(asked, len(layout), fitting), notes


def _halo(
    package: ModelPackage, options: SegmentOptions, reduce: int, shape: tuple[int, int]
) -> tuple[int, str, str | None]:
    """Halo in px of the scene, why, and a line for the user where the patch has no room for it."""
    card, rule = package.card, options.halo
    stride = card.stride * reduce
    if rule.name == "fixed":
        return round_up(rule.width_px, stride), "as asked", None
    if rule.name == "exact":
        if card.exact_halo is None:
            raise PlanError(f"{card.name} has no halo with which tiles are exact; use --halo auto or a width in px")
        # bringing logits back to the full grid looks at one more of them
        return card.exact_halo * reduce + (stride if reduce > 1 else 0), "the whole receptive field", None
    wanted, side = card.halo * reduce, asked_side(options.patch, shape)
    if side is None or wanted <= (most := side // 4 // stride * stride):
        return wanted, "measured for this model, see its card", None
    note = (
        f"a patch of {side} px has room for a halo of {most} px where {card.name} wants {wanted}: seams may show; "
        "--patch auto has room for it"
    )
    return most, "a quarter of the patch", note


def _half_core(grid: TileGrid) -> int:
    """Half of the shortest core of a grid, px: a wider fade would concern more than two tiles."""
    axes = (grid.rows, grid.cols)
    cores = [a.tile(k) for a in axes if a.count > 1 for k in range(a.count)]
    return min((c.core_stop - c.core_start for c in cores), default=0) // 2
