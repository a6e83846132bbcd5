"""Stretch: reflectance spans two orders of magnitude; a logarithm shows dark water and bright sand alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEEPNESS = 50.0
"""Reflectance 0.02, deep water's, is where the logarithm turns from a line into a curve."""


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


def build_stretch(name: str, *, bands: int) -> nn.Module:
    """``none`` or ``log``.

    Raises:
        ValueError: it is another name.
    """
    if name not in ("none", "log"):
        raise ValueError(f"stretch {name!r} is unknown; there are none and log")
    return LogStretch(bands) if name == "log" else nn.Identity()
