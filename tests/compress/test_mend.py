"""Mending: exact where nothing is missing, never worse on its samples, and better all the way through a network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from geoglm.compress.mend import Moments, mend
from geoglm.compress.prune import pruned
from tests.nn.networks import network, tiny

SPEC = tiny(encoder="tu-mobilenetv2_050", depth=3, width=16)


@pytest.mark.parametrize("kernel", [1, 3])
@torch.no_grad()
def test_a_layer_with_what_it_needs_is_fitted_as_it_was(kernel: int) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(6, 4, kernel, padding=kernel // 2)
    layer.weight[:, 4:] = 0
    seen = Moments.of(layer)
    for _ in range(3):
        image = torch.randn(2, 6, 12, 12) + 1
        seen.add(layer, (image,), layer(image))
    assert seen.pixels == 3 * 2 * 144
    weight, shift = seen.fitted(torch.arange(4))
    assert weight == pytest.approx(layer.weight[:, :4], abs=1e-4)
    assert shift == pytest.approx(layer.bias, abs=1e-3)


@torch.no_grad()
def test_a_channel_that_repeats_another_is_not_missed() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(5, 3, 1, bias=False)
    image = torch.randn(1, 5, 20, 20)
    image[:, 4] = 2 * image[:, 1] - image[:, 0] + 3
    seen = Moments.of(layer)
    seen.add(layer, (image,), layer(image))
    weight, shift = seen.fitted(torch.arange(4))
    fitted = nn.functional.conv2d(image[:, :4], weight, shift)
    assert fitted == pytest.approx(layer(image), abs=0.02)


@torch.no_grad()
def test_a_mended_network_is_nearer_to_the_whole_one_on_pixels_it_has_not_seen() -> None:
    whole = network(SPEC)
    torch.manual_seed(1)
    samples = [torch.randn(1, 3, 64, 64) for _ in range(6)]
    smaller = pruned(whole, 0.3, bands=3, multiple=4)
    other = torch.randn(1, 3, 64, 64)
    before = (smaller.network(other) - whole(other)).square().mean()
    mend(smaller.network, whole, smaller.places, samples)
    assert (smaller.network(other) - whole(other)).square().mean() < 0.7 * before


@torch.no_grad()
def test_a_network_that_lost_nothing_is_not_touched() -> None:
    whole = network(SPEC)
    same = pruned(whole, 0.0, bands=3)
    mend(same.network, whole, same.places, [torch.randn(1, 3, 32, 32)])
    assert all(torch.equal(a, b) for a, b in zip(same.network.parameters(), whole.parameters(), strict=True))
