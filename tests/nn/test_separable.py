"""The separable encoder: levels of its own widths, tiled exactly within a short reach."""

import pytest
import torch

from geoglm.nn.encoders import Encoder
from geoglm.nn.tileable import receptive_field, tiled_difference
from tests.nn.networks import network, tiny

SPEC = tiny(encoder="separable-8", depth=3, bands=9, detail=4, stretch="ratio", finest=2)


def test_levels_widen_as_they_grow_coarse() -> None:
    levels = Encoder("separable-8", bands=9, depth=3)(torch.rand(2, 9, 32, 48))
    assert [tuple(level.shape) for level in levels] == [(2, 8, 16, 24), (2, 16, 8, 12), (2, 24, 4, 6)]
    assert Encoder("separable-8", bands=9, depth=3).channels == (16, 24)
    with pytest.raises(ValueError, match="halves 2 or 3 times"):
        Encoder("separable-8", bands=9, depth=4)


def test_its_tiles_are_exact_with_a_halo_of_128_px() -> None:
    built = network(SPEC)
    reach = receptive_field(built, bands=9, stride=8)
    assert reach <= 128
    assert tiled_difference(built, bands=9, stride=8, halo=reach) < 1e-3
