"""A hierarchical transformer whose windows lie on a grid fixed to the scene, so that it can be tiled exactly."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WINDOWS = {4: 8, 8: 8, 16: 4, 32: 4}
"""Cells a side of a window at each patch level: 32, 64, 64 and 128 px."""
HEAD = 16
"""Channels of an attention head."""
BLOCKS = 2
"""Blocks at each level: one with windows as they lie, one with windows moved by half their side."""


class WindowedEncoder(nn.Module):
    """Attention in windows at patch levels 4, 8, 16 and 32.

    After Swin, Liu et al. 2021 (doi 10.1109/ICCV48922.2021.00986). Swin rolls the image around to shift its windows,
    and pads it to whole windows, so that its answers depend on where a tile ends. Here windows start on multiples of
    their side, shifted ones half a side earlier, and beyond the border lie zeros, as for a convolution. A tile that
    starts on a multiple of `stride` has the windows of the scene, and the receptive field is finite: the network is
    exactly tileable.

    Args:
        bands: of the image.
        depth: how often the resolution is halved, 2 to 5; 4 stops at patch level 16.
        channels: at patch level 4, a multiple of 16; doubled at each level.

    Raises:
        ValueError: `depth` or `channels` is another number.
    """

    def __init__(self, *, bands: int, depth: int, channels: int) -> None:
        super().__init__()
        if channels < HEAD or channels % HEAD or not 2 <= depth <= 5:
            raise ValueError(
                f"a windowed encoder has a multiple of {HEAD} channels and a depth of 2 to 5: not {channels}, {depth}"
            )
        patches = [2**k for k in range(2, depth + 1)]
        widths = [channels * patch // 4 for patch in patches]
        self.out_channels = [bands, channels // 2, *widths]
        self.stride = math.lcm(*(patch * WINDOWS[patch] for patch in patches))
        """What tiles must start on a multiple of, and be a multiple of in size, in px."""
        self.stem = nn.Sequential(nn.Conv2d(bands, channels // 2, 3, stride=2, padding=1), nn.GELU())
        before = [channels // 2, *widths]
        self.embed = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in zip(before, widths, strict=False))
        self.levels = nn.ModuleList(
            nn.Sequential(*(WindowBlock(c, WINDOWS[p], shifted=k % 2 == 1) for k in range(BLOCKS)))
            for c, p in zip(widths, patches, strict=True)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """``(n, band, y, x)``, sides multiples of `stride`, to itself and maps at strides 2, 4, 8, …"""
        features = [image, self.stem(image)]
        for embed, level in zip(self.embed, self.levels, strict=True):
            features.append(level(embed(features[-1]).permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
        return features


class WindowBlock(nn.Module):
    """Attention among the cells of a window, then two layers on each cell, both added to what was there.

    Args:
        channels: of the cells.
        window: cells a side.
        shifted: windows start half a side earlier.
    """

    def __init__(self, channels: int, window: int, *, shifted: bool) -> None:
        super().__init__()
        self.window, self.heads = window, channels // HEAD
        self.margin = window // 2 if shifted else 0
        self.before, self.between = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.ask = nn.Linear(channels, 3 * channels)
        self.answer = nn.Linear(channels, channels)
        self.each = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))
        self.nearness = nn.Parameter(0.02 * torch.randn((2 * window - 1) ** 2, self.heads))
        self.apart: Tensor
        self.register_buffer("apart", _apart(window), persistent=False)

    def forward(self, cells: Tensor) -> Tensor:
        """``(n, y, x, channels)``, sides multiples of `window`, to the same shape."""
        cells = cells + self._attended(self.before(cells))
        both: Tensor = cells + self.each(self.between(cells))
        return both

    def _attended(self, cells: Tensor) -> Tensor:
        """Attention in each window, softmax(QKᵀ/√d + nearness)V."""
        side, margin = self.window, self.margin
        rows, cols, channels = cells.shape[1:]
        padded = F.pad(cells, (0, 0, margin, margin, margin, margin))
        down, across = (rows + 2 * margin) // side, (cols + 2 * margin) // side
        windows = padded.reshape(-1, down, side, across, side, channels).transpose(2, 3)
        asked = self.ask(windows.reshape(-1, side * side, channels))
        query, key, value = asked.reshape(-1, side * side, 3, self.heads, HEAD).permute(2, 0, 3, 1, 4).unbind(0)
        near = self.nearness[self.apart].permute(2, 0, 1)[None].to(query.dtype)
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=near).transpose(1, 2)
        answer = self.answer(heard.reshape(-1, side * side, channels))
        answer = answer.reshape(-1, down, across, side, side, channels).transpose(2, 3)
        whole: Tensor = answer.reshape(-1, down * side, across * side, channels)
        return whole[:, margin : margin + rows, margin : margin + cols]


def _apart(window: int) -> Tensor:
    """``(window², window²)`` numbers of the offset between two cells of a window."""
    line = torch.arange(window)
    row, col = (axis.flatten() for axis in torch.meshgrid(line, line, indexing="ij"))
    down, across = row[:, None] - row + window - 1, col[:, None] - col + window - 1
    return down * (2 * window - 1) + across
