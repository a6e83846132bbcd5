"""Training: a network learns, and a run that was killed and resumed is the same as one undisturbed."""

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from geoglm.errors import CheckpointMismatch, TrainingError
from geoglm.nn.segmenter import SegmenterSpec, build_segmenter
from geoglm.train.augment import disturb, mix_tiles
from geoglm.train.curriculum import PLAIN
from geoglm.train.evaluate import intersection_over_union
from geoglm.train.logs import Progress, Verdict
from geoglm.train.loop import train
from geoglm.train.samples import UNLABELLED, Batch, SampleSet, draw_crops
from tests.train.scenes import coded_image, small_network, small_plan


def test_a_distorted_crop_stays_in_range_and_a_mixed_one_keeps_its_labels() -> None:
    samples = SampleSet([coded_image()], (1.0, 1.0), share=1.0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        drawn = samples.draw(rng, 64)
        changed = disturb(drawn.pixels, drawn.labels, rng, water=2)
        assert changed.shape == drawn.pixels.shape
        assert float(changed.min()) >= 0
        assert float(changed.max()) < 1 + 1e-5
    batch = Batch.of([samples.draw(np.random.default_rng(s), 64) for s in range(6)])
    pixels, labels = mix_tiles(batch.pixels, batch.labels, np.random.default_rng(0))
    known = labels != UNLABELLED
    assert (pixels.argmax(1) == labels)[known].float().mean() > 0.85


def test_intersection_over_union_is_what_its_name_says() -> None:
    iou = intersection_over_union(np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]]))
    assert iou[:2] == pytest.approx([3 / 6, 4 / 7])
    assert np.isnan(iou[2])


def test_a_run_killed_and_resumed_gives_the_weights_of_one_undisturbed(tmp_path: Path) -> None:
    """Two kills: one a step after a checkpoint, one in the middle between two."""
    calm = train(small_network(), small_plan(), folder=tmp_path / "calm")
    for when in (5, 10):
        code = f"from tests.train.scenes import die_at; die_at({when}, {str(tmp_path / 'shaken')!r})"
        ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
        assert ended.returncode == -9
    again = train(small_network(), small_plan(), folder=tmp_path / "shaken")
    assert all(torch.equal(a, b) for a, b in zip(calm.state_dict().values(), again.state_dict().values(), strict=True))
    states = [torch.load(tmp_path / n / "checkpoint.pt", weights_only=True) for n in ("calm", "shaken")]
    assert flat(states[0]) == flat(states[1])
    for name in ("steps.csv", "scores.csv"):
        tables = [list(csv.DictReader((tmp_path / n / name).read_text().splitlines())) for n in ("calm", "shaken")]
        assert [r | {"seconds": ""} for r in tables[0]] == [r | {"seconds": ""} for r in tables[1]]


def flat(state: object) -> object:
    """A nested state with its tensors as plain numbers, so that two can be compared."""
    match state:
        case torch.Tensor():
            return state.tolist()
        case dict():
            return {k: flat(v) for k, v in state.items()}
        case list() | tuple():
            return [flat(v) for v in state]
        case _:
            return state


def test_a_training_learns_tells_how_far_it_is_and_leaves_pictures(tmp_path: Path) -> None:
    told: list[Progress] = []
    plan = small_plan(steps=40, peak_rate=0.1, averaging=0.5, report_every=20)
    network = train(small_network(), plan, folder=tmp_path, progress=told.append)
    assert plan.validate(network).score > 0.95
    assert [p.step for p in told] == list(range(1, 41))
    assert [p.step for p in told if p.verdict] == [20, 40]
    assert {p.stage for p in told} == {"fixed", "random", "tuning"}
    with Image.open(tmp_path / "pictures" / "step-000040.png") as picture:
        assert picture.size == (3 * 64, 64)
    again = train(small_network(), plan, folder=tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), network.parameters(), strict=True))


