"""What a user may choose about an explanation, checked at birth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from geoglm.errors import PlanError
from geoglm.options import SegmentOptions, parse_memory, parse_offset, parse_scale


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """How an explanation is made.

    Args:
        model, bands, scale, offset, resample, workers, device: as for `geoglm.segment`.
        memory: budget in bytes, or as text such as ``2GB``.
        reference: pixel value of each of the model's bands that counts as absent; None for the mean of what is around.
        cell_px: side of the squares that are covered in turn, px; 0 for a sixteenth of the window, and for 1/256 of
            the scene in its map.
    """

    model: str = "auto"
    bands: tuple[int, ...] | None = None
    scale: float | str | None = None
    offset: float | str = "auto"
    resample: float | None = None
    memory: int | str = 2 * 10**9
    workers: int = 0
    device: Literal["auto", "cpu", "torch-cpu", "cuda"] = "auto"
    reference: tuple[float, ...] | None = None
    cell_px: int = 0

    def __post_init__(self) -> None:
        if self.cell_px < 0:
            raise PlanError(f"cell {self.cell_px} is negative; give a number of pixels, or 0 to leave it to geoglm")
        if not all(map(math.isfinite, self.reference or ())):
            raise PlanError("reference has a value that is no number; give one pixel value for each band as 90,95,80")

    def plan_options(self) -> SegmentOptions:
        """The same as a plan takes it; in float32, since differences are looked at that bf16 would round away."""
        return SegmentOptions(
            model=self.model,
            bands=self.bands,
            scale=parse_scale(None if self.scale is None else str(self.scale)),
            offset=parse_offset(str(self.offset)),
            resample=self.resample,
            memory=parse_memory(str(self.memory)),
            workers=self.workers,
            device=self.device,
            precision="f32",
            vectors="none",
        )


def parse_reference(text: str | None) -> tuple[float, ...] | None:
    """Pixel values of a list such as ``0,0,0``.

    Raises:
        PlanError: `text` is no list of numbers.
    """
    if text is None:
        return None
    try:
        return tuple(float(p) for p in text.split(","))
    except ValueError:
        raise PlanError(f"reference {text!r} is no list of pixel values; write one for each band as 90,95,80") from None
