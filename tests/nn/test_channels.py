"""Hidden channels: a network without some of them computes what it did with these silent."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from geoglm.nn.channels import HiddenChannels, hidden_channels, narrow
from geoglm.nn.segmenter import build_segmenter
from tests.nn.networks import network, tiny

SPECS = {
    "lite0": tiny(encoder="tu-tf_efficientnet_lite0", depth=3),
    "mobilenetv3": tiny(encoder="tu-mobilenetv3_small_100", depth=4),
    "resnet18": tiny(),
    "resnet50": tiny(encoder="resnet50", depth=3),
    "separable": tiny(encoder="separable-8", depth=3, detail=8),
    "half detail": tiny(detail=8, finest=2),
    "weighted": tiny(fusion="weighted"),
    "deform": tiny(alignment="deform"),
}


@torch.no_grad()
def silence(channels: HiddenChannels, places: torch.Tensor) -> None:
    """Make channels zero wherever they are read: what they are made by gives nothing."""
    for layer in channels.made:
        layer.weight[places] = 0
        if layer.bias is not None:
            layer.bias[places] = 0
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean[places] = 0


@pytest.mark.parametrize("name", SPECS)
@torch.no_grad()
def test_cutting_channels_is_silencing_them(name: str) -> None:
    whole, cut = network(SPECS[name]), network(SPECS[name])
    rng = torch.Generator().manual_seed(1)
    for silent, gone in reversed(list(zip(hidden_channels(whole), hidden_channels(cut), strict=True))):
        kept = torch.randperm(gone.count, generator=rng)[: max(1, gone.count * 2 // 3)].sort().values
        silence(silent, torch.tensor([k for k in range(gone.count) if k not in kept], dtype=torch.long))
        gone.keep(kept)
    side = 2 * int(whole.stride)
    image = torch.randn(2, 3, side, side)
    assert cut(image) == pytest.approx(whole(image), abs=1e-4)
    assert sum(p.numel() for p in cut.parameters()) < sum(p.numel() for p in whole.parameters())


def test_what_a_sum_goes_through_stays() -> None:
    names = {h.name for h in hidden_channels(network(SPECS["resnet18"]))}
    assert "encoder.body.layer1.0.conv1" in names
    assert not any("conv2" in n or "downsample" in n for n in names)
    assert {h.name.split(".")[0] for h in hidden_channels(network(SPECS["deform"]))} == {"encoder", "pyramid", "fusion"}
    assert not any(h.name.startswith("pyramid.lateral") for h in hidden_channels(network(SPECS["deform"])))
    assert not any(h.name.startswith(("fusion", "pyramid.smooth")) for h in hidden_channels(network(SPECS["weighted"])))
    assert hidden_channels(nn.Conv2d(3, 4, 1)) == []


def test_a_network_is_built_again_from_the_numbers_of_its_channels() -> None:
    spec = tiny(kept={"pyramid.lateral.0": 5, "encoder.body.layer1.0.conv1": 40})
    built = build_segmenter(spec)
    counts = {h.name: h.count for h in hidden_channels(built)}
    assert counts["pyramid.lateral.0"] == 5
    assert counts["encoder.body.layer1.0.conv1"] == 40
    assert counts["encoder.body.layer1.1.conv1"] == 64
    assert spec.as_dict()["kept"] == spec.kept
    assert "kept" not in tiny().as_dict()


@pytest.mark.parametrize("kept", [{"nobody": 3}, {"pyramid.lateral.0": 0}, {"pyramid.lateral.0": 9}])
def test_channels_that_are_not_there_cannot_be_kept(kept: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"nobody|pyramid\.lateral"):
        narrow(network(tiny()), kept)
