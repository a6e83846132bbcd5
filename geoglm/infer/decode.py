"""From logits to what a map holds: brought up to single pixels, class, confidence and shares, in one compiled pass.

A row at a time stays in the processor's cache. As operations of a graph, each of which passes over all pixels and
classes in memory, the same took more than a quarter of the whole network's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geoglm.infer.runtime import Product
from geoglm.options import Doubt

F = np.float32
LOOSE = {"contract", "reassoc", "nsz", "arcp"}
"""Sums may be fused and reordered, so that rows are computed 16 pixels at a time; infinities keep their meaning."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """How the logits of a network become a product.

    Args:
        product: see `geoglm.infer.runtime.Runtime.infer`.
        factor: pixels a side for each logit; in between they are bilinear (``align_corners=False``).
        temperature: what logits are divided by before they become probabilities.
        doubts: layers of uncertainty, see `geoglm.infer.runtime.Runtime.infer`.
    """

    product: Product
    factor: int
    temperature: float
    doubts: tuple[Doubt, ...] = ()

    def __call__(self, logits: NDArray[np.float32]) -> tuple[NDArray[np.generic], ...]:
        """``(n, class, y, x)`` logits to the arrays of the product, `factor` times as many pixels a side."""
        count, kinds, rows, cols = logits.shape
        shape = rows * self.factor, cols * self.factor
        whole = self.product in ("float", "logits")
        best = np.empty((2, count, *((0, 0) if whole else shape)), np.uint8)
        percent = np.empty((count, kinds, *(shape if self.product == "percent" else (0, 0))), np.uint8)
        share = np.empty((count, kinds, *(shape if whole else (0, 0))), np.float32)
        sharp = np.float32(np.log2(np.e) / self.temperature)
        doubts = {d: np.empty((count, *shape), np.uint8) for d in self.doubts}
        unasked = np.empty((count, 0, 0), np.uint8)
        entropy, margin = (doubts.get(d, unasked) for d in get_args(Doubt))
        for n in range(count):
            if self.product == "logits":
                _widen(logits[n], self.factor, F(1 / self.temperature), share[n])
            else:
                _decode(logits[n], self.factor, sharp, (best[0, n], best[1, n], percent[n], share[n]))
            if doubts:
                _doubt(logits[n], self.factor, sharp, (entropy[n], margin[n]))
        if whole:
            return (share, *doubts.values())
        return (*best, *((percent,) if self.product == "percent" else ()), *doubts.values())


@njit(cache=True, nogil=True, fastmath=LOOSE)
def _decode(logits, factor, sharp, outputs):  # type: ignore[no-untyped-def]  # typed by Numba
    """Fill those of the outputs that are not empty, row by row; see `Decoder`.

    The steps are inlined: the compiler then knows that their arrays do not overlap, and works on 16 pixels at a time.
    """
    classes, confidence, percent, share = outputs
    kinds, rows, cols = logits.shape
    low = np.empty((kinds, cols + 2), np.float32)
    row = np.empty((kinds, cols * factor), np.float32)
    top, total, power = np.empty_like(row[0]), np.empty_like(row[0]), np.empty_like(row[0])
    best, sure = np.empty(cols * factor, np.int32), np.empty(cols * factor, np.int32)
    for y in range(rows * factor):
        _between_rows(logits, y, factor, low)
        _between_cols(low, factor, row)
        _best(row, best, top)
        _chances(row, top, sharp, total, power)
        if classes.size:
            for x in range(total.size):
                sure[x] = np.int32(F(100) / total[x] + F(0.5))
            _in_turn(best, factor, classes[y])
            _in_turn(sure, factor, confidence[y])
        for k in range(kinds if percent.size else 0):
            for x in range(total.size):
                sure[x] = np.int32(F(100) * row[k, x] / total[x] + F(0.5))
            _in_turn(sure, factor, percent[k, y])
        for k in range(kinds if share.size else 0):
            for x in range(total.size):
                row[k, x] /= total[x]
            _in_turn(row[k], factor, share[k, y])


@njit(cache=True, nogil=True, fastmath=LOOSE)
def _widen(logits, factor, sharpness, wide):  # type: ignore[no-untyped-def]  # typed by Numba
    """The logits of every pixel, times `sharpness`."""
    kinds, rows, cols = logits.shape
    low = np.empty((kinds, cols + 2), np.float32)
    row = np.empty((kinds, cols * factor), np.float32)
    for y in range(rows * factor):
        _between_rows(logits, y, factor, low)
        _between_cols(low, factor, row)
        for k in range(kinds):
            for x in range(cols * factor):
                row[k, x] *= sharpness
            _in_turn(row[k], factor, wide[k, y])


@njit(cache=True, nogil=True, fastmath=LOOSE)
def _doubt(logits, factor, sharp, outputs):  # type: ignore[no-untyped-def]  # typed by Numba
    """Fill those of entropy and margin that are not empty, in percent, row by row; see `geoglm.stitch.doubts`.

    A pass of its own, so that maps without them cost what they did and are the same. With u = log₂ of a class's power
    and T their sum, the entropy is log₂ T − Σ 2ᵘ u / T bits, which takes one logarithm a pixel.
    """
    entropy, margin = outputs
    kinds, rows, cols = logits.shape
    low = np.empty((kinds, cols + 2), np.float32)
    row = np.empty((kinds, cols * factor), np.float32)
    before = np.empty_like(row)
    top, total, power = np.empty_like(row[0]), np.empty_like(row[0]), np.empty_like(row[0])
    best, percent = np.empty(cols * factor, np.int32), np.empty(cols * factor, np.int32)
    most = F(100) / np.log2(F(max(kinds, 2)))
    for y in range(rows * factor):
        _between_rows(logits, y, factor, low)
        _between_cols(low, factor, row)
        _best(row, best, top)
        before[:] = row
        _chances(row, top, sharp, total, power)
        if entropy.size:
            power[:] = 0
            for k in range(kinds):
                for x in range(total.size):
                    power[x] += row[k, x] * max(sharp * (before[k, x] - top[x]), F(-126))
            for x in range(total.size):
                percent[x] = np.int32(most * (np.log2(total[x]) - power[x] / total[x]) + F(0.5))
            _in_turn(percent, factor, entropy[y])
        if margin.size:
            power[:] = 0
            for k in range(kinds):
                for x in range(total.size):
                    power[x] = max(power[x], row[k, x] if best[x] != k else F(0))
            for x in range(total.size):
                percent[x] = np.int32(F(100) * (F(1) - power[x]) / total[x] + F(0.5))
            _in_turn(percent, factor, margin[y])


@njit(inline="always")
def _in_turn(apart, factor, together):  # type: ignore[no-untyped-def]  # typed by Numba
    """Bring pixels of all phases into their order."""
    cols = apart.size // factor
    for x in range(cols):
        for phase in range(factor):
            together[x * factor + phase] = apart[phase * cols + x]


@njit(inline="always")
def _between_rows(logits, y, factor, low):  # type: ignore[no-untyped-def]  # typed by Numba
    """The logits at the height of pixel row `y`, with their ends repeated once at either side."""
    kinds, rows, cols = logits.shape
    at = (y + 0.5) / factor - 0.5
    above = int(np.floor(at))
    share = F(at - above)
    first, second = max(above, 0), min(above + 1, rows - 1)
    for k in range(kinds):
        for x in range(cols):
            low[k, x + 1] = logits[k, first, x] + share * (logits[k, second, x] - logits[k, first, x])
        low[k, 0], low[k, cols + 1] = low[k, 1], low[k, cols]


@njit(inline="always")
def _between_cols(low, factor, row):  # type: ignore[no-untyped-def]  # typed by Numba
    """The logits of every pixel of a row, those that are equally far from a logit beside each other."""
    kinds, cols = low.shape[0], low.shape[1] - 2
    for phase in range(factor):
        at = (phase + 0.5) / factor + 0.5
        before = int(np.floor(at))
        share = F(at - before)
        for k in range(kinds):
            left, right = low[k, before : before + cols], low[k, before + 1 :]
            into = row[k, phase * cols : (phase + 1) * cols]
            for x in range(cols):
                into[x] = left[x] + share * (right[x] - left[x])


@njit(inline="always")
def _best(row, best, top):  # type: ignore[no-untyped-def]  # typed by Numba
    """The first class of the largest logit, and that logit."""
    best[:], top[:] = 0, row[0]
    for k in range(1, row.shape[0]):
        line = row[k]
        for x in range(top.size):
            value, so_far = line[x], top[x]
            best[x] = np.int32(k) if value > so_far else best[x]
            top[x] = max(value, so_far)


@njit(inline="always")
def _chances(row, top, sharp, total, power):  # type: ignore[no-untyped-def]  # typed by Numba
    """Logits to 2 ** (sharp · (logit − top)), in place, and their sum over the classes.

    2 to the whole part goes straight into the exponent's bits, 2 to the rest is the polynomial of exp2f in the Cephes
    library (Moshier 1992), right to 1e-7.
    """
    bits = power.view(np.int32)
    total[:] = 0
    for k in range(row.shape[0]):
        line = row[k]
        for x in range(total.size):
            up = max(sharp * (line[x] - top[x]), F(-126))
            whole = np.floor(up + F(0.5))
            rest = up - whole
            bits[x] = (np.int32(whole) + np.int32(127)) << np.int32(23)
            series = F(1.535336188319500e-4) * rest + F(1.339887440266574e-3)
            series = series * rest + F(9.618437357674640e-3)
            series = series * rest + F(5.550332471162809e-2)
            series = series * rest + F(2.402264791363012e-1)
            series = series * rest + F(6.931472028550421e-1)
            line[x] = series * rest + F(1)
        for x in range(total.size):
            value = line[x] * power[x]
            line[x] = value
            total[x] += value
