"""Place: where in its scene a tile lies, in the terms of a network that has looked at the scene as a whole."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglm.types import PixelBox


@dataclass(frozen=True, slots=True)
class Frame:
    """A scene as the frame of reference of its tiles.

    Args:
        scene: the box of the whole scene, px.
        gsd: ground sample distance in m; None if unknown.
        reduce: pixels a side that the network sees as one.
    """

    scene: PixelBox
    gsd: float | None = None
    reduce: int = 1

    def place(self, read: PixelBox) -> NDArray[np.float32]:
        """Where the tile that reads `read` lies.

        Returns:
            ``(5,)`` float32: row and column of its first pixel, and the size of one pixel that the network sees down
            and across, in units of the scene's height and width; log2 of the ground sample distance of such a pixel
            in m, 0 if unknown.

        >>> Frame(PixelBox(0, 0, 100, 200), gsd=0.25, reduce=2).place(PixelBox(50, 20, 80, 60)).tolist()
        [0.5, 0.10000000149011612, 0.019999999552965164, 0.009999999776482582, -1.0]
        """
        height, width = self.scene.shape
        return np.array(
            [
                (read.top - self.scene.top) / height,
                (read.left - self.scene.left) / width,
                self.reduce / height,
                self.reduce / width,
                0.0 if self.gsd is None else math.log2(self.gsd * self.reduce),
            ],
            np.float32,
        )
