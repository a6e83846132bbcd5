"""Every part of the network by its name: shapes, gradients, batches, and what it asks of the scene."""

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geoglm.nn.fusion import STRATEGIES
from geoglm.nn.pyramid import ALIGNMENTS
from geoglm.nn.segmenter import Segmenter, SegmenterSpec, build_segmenter
from geoglm.nn.stretch import build_stretch
from tests.nn.networks import network, scene_of, tiny

COMBINATIONS = list(product(STRATEGIES, ALIGNMENTS, (0, 3)))
ENCODERS = [
    {"encoder": "tu-tf_efficientnet_lite0", "depth": 5},
    {"encoder": "tu-tf_efficientnet_lite0", "depth": 4, "bands": 9, "detail": 4, "stretch": "log"},
    {"encoder": "tu-tf_efficientnet_lite0", "depth": 4, "bands": 9, "detail": 4, "stretch": "ratio", "finest": 2},
    {"encoder": "tu-mobilenetv3_small_100", "depth": 4, "bands": 4},
    {"encoder": "resnet18", "depth": 3, "bands": 1},
    {"encoder": "windowed-16", "depth": 5, "detail": 4},
    {"encoder": "separable-8", "depth": 3, "bands": 9, "detail": 4, "stretch": "ratio", "finest": 2},
    {"encoder": "windowed-32", "depth": 2, "bands": 2},
]


@pytest.mark.parametrize(("fusion", "alignment", "context"), COMBINATIONS)
def test_every_part_gives_logits_and_learns(fusion: str, alignment: str, context: int) -> None:
    spec = tiny(depth=3, fusion=fusion, alignment=alignment, context=context)
    built = build_segmenter(spec)
    summary = built.summarise(torch.randn(2, 3, 32, 32))
    assert summary.shape == (2, built.summary_size)
    logits = built(torch.randn(2, 3, 32, 48), summary, torch.rand(2, 5))
    assert logits.shape == (2, 4, 32, 48)
    logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in built.parameters())


@pytest.mark.parametrize(("fusion", "alignment", "context"), COMBINATIONS)
@torch.no_grad()
def test_a_tile_does_not_know_its_batch(fusion: str, alignment: str, context: int) -> None:
    built = network(tiny(depth=3, fusion=fusion, alignment=alignment, context=context))
    images, (summary, place) = torch.randn(2, 3, 32, 32), scene_of(built, 2)
    together = built(images, summary, place)
    assert torch.allclose(together.flip(0), built(images.flip(0), summary.flip(0), place.flip(0)), atol=1e-5)
    assert torch.allclose(together[:1], built(images[:1], summary[:1], place[:1]), atol=1e-5)


@pytest.mark.parametrize("changes", ENCODERS, ids=lambda c: f"{c['encoder']}-{c['depth']}")
def test_every_encoder_of_any_depth_and_bands_learns_whole(changes: dict[str, object]) -> None:
    spec = tiny(**changes)
    built = build_segmenter(spec)
    side = max(64, built.stride)
    logits = built(torch.rand(2, spec.bands, side, side))
    assert logits.shape == (2, 4, side, side)
    logits.square().mean().backward()
    assert all(p.grad is not None for p in built.parameters())


def test_the_default_looks_at_nothing_but_the_tile() -> None:
    built = network(tiny(depth=3))
    assert built.summary_size == 0
    assert built.summarise(torch.zeros(2, 3, 32, 32)).shape == (2, 0)
    assert not [name for name in built.state_dict() if name.startswith(("context.", "pyramid.align"))]


@pytest.mark.parametrize("changes", [{"fusion": "squeeze"}, {"context": 2}, {"fusion": "cbam", "context": 2}])
def test_a_summary_that_is_missing_or_of_another_network_is_refused(changes: dict[str, object]) -> None:
    built = network(tiny(depth=3, **changes))
    for summary in (None, torch.zeros(1, built.summary_size - 1)):
        with pytest.raises(ValueError, match=f"needs {built.summary_size} numbers about the whole scene"):
            built(torch.zeros(1, 3, 32, 32), summary, torch.zeros(1, 5))


def test_context_needs_a_place() -> None:
    built = network(tiny(depth=3, context=2))
    with pytest.raises(ValueError, match="needs the place of each tile"):
        built(torch.zeros(1, 3, 32, 32), torch.zeros(1, built.summary_size))


def test_the_parts_of_a_summary_go_to_fusion_and_context() -> None:
    built = network(tiny(depth=3, fusion="cbam", context=2))
    assert isinstance(built, Segmenter)
    assert built.context is not None
    assert built.summary_size == built.fusion.summary_size + built.context.summary_size == 2 * 2 * 8 + 2 * 8
    image, (summary, place) = torch.randn(1, 3, 32, 32), scene_of(built)
    before = built(image, summary, place)
    for part in (slice(0, 32), slice(32, 48)):
        other = summary.clone()
        other[:, part] += 3
        assert not torch.allclose(built(image, other, place), before, atol=1e-4)


@pytest.mark.parametrize("changes", [{"fusion": "mean"}, {"alignment": "nearest"}, {"stretch": "root"}])
def test_an_unknown_name_is_refused_with_the_known_ones(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is unknown; there are"):
        build_segmenter(tiny(**changes))


def test_a_spec_survives_the_card() -> None:
    spec = tiny(fusion="gate", alignment="deform", context=4)
    assert SegmenterSpec(**spec.as_dict()) == spec


@given(st.floats(-0.1, 2.0))
def test_the_ratio_stretch_rises_all_the_way_and_stays_small(reflectance: float) -> None:
    stretch = build_stretch("ratio", bands=1)
    low, high = (float(stretch(torch.full((1, 1, 1, 1), r))) for r in (reflectance, reflectance + 0.01))
    assert -2.5 <= low <= high <= 2.5
