"""Spatial gate: each level says for itself, pixel by pixel, whether to be heard."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geoglm.nn.fusion.base import Fusion
from geoglm.nn.pyramid import conv_norm_relu


class Gate(Fusion):
    """``mix(levelₖ · σ(conv₁ₓ₁(levelₖ)))``: one gate a level and pixel (cf. Oktay et al. 2018, arXiv 1804.03999)."""

    def __init__(self, *, levels: int, width: int) -> None:
        super().__init__(levels=levels, width=width)
        self.gates = nn.ModuleList(nn.Conv2d(width, 1, 1) for _ in range(levels))
        self.mix = conv_norm_relu(width * levels, width, kernel=1)

    def forward(self, levels: Sequence[Tensor], summary: Tensor | None = None) -> Tensor:
        """See `Fusion.forward`."""
        gated = [level * gate(level).sigmoid() for level, gate in zip(levels, self.gates, strict=True)]
        mixed: Tensor = self.mix(torch.cat(gated, dim=1))
        return mixed
