"""What a comparison found: codes of changes and how likely they are, on disk while they are made."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import sched_getaffinity
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.types import GeoRef, LandClass, PixelBox

Progress = Callable[[str, int, int], None]
"""Called with the phase, and the pixels done and to do in it."""

NO_CHANGE = LandClass(0, "no change", "#e4e4e4")


@dataclass(frozen=True, slots=True, eq=False)
class ChangeMaps:
    """Maps ``(y, x)`` of uint8, 255 where either date has no data, mapped into memory.

    Args:
        codes: what changed, in the values of `legend`; 0 for no change.
        percent: probability of a change.
        legend: no change, and every change there can be.
        georef: where they lie.
        facts: what the summary says of the method.
        classes: names, in the order of the codes; none where classes are not known.
        stays: class of what did not change, None where classes are not known.
    """

    codes: NDArray[np.uint8]
    percent: NDArray[np.uint8]
    legend: tuple[LandClass, ...]
    georef: GeoRef
    facts: dict[str, Any]
    classes: tuple[str, ...] = ()
    stays: NDArray[np.uint8] | None = None

    @property
    def box(self) -> PixelBox:
        """All of it."""
        return PixelBox(0, 0, *self.codes.shape)


def scratch(folder: Path, name: str, shape: tuple[int, ...], dtype: type) -> Any:
    """An array in a file of a stage, so that a scene larger than memory is no matter."""
    return np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)


def for_blocks(
    scene: PixelBox,
    work: Callable[[PixelBox], None],
    *,
    side_px: int,
    workers: int,
    progress: Callable[[int, int], None],
) -> None:
    """Call `work` once for every block of a scene, on so many threads (0: one per core)."""
    done = 0
    # rasterio mutes this warning around arrays of its own, which does not hold where several threads do so at a time
    with warnings.catch_warnings(), ThreadPoolExecutor(workers or len(sched_getaffinity(0))) as pool:
        warnings.filterwarnings("ignore", message="Dataset has no geotransform")
        blocks = list(scene.blocks(side_px))
        try:
            for box, _ in zip(blocks, pool.map(work, blocks), strict=True):
                done += box.area
                progress(done, scene.area)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
