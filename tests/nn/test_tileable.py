"""Tiles give what the whole scene gives, in every combination; what does not is found out."""

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from geoglm.nn.fusion import STRATEGIES
from geoglm.nn.pyramid import ALIGNMENTS
from geoglm.nn.segmenter import SegmenterSpec, build_segmenter
from geoglm.nn.tileable import TOLERANCE, NotTileable, exact_halo, receptive_field, tiled_difference
from tests.nn.networks import network, tiny

ENCODERS = {"tu-tf_efficientnet_lite0": 3, "resnet18": 3, "windowed-16": 3}
"""And the depth at which each is tried."""


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(("fusion", "alignment", "context"), list(product(STRATEGIES, ALIGNMENTS, (0, 3))))
def test_every_combination_is_exactly_tileable(encoder: str, fusion: str, alignment: str, context: int) -> None:
    spec = tiny(encoder=encoder, depth=ENCODERS[encoder], fusion=fusion, alignment=alignment, context=context)
    built = network(spec)
    halo = exact_halo(built, bands=spec.bands, stride=built.stride)
    assert halo % built.stride == 0
    assert tiled_difference(built, bands=spec.bands, stride=built.stride, halo=0) > TOLERANCE  # the test can fail


@pytest.mark.parametrize("changes", [{"detail": 4, "stretch": "log"}, {"bands": 9}, {"encoder": "tu-convnext_atto"}])
def test_so_are_other_parts_and_depths(changes: dict[str, object]) -> None:
    spec = tiny(**({"depth": 3} | changes))
    built = network(spec)
    exact_halo(built, bands=spec.bands, stride=built.stride)


def test_moved_taps_need_a_wider_halo() -> None:
    plain, deform = (network(tiny(alignment=a)) for a in ALIGNMENTS)
    with torch.no_grad():
        deform.pyramid.align[0].offset.weight.zero_()  # where it happens to look now does not matter
    assert receptive_field(deform, bands=3, stride=16) > receptive_field(plain, bands=3, stride=16)


def test_squeeze_and_excitation_inside_the_encoder_is_found_out() -> None:
    built = network(tiny(encoder="tu-mobilenetv3_small_100", depth=3))
    with pytest.raises(NotTileable, match="statistic of the whole tile"):
        exact_halo(built, bands=3, stride=8)
    assert tiled_difference(built, bands=3, stride=8, halo=256) > TOLERANCE


def test_a_statistic_that_hides_from_nans_is_found_out_all_the_same() -> None:
    class Shy(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image - image.nan_to_num().mean(dim=(2, 3), keepdim=True)

    assert receptive_field(Shy(), bands=2, stride=4) == 0
    with pytest.raises(NotTileable, match="depends on the tile"):
        exact_halo(Shy(), bands=2, stride=4)


def test_a_known_reach_is_measured_to_the_pixel() -> None:
    reaches_five = nn.Conv2d(2, 3, 11, padding=5)
    assert receptive_field(reaches_five, bands=2, stride=1) == 5
    assert receptive_field(reaches_five, bands=2, stride=4) == 8


def test_a_pointwise_network_sees_one_pixel() -> None:
    spec = SegmenterSpec("pointwise", bands=2, classes=3)
    assert exact_halo(build_segmenter(spec), bands=2, stride=1) == 0
