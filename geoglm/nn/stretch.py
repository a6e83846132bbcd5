"""Stretch: reflectance spans two orders of magnitude; a logarithm shows dark water and bright sand alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEEPNESS = 50.0
"""Reflectance 0.02, deep water's, is where the logarithm turns from a line into a curve."""
HALF_LIGHT = 0.1
"""Reflectance that the ratio maps to one half."""


class LogStretch(nn.Module):
    """``(ln(1 + 50 x) − centre) / spread``, band by band, of reflectance x; below zero counts as zero.

    Args:
        bands: number of bands. `centre` and `spread` are buffers of that length, set from training data.
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.centre: Tensor
        self.spread: Tensor
        self.register_buffer("centre", torch.full((bands,), 2.0))
        self.register_buffer("spread", torch.full((bands,), 0.7))

    def forward(self, reflectance: Tensor) -> Tensor:
        """``(n, band, y, x)`` reflectance in 0…1 (snow and cloud above) to about −2…2."""
        curved = torch.log1p(STEEPNESS * reflectance.clamp(min=0))
        return (curved - self.centre[:, None, None]) / self.spread[:, None, None]


class RatioStretch(nn.Module):
    """``(x / (x + 0.1) − centre) / spread``, band by band, of reflectance x; below zero counts as zero.

    Much the logarithm's curve, but bounded for cloud and snow, and a division in place of a logarithm.

    Args:
        bands: number of bands. `centre` and `spread` are buffers of that length.
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.centre: Tensor
        self.spread: Tensor
        self.register_buffer("centre", torch.full((bands,), 0.5))
        self.register_buffer("spread", torch.full((bands,), 0.2))

    def forward(self, reflectance: Tensor) -> Tensor:
        """``(n, band, y, x)`` reflectance in 0…1 (snow and cloud above) to −2.5…2.5."""
        light = reflectance.clamp(min=0)
        return (light / (light + HALF_LIGHT) - self.centre[:, None, None]) / self.spread[:, None, None]


STRETCHES: dict[str, type[LogStretch | RatioStretch]] = {"log": LogStretch, "ratio": RatioStretch}


def build_stretch(name: str, *, bands: int) -> nn.Module:
    """``none``, ``log`` or ``ratio``.

    Raises:
        ValueError: it is another name.
    """
    if name != "none" and name not in STRETCHES:
        raise ValueError(f"stretch {name!r} is unknown; there are none, {', '.join(STRETCHES)}")
    return nn.Identity() if name == "none" else STRETCHES[name](bands)
