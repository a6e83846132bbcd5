"""What a fusion strategy is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn


class Fusion(nn.Module, ABC):
    """Maps of all pyramid levels, brought to the finest one's resolution, become one.

    Nothing in it may depend on the extent of a tile: a strategy that needs a statistic of the whole takes it
    from the scene's glance, see `summarise`.
    """

    summary_size: int = 0
    """Numbers that `summarise` gives for a scene; 0 where the strategy looks at no more than the tile."""

    def __init__(self, *, levels: int, width: int) -> None:
        super().__init__()
        self.levels, self.width = levels, width

    def summarise(self, levels: Sequence[Tensor]) -> Tensor:
        """Statistics ``(n, summary_size)`` of the levels of the scene's glance."""
        return levels[0].new_zeros((len(levels[0]), 0))

    def needed(self, summary: Tensor | None) -> Tensor:
        """The `summary`, where the strategy cannot do without.

        Raises:
            ValueError: there is none, or it is not of `summary_size` numbers.
        """
        if summary is None or summary.shape[1] != self.summary_size:
            got = "none" if summary is None else f"{summary.shape[1]}"
            raise ValueError(
                f"{type(self).__name__.lower()} fusion needs {self.summary_size} numbers about the whole scene, "
                f"got {got}; call summarise on its glance first"
            )
        return summary

    @abstractmethod
    def forward(self, levels: Sequence[Tensor], summary: Tensor | None = None) -> Tensor:
        """``(n, width, y, x)`` maps, finest level first, all of one size, to one of the same shape.

        Args:
            levels: of a tile.
            summary: ``(n, summary_size)`` of its scene; not needed where that is 0.
        """
