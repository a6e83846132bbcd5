"""Concatenation: all levels side by side, weighed by a 1×1 convolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from geoglm.nn.fusion.base import Fusion
from geoglm.nn.pyramid import conv_norm_relu


class Concat(Fusion):
    """Every level keeps channels of its own until one 1×1 convolution mixes them all."""

    def __init__(self, *, levels: int, width: int) -> None:
        super().__init__(levels=levels, width=width)
        self.mix = conv_norm_relu(width * levels, width, kernel=1)

    def forward(self, levels: Sequence[Tensor], summary: Tensor | None = None) -> Tensor:
        """See `Fusion.forward`."""
        mixed: Tensor = self.mix(torch.cat(list(levels), dim=1))
        return mixed
