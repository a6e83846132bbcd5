"""A window of a scene, and the network as a function of its pixels: all that an explanation knows of a model."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import PlanError
from geoglm.infer.runtime import Runtime
from geoglm.io.explain.target import Target
from geoglm.io.source import Source, read_padded
from geoglm.jobs.budget import budget_of
from geoglm.jobs.network import frame_of, runtime_of
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.planning import make_plan
from geoglm.options import SegmentOptions
from geoglm.tiling.grid import TileGrid, round_up
from geoglm.tiling.shards import ShardLayout
from geoglm.types import PixelBox

T = TypeVar("T")
Floats = NDArray[np.float32]

LEAST_PX = 32
"""How far a window reaches beyond its target at least: what is around tells what is usual there."""


@dataclass(frozen=True)
class Lens:
    """What the network sees around a target, and what it answers.

    Args:
        plan: of the window.
        window: a tile's box; it may end behind the scene.
        pixels: ``(band, y, x)`` of the window, raw values, what has no data filled.
        valid: ``(y, x)``.
        runtime: gives logits over the temperature.
    """

    plan: SegmentPlan
    window: PixelBox
    pixels: Floats
    valid: NDArray[np.bool_]
    runtime: Runtime

    @classmethod
    def over(cls, source: Source, options: SegmentOptions, target: Target) -> Lens:
        """The window that decides the class of `target`: as far around it as the model needs to see.

        Raises:
            SceneMismatch, ModelError, PlanError: scene, model and options do not fit together, or the window is too
                large for the memory.
        """
        plan = make_plan(source, options)
        card = plan.package.card
        tile = None if card.graph is None else card.graph.tile
        stride = card.stride * plan.reduce
        sides = [
            _side(n, *ends, halo=max(card.halo * plan.reduce, LEAST_PX), stride=stride, fixed=t and t * plan.reduce)
            for n, ends, t in zip(
                source.meta.box.shape,
                ((target.box.top, target.box.bottom), (target.box.left, target.box.right)),
                tile or (None, None),
                strict=True,
            )
        ]
        window = PixelBox(sides[0][0], sides[1][0], sides[0][1], sides[1][1])
        grid = TileGrid.over(source.meta.box.shape, patch=window.shape, halo=0, stride=stride)
        workers = _workers(plan, window)
        plan = replace(plan, layout=ShardLayout(grid, 1, 1), halo=0, blend_px=0, workers=workers)
        pixels, valid = read_padded(source, window, plan.bands, fill=plan.fill, dtype="float32")
        return cls(plan, window, pixels.astype(np.float32), valid, runtime_of(plan, "logits", dtype="float32"))

    @property
    def inside(self) -> PixelBox:
        """The window's part of the scene."""
        return self.window.clip(self.plan.source.meta.box)

    @property
    def place(self) -> Floats | None:
        """``(1, 5)``, for a network that looks at the scene as a whole."""
        frame = frame_of(self.plan)
        return None if frame is None else frame.place(self.window)[None]

    def logits(self, pixels: Floats) -> Floats:
        """``(class, y, x)`` logits over the temperature, for ``(band, y, x)`` raw pixels in place of the window's."""
        (answer,) = self.runtime.infer(np.ascontiguousarray(pixels[None], np.float32), self.place)
        logits: Floats = answer[0].astype(np.float32, copy=False)
        return logits

    def each(self, work: Callable[[int], T], count: int, done: Callable[[int], None]) -> list[T]:
        """`work` of 0, 1, ... on as many threads as the network was made for; in order.

        Args:
            done: called with how many are finished.
        """
        found: list[T] = []
        with ThreadPoolExecutor(self.plan.workers) as pool:
            try:
                for answer in pool.map(work, range(count)):
                    found.append(answer)
                    done(len(found))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return found

    def around(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of each band over the valid pixels of the window."""
        values = self.pixels[:, self.valid].astype(np.float64)
        spread = values.std(axis=1)
        return values.mean(axis=1), np.where(spread > 0, spread, 1.0)

    def absent(self, reference: Sequence[float] | None) -> Floats:
        """``(band,)`` values that count as absent: those given, or the mean of the window.

        Raises:
            PlanError: another number of them than of bands.
        """
        if reference is None:
            return self.around()[0].astype(np.float32)
        card = self.plan.package.card
        if len(reference) != len(card.bands):
            raise PlanError(
                f"reference has {len(reference)} values, {card.name} takes {len(card.bands)} bands "
                f"({', '.join(card.bands)}); give one for each"
            )
        return np.asarray(reference, np.float32)


def _side(length: int, start: int, stop: int, *, halo: int, stride: int, fixed: int | None = None) -> tuple[int, int]:
    """Where the window begins and ends along an axis of `length` px around ``[start, stop)``."""
    padded = round_up(length, stride)
    if fixed is not None:
        side = min(round_up(fixed, stride), padded)
        begin = max(0, (start + stop - side) // 2) // stride * stride
        return min(begin, padded - side), min(begin, padded - side) + side
    return max(0, start - halo) // stride * stride, min(round_up(stop + halo, stride), padded)


def _workers(plan: SegmentPlan, window: PixelBox) -> int:
    """Threads for whose windows there is memory.

    Raises:
        PlanError: there is too little for one.
    """
    card = plan.package.card
    each = int(window.area * (plan.cost.bytes_per_px + 12 * len(card.bands) + 12 * len(card.classes)))
    room = budget_of(plan.options) - plan.cost.base_bytes
    if each > room:
        needed = (each + plan.cost.base_bytes) / 1e9
        raise PlanError(
            f"the {window.height} x {window.width} px that decide the class take {needed:.1f} GB, more than --memory; "
            "give more, or a smaller polygon"
        )
    return max(1, min(plan.options.workers or len(os.sched_getaffinity(0)), room // each))
