"""A shard at a coarser level: its tile takes in its box and its halo, and comes back to the scene's own grid."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geoglm.tiling.grid import TileGrid
from geoglm.tiling.levels import Level, enlarged, thinned
from geoglm.tiling.shards import ShardLayout
from geoglm.types import PixelBox, Scores

lengths = st.integers(1, 900)
strides = st.sampled_from([1, 8, 32])


@given(height=lengths, width=lengths, factor=st.sampled_from([2, 4, 8]), halo=st.integers(0, 70), stride=strides)
def test_a_tile_takes_in_its_shard_and_its_halo(height: int, width: int, factor: int, halo: int, stride: int) -> None:
    scene = PixelBox(0, 0, height, width)
    grid = TileGrid.over(scene.shape, patch=(200, 200), halo=32, stride=8)
    shards = list(ShardLayout.sized(grid, side_px=250))
    level = Level.over(scene, [s.box for s in shards], factor=factor, halo=halo, stride=stride)
    small = thinned(scene, factor)
    seen = np.zeros(small.shape, np.bool_)
    for shard in shards:
        mine = level.shard(shard)
        (tile,) = mine.tiles
        assert tile.read == mine.read
        assert mine.read.shape == level.grid.patch
        assert mine.read.top % stride == mine.read.left % stride == 0
        for axis in (("top", "bottom"), ("left", "right")):
            start, stop = (getattr(mine.read, side) for side in axis)
            core_start, core_stop = (getattr(mine.box, side) for side in axis)
            assert 0 <= start <= max(0, core_start - halo)
            assert stop >= min(core_stop + halo, getattr(small, axis[1]))
        seen[mine.box.within(small)] = True
    assert seen.all()


@given(top=st.integers(0, 40), left=st.integers(0, 40), sides=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_scores_come_back_to_the_pixels_they_stand_for(top: int, left: int, sides: tuple[int, int]) -> None:
    factor, box = 4, PixelBox(top, left, top + sides[0], left + sides[1])
    core = thinned(box, factor)
    rng = np.random.default_rng(0)
    small = Scores(*(rng.integers(0, 255, (*lead, *core.shape), dtype=np.uint8) for lead in ((), (), (3,))))
    made = enlarged(small, core, box, factor)
    whole = PixelBox(core.top * factor, core.left * factor, core.bottom * factor, core.right * factor)
    for have, want in ((made.classes, small.classes), (made.probabilities, small.probabilities)):
        assert want is not None
        assert (have == want.repeat(factor, -1).repeat(factor, -2)[(..., *box.within(whole))]).all()
