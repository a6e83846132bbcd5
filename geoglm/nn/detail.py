"""Detail: from the fused map at stride 4 back to single pixels, with the image's own fine features beside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from geoglm.nn.pyramid import conv_norm_relu, widen


class Detail(nn.Module):
    """Two steps of the decoder of Ronneberger et al. 2015 (U-Net, doi 10.1007/978-3-319-24574-4_28).

    At 10 m a pixel is a house or a row of trees; logits brought up bilinearly from 40 m would miss them.

    Args:
        width: channels of the fused map at stride 4.
        half: channels of the encoder's features at stride 2.
        bands: of the image.
        channels: of the result, at stride 1; twice as many at stride 2.
    """

    def __init__(self, width: int, half: int, bands: int, *, channels: int) -> None:
        super().__init__()
        self.near = conv_norm_relu(bands, channels, kernel=3)
        self.to_half = conv_norm_relu(width + half, 2 * channels, kernel=3)
        self.to_full = conv_norm_relu(2 * channels + channels, channels, kernel=3)

    def forward(self, fused: Tensor, half: Tensor, image: Tensor) -> Tensor:
        """Maps at strides 4, 2 and 1 to ``(n, channels, y, x)`` at stride 1."""
        finer = self.to_half(torch.cat([widen(fused, 2), half], dim=1))
        finest: Tensor = self.to_full(torch.cat([widen(finer, 2), self.near(image)], dim=1))
        return finest


class HalfDetail(nn.Module):
    """The first of the two steps of `Detail` alone: full resolution is where convolutions are dearest.

    Args:
        width: channels of the fused map at stride 4.
        half: channels of the encoder's features at stride 2.
        channels: of the result, at stride 2.
    """

    def __init__(self, width: int, half: int, *, channels: int) -> None:
        super().__init__()
        self.to_half = conv_norm_relu(width + half, channels, kernel=3)

    def forward(self, fused: Tensor, half: Tensor, image: Tensor) -> Tensor:
        """Maps at strides 4 and 2 to ``(n, channels, y, x)`` at stride 2; the image is not looked at."""
        finer: Tensor = self.to_half(torch.cat([widen(fused, 2), half], dim=1))
        return finer
