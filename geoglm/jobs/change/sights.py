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

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import PlanError, SceneMismatch
from geoglm.io.blocks import Plane
from geoglm.jobs.budget import ACTIVATION_BYTES_PX, BASE_BYTES
from geoglm.jobs.change.kept import Blocks, Kept
from geoglm.jobs.change.look import STEPS, TOP, Look, Quiet
from geoglm.jobs.change.modelled import notes_of, plans_of
from geoglm.jobs.change.options import ChangeOptions
from geoglm.jobs.change.preflight import Preflight
from geoglm.jobs.change.threads import Threads
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.progress import Progress
from geoglm.stats.irmad import Alteration
from geoglm.stats.sights import Features, Variety
from geoglm.stats.threshold import Histogram, split
from geoglm.stitch.mosaic import place_core
from geoglm.tiling.patch import TileRoomTooSmall
from geoglm.tiling.shards import Shard
from geoglm.types import INVALID, PixelBox

LEAST, UNKNOWN = 0.05, 0.5
"""Of two places taken at random features are 1 apart; nearer than this they count as the same in any pair, and where it
is not known how far apart those of quiet ground are."""

SAMPLE_TILES, SAMPLE_PX = 8, 1 << 16
"""Tiles that tell how features vary, and their pixels at most."""

CHANCE, FEW = 0.05, 100
"""How often the features of quiet ground are further apart than the least threshold; of fewer nothing is concluded."""

HELD_BYTES, HELD_BYTES_BAND, HELD_BYTES_PX = 150 * 10**6, 12, 40
"""What is held beside the network: in any case; and for a pixel of a tile, of each band and of what is made of them."""

ENOUGH_BYTES, SHARD_PX = 2 * 10**9, 1024
"""Memory beyond which tiles would become larger, but not faster; and the side of shards, px."""

SEEN = Plane("seen", "average")


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
        look = Look(self.plans, self.ready, found)
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

    def _sampled(self, look: Look, quiet: Quiet) -> tuple[Variety, float | None]:
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
