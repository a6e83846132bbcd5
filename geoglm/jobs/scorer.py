"""The scorer of a plan: shards in, scores out, in this process or in another, the network loaded once in each."""

from __future__ import annotations

import hashlib
import pickle
import threading
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import BadPackage, SceneMismatch
from geoglm.infer.predict import Predictor
from geoglm.io.source import Sparse, read_padded
from geoglm.io.vectors import AreaOfInterest
from geoglm.jobs.network import predictor_of
from geoglm.jobs.plan import SegmentPlan
from geoglm.pixels.scale import network_dtype
from geoglm.registry.catalog import find
from geoglm.tiling.shards import Shard
from geoglm.types import Scores


class ShardScorer:
    """Reads and scores shards of `plan`, from any thread; the network is loaded when the first is wanted.

    Pickled, it becomes a `PackedScorer`.

    Args:
        aoi: pixels outside of it are not classified.
    """

    def __init__(self, plan: SegmentPlan, aoi: AreaOfInterest | None = None) -> None:
        self.plan, self.aoi = plan, aoi
        self._predictor: Predictor | None = None
        self._loading = threading.Lock()

    def load(self) -> Predictor:
        """The network, loaded at the first call."""
        with self._loading:
            if self._predictor is None:
                self._predictor = _predictor_of(self.plan)
        return self._predictor

    def score(self, row: int, col: int) -> Scores:
        """Scores of the shard in that row and column of the layout."""
        shard = self.plan.layout.shard(row, col)
        if not self.wanted(shard):
            return self.nothing(shard)
        pixels, valid = self.read(shard)  # the network may still be loading
        return self.load().score(shard, pixels, valid)

    def nothing(self, shard: Shard) -> Scores:
        """The scores of a shard without a pixel to be classified."""
        layers = len(self.plan.package.card.classes) if self.plan.options.probabilities else None
        return Scores.nothing(shard.box.shape, classes=layers, doubts=self.plan.options.doubts)

    def wanted(self, shard: Shard) -> bool:
        """Whether `shard` may have a pixel to be classified, found out without reading it where that can be."""
        if self.aoi is not None and not self.aoi.mask(shard.box).any():
            return False
        source = self.plan.source
        return source.has_data(shard.box, self.plan.bands) if isinstance(source, Sparse) else True

    def read(self, shard: Shard) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Pixels and validity of all tiles of `shard`, as the network takes them."""
        plan = self.plan
        dtype = network_dtype(plan.source.meta.dtype)
        pixels, valid = read_padded(plan.source, shard.read, plan.bands, fill=plan.fill, dtype=dtype)
        if self.aoi is not None:
            valid = valid.copy()
            valid[shard.box.within(shard.read)] &= self.aoi.mask(shard.box)
        return pixels, valid

    def packed(self) -> PackedScorer:
        """The same for another process."""
        # the device is settled here: a worker with a GPU would give another map than one without
        options = replace(self.plan.options, device=self.plan.device, aoi=None)
        scene = _told(self.plan)
        return PackedScorer(pickle.dumps((replace(self.plan, options=options), scene, self.aoi)))

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedScorer, (self.packed().content,)


@dataclass(frozen=True)
class PackedScorer:
    """A scorer on its way to another process; all tasks of a run share the one that is unpacked there.

    The scene is opened there by its path, so it must lie where each worker finds it: on a shared disk, or behind a URL.
    The package is the one in the same folder, or the shipped one of that name.
    """

    content: bytes

    @cached_property
    def run(self) -> str:
        """Tells the scorers of different runs apart."""
        return hashlib.sha256(self.content).hexdigest()

    def score(self, row: int, col: int) -> Scores:
        """See `ShardScorer.score`; raises as `here` does."""
        return self.here().score(row, col)

    def here(self) -> ShardScorer:
        """The one of this process.

        Raises:
            SceneError, BadPackage: scene or model are not to be found here, or are others.
        """
        with _unpacking:
            if (scorer := _unpacked.get(self.run)) is None:
                scorer = self._unpack()
                _unpacked.clear()  # the networks of former runs are let go
                _unpacked[self.run] = scorer
        return scorer

    def _unpack(self) -> ShardScorer:
        plan, scene, aoi = pickle.loads(self.content)
        if _told(plan) != scene:
            raise SceneMismatch(
                f"{plan.source.meta.name}: the worker finds another scene of that name than was planned"
            )
        asked = plan.package
        package = asked if asked.folder.is_dir() else find(asked.card.name)
        if package.key != asked.key:
            raise BadPackage(package.folder, "it is not the package that this run began with; install the same geoglm")
        return ShardScorer(replace(plan, package=package, workers=_threads() or plan.workers), aoi)


def _predictor_of(plan: SegmentPlan) -> Predictor:
    """Ready to score shards with all that the plan's options ask for."""
    asked = plan.options
    return predictor_of(plan, layers=asked.probabilities, doubts=asked.doubts, views=asked.disagreement)


_unpacked: dict[str, ShardScorer] = {}
_unpacking = threading.Lock()


def _told(plan: SegmentPlan) -> str:
    """What the scene says of itself, wherever it lies; as text, in which NaN equals NaN."""
    return repr(replace(plan.source.meta, product=()))


def _threads() -> int | None:
    """Threads of the dask worker that this runs on; None outside of one."""
    from distributed import get_worker

    try:
        return int(get_worker().state.nthreads)
    except ValueError:
        return None
