"""How far two images of one place are shifted against each other, to a fraction of a pixel.

Phase correlation (Kuglin and Hines 1975) on tiles, its peak found on a grid 50 times finer by a matrix-multiplied
Fourier transform (Guizar-Sicairos et al. 2008, doi 10.1364/OL.33.000156). The finest waves, of noise and aliasing more
than of the ground, count for less. Tiles are many and change may fill some of them, so their median counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2

from geoglm.types import PixelBox

TILE_PX = 256
"""Side of a tile; shifts up to a quarter of it can be told."""

TILES = 64
"""Tiles looked at, at most."""

FINE = 50
"""Steps in a pixel."""

SOFTENED_PX = 0.7
"""Waves count as much as a Gaussian of so many pixels would leave of them."""

FILLED = 0.95
"""Share of a tile that must have data on both dates: edges of holes lie still, however the ground is shifted."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Where the second image has what the first has, in pixels.

    Args:
        rows, cols: further down and further to the right.
        spread: of single tiles around that, px: 1.48 times the median deviation, the larger of both directions.
        tiles: that told something.
    """

    rows: float
    cols: float
    spread: float
    tiles: int

    @property
    def length(self) -> float:
        """Of the shift, px."""
        return float(np.hypot(self.rows, self.cols))


def tiles_of(scene: PixelBox) -> Iterator[PixelBox]:
    """Tiles spread evenly over a scene; one smaller than `TILE_PX` is a tile itself."""
    most = int(TILES**0.5)
    starts = []
    for length in scene.shape:
        room = max(length - TILE_PX, 0)
        count = min(most, room // TILE_PX + 1 + (room % TILE_PX > 0))
        starts.append(np.linspace(0, room, count).round().astype(int))
    for top in starts[0]:
        for left in starts[1]:
            bottom, right = min(top + TILE_PX, scene.height), min(left + TILE_PX, scene.width)
            yield PixelBox(int(top), int(left), int(bottom), int(right))


def tile_shift(
    before: NDArray[np.generic], after: NDArray[np.generic], valid: NDArray[np.bool_]
) -> tuple[float, float] | None:
    """Rows and columns by which `after` is shifted; None where the tile tells nothing.

    Args:
        before, after: ``(band, y, x)``.
        valid: ``(y, x)`` data on both dates.
    """
    if valid.mean() < FILLED or min(valid.shape) < 16:
        return None
    faded = np.outer(*(np.hanning(n + 2)[1:-1] for n in valid.shape))
    first, second = (_grey(pixels, valid) * faded for pixels in (before, after))
    if not (first.any() and second.any()):
        return None
    rows, cols = _peak(first, second)
    return None if max(abs(rows) / valid.shape[0], abs(cols) / valid.shape[1]) > 0.25 else (rows, cols)


def _peak(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float]:
    """Where the phase correlation of two images ``(y, x)`` is greatest, rows and columns.

    Images are real, so that half of the waves tells all; those that stand for two count twice. The peak is wide, so
    that it is looked for in tenths of a pixel first.
    """
    height, width = first.shape
    one, two = rfft2(np.stack([first, second]))
    crossed = np.conj(one) * two
    waves = np.fft.fftfreq(height), np.fft.rfftfreq(width)
    soft = [np.exp(-2 * (np.pi * SOFTENED_PX * f) ** 2) for f in waves]
    strength = np.abs(crossed)
    crossed *= np.outer(*soft) / np.maximum(strength, 1e-12 * strength.max())
    coarse = np.unravel_index(irfft2(crossed, first.shape).argmax(), first.shape)
    whole = [(int(k) + n // 2) % n - n // 2 for k, n in zip(coarse, first.shape, strict=True)]
    alone = (waves[1] == 0) | (waves[1] == 0.5)
    crossed *= np.where(alone, 1, 2)
    peak = whole[0], whole[1]
    for reach, steps in ((1.0, FINE // 5), (0.2, FINE)):
        peak = _finer(crossed, waves, peak, np.arange(-round(reach * steps), round(reach * steps) + 1) / steps)
    return peak


def _finer(
    crossed: NDArray[np.complex128],
    waves: tuple[NDArray[np.floating], NDArray[np.floating]],
    peak: tuple[float, float],
    away: NDArray[np.float64],
) -> tuple[float, float]:
    """Where, of all steps `away` from `peak`, the correlation is greatest."""
    places = [p + away for p in peak]
    down, across = (np.exp(2j * np.pi * np.outer(at, f)) for at, f in zip(places, waves, strict=True))
    row, col = np.unravel_index((down @ crossed @ across.T).real.argmax(), (len(away),) * 2)
    return float(places[0][row]), float(places[1][col])


def _grey(pixels: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """``(y, x)`` mean of the bands, each brought to mean 0 and deviation 1; 0 where there is no data."""
    grey, everywhere = np.zeros(valid.shape), valid.all()
    for band in pixels:
        flat = (band if everywhere else band[valid]).astype(np.float64)
        flat -= flat.mean()
        if deviation := flat.std():
            grey[... if everywhere else valid] += flat / (deviation * len(pixels))
    return grey


def robust_shift(found: Sequence[tuple[float, float]]) -> Shift | None:
    """The shift that most tiles agree on; None where no tile told any.

    >>> robust_shift([(0.5, 0.0), (0.5, 0.1), (40.0, -9.0)])
    Shift(rows=0.5, cols=0.0, spread=0.148, tiles=3)
    """
    if not found:
        return None
    each = np.array(found)
    middle = np.median(each, axis=0)
    spread = 1.48 * np.median(np.abs(each - middle), axis=0).max()
    return Shift(float(middle[0]), float(middle[1]), round(float(spread), 3), len(each))
