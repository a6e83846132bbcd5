"""What may be chosen for a series, besides how its scenes are segmented."""

from __future__ import annotations

from dataclasses import dataclass

from geoglm.errors import SeriesError
from geoglm.io.blocks import BLOCK_PX
from geoglm.stats.series.chain import STAY
from geoglm.stats.series.evidence import NOISE
from geoglm.stats.series.smooth import NEIGHBOURS


@dataclass(frozen=True, slots=True)
class SeriesOptions:
    """How dates bear each other out.

    Args:
        stay: probability that a pixel is of the same class a year later, see `geoglm.stats.series.chain.Chain`.
        noise: share of labels that are wrong at random on each date anew, for maps that do not say how sure they are.
        neighbours: weight of each of the eight neighbours of a pixel for or against a change, see
            `geoglm.stats.series.smooth.smooth`; 0 for every pixel by itself.
        block_px: side of the blocks that are smoothed at a time, a multiple of 512; 0 for a size that fits the memory.
            The result does not depend on it.
        report: write the page about the results as well.
    """

    stay: float = STAY
    noise: float = NOISE
    neighbours: float = NEIGHBOURS
    block_px: int = 0
    report: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.noise < 0.5:
            raise SeriesError(f"noise {self.noise:g} is no share of wrong labels; give one above 0 and below 0.5")
        if not 0 < self.stay < 1:
            raise SeriesError(
                f"stay {self.stay:g} is no probability of the same class a year later; give one below 1, as {STAY:g}"
            )
        if not 0 <= self.neighbours <= 2:
            raise SeriesError(f"neighbours {self.neighbours:g} is no weight; give 0 for none, up to 2")
        if self.block_px % BLOCK_PX:
            raise SeriesError(f"block_px {self.block_px} is no multiple of {BLOCK_PX}, the blocks of the maps")
