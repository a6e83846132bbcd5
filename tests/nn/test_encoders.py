"""Encoders take any number of bands, and weights published for three."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geoglm.nn.encoders import Encoder, adapt_first_convolution, adopt_weights


@given(bands=st.integers(1, 12), data=st.data())
def test_a_grey_scene_gives_what_it_gave_before(bands: int, data: st.DataObject) -> None:
    rgb = data.draw(st.none() | st.permutations(range(max(bands, 3))).map(lambda order: tuple(order[:3])))
    weight = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    grey = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    adapted = adapt_first_convolution(weight, bands=bands, rgb=rgb)
    assert adapted.shape == (4, bands, 3, 3)
    before, after = (torch.nn.functional.conv2d(grey.expand(-1, w.shape[1], -1, -1), w) for w in (weight, adapted))
    assert torch.allclose(before, after, atol=1e-5)


def test_colours_keep_their_own_weights_wherever_they_stand() -> None:
    weight = torch.randn(4, 3, 3, 3)
    assert torch.equal(adapt_first_convolution(weight, bands=3), weight)
    adapted = adapt_first_convolution(weight, bands=9, rgb=(2, 1, 0))
    assert torch.allclose(3 * adapted[:, [2, 1, 0]], weight)
    assert torch.allclose(3 * adapted[:, 8], weight.mean(dim=1))


@pytest.mark.parametrize("bands", [1, 3, 4, 9])
def test_weights_are_adopted_in_order_and_misfits_refused(bands: int) -> None:
    source, target = Encoder("resnet18", bands=3, depth=4), Encoder("resnet18", bands=bands, depth=3)
    tensors = list(source.body.state_dict().values())
    first, *rest = target.body.state_dict().values()
    assert adopt_weights(target, tensors) == 1 + len(rest)
    assert torch.equal(first, adapt_first_convolution(tensors[0], bands=bands))
    assert all(torch.equal(a, b) for a, b in zip(tensors[1:], rest, strict=False))
    with pytest.raises(ValueError, match="does not fit"):
        adopt_weights(target, tensors[1:])
    with pytest.raises(ValueError, match="None for"):
        adopt_weights(target, tensors[:5])


def test_an_encoder_stopped_early_does_not_carry_the_stages_behind() -> None:
    for name in ("resnet18", "tu-tf_efficientnet_lite0", "tu-mobilenetv3_small_100"):
        sizes = [sum(p.numel() for p in Encoder(name, bands=3, depth=d).parameters()) for d in (3, 4, 5)]
        assert sizes[0] < 0.6 * sizes[1] < 0.6 * sizes[2]


def test_a_windowed_encoder_counts_its_windows_into_its_stride() -> None:
    assert [Encoder("windowed-16", bands=3, depth=d).stride for d in (2, 3, 4, 5)] == [32, 64, 64, 128]
    with pytest.raises(ValueError, match="multiple of 16 channels"):
        Encoder("windowed-20", bands=3, depth=4)
