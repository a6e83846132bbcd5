"""The network of a plan, on its device and ready to score."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.infer.memory import Shrinking
from geoglm.infer.predict import Predictor
from geoglm.infer.runtime import Product, Runtime
from geoglm.io.source import read_glance
from geoglm.jobs.cache import cache_folder
from geoglm.jobs.plan import SegmentPlan
from geoglm.options import Doubt
from geoglm.pixels.scale import NetworkDtype, network_dtype
from geoglm.tiling.patch import at_once
from geoglm.tiling.place import Frame
from geoglm.version import __version__


def glance_of(plan: SegmentPlan) -> NDArray[np.float32] | None:
    """The whole scene made small, ``(band, y, x)``; None for a network that looks at no more than the tile."""
    card = plan.package.card
    if not card.summary_size:
        return None
    return read_glance(plan.source, plan.bands, fill=plan.fill, stride=card.stride, reduce=plan.reduce)


def frame_of(plan: SegmentPlan) -> Frame | None:
    """What tells the network where a tile lies; None for one that looks at no more than the tile."""
    meta = plan.source.meta
    return Frame(meta.box, meta.gsd, plan.reduce) if plan.package.card.summary_size else None


def runtime_of(
    plan: SegmentPlan, product: Product, doubts: tuple[Doubt, ...] = (), *, dtype: NetworkDtype | None = None
) -> Runtime:
    """The network on its device; one with context has looked at the scene.

    Args:
        dtype: of the pixels handed over; None for the scene's.
    """
    card, patch = plan.package.card, plan.layout.grid.patch
    if plan.device in ("cuda", "torch-cpu"):
        network = plan.package.network()  # before torch is imported: it says what to do where that is missing
        from geoglm.infer.torch_runtime import TorchRuntime

        runtime = TorchRuntime(
            network,
            plan.scaling,
            full_scale=plan.full_scale,
            product=product,
            device=plan.device.removeprefix("torch-"),
            patch=patch,
            precision=plan.options.precision,
            reduce=plan.reduce,
            temperature=card.temperature,
            glance=glance_of(plan),
            doubts=doubts,
        )
        return Shrinking(runtime)
    from geoglm.infer.openvino_runtime import OpenVinoRuntime

    facts = (plan.full_scale, plan.zero, plan.reduce, plan.scaling.stretch, __version__)
    return OpenVinoRuntime(
        partial(_graph_of, plan),
        key=f"{plan.package.key} logits {facts!r}",
        bands=len(card.bands),
        patch=patch,
        product=product,
        temperature=card.temperature,
        dtype=dtype or network_dtype(plan.source.meta.dtype),
        precision=plan.options.precision,
        streams=at_once(patch, plan.workers),
        cache=cache_folder(),
        glance=glance_of(plan),
        doubts=doubts,
    )


def _graph_of(plan: SegmentPlan) -> Any:
    """From raw pixels to logits: around the package's own graph where there is one, else from torch."""
    path, entry = plan.package.graph(), plan.package.card.graph
    if path is not None and entry is not None:
        from geoglm.infer.openvino_logits import logits_model

        return logits_model(path, entry, plan.scaling, plan.full_scale, reduce=plan.reduce)
    network = plan.package.network()
    from geoglm.infer.scoring import LogitsGraph

    return LogitsGraph(network, plan.scaling, plan.full_scale, reduce=plan.reduce)


def predictor_of(plan: SegmentPlan, *, layers: bool, doubts: tuple[Doubt, ...] = (), views: bool = False) -> Predictor:
    """Ready to score shards, with every probability if `layers`, layers of uncertainty, and the `views` of tiles."""
    product: Product = "float" if plan.blend_px else ("percent" if layers else "map")
    return Predictor(
        runtime=runtime_of(plan, product, () if plan.blend_px else doubts),
        scene=plan.source.meta.box,
        values=tuple(c.value for c in plan.package.card.classes),
        blend_px=plan.blend_px,
        layers=layers,
        frame=frame_of(plan),
        doubts=doubts,
        views=views,
    )
