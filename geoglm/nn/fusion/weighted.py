"""Weighted sum: one learnable number a level, made shares by a softmax."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geoglm.nn.fusion.base import Fusion
from geoglm.nn.pyramid import conv_norm_relu


class Weighted(Fusion):
    """``mix(Σₖ softmax(w)ₖ · levelₖ)``: the shares sum to one and start equal (cf. Tan et al. 2020, EfficientDet)."""

    def __init__(self, *, levels: int, width: int) -> None:
        super().__init__(levels=levels, width=width)
        self.weights = nn.Parameter(torch.zeros(levels))
        self.mix = conv_norm_relu(width, width, kernel=1)

    def forward(self, levels: Sequence[Tensor], summary: Tensor | None = None) -> Tensor:
        """See `Fusion.forward`."""
        shares = self.weights.softmax(dim=0)
        total = levels[0] * shares[0]
        for k, level in enumerate(levels[1:], start=1):
            total = total + level * shares[k]
        mixed: Tensor = self.mix(total)
        return mixed
