"""Where to look: probability samples of a map, stratified by its classes.

How many units each stratum gets follows Olofsson et al. 2014 (doi 10.1016/j.rse.2014.02.015), section 5.1, and Cochran,
Sampling Techniques, 1977, equation 5.25.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Units = NDArray[np.int64]

RARE_SHARE, RARE_UNITS = 0.1, 50
"""A class that covers less than this share of a map gets at least so many units under ``balanced``, if that leaves
half of the sample to the others: with fewer its user's accuracy is anyone's guess."""
ALLOCATIONS = ("balanced", "proportional", "equal")


def allocate(count: int, sizes: Units, rule: str) -> Units:
    """`count` units over strata of `sizes`: ``(stratum,)``, never more than a stratum has, at least 2 if it can.

    Args:
        rule: ``proportional`` to size; ``equal``; ``balanced``, proportional with a floor for rare classes.

    Raises:
        ValueError: the rule is unknown, or `count` is too small for 2 units in every stratum.
    """
    if rule not in ALLOCATIONS:
        raise ValueError(f"allocation {rule!r} is unknown; there are {', '.join(ALLOCATIONS)}")
    there = sizes > 0
    least = np.minimum(sizes, 2)
    if count < least.sum():
        raise ValueError(f"{count} units are too few for {int(there.sum())} strata; {int(least.sum())} are needed")
    if rule == "balanced":
        rare = there & (sizes < RARE_SHARE * sizes.sum())
        floor = min(RARE_UNITS, count // (2 * max(int(rare.sum()), 1)))
        least = np.maximum(least, np.where(rare, np.minimum(sizes, floor), 0))
    wanted = there.astype(np.float64) if rule == "equal" else sizes.astype(np.float64)
    return _shared_out(min(count, int(sizes.sum())), wanted, least, sizes)


def _shared_out(count: int, wanted: NDArray[np.float64], least: Units, most: Units) -> Units:
    """Whole numbers that sum to `count`, in proportion to `wanted` between `least` and `most`."""
    low, high = 0.0, count / max(wanted[wanted > 0].min(initial=np.inf), 1e-300)
    for _ in range(200):
        middle = (low + high) / 2
        if np.clip(middle * wanted, least, most).sum() < count:
            low = middle
        else:
            high = middle
    exact = np.clip(high * wanted, least, most)
    whole: Units = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - whole), kind="stable")
    for k in (*order, *order):
        if whole.sum() < count and whole[k] < most[k]:
            whole[k] += 1
    return whole


def ranks(taken: Units, sizes: Units, seed: int) -> list[Units]:
    """Which units of each stratum are drawn, without replacement and each as likely: sorted places among its own."""
    rng = np.random.default_rng(seed)
    return [np.sort(rng.choice(n, size=k, replace=False)) for k, n in zip(taken, sizes, strict=True)]


def located(rows: Iterable[NDArray[np.integer]], drawn: list[Units]) -> Iterator[tuple[int, int, int]]:
    """Stratum, row and column of the drawn units of a map that passes by in bands of whole rows.

    Args:
        rows: ``(y, x)`` strata, top to bottom; what is no stratum (negative or beyond the last) is not counted.
        drawn: see `ranks`; units of a stratum are counted along rows.
    """
    seen = np.zeros(len(drawn), np.int64)
    top = 0
    for band in rows:
        flat = band.ravel()
        for stratum, places in enumerate(drawn):
            where = np.flatnonzero(flat == stratum)
            first, last = np.searchsorted(places, (seen[stratum], seen[stratum] + len(where)))
            for place in places[first:last]:
                row, col = divmod(int(where[place - seen[stratum]]), band.shape[1])
                yield stratum, top + row, col
            seen[stratum] += len(where)
        top += band.shape[0]
