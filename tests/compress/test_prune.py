"""Pruning: nothing at 0, at least what was asked for else, and the weakest channels first."""

from __future__ import annotations

import pytest
import torch

from geoglm.compress.prune import operations, pruned, strength
from geoglm.errors import GeoglmError
from geoglm.nn.channels import hidden_channels
from geoglm.nn.segmenter import build_segmenter
from geoglm.nn.tileable import exact_halo
from tests.nn.networks import network, tiny

SPEC = tiny(encoder="tu-mobilenetv2_050", depth=3, width=16)


@torch.no_grad()
def test_pruning_nothing_changes_nothing() -> None:
    whole = network(SPEC)
    same = pruned(whole, 0, bands=3)
    image = torch.randn(1, 3, 32, 32)
    assert torch.equal(same.network(image), whole(image))
    assert same.network is not whole
    assert same.kept == {}
    assert same.operations[0] == same.operations[1]


@pytest.mark.parametrize("share", [0.2, 0.5])
@torch.no_grad()
def test_so_many_operations_go_and_the_rest_is_a_network_of_its_own(share: float) -> None:
    whole = network(SPEC)
    smaller = pruned(whole, share, bands=3, multiple=4)
    before, after = smaller.operations
    assert before == operations(whole, bands=3)
    assert (1 - share) * before * 0.8 < after <= (1 - share) * before
    assert all(count % 4 == 0 for count in smaller.kept.values())
    assert smaller.hidden[1] < smaller.hidden[0]
    again = build_segmenter(tiny(encoder="tu-mobilenetv2_050", depth=3, width=16, kept=smaller.kept)).eval()
    again.load_state_dict(smaller.network.state_dict())
    image = torch.randn(1, 3, 32, 32)
    assert torch.equal(again(image), smaller.network(image))
    assert exact_halo(again, bands=3, stride=8) <= exact_halo(whole, bands=3, stride=8)


@torch.no_grad()
def test_channels_that_send_nothing_on_go_first() -> None:
    whole = network(SPEC)
    image = torch.randn(1, 3, 32, 32)
    for channels in hidden_channels(whole):
        for layer, first in channels.taken:
            layer.weight[:, first : first + channels.count : 2] = 0
        assert strength(channels)[::2].max() < strength(channels)[1::2].min()
    assert pruned(whole, 0.4, bands=3).network(image) == pytest.approx(whole(image), abs=1e-4)


def test_more_than_there_is_to_prune_is_refused() -> None:
    with pytest.raises(GeoglmError, match=r"0\.99 of its multiply-adds cannot be pruned; .* 0\.\d\d at most"):
        pruned(network(SPEC), 0.99, bands=3)
