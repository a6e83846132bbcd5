"""Deformable fusion: coarser levels are moved to where the finest one sees the edges, then mixed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geoglm.nn.deform import DeformAlign
from geoglm.nn.fusion.base import Fusion
from geoglm.nn.pyramid import conv_norm_relu


class Deform(Fusion):
    """Every coarser level, aligned to the finest, beside it and through a 1×1 convolution; see `DeformAlign`.

    Untrained it moves nothing, and is concatenation.
    """

    def __init__(self, *, levels: int, width: int) -> None:
        super().__init__(levels=levels, width=width)
        self.align = nn.ModuleList(DeformAlign(width) for _ in range(levels - 1))
        self.mix = conv_norm_relu(width * levels, width, kernel=1)

    def forward(self, levels: Sequence[Tensor], summary: Tensor | None = None) -> Tensor:
        """See `Fusion.forward`."""
        finest, *coarser = levels
        moved = [align(level, finest) for align, level in zip(self.align, coarser, strict=True)]
        mixed: Tensor = self.mix(torch.cat([finest, *moved], dim=1))
        return mixed
