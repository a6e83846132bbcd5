"""Weights that fade neighbouring tiles into each other and always add up to one.

Along one axis, tile i has weight r(x − cᵢ) − r(x − cᵢ₊₁), where cᵢ are the cuts between cores and r climbs
from 0 to 1 over the halo on both sides of a cut. The sum telescopes to 1 whatever the cuts are, so nothing
needs to be accumulated and divided by, and every box of pixels can be finished by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fade(
    positions: NDArray[np.int64], *, core: tuple[int, int], halo: int, ends: tuple[bool, bool]
) -> NDArray[np.float32]:
    """Weight of a tile along one axis.

    Args:
        positions: pixel indices at which it is wanted.
        core: where the tile's core begins and ends, px.
        halo: px over which it fades to each side of a cut; 0 cuts it at the core.
        ends: whether the core begins and ends at the border of the scene, where nothing fades.

    Returns:
        float32 in 0…1, the shape of `positions`.
    """

    def climb(cut: int) -> NDArray[np.float32]:
        away = positions.astype(np.float32) + 0.5 - cut
        if halo == 0:
            return (away > 0).astype(np.float32)
        ramp: NDArray[np.float32] = np.clip(away / (2 * halo) + 0.5, 0, 1)
        return ramp

    first, last = ends
    rise = np.ones(positions.shape, np.float32) if first else climb(core[0])
    fall = np.zeros(positions.shape, np.float32) if last else climb(core[1])
    return rise - fall
