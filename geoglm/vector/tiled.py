"""Rings cut into the square tiles of a web map, and written as drawing commands of vector tiles.

Cut by half-planes (Sutherland & Hodgman 1974, Reentrant polygon clipping), all rings at once: a range of tiles is
halved until one is left, so that a ring across the whole map costs its points times the depth, not times the tiles.
Where a ring leaves a tile and comes back it runs along the tile's border, beyond what is shown: areas stay right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXTENT = 4096
"""Units along the side of a tile."""
MARGIN = 1 / 64
"""How far a tile reaches into its neighbours, in sides of a tile, so that outlines do not show at its border."""


@dataclass(frozen=True, slots=True)
class Rings:
    """Points of rings, ring behind ring, not closed.

    Args:
        points: ``(n, 2)`` float64 x to the right and y downwards, in sides of a tile.
        ring: ``(n,)`` which ring a point belongs to; numbers ascend, and some may be missing.
    """

    points: NDArray[np.float64]
    ring: NDArray[np.int64]

    def below(self, axis: int, bound: float, sign: int = 1) -> Rings:
        """What of the rings lies where ``sign * coordinate <= sign * bound``."""
        beyond = sign * (self.points[:, axis] - bound)
        if not len(beyond) or beyond.max() <= 0:
            return self
        after = following(self.ring)
        inside = beyond <= 0
        crosses = inside != inside[after]
        count = crosses.astype(np.int64) + inside[after]
        place = np.cumsum(count) - count
        cut = np.empty((int(count.sum()), 2))
        share = (beyond[crosses] / (beyond[crosses] - beyond[after[crosses]]))[:, None]
        met = self.points[crosses] + share * (self.points[after[crosses]] - self.points[crosses])
        met[:, axis] = bound
        cut[place[crosses]] = met
        stays = inside[after]
        cut[(place + crosses)[stays]] = self.points[after[stays]]
        return Rings(cut, np.repeat(self.ring, count))


def following(ring: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(n,)`` index of the point after each, the first of a ring after its last."""
    last = np.flatnonzero(np.append(ring[1:] != ring[:-1], True))
    after = np.arange(1, len(ring) + 1)
    after[last] = np.append(0, last[:-1] + 1)
    return after


def tiles(rings: Rings) -> Iterator[tuple[int, int, Rings]]:
    """Column and row of every tile that rings reach, with what lies in it and in `MARGIN` around."""
    everywhere = np.iinfo(np.int64)
    yield from _halved(rings, np.full(2, everywhere.min), np.full(2, everywhere.max))


def _halved(rings: Rings, low: NDArray[np.int64], high: NDArray[np.int64]) -> Iterator[tuple[int, int, Rings]]:
    """Tiles from `low` to `high`, both counted."""
    if not len(rings.points):
        return
    low = np.maximum(low, np.floor(rings.points.min(axis=0) - MARGIN).astype(np.int64))
    high = np.minimum(high, np.floor(rings.points.max(axis=0) + MARGIN).astype(np.int64))
    if (low > high).any():
        return
    axis = int(np.argmax(high - low))
    if low[axis] == high[axis]:
        yield int(low[0]), int(low[1]), rings
        return
    middle = int(low[axis] + high[axis] + 1) // 2
    until, since = high.copy(), low.copy()
    until[axis], since[axis] = middle - 1, middle
    yield from _halved(rings.below(axis, middle + MARGIN), low, until)
    yield from _halved(rings.below(axis, middle - MARGIN, -1), since, high)


def drawn(
    rings: Rings, part: NDArray[np.int64], outer: NDArray[np.bool_], *, step: int, least: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Points on the grid of a tile, without those that say nothing and without rings too small to be seen.

    Args:
        rings: with the corner of the tile as origin.
        part: of each ring, by its number; a part without its outer ring goes.
        outer: whether a ring is one, by its number: clockwise as seen; holes run the other way.
        step: units that points are rounded to.
        least: area, in square units, below which a ring goes.

    Returns:
        ``(n, 2)`` points in units, and ``(n,)`` their rings.
    """
    points = np.rint(rings.points * (EXTENT / step)).astype(np.int64) * step
    moves = (points[following(rings.ring)] != points).any(axis=1)
    points, ring = _plain(points[moves], rings.ring[moves])
    if not len(ring):
        return points, ring
    after = following(ring)
    crossed = points[:, 0] * points[after, 1] - points[after, 0] * points[:, 1]
    number, first = np.unique(ring, return_index=True)
    twice = np.where(outer[number], 1, -1) * np.add.reduceat(crossed, first)
    kept = twice >= max(2 * least, 1)
    kept &= np.isin(part[number], part[number[kept & outer[number]]])
    wanted = np.isin(ring, number[kept])
    return points[wanted], ring[wanted]


def _plain(points: NDArray[np.int64], ring: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Without points on a line with their neighbours, those that repeat among them."""
    after = following(ring)
    on = points[after] - points
    back = np.empty_like(on)
    back[after] = on
    turns = back[:, 0] * on[:, 1] != back[:, 1] * on[:, 0]
    return points[turns], ring[turns]


def commands(
    points: NDArray[np.int64], ring: NDArray[np.int64], region: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Rings as the geometry of features of the Mapbox Vector Tile specification 2.1, 4.3.

    Args:
        points, ring: see `drawn`; at least one.
        region: of each ring, by its number.

    Returns:
        Bytes of all geometries, ``(features,)`` how many each takes, and ``(features,)`` its region.
    """
    begins = np.flatnonzero(np.append(True, ring[1:] != ring[:-1]))
    size = np.diff(np.append(begins, len(ring)))
    owner = region[ring[begins]]
    new = np.append(True, owner[1:] != owner[:-1])
    moved = points - np.concatenate([np.zeros((1, 2), np.int64), points[:-1]])
    moved[begins[new]] = points[begins[new]]  # the pen begins a feature at the origin
    order = np.arange(len(begins))
    place = (
        2 * np.arange(len(ring))
        + 1
        + 3 * np.repeat(order, size)
        + np.where(np.arange(len(ring)) > np.repeat(begins, size), 1, 0)
    )
    codes = np.empty(2 * len(ring) + 3 * len(begins), np.int64)
    start = 2 * begins + 3 * order
    codes[start], codes[start + 3], codes[start + 2 * size + 2] = 9, (size - 1) << 3 | 2, 15
    codes[place], codes[place + 1] = ((moved << 1) ^ (moved >> 63)).T
    stream, ends = varints(codes)
    first = start[new]
    bounds = np.append(np.append(0, ends)[first], len(stream))
    return stream, np.diff(bounds), owner[new]


def varints(values: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Numbers from 0 on as bytes of seven bits, the least first, and ``(n,)`` where each ends.

    >>> varints(np.array([1, 300]))[0].tolist()
    [1, 172, 2]
    """
    length = np.ones(len(values), np.int64)
    for bits in range(7, 63, 7):
        length += values >> bits > 0
    ends = np.cumsum(length)
    stream = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    for k in range(int(length.max(initial=0))):
        has = length > k
        more = np.where(length[has] > k + 1, 128, 0)
        stream[(ends - length)[has] + k] = (values[has] >> (7 * k) & 127) | more
    return stream, ends
