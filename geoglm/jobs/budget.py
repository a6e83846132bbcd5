"""The memory budget: what a process, a tile and a shard take, and what room that leaves."""

from __future__ import annotations

import psutil

from geoglm.options import SegmentOptions
from geoglm.registry.package import ModelPackage
from geoglm.tiling.patch import TileCost
from geoglm.tiling.shards import ShardLayout

BASE_BYTES = 580 * 10**6
"""Resident memory of the process with its libraries and a compiled network, before any tile."""

ACTIVATION_BYTES_PX = 215
"""Working memory of the shipped network for a pixel of a tile: 148 in float32, 212 in bf16, measured with
benchmarks/memory.py on patches of 256 to 2048 px; 208 in bf16 where the network sees reduced pixels, since the scores
at full resolution weigh most."""

SHARD_BYTES_PX = 24
"""Pixels, masks, scores and their compressed copies, for a pixel of a shard."""

TRACE_BYTES_PX = 11
"""Maps on disk that are mapped into memory, and polygons, for a pixel of the scene while polygons are traced."""

SHARD_SIDE = 2048

TILE_ROOM = 500 * 10**6
"""Memory for one tile: two workers fit into the default budget. It is no share of what the machine has, so that the
tiles, and with them the map, are the same for any number of workers on any machine; a budget too small for one such
worker makes smaller tiles, and a halo over a quarter of such a tile larger ones."""


def budget_of(options: SegmentOptions) -> int:
    """Bytes that a run may take: what was asked for, but not more than the machine has."""
    return min(options.memory, int(psutil.virtual_memory().total * 0.9))


def shard_side(options: SegmentOptions) -> int:
    """Side of a shard in px, as asked for or the usual one."""
    return options.shard_px or SHARD_SIDE


def worker_bytes(layout: ShardLayout, cost: TileCost) -> int:
    """Memory of one worker: a tile in the network, and the shard around it."""
    rows, cols = layout.grid.patch
    down, across = layout.shape
    largest = max(layout.shard(r, c).read.area for r in range(min(down, 2)) for c in range(min(across, 2)))
    return int(rows * cols * cost.bytes_per_px) + largest * SHARD_BYTES_PX


def run_bytes(layout: ShardLayout, cost: TileCost, workers: int) -> int:
    """Memory of a process with so many workers."""
    return BASE_BYTES + workers * worker_bytes(layout, cost)


def bytes_per_px(package: ModelPackage, options: SegmentOptions, *, blend: bool) -> float:
    """Working memory for a pixel of a tile, of the network and of the scores."""
    network = 48.0 if package.card.network.get("encoder") == "pointwise" else float(ACTIVATION_BYTES_PX)
    scores = 4 * len(package.card.classes)
    return network + scores * (3 if blend or options.probabilities else 0)


def tracing_bytes(area_px: int) -> int:
    """Memory while the polygons of a scene of `area_px` pixels are traced."""
    return BASE_BYTES + area_px * TRACE_BYTES_PX
