"""CBAM: which channels count in the scene, then where they count in the tile."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geoglm.nn.fusion.base import Fusion
from geoglm.nn.fusion.squeeze import excitation
from geoglm.nn.pyramid import conv_norm_relu


class Cbam(Fusion):
    """Convolutional block attention of Woo et al. 2018 (doi 10.1007/978-3-030-01234-2_1), exactly tileable.

    Channel attention ``σ(f(mean) + f(max))`` takes both statistics from the scene's glance; spatial attention is a
    7×7 convolution of the mean and the maximum over channels, local as it stands.
    """

    def __init__(self, *, levels: int, width: int) -> None:
        super().__init__(levels=levels, width=width)
        channels = levels * width
        self.summary_size = 2 * channels
        self.excite = excitation(channels)
        self.where = nn.Conv2d(2, 1, 7, padding=3)
        self.mix = conv_norm_relu(channels, width, kernel=1)

    def summarise(self, levels: Sequence[Tensor]) -> Tensor:
        """Mean, then maximum, of every channel of every level, ``(n, 2 · levels · width)``."""
        mean = [level.mean(dim=(2, 3)) for level in levels]
        top = [level.amax(dim=(2, 3)) for level in levels]
        return torch.cat(mean + top, dim=1)

    def forward(self, levels: Sequence[Tensor], summary: Tensor | None = None) -> Tensor:
        """See `Fusion.forward`."""
        mean, top = self.needed(summary).chunk(2, dim=1)
        which = (self.excite(mean) + self.excite(top)).sigmoid()
        weighed = torch.cat(list(levels), dim=1) * which[:, :, None, None]
        seen = torch.cat([weighed.mean(dim=1, keepdim=True), weighed.amax(dim=1, keepdim=True)], dim=1)
        mixed: Tensor = self.mix(weighed * self.where(seen).sigmoid())
        return mixed
