"""Squeeze and excitation: the scene as a whole says which channels count in it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geoglm.nn.fusion.base import Fusion
from geoglm.nn.pyramid import conv_norm_relu


class Squeeze(Fusion):
    """``mix(levels · σ(W₂ relu(W₁ z)))`` of Hu et al. 2018 (doi 10.1109/CVPR.2018.00745).

    The squeezed statistic z, each channel's mean, is that of the scene's glance: that of a tile would change
    with the tiling.
    """

    def __init__(self, *, levels: int, width: int) -> None:
        super().__init__(levels=levels, width=width)
        channels = levels * width
        self.summary_size = channels
        self.excite = excitation(channels)
        self.mix = conv_norm_relu(channels, width, kernel=1)

    def summarise(self, levels: Sequence[Tensor]) -> Tensor:
        """Mean of every channel of every level, ``(n, levels · width)``."""
        return torch.cat([level.mean(dim=(2, 3)) for level in levels], dim=1)

    def forward(self, levels: Sequence[Tensor], summary: Tensor | None = None) -> Tensor:
        """See `Fusion.forward`."""
        attention = self.excite(self.needed(summary)).sigmoid()
        mixed: Tensor = self.mix(torch.cat(list(levels), dim=1) * attention[:, :, None, None])
        return mixed


def excitation(channels: int, *, reduction: int = 16) -> nn.Sequential:
    """The bottleneck of two linear layers between a statistic and its attention, ``channels`` in and out."""
    hidden = max(channels // reduction, 4)
    return nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels))
