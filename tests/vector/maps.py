"""Class maps that are hard on tracers."""

import numpy as np


def spiral(side: int) -> np.ndarray:
    """One region a pixel wide that winds inwards, on no data."""
    classes = np.full((side, side), 255, np.uint8)
    classes[0, :] = 1
    row, col = 0, side - 1
    for k, n in enumerate(n for n in range(side - 1, 0, -2) for _ in range(2)):
        down, right = ((1, 0), (0, -1), (-1, 0), (0, 1))[k % 4]
        for _ in range(n):
            row, col = row + down, col + right
            classes[row, col] = 1
    return classes


def nested(side: int) -> np.ndarray:
    """Rings within rings of alternating classes."""
    away = np.minimum(np.arange(side), np.arange(side)[::-1])
    return (np.minimum.outer(away, away) % 3).astype(np.uint8)


def pierced(side: int) -> np.ndarray:
    """One region with a hole of one pixel at every other place."""
    classes = np.zeros((side, side), np.uint8)
    classes[1:-1:2, 1:-1:2] = 1
    return classes


def noise(side: int, classes: int) -> np.ndarray:
    """Pixels that have nothing to do with each other."""
    return np.random.default_rng(0).integers(0, classes, (side, side)).astype(np.uint8)


def holed(side: int) -> np.ndarray:
    """Noise with squares of no data, at the border too."""
    classes = noise(side, 3).repeat(2, axis=0)[:side]
    classes[: side // 4, : side // 3] = classes[side // 2 : side // 2 + 5, 7:19] = 255
    return classes


STRANGE_MAPS = {
    "checkerboard": (np.indices((40, 41)).sum(axis=0) % 2).astype(np.uint8),
    "spiral": spiral(41),
    "nested rings": nested(45),
    "pierced": pierced(61),
    "noise of two": noise(60, 2),
    "noise of eight": noise(60, 8),
    "holes of no data": holed(50),
    "one pixel": np.zeros((1, 1), np.uint8),
    "one row": np.arange(50, dtype=np.uint8)[None] // 3,
    "no data": np.full((5, 6), 255, np.uint8),
}
