"""The memory budget: what a process, a tile and a shard take, and what room that leaves."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import numpy as np
import psutil

from geoglm.errors import PlanError
from geoglm.options import SegmentOptions
from geoglm.registry.package import ModelPackage
from geoglm.tiling.patch import TileCost
from geoglm.tiling.shards import ShardLayout
from geoglm.types import SceneMeta

BASE_BYTES = 350 * 10**6
"""Resident memory of the process with its libraries and a compiled network, before any tile."""

GDAL_CACHE_BYTES = 128 * 2**20
"""What GDAL keeps of a scene's blocks at most, see `geoglm.io`."""

ACTIVATION_BYTES_PX = {"bf16": 69.0, "f32": 131.0}
"""Working memory of the shipped network for a pixel that it sees, measured with benchmarks/memory.py on patches of 512
to 3072 px."""

POINTWISE_BYTES_PX = 48.0
"""The same of one linear classifier a pixel, whose logits are at full resolution."""

SHARD_SIDE = 2048

SQUARE_SIDES = (1024, 512)
"""Sides of squares that are compared or smoothed, px; whole blocks of the maps."""


def budget_of(options: SegmentOptions) -> int:
    """Bytes that a run may take: what was asked for, but not more than the machine has."""
    return min(options.memory, int(psutil.virtual_memory().total * 0.9))


def peak_memory() -> int:
    """The most resident memory that this process has had so far, bytes; its own, not that of who started it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def shard_side(options: SegmentOptions) -> int:
    """Side of a shard in px, as asked for or the usual one."""
    return options.shard_px or SHARD_SIDE


def room_of(options: SegmentOptions, cost: TileCost) -> int:
    """Bytes for all workers."""
    return budget_of(options) - cost.base_bytes


def squares_within(memory: int, bytes_px: float, *, workers: int, side_px: int, what: str) -> tuple[int, int]:
    """How many threads work on squares at the same time, and the side of these: the most threads that fit.

    Args:
        memory: budget in bytes.
        bytes_px: what a thread holds for a pixel of its square.
        workers: threads asked for; 0 for one per core.
        side_px: side asked for; 0 for the largest of `SQUARE_SIDES` that fits.
        what: is worked on, for the message.

    Raises:
        PlanError: not even one thread fits.
    """
    room, sides = memory - BASE_BYTES - GDAL_CACHE_BYTES, (side_px,) if side_px else SQUARE_SIDES
    for count in range(workers or len(os.sched_getaffinity(0)), 0, -1):
        for side in sides:
            if count * side**2 * bytes_px <= room:
                return count, side
    least = (BASE_BYTES + GDAL_CACHE_BYTES + sides[-1] ** 2 * bytes_px) / 1e6
    raise PlanError(f"memory {memory / 1e6:.0f} MB is too little; {what} needs {least:.0f} MB")


def cost_of(meta: SceneMeta, package: ModelPackage, options: SegmentOptions, *, reduce: int, blend: bool) -> TileCost:
    """What tiles of a scene cost a network.

    Args:
        reduce: pixels a side that the network sees as one.
        blend: the probabilities of whole shards are added up.
    """
    from geoglm.infer.openvino_runtime import arithmetic

    card = package.card
    pixel = len(card.bands) * min(np.dtype(meta.dtype).itemsize, 4)
    kinds = len(card.classes)
    network = ACTIVATION_BYTES_PX[arithmetic(options.precision)]
    if card.network.get("encoder") == "pointwise":
        network = POINTWISE_BYTES_PX
    elif card.graph is not None and card.graph.bytes_px is not None:
        network = card.graph.bytes_px
    elif reduce > 1:
        network = network / reduce**2 + 8 * len(card.bands) + 2 * kinds
    layers = (kinds if options.probabilities else 0) + len(options.doubts) + 2 * options.disagreement
    stored = meta.box.area * len(meta.bands) * np.dtype(meta.dtype).itemsize
    return TileCost(
        base_bytes=BASE_BYTES + min(GDAL_CACHE_BYTES, stored),
        bytes_per_px=network,
        own_bytes_per_px=pixel + layers + (4 * kinds if blend else 0),
        shard_bytes_per_px=pixel * (2 if meta.mask else 1) + 1 + 4 + 2 * layers + (8 * kinds if blend else 0),
        shard_side=shard_side(options),
    )


def run_bytes(layout: ShardLayout, cost: TileCost, workers: int) -> int:
    """Memory of a process with so many workers: tiles in the network, and the shards around them."""
    down, across = layout.shape
    largest = max(layout.shard(r, c).read.area for r in range(min(down, 2)) for c in range(min(across, 2)))
    return cost.base_bytes + cost.bytes_with(*layout.grid.patch, shard_px=largest, workers=workers)
