import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geoglm.tiling.grid import TileGrid
from geoglm.tiling.shards import ShardLayout
from tests.strategies import lengths


@given(lengths, lengths, st.integers(1, 200), st.integers(24, 90), st.booleans())
def test_shards_partition_the_scene_and_hold_the_tiles_they_need(
    height: int, width: int, side: int, patch: int, ring: bool
) -> None:
    grid = TileGrid.over((height, width), patch=(patch, patch), halo=2, stride=2)
    layout = ShardLayout.sized(grid, side_px=side, with_neighbours=ring)
    covered = np.zeros((height, width), np.uint8)
    for shard in layout:
        covered[shard.box.top : shard.box.bottom, shard.box.left : shard.box.right] += 1
        own = [t for t in shard.tiles if shard.box.top <= t.core.top < shard.box.bottom]
        own = [t for t in own if shard.box.left <= t.core.left < shard.box.right]
        assert sum(t.core.area for t in own) == shard.box.area
        assert ring or len(own) == len(shard.tiles)
    assert (covered == 1).all()
    assert tuple(map(sum, layout.chunks)) == (height, width)


def test_the_tiles_are_the_same_however_they_are_grouped() -> None:
    grid = TileGrid.over((500, 700), patch=(128, 128), halo=16, stride=16)
    layouts = [ShardLayout.sized(grid, side_px=side) for side in (1, 200, 5000)]
    tiles = [sorted(t.read for s in layout for t in s.tiles) for layout in layouts]
    assert tiles[0] == tiles[1] == tiles[2]
