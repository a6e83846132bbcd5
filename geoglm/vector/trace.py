"""Tracing: every region of one class becomes one polygon along pixel edges, while the map streams by.

The map is swept in strips of rows. A region goes on from strip to strip, and its polygon is made as soon as no row to
come can touch it: memory grows with the width of the map and with the outlines of the regions that are open, never
with its height. The polygons do not depend on how the map is cut into strips, nor on how its rows come in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoglm.errors import GeoglmError
from geoglm.vector.polygons import Polygons
from geoglm.vector.simplify import Method, simplify_arcs
from geoglm.vector.smooth import parts_of_px, smooth_arcs
from geoglm.vector.store import Store
from geoglm.vector.sweep import Arcs, Strip, Sweep

Rows = tuple[NDArray[np.uint8], NDArray[np.uint8] | None]
"""Some rows of a map: ``(y, x)`` classes, 255 for no data, and confidence in percent (255 for none) or None."""

STRIP_PX = 1 << 20
"""Pixels in a strip, about: enough to be worth the while, few enough for the processor's caches."""

MOST_ROUNDS = 4
"""Of smoothing: 16 vertices for a corner."""

DRAWN_STRIP_PX = 1 << 22
"""The same where outlines are simplified or smoothed: they keep the place where they pass from strip to strip."""


@dataclass(frozen=True, slots=True)
class Ground:
    """How the pixels lie on the ground.

    Args:
        transform: from (col, row) to map coordinates.
        row_area: ``(height,)`` area of a pixel of each row.
        scale: ``(height + 1, 2)`` length on the ground of one unit of x and of y on every line between rows.
    """

    transform: Affine
    row_area: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def of_pixels(cls, height: int, transform: Affine) -> Ground:
        """A map of which nothing more is known: areas in pixels, lengths in units of the map."""
        return cls(transform, np.ones(height), np.ones((height + 1, 2)))


@dataclass(frozen=True, slots=True)
class TraceRules:
    """What makes a region, and how it is drawn.

    Args:
        connectivity: 4, or 8 for pixels that touch at a corner to belong together.
        dissolve: all regions of a class are one.
        simplify: tolerance in pixels; 0 keeps every corner.
        method: how outlines are simplified, see `simplify_arcs`.
        smooth: rounds of cutting corners.
        strip_rows: rows in a strip; 0 for as many as suit the width.
    """

    connectivity: int = 4
    dissolve: bool = False
    simplify: float = 0.0
    method: Method = "visvalingam"
    smooth: int = 0
    strip_rows: int = 0

    def __post_init__(self) -> None:
        if self.connectivity not in (4, 8):
            raise GeoglmError(
                f"connectivity {self.connectivity} is unknown; use 4, or 8 for pixels that touch at a corner"
            )
        if not 0 <= self.simplify < float("inf"):
            raise GeoglmError(f"simplify {self.simplify:g} is no tolerance; give a length such as 1.5, or 0 for none")
        if self.smooth not in range(MOST_ROUNDS + 1):
            raise GeoglmError(f"smooth {self.smooth} is out of range; give rounds from 0 to {MOST_ROUNDS}")

    @property
    def multi(self) -> bool:
        """True where a region can have several parts."""
        return self.dissolve or self.connectivity == 8

    def rows(self, width: int) -> int:
        """Rows in a strip of a map that is `width` pixels wide."""
        if self.strip_rows:
            return self.strip_rows
        if self.simplify or self.smooth:
            return min(max(DRAWN_STRIP_PX // width, 64), 4096)
        return min(max(STRIP_PX // width, 16), 1024)

    def drawn(self, strip: Strip, width: int) -> Arcs:
        """The arcs of a strip as these rules draw them."""
        arcs = strip.arcs
        if self.simplify:
            arcs = simplify_arcs(arcs, strip.top, strip.bottom, width, self.simplify, self.method)
        return smooth_arcs(arcs, strip.top, strip.bottom, width, self.smooth) if self.smooth else arcs


PLAIN = TraceRules()
"""One polygon for every 4-connected region."""


def trace(
    rows: Iterable[Rows], shape: tuple[int, int], ground: Ground, rules: TraceRules = PLAIN
) -> Iterator[Polygons]:
    """Polygons of all regions, strip by strip, each as soon as it is complete.

    Args:
        rows: the map from top to bottom, in pieces of any height and the full width.
        shape: its height and width.
    """
    sweep = Sweep(*shape, eight=rules.connectivity == 8, dissolve=rules.dissolve)
    store = Store(ground.transform, ground.scale, parts_of_px(rules.smooth))
    top = 0
    for classes, certain in in_strips(rows, rules.rows(shape[1])):
        strip = sweep.take(classes, certain, ground.row_area[top : top + len(classes)])
        top += len(classes)
        yield store.take(strip, rules.drawn(strip, shape[1]))


def in_strips(rows: Iterable[Rows], height: int) -> Iterator[Rows]:
    """The same rows in pieces of `height`, the last one of what is left."""
    waiting: list[Rows] = []
    have = 0
    for classes, certain in rows:
        begin = 0
        while begin < len(classes):
            end = min(begin + height - have, len(classes))
            waiting.append((classes[begin:end], None if certain is None else certain[begin:end]))
            have += end - begin
            begin = end
            if have == height:
                yield _joined(waiting)
                waiting, have = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(pieces: list[Rows]) -> Rows:
    if len(pieces) == 1:
        return pieces[0]
    certain = [c for _, c in pieces if c is not None]
    return np.concatenate([c for c, _ in pieces]), np.concatenate(certain) if certain else None
