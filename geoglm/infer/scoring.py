"""From raw pixels to scores in one graph: scaling before the network, softmax and argmax behind it."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoglm.infer.runtime import Product
from geoglm.options import Doubt
from geoglm.pixels.scale import Scaling


class LogitsGraph(nn.Module):
    """Scaling and network as one module to run or to convert.

    Args:
        reduce: the network sees the mean of blocks of so many pixels a side, and its logits are brought back to
            the full grid bilinearly. Blocks are aligned with the tile's upper left corner.
    """

    def __init__(self, network: nn.Module, scaling: Scaling, full_scale: float, *, reduce: int = 1) -> None:
        super().__init__()
        self.network = network.eval()
        self.reduce = reduce
        self.slope: Tensor
        self.offset: Tensor
        slope, offset = scaling.slope_and_offset(full_scale)
        self.register_buffer("slope", torch.from_numpy(slope)[None, :, None, None])
        self.register_buffer("offset", torch.from_numpy(offset)[None, :, None, None])

    def summarise(self, glance: Tensor) -> Tensor:
        """``(n, band, y, x)`` raw pixels of a scene's glance as float32 to what the network keeps of it, ``(n, k)``."""
        summary: Tensor = self.network.summarise(glance * self.slope + self.offset)  # type: ignore[operator]
        return summary

    def example(self) -> tuple[Tensor, ...]:
        """Small inputs of `forward`."""
        side = 64 * self.reduce
        image = torch.zeros(1, self.slope.shape[1], side, side)
        size = int(getattr(self.network, "summary_size", 0))
        return (image, torch.zeros(1, size), torch.zeros(1, 5)) if size else (image,)

    def forward(self, raw: Tensor, summary: Tensor | None = None, place: Tensor | None = None) -> Tensor:
        """``(n, band, y, x)`` raw pixels as float32 to ``(n, class, y, x)`` logits.

        Args:
            summary: ``(n, k)`` of the scene; with `place`, for a network that looks at the scene as a whole.
            place: ``(n, 5)`` of each tile in the scene.
        """
        scaled = raw * self.slope + self.offset
        if self.reduce > 1:
            scaled = F.avg_pool2d(scaled, self.reduce)
        logits: Tensor = (self.network(scaled) if summary is None else self.network(scaled, summary, place)).float()
        if self.reduce > 1:
            logits = F.interpolate(logits, scale_factor=self.reduce, mode="bilinear", align_corners=False)
        return logits


class ScoringGraph(nn.Module):
    """Logits, softmax, and the class with its confidence.

    Args:
        logits: what they come from.
        temperature: what logits are divided by before they become probabilities; the class is that of the logits
            as they are.
        doubts: layers of uncertainty, see `geoglm.stitch.doubts`.
    """

    def __init__(
        self, logits: LogitsGraph, product: Product, *, temperature: float = 1.0, doubts: tuple[Doubt, ...] = ()
    ) -> None:
        super().__init__()
        self.logits = logits
        self.product = product
        self.sharpness = 1 / temperature
        self.doubts = doubts

    def forward(self, raw: Tensor, summary: Tensor | None = None, place: Tensor | None = None) -> tuple[Tensor, ...]:
        """Arguments of `LogitsGraph.forward` to what `product` names (see `Runtime.infer`)."""
        logits = self.logits(raw, summary, place)
        doubts = tuple(_percent(DOUBTS[d](logits * self.sharpness)) for d in self.doubts)
        if self.product == "logits":
            return logits * self.sharpness, *doubts
        if self.product == "float":
            return (logits * self.sharpness).softmax(dim=1), *doubts
        top, classes = logits.max(dim=1)
        confidence = 1 / ((logits - top[:, None]) * self.sharpness).exp().sum(dim=1)
        best = classes.to(torch.uint8), _percent(confidence)
        if self.product == "map":
            return *best, *doubts
        return *best, _percent((logits * self.sharpness).softmax(dim=1)), *doubts


def _percent(share: Tensor) -> Tensor:
    return (share * 100).round().to(torch.uint8)


def _entropy(logits: Tensor) -> Tensor:
    spread = -(logits.softmax(dim=1) * logits.log_softmax(dim=1)).sum(dim=1) / math.log(max(logits.shape[1], 2))
    return spread.clamp(0, 1)


def _margin(logits: Tensor) -> Tensor:
    first = logits.softmax(dim=1).topk(min(2, logits.shape[1]), dim=1).values
    return first[:, 0] - first[:, 1:].sum(dim=1)


DOUBTS: dict[Doubt, Callable[[Tensor], Tensor]] = {"entropy": _entropy, "margin": _margin}
"""Layer of uncertainty → what makes it, ``(n, y, x)``, of ``(n, class, y, x)`` logits."""


class SummaryGraph(nn.Module):
    """What a network keeps of a scene's glance, as a module to convert."""

    def __init__(self, logits: LogitsGraph) -> None:
        super().__init__()
        self.logits = logits

    def example(self) -> tuple[Tensor, ...]:
        """Small inputs of `forward`."""
        return (self.logits.example()[0],)

    def forward(self, glance: Tensor) -> Tensor:
        """See `LogitsGraph.summarise`."""
        return self.logits.summarise(glance)
