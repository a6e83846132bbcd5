"""What a source of pixels is, and reading a box that reaches beyond the scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from geoglm.pixels.glance import GLANCE_PX, SAMPLES, glance_of, glance_shape
from geoglm.pixels.valid import fill_invalid
from geoglm.types import PixelBox, SceneMeta


class Source(Protocol):
    """Something that can be read box by box, from any thread."""

    meta: SceneMeta

    def read(self, box: PixelBox, bands: Sequence[int]) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Pixels ``(band, y, x)`` and validity ``(y, x)`` of `box`, which lies inside the scene.

        Args:
            bands: indices into ``meta.bands``, counted from 0.
        """

    def preview(self, bands: Sequence[int], *, side_px: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """The whole scene, thinned to at most `side_px` a side: pixels and validity."""


@runtime_checkable
class Sparse(Protocol):
    """A source that can tell that a box has no data without reading it."""

    def has_data(self, box: PixelBox, bands: Sequence[int]) -> bool:
        """False only where no pixel of `box` is valid; found out from as little as will do."""


def read_padded(
    source: Source, box: PixelBox, bands: Sequence[int], *, fill: Sequence[float], dtype: str
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """A box that may reach beyond the right and bottom edge; what has no data holds `fill`.

    Returns:
        Pixels ``(band, y, x)`` of `dtype` and validity ``(y, x)``, both of the shape of `box`.
    """
    inside = box.clip(source.meta.box)
    pixels, valid = source.read(inside, bands)
    pixels = fill_invalid(pixels, valid, fill)
    beyond = ((0, box.bottom - inside.bottom), (0, box.right - inside.right))
    if beyond != ((0, 0), (0, 0)):
        valid = np.pad(valid, beyond)
        pixels = fill_invalid(np.pad(pixels, ((0, 0), *beyond)), valid, fill)
    return pixels.astype(dtype, copy=False), valid


def read_glance(
    source: Source, bands: Sequence[int], *, fill: Sequence[float], stride: int, reduce: int = 1
) -> NDArray[np.float32]:
    """The whole scene at a glance, see `glance_of`; it depends on the scene alone, not on how that is tiled.

    It is averaged from a preview, so a file with overviews is read little of.

    Args:
        stride: of the network, in the pixels it sees.
        reduce: pixels a side that the network sees as one.

    Returns:
        ``(band, rows, cols)`` float32 raw pixel values, sides multiples of `stride` and about `GLANCE_PX` at most.
    """
    pixels, valid = source.preview(bands, side_px=GLANCE_PX * SAMPLES)
    shape = glance_shape((source.meta.height, source.meta.width), reduce=reduce)
    return glance_of(pixels, valid, shape=shape, fill=fill, stride=stride)
