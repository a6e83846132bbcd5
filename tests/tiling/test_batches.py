from geoglm.tiling.batches import batches
from geoglm.tiling.grid import TileGrid


def test_batches_hold_every_tile_once_and_one_shape_each() -> None:
    small = list(TileGrid.over((100, 100), patch=(64, 64), halo=0, stride=1))
    large = list(TileGrid.over((300, 300), patch=(128, 128), halo=0, stride=1))
    mixed = [t for pair in zip(small, large, strict=False) for t in pair] + large[4:]
    groups = list(batches(mixed, most=3))
    assert sorted((t for g in groups for t in g), key=id) == sorted(mixed, key=id)
    assert all(len({t.read.shape for t in g}) == 1 and len(g) <= 3 for g in groups)
