"""Less memory, the same gradients: whatever is computed twice or put aside comes back as it was."""

import copy
import weakref
from contextlib import nullcontext

import pytest
import torch

from geoglm.nn.recompute import activations_aside, recompute, saved_activation_bytes
from geoglm.nn.segmenter import Segmenter, build_segmenter
from tests.nn.networks import tiny

SPECS = [
    tiny(encoder="tu-tf_efficientnet_lite0", depth=5, width=64),
    tiny(encoder="tu-tf_efficientnet_lite0", depth=4, fusion="deform", detail=8),
    tiny(encoder="resnet18", depth=4, fusion="squeeze", context=2),
    tiny(encoder="windowed-16", depth=3),
]


def pair(index: int) -> tuple[Segmenter, Segmenter]:
    torch.manual_seed(0)
    plain = build_segmenter(SPECS[index]).train()
    twice = copy.deepcopy(plain)
    recompute(twice)
    return plain, copy.deepcopy(twice)  # a copy, as an average of weights makes, recomputes with its own weights


def inputs(network: Segmenter) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(1)
    image = torch.randn(2, 3, 64, 64)
    return (image, torch.randn(2, network.summary_size), torch.rand(2, 5))


def learn(network: Segmenter) -> dict[str, torch.Tensor]:
    torch.manual_seed(2)  # dropout
    image, _, place = inputs(network)
    network(image, network.summarise(image), place).square().mean().backward()
    return {name: p.grad for name, p in network.named_parameters()}


@pytest.mark.parametrize("index", range(len(SPECS)), ids=lambda k: f"{SPECS[k].encoder}-{SPECS[k].fusion}")
def test_recomputing_keeps_gradients_and_statistics(index: int) -> None:
    plain, twice = pair(index)
    assert list(plain.state_dict()) == list(twice.state_dict())
    for _ in range(2):
        for (name, a), b in zip(learn(plain).items(), learn(twice).values(), strict=True):
            assert torch.allclose(a, b, rtol=1e-5, atol=1e-5 * float(a.abs().max())), name
    for (name, a), b in zip(plain.named_buffers(), twice.buffers(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("index", range(len(SPECS)), ids=lambda k: f"{SPECS[k].encoder}-{SPECS[k].fusion}")
def test_recomputing_saves_at_least_40_percent_of_the_bytes(index: int) -> None:
    plain, twice = (saved_activation_bytes(network, *inputs(network)) for network in pair(index))
    assert twice <= 0.6 * plain


def test_saved_bytes_are_counted_to_the_byte() -> None:
    layers = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
    image = torch.randn(1, 1, 8, 8)
    # the rectified map for both ReLU and pooling, and the pooling's int64 places
    assert saved_activation_bytes(layers, image) == 2 * 64 * 4 + 2 * 16 * 8


def test_evaluation_is_not_touched() -> None:
    plain, twice = (network.eval() for network in pair(2))
    with torch.no_grad():
        assert torch.equal(plain(*inputs(plain)), twice(*inputs(twice)))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_activations_put_aside_come_back_bit_by_bit(layout: torch.memory_format) -> None:
    grads = []
    for aside in (nullcontext(), activations_aside(least_bytes=1024)):
        plain, _ = pair(0)
        plain = plain.to(memory_format=layout)
        with aside:
            grads.append(learn(plain))
    for (name, a), b in zip(grads[0].items(), grads[1].values(), strict=True):
        assert torch.equal(a, b), name


def test_what_is_put_aside_is_not_in_memory() -> None:
    start = torch.randn(256, 1024, requires_grad=True)
    with activations_aside(least_bytes=2**20):
        inner = start.exp()
        result = inner.sin()
    storage = weakref.ref(inner.untyped_storage())
    del inner
    gone = storage() is None
    assert gone
    result.sum().backward()
    assert torch.equal(start.grad, start.detach().exp().cos() * start.detach().exp())
