"""The sweep: strips of a class map in, outlines split into arcs and measured regions out.

What is kept from one strip to the next is the last row and a line for every region that touches it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geoglm.types import INVALID
from geoglm.vector.growth import counted, longer, taller
from geoglm.vector.runs import FAR, find_runs, join_corners, measure_runs, number_runs
from geoglm.vector.settle import gather, renumber, sum_up
from geoglm.vector.vertices import cross_line, end_line, split_arcs


@dataclass(frozen=True, slots=True)
class Arcs:
    """Outlines between nodes, each once, in pixel coordinates.

    Args:
        coords: ``(n, 2)`` int32 columns and lines, arc behind arc.
        begins: ``(arcs + 1,)`` where each begins among them.
        regions: ``(arcs, 2)`` numbers of what lies to the right and to the left (rows count downwards); 0 for no data.
        shape: ``(arcs, 4)`` uint8, see `split_arcs`.
    """

    coords: NDArray[np.int32]
    begins: NDArray[np.int64]
    regions: NDArray[np.int32]
    shape: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Measures:
    """What was counted inside regions, one entry a region.

    Args:
        value: class, uint8.
        pixels: number of pixels, int64.
        area: sum of their areas, float64.
        total: sum of their confidence in percent, int64.
        sure: number of pixels whose confidence is known, int64.
        least: least confidence in percent, uint8; 255 where none is known.
    """

    value: NDArray[np.uint8]
    pixels: NDArray[np.int64]
    area: NDArray[np.float64]
    total: NDArray[np.int64]
    sure: NDArray[np.int64]
    least: NDArray[np.uint8]

    @classmethod
    def blank(cls, count: int) -> Measures:
        """Room for so many regions of nothing."""
        return cls(
            np.zeros(count, np.uint8),
            np.zeros(count, np.int64),
            np.zeros(count, np.float64),
            np.zeros(count, np.int64),
            np.zeros(count, np.int64),
            np.full(count, INVALID, np.uint8),
        )

    def as_arrays(self) -> tuple[NDArray[np.generic], ...]:
        """In the order above."""
        return self.value, self.pixels, self.area, self.total, self.sure, self.least

    def at(self, places: NDArray[np.integer]) -> Measures:
        """Those of some regions."""
        return Measures(*(a[places] for a in self.as_arrays()))


@dataclass(frozen=True, slots=True)
class Strip:
    """What a strip of rows gave.

    Args:
        top, bottom: its first line and its last.
        arcs: outlines within it, and of its upper line.
        number: old number of a part → new number; below 0 for parts that end here, -1 for the first of them.
        ended: measures of the regions that end here.
        parts: ``(regions + 1,)`` where the parts of each of them begin, counted as by `number`.
    """

    top: int
    bottom: int
    arcs: Arcs
    number: NDArray[np.int32]
    ended: Measures
    parts: NDArray[np.int64]


@dataclass(slots=True)
class Sweep:
    """Goes down a class map.

    Args:
        height, width: of the map.
        eight: parts that touch at a corner are one region.
        dissolve: all parts of a class are one region.
    """

    height: int
    width: int
    eight: bool = False
    dissolve: bool = False
    row: int = field(default=0, init=False)
    _above: tuple[NDArray[np.generic], ...] = field(init=False)
    _open: int = field(default=0, init=False)
    _whole: NDArray[np.int32] = field(init=False)
    _known: Measures = field(init=False)

    def __post_init__(self) -> None:
        nothing = np.full(self.width + 3, FAR, np.int32), np.full(self.width + 3, INVALID, np.uint8)
        nothing[0][0] = -1
        self._above = (*nothing, np.zeros(self.width + 3, np.int32))
        self._whole = np.zeros(1, np.int32)
        self._known = Measures.blank(1)

    def take(
        self, classes: NDArray[np.uint8], certain: NDArray[np.uint8] | None, row_area: NDArray[np.float64]
    ) -> Strip:
        """The strip of the next rows.

        Args:
            classes: ``(y, x)`` uint8, 255 for no data.
            certain: ``(y, x)`` uint8 confidence in percent, 255 for none.
            row_area: ``(y,)`` area of a pixel of each row.
        """
        top, bottom = self.row, self.row + len(classes)
        last = bottom == self.height
        coords, begins, regions, shape, number, opened, firsts, parts, whole, known, *above = _sweep(
            np.ascontiguousarray(classes),
            np.zeros((len(classes), 0), np.uint8) if certain is None else np.ascontiguousarray(certain),
            np.ascontiguousarray(row_area, np.float64),
            top,
            last,
            self.eight,
            self.dissolve,
            *self._above,
            self._open,
            self._whole,
            *self._known.as_arrays(),
        )  # type: ignore[call-arg]
        measures = Measures(*known)
        ended = measures.at(firsts)
        self.row, self._above, self._open = bottom, tuple(above), opened
        self._whole, self._known = _carried(whole, measures, number, opened)
        return Strip(top, bottom, Arcs(coords, begins, regions, shape), number, ended, parts)


def _carried(
    whole: NDArray[np.int32], known: Measures, number: NDArray[np.int32], opened: int
) -> tuple[NDArray[np.int32], Measures]:
    """What is known of the parts that go on, under their new numbers."""
    places = np.flatnonzero(number > 0)
    _, first = np.unique(number[places], return_index=True)  # the first old number of a part is its root
    roots = places[first]
    carried = Measures.blank(opened + 1)
    for new, old in zip(carried.as_arrays(), known.as_arrays(), strict=True):
        new[1:] = old[roots]
    regions = np.zeros(opened + 1, np.int32)
    regions[1:] = number[whole[roots]]
    return regions, carried


@njit(cache=True, nogil=True)
def _sweep(  # type: ignore[no-untyped-def]  # the one loop over rows, for Numba
    classes, certain, row_area, top, last, eight, dissolve, above, above_value, above_label, opened, whole,
    kind, pixels, area, total, sure, least,
):  # fmt: skip
    """See `Sweep.take`."""
    height, width = classes.shape
    used = opened + 1
    parent = counted(np.zeros(0, np.int32), used)
    start, value, label = np.empty_like(above), np.empty_like(above_value), np.zeros_like(above_label)
    column = np.zeros(width + 1, np.int32)
    xy, links = np.empty((4096, 2), np.int32), np.empty((4096, 4), np.int32)
    sides, what = np.empty((4096, 4), np.int32), np.empty(4096, np.uint8)
    vertices, above_count = 0, 0
    while above[above_count] != FAR:
        above_count += 1
    for row in range(height + last):
        if row < height:
            count = find_runs(classes[row], start, value)
        else:
            count = 1  # below the scene there is nothing
            start[1] = FAR
        if used + count > parent.size:
            room = 2 * (used + count)
            parent, whole = counted(parent, room), counted(whole, room)
            kind, pixels, area = longer(kind, room, 0), longer(pixels, room, 0), longer(area, room, 0)
            total, sure, least = longer(total, room, 0), longer(sure, room, 0), longer(least, room, 255)
        used = number_runs(above, above_value, above_label, start, value, label, count, parent, used)
        if eight:
            join_corners(above, above_value, above_label, start, value, label, count, whole)
        if row < height:
            measure_runs(
                start, value, label, count, certain[row], row_area[row], kind, pixels, area, total, sure, least
            )
        if vertices + above_count + 2 * count > what.size:
            room = 2 * (vertices + above_count + 2 * count)
            xy, links, sides = taller(xy, room), taller(links, room), taller(sides, room)
            what = longer(what, room, 0)
        line = top + row
        vertices = cross_line(
            line, row == 0 and top > 0, line == 0 or row == height, above, above_value, above_label, start, value,
            label, width, column, xy, links, sides, what, vertices,
        )  # fmt: skip
        above, start = start, above
        above_value, value = value, above_value
        above_label, label = label, above_label
        above_count = count
    going_on = np.full(used, dissolve and not last)
    if not last:
        vertices = end_line(top + height, above, above_label, above_count, column, xy, links, sides, what, vertices)
    gather(parent, whole, used, kind, dissolve)
    for j in range(above_count):
        going_on[whole[above_label[j]]] = True  # below the scene there is only no data, number 0
    sum_up(whole, used, pixels, area, total, sure, least)
    coords, begins, regions, shape = split_arcs(xy, links, sides, what, vertices)
    number, opened, firsts, parts = renumber(parent, whole, used, going_on)
    for j in range(above_count):
        above_label[j] = number[above_label[j]]
    known = kind, pixels, area, total, sure, least
    return (
        coords, begins, regions, shape, number, opened, firsts, parts, whole[:used], known,
        above, above_value, above_label,
    )  # fmt: skip
