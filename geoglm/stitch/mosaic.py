"""Putting tiles together into the box of a shard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from geoglm.stitch.doubts import doubt_of
from geoglm.stitch.weights import fade
from geoglm.types import PixelBox, Scores


def place_core(into: NDArray[np.uint8], box: PixelBox, tile: NDArray[np.uint8], read: PixelBox, core: PixelBox) -> None:
    """Copy the core of a tile into the map of `box`; leading axes are carried along.

    Args:
        into: ``(..., y, x)`` map of `box`, written to.
        tile: ``(..., y, x)`` result for `read`, from which `core` is kept.
    """
    into[(..., *core.within(box))] = tile[(..., *core.within(read))]


def blend_tiles(
    box: PixelBox,
    scene: PixelBox,
    tiles: Iterable[tuple[PixelBox, PixelBox]],
    probabilities: Callable[[PixelBox], NDArray[np.float32]],
    *,
    classes: int,
    halo: int,
) -> NDArray[np.float32]:
    """Probabilities of `box`, faded over the halo from tile to tile.

    Args:
        box: pixels to fill.
        scene: the whole scene, at whose borders nothing fades.
        tiles: (read, core) of every tile whose core, grown by `halo`, meets `box`.
        probabilities: of a read box, ``(class, y, x)``.
        classes: how many.
        halo: px; at most half of the shortest core, so that a cut concerns only the tiles beside it.

    Returns:
        ``(class, y, x)`` float32, adding up to one over the classes.
    """
    total = np.zeros((classes, *box.shape), np.float32)
    for read, core in tiles:
        reach = PixelBox(
            max(core.top - halo, scene.top),
            max(core.left - halo, scene.left),
            min(core.bottom + halo, scene.bottom),
            min(core.right + halo, scene.right),
        )
        if reach.top >= box.bottom or reach.bottom <= box.top or reach.left >= box.right or reach.right <= box.left:
            continue
        part = reach.clip(box)
        down = fade(
            np.arange(part.top, part.bottom),
            core=(core.top, core.bottom),
            halo=halo,
            ends=(core.top == scene.top, core.bottom == scene.bottom),
        )
        across = fade(
            np.arange(part.left, part.right),
            core=(core.left, core.right),
            halo=halo,
            ends=(core.left == scene.left, core.right == scene.right),
        )
        weight = down[:, None] * across[None]
        total[(..., *part.within(box))] += weight * probabilities(read)[(..., *part.within(read))]
    return total


def scores_of(probabilities: NDArray[np.float32], *, keep: bool, doubts: Sequence[str] = ()) -> Scores:
    """Class, confidence and, if `keep`, every probability in percent, of ``(class, y, x)`` probabilities.

    Args:
        doubts: layers of uncertainty wanted, names of `geoglm.stitch.doubts.DOUBTS`.
    """
    percent = np.rint(probabilities.max(axis=0).clip(0, 1) * 100).astype(np.uint8)
    layers = np.rint(probabilities.clip(0, 1) * 100).astype(np.uint8) if keep else None
    found = {name: doubt_of(name, probabilities) for name in doubts}
    return Scores(probabilities.argmax(axis=0).astype(np.uint8), percent, layers, found)
