"""Scenes that lie elsewhere: read ahead of the network, as far as the memory budget has room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from geoglm.io.geotiff import RasterFile
from geoglm.io.prefetch import ReadAhead
from geoglm.jobs.budget import budget_of, run_bytes
from geoglm.jobs.plan import SegmentPlan
from geoglm.tiling.shards import Shard

MOST_BYTES = 10**9
"""More would be of no use: the line is full long before."""


@contextmanager
def read_ahead(plan: SegmentPlan, shards: Sequence[Shard]) -> Iterator[SegmentPlan]:
    """`plan` with a source that reads `shards` before they are wanted, where the scene lies elsewhere.

    The cache takes what the budget leaves beside the workers. A scene on this machine is read as it is: the system
    reads files ahead by itself.
    """
    source = plan.source
    room = min(MOST_BYTES, budget_of(plan.options) - run_bytes(plan.layout, plan.cost, plan.workers))
    if not (shards and isinstance(source, RasterFile) and source.far and room > 0):
        yield plan
        return
    boxes = [s.read.clip(source.meta.box) for s in shards]
    with ReadAhead(source, boxes, plan.bands, room=room) as ahead:
        yield replace(plan, source=ahead)
