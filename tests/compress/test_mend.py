"""Mending: exact where nothing is missing, and nearer to the whole network on other samples too."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from geoglm.compress.mend import Fit, mend
from geoglm.compress.prune import pruned
from tests.nn.networks import network, tiny

SPEC = tiny(encoder="tu-mobilenetv2_050", depth=3, width=16)


def fitted(
    goal: nn.Conv2d, layer: nn.Conv2d, image: torch.Tensor, less: torch.Tensor, stays: list[int]
) -> torch.Tensor:
    """What `layer` answers to `less` once it has been fitted to what `goal` answers to `image`."""
    fit = Fit(layer, goal, torch.tensor(stays))
    fit.see(layer, (less,), less)
    fit.compare(goal, (image,), goal(image))
    weight, shift = fit.solved()
    return nn.functional.conv2d(less, weight, shift, padding=layer.padding)


@pytest.mark.parametrize("kernel", [1, 3])
@torch.no_grad()
def test_a_layer_with_all_that_it_needs_answers_as_before(kernel: int) -> None:
    torch.manual_seed(0)
    goal, layer = (nn.Conv2d(k, n, kernel, padding=kernel // 2) for k, n in ((6, 4), (4, 2)))
    goal.weight[:, 4:] = 0
    image = torch.randn(2, 6, 24, 24) + 1
    answer = fitted(goal, layer, image, image[:, :4], [1, 3])
    assert answer == pytest.approx(goal(image)[:, [1, 3]], abs=0.02)


@torch.no_grad()
def test_a_channel_that_others_tell_is_not_missed() -> None:
    torch.manual_seed(0)
    goal, layer = nn.Conv2d(5, 3, 1, bias=False), nn.Conv2d(4, 3, 1, bias=False)
    image = torch.randn(1, 5, 20, 20)
    image[:, 4] = 2 * image[:, 1] - image[:, 0] + 3
    assert fitted(goal, layer, image, image[:, :4], [0, 1, 2]) == pytest.approx(goal(image), abs=0.02)


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
