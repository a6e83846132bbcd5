"""Samples: a crop shows what it says, of any bands and dtype, and knows where in its scene it lies."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geoglm.train.curriculum import Scales
from geoglm.train.samples import UNLABELLED, Batch, LabelledImage, Moment, SampleSet, draw_crops
from tests.train.scenes import coded_image


@pytest.mark.parametrize("scales", [(1.0, 1.0), (0.5, 0.5), (0.3, 0.3), (2.0, 2.0)])
@pytest.mark.parametrize("centred_on", [(), (0, 1, 2)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_pixels_labels_and_soft_labels_of_a_crop_belong_together(
    scales: tuple[float, float], centred_on: tuple[int, ...], dtype: str
) -> None:
    image = coded_image(320, dtype)
    soft = np.stack([np.where(image.labels == k, 255, 0).astype(np.uint8) for k in range(3)])
    samples = SampleSet([replace(image, soft=soft)], scales, share=1.0, centred_on=centred_on)
    for seed in range(5):
        drawn = samples.draw(np.random.default_rng(seed), 64)
        known = drawn.labels != UNLABELLED
        assert known.float().mean() > 0.5
        assert 0.95 < float(drawn.pixels.max()) < 1 + 1e-5
        assert (drawn.pixels.argmax(0) == drawn.labels)[known].float().mean() > 0.85
        assert drawn.soft is not None
        assert torch.allclose(drawn.soft[:, known], drawn.pixels[:, known], atol=0.02)
        assert (drawn.soft[:, ~known] == 0).all()


def test_a_draw_depends_on_its_random_numbers_alone() -> None:
    samples = [SampleSet([coded_image()], (0.5, 2.0), share=s, centred_on=(1,), glance_px=32) for s in (1.0, 2.0)]
    now = Moment(0, samples=4, side_px=32)
    first, second = (Batch.of(draw_crops(samples, np.random.default_rng(5), now)) for _ in range(2))
    for name in ("pixels", "labels", "scales", "glances", "places"):
        assert torch.equal(getattr(first, name), getattr(second, name))


def test_rare_classes_are_seen_as_often_as_common_ones() -> None:
    labels = np.zeros((200, 200), np.uint8)
    labels[90:110, 90:110] = 1  # 1 % of the ground
    image = LabelledImage(np.zeros((3, 200, 200), np.uint8), labels)
    fair = SampleSet([image], (4.0, 4.0), share=1.0, centred_on=(0, 1, 2))  # class 2 is nowhere
    blind = SampleSet([image], (4.0, 4.0), share=1.0)
    rng = np.random.default_rng(0)
    with_rare = [sum(bool((s.draw(rng, 32).labels == 1).any()) for _ in range(60)) for s in (fair, blind)]
    assert with_rare[0] > 25
    assert with_rare[1] < 8


def ramps(rows: int, cols: int) -> NDArray[np.float32]:
    """Row and column of each pixel's middle, as shares of the scene."""
    row, col = np.mgrid[:rows, :cols]
    return np.stack([(row + 0.5) / rows, (col + 0.5) / cols]).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([0.5, 0.8, 1.0, 2.0]))
def test_the_place_of_a_crop_and_its_glance_are_those_of_the_scene_turned_with_it(seed: int, scale: float) -> None:
    """Pixels hold their own place; what crop and glance show must follow from `place` up to one turn of the scene."""
    image = LabelledImage(ramps(160, 240), np.zeros((160, 240), np.uint8), gsd_m=0.5)
    drawn = SampleSet([image], (scale, scale), share=1.0, glance_px=16).draw(np.random.default_rng(seed), 32)
    assert drawn.glance is not None
    assert drawn.place is not None
    row, col, high, wide, ground = drawn.place.tolist()
    assert ground == pytest.approx(np.log2(0.5 / scale))
    assert sorted([high, wide]) == pytest.approx(sorted([1 / 160 / scale, 1 / 240 / scale]), rel=1e-5)
    # the glance is linear in its cell: read off which turn it was, then say the same of the crop
    cell = (torch.arange(16) + 0.5) / 16
    fits = []
    for flip_row in (False, True):
        for flip_col in (False, True):
            for swap in (False, True):

                def turned(rows: torch.Tensor, cols: torch.Tensor, *, how=(flip_row, flip_col, swap)) -> torch.Tensor:  # type: ignore[no-untyped-def]
                    rows = 1 - rows if how[0] else rows
                    cols = 1 - cols if how[1] else cols
                    grid = torch.stack(torch.meshgrid(rows, cols, indexing="ij"))
                    return grid.flip(0) if how[2] else grid

                if torch.allclose(drawn.glance, turned(cell, cell), atol=1e-3):
                    steps = torch.arange(32) + 0.5
                    fits.append(turned(row + steps * high, col + steps * wide))
    assert len(fits) == 1
    assert torch.allclose(drawn.pixels[:, 2:-2, 2:-2], fits[0][:, 2:-2, 2:-2], atol=5e-3)


def test_a_curriculum_s_magnification_is_a_multiple_of_the_usual_one() -> None:
    image = LabelledImage(ramps(400, 400), np.zeros((400, 400), np.uint8))
    samples = SampleSet([image], (1.0, 1.0), share=1.0, usual=2.0, glance_px=16)
    drawn = samples.draw(np.random.default_rng(0), 32, Scales.within(0.5, 0.5))
    assert drawn.scale == pytest.approx(0.5)
    assert drawn.place is not None
    assert float(drawn.place[2]) == pytest.approx(1 / 400)


def test_parts_joined_are_the_whole() -> None:
    samples = [SampleSet([coded_image()], (1.0, 1.0), share=1.0)]
    crops = draw_crops(samples, np.random.default_rng(0), Moment(0, samples=4, side_px=16))
    whole, joined = Batch.of(crops), Batch.joined([Batch.of(crops[:2]), Batch.of(crops[2:])])
    assert torch.equal(whole.pixels, joined.pixels)
    assert torch.equal(whole.weights, joined.weights)
    assert joined.soft is None


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((3, 4, 5), np.uint8), "differ in size"),
        (np.zeros((3, 4, 4), np.int32), "int32"),
        (np.full((3, 4, 4), np.nan, np.float32), "finite"),
    ],
)
def test_an_image_that_cannot_be_trained_on_is_refused(pixels: NDArray[np.generic], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        LabelledImage(pixels, np.zeros((4, 4), np.uint8))