def test_training_on_other_terms_does_not_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    train(small_network(), small_plan(steps=2), folder=tmp_path)
    with pytest.raises(CheckpointMismatch, match="steps 2, asked for 3"):
        train(small_network(), small_plan(steps=3), folder=tmp_path)


def test_a_training_stops_when_it_gets_no_better_and_gives_its_best(tmp_path: Path) -> None:
    scores = iter([0.5, 0.7, 0.6, 0.6, 0.9])
    seen = []

    def validate(network: torch.nn.Module) -> Verdict:
        seen.append([p.clone() for p in network.parameters()])
        return Verdict(next(scores))

    plan = replace(small_plan(steps=20, patience=2), validate=validate)
    network = train(small_network(), plan, folder=tmp_path)
    assert len(seen) == 4
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), seen[1], strict=True))


def test_a_frozen_encoder_keeps_its_weights_and_statistics(tmp_path: Path) -> None:
    network = EncoderAndHead()
    before = [v.clone() for v in network.encoder.state_dict().values()]
    head = network.head.weight.clone()
    train(network, small_plan(steps=3, encoder_rate=0.0), folder=tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(before, network.encoder.state_dict().values(), strict=True))
    assert not torch.equal(head, network.head.weight)


class EncoderAndHead(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.BatchNorm2d(4))
        self.head = torch.nn.Conv2d(4, 3, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.encoder(image))
        return logits


def test_bfloat16_learns_too(tmp_path: Path) -> None:
    network = train(small_network(), small_plan(steps=40, peak_rate=0.1, averaging=0.5, bf16=True), folder=tmp_path)
    assert small_plan().validate(network).score > 0.95
    assert all(p.dtype == torch.float32 for p in network.parameters())


@pytest.mark.parametrize("spec", [{"fusion": "squeeze"}, {"fusion": "cbam"}, {"context": 2}], ids=str)
def test_a_network_that_looks_at_the_scene_is_shown_glance_and_place(tmp_path: Path, spec: dict[str, Any]) -> None:
    """Every parameter that the answer goes through is taught, those that see only the glance included."""
    torch.manual_seed(0)
    network = build_segmenter(SegmenterSpec("tu-mobilenetv3_small_050", 3, 3, width=8, **spec))
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    samples = SampleSet([coded_image()], (0.8, 1.25), share=1.0, glance_px=64)
    plan = small_plan(steps=2, side_px=64, report_every=2)
    plan = replace(plan, validate=lambda _: Verdict(0.0), curriculum=PLAIN)
    plan = replace(plan, draw=lambda rng, now: Batch.of(draw_crops([samples], rng, now)))
    train(network, plan, folder=tmp_path)
    still = [n for n, p in network.named_parameters() if torch.equal(p, before[n])]
    assert still == []
    blind = replace(plan, draw=lambda rng, now: replace(plan.draw(rng, now), glances=None))
    with pytest.raises(ValueError, match="glance_px"):
        train(network, blind, folder=tmp_path / "blind")


@pytest.mark.parametrize("lean", [{"recompute": True}, {"offload": True}], ids=str)
def test_saving_memory_leaves_the_course_of_a_training_as_it_is(tmp_path: Path, lean: dict[str, bool]) -> None:
    ends = []
    for name, options in (("plain", {}), ("lean", lean)):
        torch.manual_seed(0)
        network = build_segmenter(SegmenterSpec("tu-mobilenetv3_small_050", 3, 3, width=8))
        plan = replace(small_plan(steps=2, side_px=256, report_every=2, **options), validate=lambda _: Verdict(0.0))
        ends.append(train(network, plan, folder=tmp_path / name).state_dict())
    assert list(ends[0]) == list(ends[1])
    for name, value in ends[0].items():
        assert torch.allclose(value.float(), ends[1][name].float(), atol=1e-5), name


def test_a_network_without_stages_cannot_compute_them_twice(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no stages"):
        train(small_network(), small_plan(recompute=True), folder=tmp_path)
