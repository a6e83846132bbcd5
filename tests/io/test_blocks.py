"""Blocks that shards pack, put together again."""

import zlib
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglm.io.blocks import BLOCK_PX, Plane, blocks_of, gathered, pack
from geoglm.stitch.overviews import halved
from geoglm.types import PixelBox


@settings(max_examples=25)
@given(
    shape=st.tuples(st.integers(1, 1400), st.integers(1, 1400)),
    cuts=st.tuples(st.integers(1, 1399), st.integers(1, 1399)),
    share=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 9),
)
def test_shards_cut_anywhere_make_the_same_blocks(
    shape: tuple[int, int], cuts: tuple[int, int], share: float, seed: int
) -> None:
    rng, scene, plane = np.random.default_rng(seed), PixelBox(0, 0, *shape), Plane("classes0", "mode")
    values = rng.integers(0, 5, shape).astype(np.uint8)
    values[rng.random(shape) < share] = 255
    rows, cols = (sorted({0, min(c, n), n}) for c, n in zip(cuts, shape, strict=True))
    boxes = [PixelBox(t, le, b, r) for t, b in pairwise(rows) for le, r in pairwise(cols)]
    shards = {box: pack(plane, values[box.within(scene)], box, scene) for box in boxes}
    for place in blocks_of(scene, scene):
        truth = np.full((BLOCK_PX, BLOCK_PX), 255, np.uint8)
        truth[: place.box.height, : place.box.width] = values[place.box.within(scene)]
        found = gathered(plane, place, shards)
        if found is None:
            assert (truth == 255).all()
        else:
            stream, half = found
            assert (np.frombuffer(zlib.decompress(stream), np.uint8).reshape(truth.shape) == truth).all()
            assert (half == halved(truth, "mode")).all()
