"""How a network is shown tiles of both dates in one light, and how far apart it sees them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from geoglm.errors import ModelError
from geoglm.infer.decode import Decoder
from geoglm.io.source import read_padded
from geoglm.jobs.change.preflight import Preflight
from geoglm.jobs.network import frame_of, runtime_of
from geoglm.jobs.plan import SegmentPlan
from geoglm.pixels.valid import fill_invalid
from geoglm.stats.irmad import Alteration
from geoglm.stats.sights import Features, Variety
from geoglm.tiling.grid import Tile
from geoglm.types import INVALID, PixelBox

TOP, STEPS = 2.0, 254
"""The distance beyond which more is no likelier a change, and the steps in which distances are kept."""

ROUND = 8
"""How far around, in features, the bands of quiet ground say the same."""

GAINS = 0.05, 20.0
"""Gains, as multiples of that of the scales, between which a band of one date is brought to the light of the other."""

QUIET_PX = 512
"""Side of the squares in which quiet ground is looked for."""

TINY = 1e-9
"""Keeps a band without spread or brightness from being divided by."""

Quiet = Callable[[PixelBox], NDArray[np.bool_]]
Pair = tuple[Features, Features]


class Look:
    """A network that looks at tiles of both dates in one light.

    Attributes:
        clearer: 0 or 1, the date in whose light that is.
        factor: pixels a side for each feature, once a tile has been looked at.
    """

    def __init__(self, plans: tuple[SegmentPlan, ...], ready: Preflight, found: Alteration) -> None:
        self.clearer = _clearer(found)
        self.ours, self.theirs = plans[self.clearer], plans[1 - self.clearer]
        self.gain, self.offset = self._light(ready, found)
        self.runtime = runtime_of(self.ours, "features", dtype="float32")
        self.frame = frame_of(self.ours)
        self.factor = 1

    def _light(self, ready: Preflight, found: Alteration) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Gain and offset for each of the network's bands that bring the duller date to the light of the clearer one:
        by its unchanged pixels where the band is one of those compared and is alive, else by its scale."""
        means, spreads = (found.before_mean, found.after_mean), found.spreads
        one, other = self.clearer, 1 - self.clearer
        alike = len(ready.bands[0]) == len(ready.bands[1])
        compared = list(zip(ready.bands[one], ready.bands[other], strict=True)) if alike else []
        gain, offset = [], []
        scale = self.ours.full_scale / self.theirs.full_scale
        for band in zip(self.ours.bands, self.theirs.bands, strict=True):
            k = compared.index(band) if band in compared else None
            found_gain = 0.0 if k is None else spreads[one][k] / max(spreads[other][k], TINY)
            if k is not None and GAINS[0] < found_gain / scale < GAINS[1]:
                gain.append(found_gain)
                offset.append(means[one][k] - found_gain * means[other][k])
            else:
                gain.append(scale)
                offset.append(self.ours.zero - scale * self.theirs.zero)
        column = (-1, 1, 1)
        return np.array(gain, np.float32).reshape(column), np.array(offset, np.float32).reshape(column)

    def _features(self, pixels: NDArray[np.float32], read: PixelBox) -> Features:
        places = None if self.frame is None else self.frame.place(read)[None]
        (answer,) = self.runtime.infer(pixels, places)
        seen: Features = answer[0].astype(np.float32, copy=False)
        self.factor = max(read.width // seen.shape[-1], 1)
        if tuple(n * self.factor for n in seen.shape[1:]) != read.shape:
            raise ModelError(
                f"{self.ours.package.card.name}: what it sees has {seen.shape[1]} x {seen.shape[2]} places for "
                f"{read.height} x {read.width} px, so it cannot be laid on them; use --method classes"
            )
        return seen

    def at(self, tile: Tile) -> tuple[Pair, NDArray[np.bool_]]:
        """Features ``(feature, y, x)`` of both dates of all that a tile reads, and where both have data ``(y, x)``."""
        read = [
            read_padded(p.source, tile.read, p.bands, fill=p.fill, dtype=p.source.meta.dtype)
            for p in (self.ours, self.theirs)
        ]
        both = read[0][1] & read[1][1]
        first, second = (self._seen(k, pixels, both, tile.read) for k, (pixels, _) in enumerate(read))
        return ((second, first) if self.clearer else (first, second)), both

    def _seen(self, other: int, pixels: NDArray[np.generic], both: NDArray[np.bool_], read: PixelBox) -> Features:
        """Features of the clearer date, or of the `other` in its light."""
        lit = pixels.astype(np.float32)
        if other:
            lit *= self.gain
            lit += self.offset
            kind = np.dtype(self.ours.source.meta.dtype)
            if kind.kind in "ui":
                np.clip(lit, np.iinfo(kind).min, np.iinfo(kind).max, out=lit)
        if not both.all():
            lit = fill_invalid(lit, both, self.ours.fill).astype(np.float32, copy=False)
        return self._features(lit[None], read)

    def levels(self, tile: Tile, variety: Variety) -> NDArray[np.uint8]:
        """``(y, x)`` of all that a tile reads: steps of distance, 255 where either date has no data."""
        (before, after), both = self.at(tile)
        distance = np.minimum(variety.distance(before, after), np.float32(TOP))
        (wide,) = Decoder("logits", self.factor, 1.0)(distance[None, None])
        steps = np.rint(wide[0, 0] * (STEPS / TOP)).astype(np.uint8)
        return np.where(both, steps, np.uint8(INVALID))

    def sample(self, tile: Tile, quiet: Quiet, most: int) -> tuple[Features, Features, NDArray[np.bool_]] | None:
        """Features ``(feature, n)`` of both dates in the core of a tile, `most` at most, and which are of quiet ground;
        None where there are none."""
        inside = tile.read.clip(self.ours.source.meta.box)
        (before, after), both = self.at(tile)
        still = np.zeros(tile.read.shape, np.bool_)
        for part in inside.blocks(QUIET_PX):
            still[part.within(tile.read)] = quiet(part)
        rows, cols = tile.core.within(tile.read)
        f = self.factor
        core = np.s_[-(-rows.start // f) : rows.stop // f, -(-cols.start // f) : cols.stop // f]
        there = self._all(both)[core]
        calm: NDArray[np.bool_] = np.asarray(
            binary_erosion(self._all(still), iterations=ROUND, border_value=1), np.bool_
        )
        if not there.any():
            return None
        step = -(-int(there.sum()) // most)
        first, second = (d[:, *core][:, there][:, ::step] for d in (before, after))
        return first, second, calm[core][there][::step]

    def _all(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where all pixels of a feature are."""
        rows, cols = (n // self.factor for n in flags.shape)
        return np.asarray(flags.reshape(rows, self.factor, cols, self.factor).all(axis=(1, 3)))


def _clearer(found: Alteration) -> int:
    """The date whose unchanged pixels vary more for their brightness, 0 or 1: haze lowers that. It is the same date
    when the two are swapped."""

    def contrast(spread: NDArray[np.float64], mean: NDArray[np.float64]) -> float:
        return float(np.log(np.maximum(spread, TINY) / np.maximum(np.abs(mean), TINY)).mean())

    before, after = found.spreads
    return int(contrast(after, found.after_mean) > contrast(before, found.before_mean))
