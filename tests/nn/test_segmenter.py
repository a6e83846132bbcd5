"""The network is exactly tileable; its receptive field is what it is said to be."""

import pytest
import torch

from geoglm.nn.encoders import Encoder, adopt_weights
from geoglm.nn.segmenter import PointwiseSegmenter, Segmenter, SegmenterSpec, build_segmenter, receptive_field

SPECS = [
    SegmenterSpec("tu-tf_efficientnet_lite0", bands=3, classes=5, depth=3),
    SegmenterSpec("tu-tf_efficientnet_lite0", bands=4, classes=2, depth=4, width=16),
    SegmenterSpec("resnet18", bands=3, classes=3, depth=4, width=16),
]


def network(spec: SegmenterSpec) -> Segmenter | PointwiseSegmenter:
    torch.manual_seed(0)
    built = build_segmenter(spec)
    with torch.no_grad():
        for module in built.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
    return built.eval()


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"{s.encoder}-{s.depth}")
@torch.no_grad()
def test_a_tile_with_the_receptive_field_around_it_gives_what_the_whole_image_gives(spec: SegmenterSpec) -> None:
    built = network(spec)
    stride = built.stride
    halo = receptive_field(built, bands=spec.bands, stride=stride)
    side = 2 * halo + 4 * stride
    image = torch.randn(1, spec.bands, side + 2 * stride, side + 2 * stride)
    whole = built(image)
    start = stride
    tile = built(image[..., start : start + side, start : start + side])
    core = slice(start + halo, start + side - halo)
    inner = slice(halo, side - halo)
    assert (tile[..., inner, inner] - whole[..., core, core]).abs().max() < 1e-4
    assert (tile - whole[..., start : start + side, start : start + side]).abs().max() > 1e-4


def test_a_pointwise_network_sees_one_pixel() -> None:
    spec = SegmenterSpec("pointwise", bands=2, classes=3)
    assert receptive_field(build_segmenter(spec), bands=2, stride=1) == 0


@pytest.mark.parametrize("spec", SPECS[:2], ids=lambda s: f"{s.encoder}-{s.depth}")
def test_every_weight_learns(spec: SegmenterSpec) -> None:
    built = network(spec).train()
    logits = built(torch.randn(2, spec.bands, 64, 96))
    assert logits.shape == (2, spec.classes, 64, 96)
    logits.square().mean().backward()
    assert all(p.grad is not None for p in built.parameters())


def test_weights_are_adopted_in_order_and_misfits_refused() -> None:
    source, target = (Encoder("resnet18", bands=3, depth=3) for _ in range(2))
    tensors = list(source.body.state_dict().values())
    assert adopt_weights(target, tensors) == len(tensors)
    assert all(torch.equal(a, b) for a, b in zip(tensors, target.body.state_dict().values(), strict=True))
    with pytest.raises(ValueError, match="does not fit"):
        adopt_weights(target, tensors[1:])
