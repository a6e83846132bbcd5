"""Context: what a glance at the whole scene tells each tile."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from geoglm.nn.positions import PlaceCodes

CLOSED = -4.0
"""A gate's bias at the start: σ(−4) lets 2 % of the context through."""


class SceneContext(nn.Module):
    """Learnable queries summarise the scene's glance; every cell of a tile asks the summary, through a gate.

    Both are attention, softmax(QKᵀ/√d)V (Vaswani et al. 2017, arXiv 1706.03762). A summary is made once a scene, and
    a cell's question holds its place in the scene rather than in the tile, so tiling changes nothing.

    Args:
        channels: of the encoder's coarsest level.
        width: d, of queries, keys and values.
        queries: how many tokens a summary has.
        stride: of the coarsest level, in px.
    """

    def __init__(self, channels: int, *, width: int, queries: int, stride: int) -> None:
        super().__init__()
        self.summary_size = queries * width
        self.width = width
        self.queries = nn.Parameter(torch.randn(queries, width))
        self.read = nn.Conv2d(channels, width, 1)
        self.norm = nn.LayerNorm(width)
        self.codes = PlaceCodes(width, stride=stride)
        self.glance_keys, self.glance_values = nn.Linear(width, width), nn.Linear(width, width)
        self.token_keys, self.token_values = nn.Linear(width, width), nn.Linear(width, width)
        self.answer = nn.Conv2d(width, channels, 1)
        self.gate = nn.Conv2d(channels + width, channels, 1)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, CLOSED)  # type: ignore[arg-type]

    def summarise(self, coarsest: Tensor) -> Tensor:
        """The glance's coarsest level ``(n, channels, y, x)`` to ``(n, summary_size)``."""
        seen = self._cells(coarsest)
        weights = self._attention(self.queries[None], self.glance_keys(seen))
        tokens: Tensor = weights @ self.glance_values(seen)
        return tokens.flatten(1)

    def attention(self, coarsest: Tensor, summary: Tensor, place: Tensor) -> Tensor:
        """How much each cell of a tile heeds each token, ``(n, y · x, queries)``, rows adding up to one."""
        return self._attention(self._cells(coarsest, place), self.token_keys(self._tokens(summary)))

    def forward(self, coarsest: Tensor, summary: Tensor, place: Tensor) -> Tensor:
        """A tile's coarsest level ``(n, channels, y, x)`` and, gated, what the scene says to it, of that shape.

        Args:
            coarsest: of the tile.
            summary: ``(n, summary_size)`` of the scene.
            place: ``(n, 5)`` of the tile, see `PlaceCodes`.
        """
        weights = self.attention(coarsest, summary, place)
        heard = (weights @ self.token_values(self._tokens(summary))).transpose(1, 2)
        heard = heard.reshape(-1, self.width, *coarsest.shape[2:])
        gate = self.gate(torch.cat([coarsest, heard], dim=1)).sigmoid()
        merged: Tensor = coarsest + gate * self.answer(heard)
        return merged

    def _tokens(self, summary: Tensor) -> Tensor:
        return summary.reshape(-1, len(self.queries), self.width)

    def _cells(self, coarsest: Tensor, place: Tensor | None = None) -> Tensor:
        """``(n, y · x, width)``: content, normalised cell by cell, and place."""
        content = self.norm(self.read(coarsest).flatten(2).transpose(1, 2))
        cells: Tensor = content + self.codes(coarsest, place).flatten(2).transpose(1, 2)
        return cells

    def _attention(self, asking: Tensor, asked: Tensor) -> Tensor:
        weights: Tensor = (asking @ asked.transpose(1, 2) * self.width**-0.5).softmax(dim=-1)
        return weights
