"""How well the outlines of a map lie: boundary F1.

Csurka, Larlus, Perronnin: What is a good evaluation measure for semantic segmentation? BMVC 2013. For each class,
precision is the share of the map's boundary pixels that have a boundary pixel of the reference within a tolerance,
recall the share of the reference's that have one of the map's. Counts are added up over blocks and scenes, where the
paper averages over images: a scene is cut into blocks as memory wants it.
"""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

TOLERANCE_PX = 3
"""Distance that still counts as the same place, in pixels of the scene itself."""

Index = tuple[slice, slice]


def tolerance_at(scale: float) -> int:
    """The same distance on the ground in pixels of which there are `scale` times as many a side, at least one.

    >>> tolerance_at(0.5), tolerance_at(1), tolerance_at(2)
    (2, 3, 6)
    """
    return max(1, round(TOLERANCE_PX * scale))


def boundary_counts(
    truth: NDArray[np.uint8],
    found: NDArray[np.uint8],
    *,
    classes: int,
    core: Index = (slice(None), slice(None)),
    tolerance_px: int = TOLERANCE_PX,
) -> NDArray[np.int64]:
    """Boundary pixels of one block, and how many of them have a counterpart.

    A pixel is on the boundary of its class where one of its four neighbours has another. Pixels that have no class
    in either of the two (255, say) are no neighbours to either: where labels end, there is no outline.

    Args:
        truth, found: ``(y, x)`` class places.
        core: the part that is counted; around it `tolerance_px` + 1 px more make the counts those of the whole scene.

    Returns:
        ``(class, 4)``: pixels on the map's boundary, of these near the reference's; on the reference's, of these
        near the map's.
    """
    known = (truth < classes) & (found < classes)
    edges = [_on_edge(np.where(known, values, np.uint8(255))) for values in (found, truth)]
    counts = np.zeros((classes, 4), np.int64)
    for k in range(classes):
        mapped, real = ((values == k) & edge for values, edge in zip((found, truth), edges, strict=True))
        if not (mapped.any() or real.any()):
            continue
        counts[k] = (
            np.count_nonzero(mapped[core]),
            np.count_nonzero((mapped & _spread(real, tolerance_px))[core]),
            np.count_nonzero(real[core]),
            np.count_nonzero((real & _spread(mapped, tolerance_px))[core]),
        )
    return counts


def boundary_f1(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 per class of counts as `boundary_counts` gives them; NaN for a class without any boundary."""
    mapped, near, real, met = counts.T.astype(np.float64)
    share = [np.divide(a, b, out=np.zeros_like(a), where=b > 0) for a, b in ((near, mapped), (met, real))]
    both = share[0] + share[1]
    f1 = np.divide(2 * share[0] * share[1], both, out=np.zeros_like(both), where=both > 0)
    return np.where(mapped + real > 0, f1, np.nan)


def _on_edge(values: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a pixel has a neighbour of another class; 255 is none."""
    edge = np.zeros(values.shape, np.bool_)
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differ = (values[one] != values[other]) & (values[one] != 255) & (values[other] != 255)
        edge[one] |= differ
        edge[other] |= differ
    return edge


def _spread(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Where a True of `mask` is at most `reach` px away: its union with all shifts within a disc."""
    wide = [mask]  # by so many pixels to both sides
    for by in range(1, reach + 1):
        row = wide[-1].copy()
        row[:, by:] |= mask[:, :-by]
        row[:, :-by] |= mask[:, by:]
        wide.append(row)
    disc = wide[reach].copy()
    for by in range(1, reach + 1):
        row = wide[isqrt(reach**2 - by**2)]
        disc[by:] |= row[:-by]
        disc[:-by] |= row[by:]
    return disc
