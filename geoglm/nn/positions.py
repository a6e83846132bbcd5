"""Positions: where in the scene a cell lies and how large its pixels are, as learnable codes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

FINEST_LOG2_M, COARSEST_LOG2_M = -4.0, 7.0
"""Ground sample distances between 6 cm and 128 m are told apart."""


class PositionTable(nn.Module):
    """A learnable curve: codes at equally spaced knots over 0…1, straight lines between them.

    The share of knot k at u is the hat ``relu(1 − |u (K − 1) − k|)``, which exports as plain arithmetic.

    Args:
        knots: number K of codes.
        width: of a code.
    """

    def __init__(self, knots: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(0.02 * torch.randn(knots, width))
        self.knots: Tensor
        self.register_buffer("knots", torch.arange(knots, dtype=torch.float32), persistent=False)

    def forward(self, at: Tensor) -> Tensor:
        """``(n, m)`` places, those outside 0…1 taken for the ends, to ``(n, m, width)`` codes."""
        scaled = at.clamp(0, 1) * (len(self.table) - 1)
        codes: Tensor = (1 - (scaled[..., None] - self.knots).abs()).relu() @ self.table
        return codes


class PlaceCodes(nn.Module):
    """One code for every feature cell: row, column and ground resolution, each from a table, added up.

    It is computed from where the cell lies in the scene, so it does not depend on the tile that holds it.

    Args:
        width: of a code.
        stride: of the cells, in px.
        knots: of each table.
    """

    def __init__(self, width: int, *, stride: int, knots: int = 16) -> None:
        super().__init__()
        self.stride = stride
        self.rows, self.cols, self.resolution = (PositionTable(knots, width) for _ in range(3))

    def forward(self, feature: Tensor, place: Tensor | None = None) -> Tensor:
        """The codes ``(n, width, y, x)`` of the cells of `feature`, ``(n, c, y, x)``.

        Args:
            feature: of a tile, or of the whole scene.
            place: ``(n, 5)`` of a tile: row and column of its first pixel and the size of one pixel down and across,
                in units of the scene's height and width; log2 of the ground sample distance in m, 0 if unknown.
                Without it `feature` is of the whole scene, at no resolution of its own.
        """
        if place is None:
            at = [((_cells(feature, axis) + 0.5) / feature.shape[axis])[None] for axis in (2, 3)]
        else:
            ends = [(_cells(feature, axis) + 0.5) * self.stride for axis in (2, 3)]
            at = [place[:, k, None] + ends[k] * place[:, k + 2, None] for k in (0, 1)]
        codes: Tensor = self.rows(at[0])[:, :, None] + self.cols(at[1])[:, None]
        if place is not None:
            scale = (place[:, 4:5] - FINEST_LOG2_M) / (COARSEST_LOG2_M - FINEST_LOG2_M)
            codes = codes + self.resolution(scale)[:, None]
        return codes.permute(0, 3, 1, 2)


def _cells(feature: Tensor, axis: int) -> Tensor:
    """0, 1, 2, … along one axis."""
    return torch.arange(feature.shape[axis], device=feature.device, dtype=torch.float32)
