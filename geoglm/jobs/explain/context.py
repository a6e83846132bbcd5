"""Attention and gate of a context module, where the model has one."""

from __future__ import annotations

from geoglm.jobs.explain.lens import Lens
from geoglm.jobs.explain.record import ContextMaps
from geoglm.jobs.network import glance_of


def context_maps(lens: Lens) -> ContextMaps | None:
    """What the network heeds of its scene in the window; None for a network without a context module."""
    plan, place = lens.plan, lens.place
    if not plan.package.card.network.get("context") or place is None:
        return None
    network, glance = plan.package.network(), glance_of(plan)
    from geoglm.infer.context_maps import heeded
    from geoglm.infer.scoring import LogitsGraph

    assert glance is not None
    told = heeded(LogitsGraph(network, plan.scaling, plan.full_scale, reduce=plan.reduce), lens.pixels, glance, place)
    return None if told is None else ContextMaps(*told, cell_px=lens.window.height // told[1].shape[0])
