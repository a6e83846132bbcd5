import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglm.stitch.mosaic import blend_tiles, scores_of
from geoglm.stitch.weights import fade
from geoglm.tiling.grid import TileGrid
from geoglm.tiling.shards import ShardLayout
from geoglm.types import PixelBox


@given(st.lists(st.integers(8, 40), min_size=1, max_size=6), st.integers(0, 4))
def test_weights_of_all_tiles_add_up_to_one_everywhere(cores: list[int], halo: int) -> None:
    cuts = np.concatenate([[0], np.cumsum(cores)])
    at = np.arange(cuts[-1])
    count = len(cores)
    weights = [fade(at, core=(cuts[k], cuts[k + 1]), halo=halo, ends=(k == 0, k == count - 1)) for k in range(count)]
    assert np.abs(sum(weights) - 1).max() < 1e-6
    assert min(w.min() for w in weights) >= 0


def test_without_a_halo_a_tile_counts_in_its_core_alone() -> None:
    assert fade(np.arange(6), core=(2, 4), halo=0, ends=(False, False)).tolist() == [0, 0, 1, 1, 0, 0]


@pytest.mark.parametrize("side", [1, 70, 1000])
def test_blending_is_the_same_in_any_shards_and_keeps_what_the_tiles_agree_on(side: int) -> None:
    grid = TileGrid.over((90, 120), patch=(48, 48), halo=8, stride=8)
    scene = PixelBox(0, 0, 90, 120)
    truth = np.random.default_rng(0).dirichlet(np.ones(4), (96, 120)).astype(np.float32).transpose(2, 0, 1)

    def probabilities(read: PixelBox) -> np.ndarray:
        return truth[:, read.top : read.bottom, read.left : read.right]

    for shard in ShardLayout.sized(grid, side_px=side, with_neighbours=True):
        boxes = [(t.read, t.core) for t in shard.tiles]
        found = blend_tiles(shard.box, scene, boxes, probabilities, classes=4, halo=8)
        expected = truth[(..., *shard.box.within(scene))]
        assert np.abs(found - expected).max() < 1e-6
        assert (scores_of(found, keep=False).classes == expected.argmax(0)).mean() > 0.999
