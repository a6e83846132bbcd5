"""Fine-tuning: what is kept of a network, what is new, and that a lesson is learnt."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from geoglm.nn.segmenter import SegmenterSpec, build_segmenter
from geoglm.pixels.scale import Scaling
from geoglm.train.finetune import Lesson, class_map, disturbed, logits_of, new_network, new_spec, schedule_for
from geoglm.train.loop import train
from geoglm.train.samples import LabelledImage

SMALL = SegmenterSpec("tu-mobilenetv2_050", bands=3, classes=4, depth=3, width=16)
SCALING = Scaling((0.5,) * 3, (0.5,) * 3)


def coded(side: int = 64) -> LabelledImage:
    """Colours tell the class; the lower half is unlabelled."""
    labels = (np.arange(side) * 3 // side).astype(np.uint8)[None].repeat(side, 0)
    pixels = np.stack([np.where(labels == k, 200, 40) for k in range(3)]).astype(np.uint8)
    labels[side // 2 :] = 255
    return LabelledImage(pixels, labels)


def lesson(*held_back: LabelledImage) -> Lesson:
    return Lesson(("a", "b", "c"), ("#ff0000", "#00ff00", "#0000ff"), SCALING, [coded()], held_back)


def test_all_but_the_head_is_kept_and_classes_of_the_same_name_begin_with_their_row() -> None:
    base = build_segmenter(SMALL)
    network = new_network(new_spec(SMALL, bands=3, classes=2), base, {1: 3})
    old, new = base.state_dict(), network.state_dict()
    assert set(old) == set(new)
    assert all(torch.equal(old[n], new[n]) for n in old if not n.startswith("head."))
    assert torch.equal(new["head.1.weight"][1], old["head.1.weight"][3])
    assert not any(torch.equal(new["head.1.weight"][0], row) for row in old["head.1.weight"])


def test_another_fusion_is_new_and_the_encoder_is_kept_all_the_same() -> None:
    base = build_segmenter(SMALL)
    network = new_network(new_spec(SMALL, bands=3, classes=2, fusion="weighted"), base, {})
    old, new = base.state_dict(), network.state_dict()
    assert all(torch.equal(old[n], new[n]) for n in old if n.startswith(("encoder.", "pyramid.lateral")))


def test_a_pruned_network_stays_so_but_for_parts_that_are_new() -> None:
    kept = {"encoder.body.model.conv_stem": 8, "pyramid.lateral.0": 8, "pyramid.smooth.0.0": 8, "fusion.mix.0": 8}
    spec = replace(SMALL, kept=kept)
    base = build_segmenter(spec)
    same = new_network(new_spec(spec, bands=3, classes=2), base, {})
    assert all(torch.equal(v, same.state_dict()[n]) for n, v in base.state_dict().items() if not n.startswith("head."))
    fused = new_spec(spec, bands=3, classes=2, fusion="weighted")
    assert set(fused.kept) == {"encoder.body.model.conv_stem", "pyramid.lateral.0"}
    assert set(new_spec(spec, bands=3, classes=2, encoder="resnet18").kept) == set(kept) - {
        "encoder.body.model.conv_stem"
    }
    build_segmenter(fused)


@pytest.mark.parametrize("bands", [1, 3, 9])
def test_disturbed_pixels_are_as_many_and_still_finite(bands: int) -> None:
    pixels = torch.rand(bands, 40, 40)
    for seed in range(20):
        changed = disturbed(pixels, np.random.default_rng(seed))
        assert changed.shape == pixels.shape
        assert changed.isfinite().all()


def test_a_lesson_is_learnt_and_the_encoder_stays(tmp_path: Path) -> None:
    taught = lesson(coded())
    network = build_segmenter(SegmenterSpec("pointwise", bands=3, classes=3))
    before = taught.judge(network).score
    schedule = replace(schedule_for(20, seed=1, kept=True), peak_rate=0.3, side_px=48)
    average = train(network, taught.plan(schedule, looks=False), folder=tmp_path)
    assert taught.judge(average).score > max(before, 0.9)
    assert (class_map(logits_of(average, coded(), SCALING))[40:, :20] == 0).all()
    found = taught.evaluate(average)
    assert found.own.miou == pytest.approx(taught.judge(average).score)
    kept = new_network(new_spec(SMALL, bands=3, classes=3), build_segmenter(SMALL), {})
    first = {n: v.clone() for n, v in kept.state_dict().items()}
    train(kept, taught.plan(schedule_for(2, seed=1, kept=True), looks=False), folder=tmp_path / "kept")
    assert all(torch.equal(v, first[n]) for n, v in kept.state_dict().items() if n.startswith("encoder."))
    assert not torch.equal(kept.state_dict()["head.1.weight"], first["head.1.weight"])


def test_without_held_back_labels_nothing_is_judged() -> None:
    found = lesson().judge(build_segmenter(SMALL).eval())
    assert (found.score, dict(found.by_class), list(found.pictures)) == (0.0, {}, [])


def test_a_mosaic_has_the_size_that_is_asked_for() -> None:
    assert lesson().mosaic(100).pixels.shape == (3, 100, 100)
    assert np.array_equal(lesson().mosaic(32).pixels, coded().pixels[:, 16:48, 16:48])
