"""What a comparison is, whatever its method: shards of change that are kept, and maps put together from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from geoglm.jobs.change.kept import Kept
from geoglm.jobs.progress import Progress
from geoglm.types import LandClass, PixelBox

NO_CHANGE = LandClass(0, "no change", "#e4e4e4")


@dataclass(frozen=True, slots=True)
class Cell:
    """A shard of a comparison that needs no tiles: by row and column, with its pixels."""

    row: int
    col: int
    box: PixelBox

    @property
    def name(self) -> str:
        """Its place, fit for a file name."""
        return f"{self.row:05d}-{self.col:05d}"


@dataclass(frozen=True, slots=True)
class Cells:
    """A scene in squares of `side_px`; the result does not depend on it."""

    scene: PixelBox
    side_px: int

    def __iter__(self) -> Iterator[Cell]:
        across = -(-self.scene.width // self.side_px)
        for number, box in enumerate(self.scene.blocks(self.side_px)):
            yield Cell(*divmod(number, across), box)

    @property
    def chunks(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Heights and widths."""
        height, width = (tuple(min(self.side_px, n - k) for k in range(0, n, self.side_px)) for n in self.scene.shape)
        return height, width


class Comparison(Protocol):
    """A way to compare a pair, ready to begin.

    Attributes:
        key: what its shards depend on besides scenes and options.
        chunks: heights and widths of the shards.
        legend: no change, and every change there can be.
        classes: names, in the order of the codes; none where classes are not known.
        notes: what the user should know.
    """

    key: str
    chunks: tuple[tuple[int, ...], tuple[int, ...]]
    legend: tuple[LandClass, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...]

    def compare(self, kept: Kept, progress: Progress) -> dict[str, Any]:
        """Find and keep the shards that are not kept yet; what the summary says of the method."""


def counted(progress: Progress, phase: str, items: Iterable[Any], total: int, done: int = 0) -> Iterator[Any]:
    """`items` that have a box, told as they pass by."""
    for item in items:
        done += item.box.area
        yield item
        progress(phase, done, total)
