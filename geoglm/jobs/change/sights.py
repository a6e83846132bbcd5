"""Change as a network sees it: a second opinion on what the bands say, by the network's own features.

Light, haze and season change the bands of ground that stays what it is; what a network makes of it changes far less. So
ground has changed where both have: the bands (`geoglm.jobs.change.spectral`), which tell outlines to the pixel, and the
features that the network's classifying layer is given, which tell what lies there. Features know nothing of outlines,
since each looks at its surroundings: by themselves they call the rim around a change changed as well.

The date of less contrast is first brought to the brightness of the other, band by band, by the means and spreads of
unchanged pixels, so that the network sees both in one light. Features count as changed beyond Otsu's threshold, and
beyond what is found on ground whose bands are quiet for a good way around.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from geoglm.errors import ModelError, PlanError, SceneMismatch
from geoglm.infer.decode import Decoder
from geoglm.io.blocks import Plane
from geoglm.io.source import read_padded
from geoglm.jobs.budget import ACTIVATION_BYTES_PX, BASE_BYTES
from geoglm.jobs.change.kept import Blocks, Kept
from geoglm.jobs.change.modelled import notes_of, plans_of
from geoglm.jobs.change.options import ChangeOptions
from geoglm.jobs.change.preflight import Preflight
from geoglm.jobs.change.threads import Threads
from geoglm.jobs.network import runtime_of
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.progress import Progress
from geoglm.pixels.valid import fill_invalid
from geoglm.stats.irmad import Alteration
from geoglm.stats.sights import Features, Variety
from geoglm.stats.threshold import Histogram, split
from geoglm.stitch.mosaic import place_core
from geoglm.tiling.grid import Tile
from geoglm.tiling.patch import TileRoomTooSmall
from geoglm.tiling.place import Frame
from geoglm.tiling.shards import Shard
from geoglm.types import INVALID, PixelBox

TOP, STEPS = 2.0, 254
"""The distance beyond which more is no likelier a change, and the steps in which distances are kept."""

LEAST, UNKNOWN = 0.05, 0.5
"""Of two places taken at random features are 1 apart; nearer than this they count as the same in any pair, and where it
is not known how far apart those of quiet ground are."""

SAMPLE_TILES, SAMPLE_PX = 8, 1 << 16
"""Tiles that tell how features vary, and their pixels at most."""

CHANCE, ROUND, FEW = 0.05, 8, 100
"""How often the features of quiet ground are further apart than the least threshold; how far around, in features,
ground is quiet there; and of how few features nothing is concluded."""

GAINS = 0.05, 20.0
"""Gains, as multiples of that of the scales, between which a band of one date is brought to the light of the other."""

QUIET_PX = 512
"""Side of the squares in which quiet ground is looked for."""

HELD_BYTES, HELD_BYTES_BAND, HELD_BYTES_PX = 150 * 10**6, 12, 40
"""What is held beside the network: in any case; and for a pixel of a tile, of each band and of what is made of them."""

ENOUGH_BYTES, SHARD_PX = 2 * 10**9, 1024
"""Memory beyond which tiles would become larger, but not faster; and the side of shards, px."""

SEEN = Plane("seen", "average")

Quiet = Callable[[PixelBox], NDArray[np.bool_]]
Pair = tuple[Features, Features]


class Sights:
    """What the network makes of a pair; see `geoglm.jobs.change.spectral.SecondOpinion`.

    Raises:
        GeoglmError: of the kind that says what does not fit.
    """

    def __init__(self, ready: Preflight, options: ChangeOptions) -> None:
        self.ready = ready
        self.scene = ready.pair.before.meta.box
        plans = _plans(ready, options)
        layout = min((p.layout for p in plans), key=lambda one: one.grid.patch)
        self.plans = tuple(replace(p, layout=layout, workers=min(x.workers for x in plans)) for p in plans)
        self.layout, self.card = layout, plans[0].package.card
        self.notes = notes_of(ready, plans)
        self.key = f"sights {self.plans[0].key} {self.plans[1].key}"
        self.threads = Threads(self.plans[0].workers, 0)

    def form(self, kept: Kept, found: Alteration, quiet: Quiet, progress: Progress) -> dict[str, Any]:
        """See `SecondOpinion.form`."""
        progress("loading the model", 0, 0)
        look = _Look(self.plans, self.ready, found)
        variety, chance = self._sampled(look, quiet)
        self.seen = Blocks(kept.stage, self.scene, self.layout.chunks, "seen-")

        def see(shard: Shard) -> None:
            levels = np.full(shard.box.shape, INVALID, np.uint8)
            for tile in shard.tiles:
                place_core(levels, shard.box, look.levels(tile, variety), tile.read, tile.core)
            counts = np.bincount(levels.ravel(), minlength=256)[: STEPS + 1]
            self.seen.keep(shard.name, shard.box, {SEEN: levels}, counts=counts.astype(np.int64).tobytes())

        todo = [s for s in self.layout if not self.seen.has(s.name)]
        self.threads.run(todo, see, partial(progress, "seeing both dates"), self.scene.area)
        counts = np.zeros(STEPS + 1, np.int64)
        for shard in self.layout:
            counts += np.frombuffer(self.seen.parts(shard.row, shard.col)["counts"], np.int64)
        least = UNKNOWN if chance is None else min(max(chance, LEAST), 1.0)
        if chance is None:
            self.notes += ("the dates have too little quiet ground in common to tell what a model sees of it",)
        elif chance >= 1:
            self.notes += (
                "what the model sees of quiet ground differs as much as two places do: it is no judge of this pair",
            )
        parted = split(Histogram(TOP * (STEPS + 1) / STEPS, counts), at_least=least)
        likely = np.rint(100 * parted.probability(np.arange(256) * (TOP / STEPS))).astype(np.uint8)
        self.likely = np.where(np.arange(256) == INVALID, INVALID, likely).astype(np.uint8)
        package = self.plans[0].package
        return {
            "model": {"name": self.card.name, "version": self.card.version, "weights_sha256": package.sha256},
            "model_why": self.plans[0].reasons["model"],
            "features": {
                "brought_to_the_light_of": ("before", "after")[look.clearer],
                "threshold": round(parted.threshold, 4),
                "threshold_by": "quiet ground" if parted.threshold <= least else "Otsu",
                "quiet_ground": None if chance is None else round(chance, 4),
            },
        }

    def percent(self, box: PixelBox) -> NDArray[np.uint8]:
        """See `SecondOpinion.percent`."""
        return self.likely[self.seen.read(SEEN, box)]

    def _sampled(self, look: _Look, quiet: Quiet) -> tuple[Variety, float | None]:
        """How features vary over the scene, and the distance that those of quiet ground seldom exceed; None where there
        is too little of that."""
        tiles = list(self.layout.grid)
        order = np.random.default_rng(0).permutation(len(tiles))
        each = SAMPLE_PX // SAMPLE_TILES
        taken: list[tuple[Features, Features, NDArray[np.bool_]]] = []
        for k in range(0, len(tiles), SAMPLE_TILES):
            some = [tiles[t] for t in order[k : k + SAMPLE_TILES]]
            found = self.threads.map(some, lambda tile: look.sample(tile, quiet, each))
            taken += [f for f in found if f is not None][: SAMPLE_TILES - len(taken)]
            if len(taken) == SAMPLE_TILES:
                break
        if not taken:
            names = " and ".join(w.meta.name for w in self.ready.pair.wholes)
            raise SceneMismatch(f"{names}: no square of {look.factor} x {look.factor} px has data on both dates")
        before, after = (np.concatenate([t[k] for t in taken], axis=1) for k in (0, 1))
        still = np.concatenate([t[2] for t in taken])
        variety = Variety.of(before, after)
        if still.sum() < FEW:
            return variety, None
        distance = variety.distance(before[:, None, still], after[:, None, still])[0]
        return variety, float(np.quantile(distance, 1 - CHANCE))


def _plans(ready: Preflight, options: ChangeOptions) -> tuple[SegmentPlan, SegmentPlan]:
    """How the network looks at either date, in the memory that is left beside what both dates take.

    Raises:
        PlanError: that is too little.
    """
    held = HELD_BYTES_BAND * max(map(len, ready.bands)) + HELD_BYTES_PX
    share = ACTIVATION_BYTES_PX["bf16"] / (ACTIVATION_BYTES_PX["bf16"] + held)
    room = BASE_BYTES + int((min(options.memory, ENOUGH_BYTES) - BASE_BYTES - HELD_BYTES) * share)
    asked = replace(options, memory=max(room, 1), block_px=options.block_px or SHARD_PX)
    try:
        return plans_of(ready, asked, device="cpu")
    except PlanError as error:
        if not isinstance(error.__cause__, TileRoomTooSmall):
            raise
        raise PlanError(
            f"memory {options.memory / 1e6:.0f} MB is too little for a model that looks at both dates; give more, "
            "or use --method spectral"
        ) from error


class _Look:
    """A network that looks at tiles of both dates in one light.

    Attributes:
        clearer: 0 or 1, the date in whose light that is.
        factor: pixels a side for each feature, once a tile has been looked at.
    """

    def __init__(self, plans: tuple[SegmentPlan, ...], ready: Preflight, found: Alteration) -> None:
        self.plans, self.clearer = plans, _clearer(found)
        self.ours, self.theirs = plans[self.clearer], plans[1 - self.clearer]
        self.gain, self.offset = self._light(ready, found)
        self.runtime = runtime_of(self.ours, "features", dtype="float32")
        meta = self.ours.source.meta
        self.frame = Frame(meta.box, meta.gsd, self.ours.reduce) if self.ours.package.card.summary_size else None
        self.factor = 1

    def _light(self, ready: Preflight, found: Alteration) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Gain and offset for each of the network's bands that bring the duller date to the light of the clearer one:
        by its unchanged pixels where the band is one of those compared and is alive, else by its scale."""
        means, spreads = (found.before_mean, found.after_mean), found.spreads
        one, other = self.clearer, 1 - self.clearer
        compared = list(zip(ready.bands[one], ready.bands[other], strict=True)) if self._same_count(ready) else []
        gain, offset = [], []
        scale = self.ours.full_scale / self.theirs.full_scale
        for band in zip(self.ours.bands, self.theirs.bands, strict=True):
            k = compared.index(band) if band in compared else None
            found_gain = 0.0 if k is None else spreads[one][k] / max(spreads[other][k], 1e-12)
            if k is not None and GAINS[0] < found_gain / scale < GAINS[1]:
                gain.append(found_gain)
                offset.append(means[one][k] - found_gain * means[other][k])
            else:
                gain.append(scale)
                offset.append(self.ours.zero - scale * self.theirs.zero)
        column = (-1, 1, 1)
        return np.array(gain, np.float32).reshape(column), np.array(offset, np.float32).reshape(column)

    @staticmethod
    def _same_count(ready: Preflight) -> bool:
        return len(ready.bands[0]) == len(ready.bands[1])

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
    means = (found.before_mean, found.after_mean)
    contrast = [np.log(s / np.maximum(np.abs(m), 1e-9)).mean() for s, m in zip(found.spreads, means, strict=True)]
    return int(contrast[1] > contrast[0])
