"""The maps of a run: what shards keep of them, and how files are put together from that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.io.blocks import Place, Plane, compressed, gathered, opened, opened_view, pack, pack_view, padded
from geoglm.io.cog import Layer, array_blocks, classes_layer, write_cog
from geoglm.io.geotiff import RasterFile
from geoglm.io.journal import ShardParts, Stage
from geoglm.io.pyramid import Gathered
from geoglm.io.scratch import scratch_array
from geoglm.jobs.plan import SegmentPlan
from geoglm.stats.area import class_counts
from geoglm.stitch.doubts import disagreement
from geoglm.stitch.overviews import halved
from geoglm.tiling.shards import Shard, cells_meeting
from geoglm.types import INVALID, LandClass, PixelBox, Scores

OPEN_SHARDS = 64
"""Shards whose files are open at a time while blocks are gathered."""

STRIP_PX = 2048
"""Side of the boxes in which a finished map is read again."""


UNITS = {
    "entropy": "Shannon entropy of the probabilities of all classes, as a share of the most there can be",
    "margin": "probability of the first class less that of the second",
    "disagreement": "share of the tiles that see a pixel, two at least, which make another class of it than the map",
}
"""What a layer of uncertainty holds, 0 to 1."""


def layers_of(scheme: Sequence[LandClass], names: Iterable[str]) -> dict[str, Layer]:
    """The maps called ``classes``, ``confidence``, ``probabilities`` or like one of `UNITS`, as they are written."""
    known = {
        "classes": classes_layer(scheme),
        "confidence": Layer(("confidence",), "average", scale=0.01),
        "probabilities": Layer(tuple(c.name for c in scheme), "average", scale=0.01),
    }
    known |= {d: Layer((d,), "average", tags={"UNIT": told}, scale=0.01) for d, told in UNITS.items()}
    return {name: known[name] for name in names}


class Maps:
    """The rasters that a run writes, from shards to files.

    Args:
        plan: of the run.
        stage: where it keeps shards and drafts.
    """

    def __init__(self, plan: SegmentPlan, stage: Stage) -> None:
        self.plan, self.stage = plan, stage
        self.scene, scheme = plan.source.meta.box, plan.package.card.classes
        self.values = tuple(c.value for c in scheme)
        asked = ["probabilities"] * plan.options.probabilities + [*plan.options.doubts]
        asked += ["disagreement"] * plan.options.disagreement
        self.layers = layers_of(scheme, ("classes", "confidence", *asked))
        self._tops, self._lefts = ([0, *accumulate(lengths)] for lengths in plan.layout.chunks)
        self._parts = lru_cache(OPEN_SHARDS)(self._opened)

    def keep(self, shard: Shard, scores: Scores) -> None:
        """Compress what a shard found, and keep it: from here on the shard is finished."""
        bands = {"classes": scores.classes[None], "confidence": scores.confidence[None]}
        if scores.probabilities is not None:
            bands["probabilities"] = scores.probabilities
        bands |= {name: doubt[None] for name, doubt in scores.doubts.items()}
        parts = {"counts": class_counts(scores.classes, self.values).tobytes()}
        for name, values in bands.items():
            for plane, band in zip(self.layers[name].planes(name), values, strict=True):
                parts |= pack(plane, band, shard.box, self.scene)
        for box, view in scores.views:
            parts |= pack_view(view, box, self.scene)
        self.stage.save_shard(shard.name, parts)

    def write(self, progress: Callable[[int, int], None]) -> None:
        """Put the files together, from blocks that are compressed already.

        Args:
            progress: called with the pixels done and to do.
        """
        total = self.scene.area * len(self.layers)
        for number, (name, layer) in enumerate(self.layers.items()):
            block = self._disagreeing if name == "disagreement" else partial(self._block, layer.planes(name))
            self._write(name, block)
            progress((number + 1) * self.scene.area, total)

    def _write(self, name: str, block: Callable[[int, Place], Gathered]) -> None:
        source, path = self.plan.source.meta, self.path(name)
        write_cog(path, self.scene.shape, source.georef, self.layers[name], block, workers=self.plan.workers)

    def path(self, name: str) -> Path:
        """The draft of a map."""
        return self.stage.drafts / f"{name}.tif"

    def merge_small(self, min_area: float) -> NDArray[np.int32]:
        """Merge regions smaller than `min_area` m² (pixels where unknown) into their neighbours, and count anew."""
        from geoglm.jobs.vectorize import merge_small  # Numba loads here

        classes: NDArray[np.uint8] = scratch_array(self.stage.folder / "classes.npy", np.uint8, self.scene.shape)
        written = RasterFile(self.path("classes"))
        for box in self.scene.blocks(STRIP_PX):
            classes[box.within(self.scene)] = written.read(box, [0])[0][0]
        merge_small(classes, self.plan.source.meta.georef, min_area)
        self._write("classes", array_blocks(classes, "mode"))
        return class_counts(classes, self.values)

    def counts(self) -> NDArray[np.int32]:
        """``(y, class)`` pixels of each class in each row of the scene."""
        total = np.zeros((self.scene.height, len(self.values)), np.int32)
        for row, col in np.ndindex(*self.plan.layout.shape):
            found = np.frombuffer(self._parts(row, col)["counts"], np.int32).reshape(-1, len(self.values))
            total[self._tops[row] : self._tops[row + 1]] += found
        return total

    def _meeting(self, box: PixelBox) -> Iterator[tuple[PixelBox, ShardParts]]:
        """The shards that a block meets."""
        for row, col, shard in cells_meeting(box, self._tops, self._lefts):
            yield shard, self._parts(row, col)

    def _block(self, planes: Sequence[Plane], band: int, place: Place) -> Gathered:
        return gathered(planes[band], place, dict(self._meeting(place.box)))

    def _disagreeing(self, band: int, place: Place) -> Gathered:
        """A block of disagreement, of the classes of the map and of what all tiles have seen that read some of it."""
        classes = self._block(self.layers["classes"].planes("classes"), 0, place)
        if classes is None:
            return None
        layout = self.plan.layout
        views = (
            opened_view(tile.read.clip(self.scene), place, self._parts(*layout.owner(tile)))
            for tile in layout.grid.reading(place.box)
        )
        found = disagreement(opened(classes[0], place.box.shape), place.box, (v for v in views if v is not None))
        square = padded(found)
        return None if (square == INVALID).all() else (compressed(square), halved(square, "average"))

    def _opened(self, row: int, col: int) -> ShardParts:
        return self.stage.load_shard(self.plan.layout.shard(row, col).name)
