"""From the pixels of a shard to its scores."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoglm.infer.runtime import Runtime
from geoglm.options import Doubt
from geoglm.stitch.mosaic import blend_tiles, place_core, scores_of
from geoglm.tiling.batches import batches
from geoglm.tiling.grid import Tile
from geoglm.tiling.place import Frame
from geoglm.tiling.shards import Shard
from geoglm.types import INVALID, PixelBox, Scores


@dataclass(frozen=True, slots=True)
class Predictor:
    """How shards of one scene are scored.

    Args:
        runtime: with product ``float`` where tiles are blended, else ``map`` or ``percent``.
        scene: the box of the whole scene.
        classes: how many the network knows.
        values: class value of each of the network's outputs.
        blend_px: half-width of the fade between tiles; 0 cuts them at their cores.
        layers: keep the probability of every class.
        doubts: layers of uncertainty; of tiles that are cut, those that the runtime was made for.
        views: keep what each tile of a shard makes of all it reads.
        frame: tells the network where each tile lies; None for a network that looks at no more than the tile.
    """

    runtime: Runtime
    scene: PixelBox
    values: tuple[int, ...]
    blend_px: int
    layers: bool
    frame: Frame | None = None
    doubts: tuple[Doubt, ...] = ()
    views: bool = False

    def score(self, shard: Shard, pixels: NDArray[np.generic], valid: NDArray[np.bool_]) -> Scores:
        """Scores of `shard`.

        Args:
            pixels: ``(band, y, x)`` of ``shard.read``, invalid ones filled.
            valid: ``(y, x)`` of ``shard.read``.
        """
        wanted = valid[shard.box.within(shard.read)]
        count = len(self.values)
        if not wanted.any():
            return Scores.nothing(shard.box.shape, classes=count if self.layers else None, doubts=self.doubts)
        score = self._blended if self.blend_px else self._cut
        raw = score(shard, pixels, valid)
        if self.values != tuple(range(count)):
            raw.classes[:] = np.array(self.values, np.uint8)[raw.classes]
        if not wanted.all():
            shares = raw.probabilities if raw.probabilities is not None else ()
            for layer in (raw.classes, raw.confidence, *shares, *raw.doubts.values()):
                np.putmask(layer, ~wanted, np.uint8(INVALID))
        return raw

    def _cut(self, shard: Shard, pixels: NDArray[np.generic], valid: NDArray[np.bool_]) -> Scores:
        shape = shard.box.shape
        classes, confidence = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        layers = np.zeros((len(self.values), *shape), np.uint8) if self.layers else None
        doubts: dict[str, NDArray[np.uint8]] = {d: np.zeros(shape, np.uint8) for d in self.doubts}
        into = [classes, confidence, *([] if layers is None else [layers]), *doubts.values()]
        views: list[tuple[PixelBox, NDArray[np.uint8]]] = []
        busy = (t for t in shard.tiles if valid[t.core.within(shard.read)].any())
        for batch in batches(busy, most=self.runtime.batch):
            answers = self.runtime.infer(_stack(batch, pixels, shard.read), self._places([t.read for t in batch]))
            for target, answer in zip(into, answers, strict=True):
                for tile, result in zip(batch, answer, strict=True):
                    place_core(target, shard.box, result.astype(np.uint8, copy=False), tile.read, tile.core)
            if self.views:
                views += [self._view(t.read, c, shard, valid) for t, c in zip(batch, answers[0], strict=True)]
        return Scores(classes, confidence, layers, doubts, tuple(views))

    def _view(
        self, read: PixelBox, classes: NDArray[np.generic], shard: Shard, valid: NDArray[np.bool_]
    ) -> tuple[PixelBox, NDArray[np.uint8]]:
        """The part of the scene that a tile reads, and the class values that it makes of it."""
        there = read.clip(self.scene)
        values = np.array(self.values, np.uint8)[classes[there.within(read)].astype(np.uint8, copy=False)]
        return there, np.where(valid[there.within(shard.read)], values, np.uint8(INVALID))

    def _blended(self, shard: Shard, pixels: NDArray[np.generic], valid: NDArray[np.bool_]) -> Scores:
        views: list[tuple[PixelBox, NDArray[np.uint8]]] = []
        seen = [t for t in shard.tiles if valid[t.core.within(shard.read)].any()]
        own = [t.read for t in seen if self.views and _within(t.core, shard.box)]

        def probabilities(read: PixelBox) -> NDArray[np.float32]:
            tile = pixels[(..., *read.within(shard.read))][None]
            (answer,) = self.runtime.infer(tile, self._places([read]))
            scores: NDArray[np.float32] = answer[0].astype(np.float32, copy=False)
            if read in own:
                views.append(self._view(read, scores.argmax(axis=0), shard, valid))
            return scores

        total = blend_tiles(
            shard.box,
            self.scene,
            [(t.read, t.core) for t in shard.tiles],
            probabilities,
            classes=len(self.values),
            halo=self.blend_px,
        )
        return replace(scores_of(total, keep=self.layers, doubts=self.doubts), views=tuple(views))

    def _places(self, reads: list[PixelBox]) -> NDArray[np.float32] | None:
        """``(n, 5)`` places of read boxes, where the network wants them."""
        return None if self.frame is None else np.stack([self.frame.place(r) for r in reads])


def _within(core: PixelBox, box: PixelBox) -> bool:
    """Whether a tile is one of the shard's own, not of those around it."""
    return box.top <= core.top < box.bottom and box.left <= core.left < box.right


def _stack(batch: list[Tile], pixels: NDArray[np.generic], read: PixelBox) -> NDArray[np.generic]:
    """``(n, band, y, x)`` of the tiles' read boxes, cut from the `pixels` of `read`; one tile that is all, as it is."""
    if [t.read for t in batch] == [read]:
        return pixels[None]
    return np.stack([pixels[(..., *t.read.within(read))] for t in batch])
