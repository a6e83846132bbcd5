"""Running out of memory: fewer workers first, which changes nothing in the map; then smaller patches; then a line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from geoglm.errors import OutOfMemory
from geoglm.infer.memory import is_out_of_memory
from geoglm.jobs.plan import SegmentPlan
from geoglm.options import PatchRule, SegmentOptions

LEAST_PX = 128
"""Patches are not made smaller than this."""


@contextmanager
def short_of_memory(plan: SegmentPlan) -> Iterator[None]:
    """Tell a lack of memory, in whosever words it comes, from other errors.

    Raises:
        OutOfMemory: it was that.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(max(plan.layout.grid.patch), plan.workers) from error


def leaner(plan: SegmentPlan, error: OutOfMemory) -> tuple[SegmentOptions, str]:
    """Options for a run that takes about half the memory of `plan`, and a note that says so.

    Raises:
        OutOfMemory: that is not possible.
    """
    options, patch = plan.options, max(plan.layout.grid.patch)
    if plan.workers > 1 and options.scheduler.name == "threads":
        fewer = plan.workers // 2
        return replace(options, workers=fewer), f"memory ran out with {plan.workers} workers; {fewer} went on"
    smaller = patch // 2
    if smaller < max(LEAST_PX, 2 * plan.halo + plan.package.card.stride * plan.reduce):
        raise error
    note = f"memory ran out with patches of {patch} px; the map was made with patches of {smaller} px"
    return replace(options, patch=PatchRule("fixed", smaller)), note
