"""Training: crops show what they say, labels that are partial count as they should, a resumed run is the same."""

from pathlib import Path

import numpy as np
import pytest
import torch

from geoglm.nn.segmenter import SegmenterSpec, build_segmenter
from geoglm.train.augment import disturb, mix_tiles
from geoglm.train.evaluate import confusion_matrix, intersection_over_union
from geoglm.train.loop import Schedule, train
from geoglm.train.losses import segmentation_loss
from geoglm.train.samples import NOT_BUILDING, UNLABELLED, LabelledImage, SampleSet

WEIGHTS = torch.ones(3)


def coded_image(side: int = 160) -> LabelledImage:
    """An image whose colour tells its label: band k is bright where the label is k."""
    labels = np.random.default_rng(0).integers(0, 3, (side // 16, side // 16)).astype(np.uint8)
    labels = labels.repeat(16, 0).repeat(16, 1)
    pixels = np.stack([np.where(labels == k, 255, 0).astype(np.uint8) for k in range(3)])
    return LabelledImage(pixels, labels)


@pytest.mark.parametrize("scales", [(1.0, 1.0), (0.5, 0.5), (0.3, 0.3), (2.0, 2.0)])
@pytest.mark.parametrize("centred_on", [(), (0, 1, 2)])
def test_pixels_and_labels_of_a_crop_belong_together(scales: tuple[float, float], centred_on: tuple[int, ...]) -> None:
    samples = SampleSet([coded_image(320)], scales, share=1.0, centred_on=centred_on)
    for seed in range(5):
        pixels, labels = samples.draw(np.random.default_rng(seed), 64)
        known = labels != UNLABELLED
        assert known.float().mean() > 0.5
        assert (pixels.argmax(0) == labels)[known].float().mean() > 0.85


def test_a_distorted_crop_stays_in_range_and_a_mixed_one_keeps_its_labels() -> None:
    samples = SampleSet([coded_image()], (1.0, 1.0), share=1.0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        pixels, labels = samples.draw(rng, 64)
        changed = disturb(pixels, labels, rng, water=2)
        assert changed.shape == pixels.shape
        assert float(changed.min()) >= 0
        assert float(changed.max()) <= 1
    drawn = [samples.draw(np.random.default_rng(s), 64) for s in range(6)]
    pixels, labels = mix_tiles(
        torch.stack([d[0] for d in drawn]), torch.stack([d[1] for d in drawn]), np.random.default_rng(0)
    )
    known = labels != UNLABELLED
    assert (pixels.argmax(1) == labels)[known].float().mean() > 0.85


def test_the_right_answer_costs_least_and_unlabelled_pixels_nothing() -> None:
    labels = torch.randint(0, 3, (2, 8, 8), generator=torch.Generator().manual_seed(0))
    right = torch.nn.functional.one_hot(labels, 3).movedim(-1, 1) * 20.0
    wrong = right.roll(1, dims=1)
    assert segmentation_loss(right, labels, WEIGHTS, building=0) < 0.02
    assert segmentation_loss(wrong, labels, WEIGHTS, building=0) > 5
    nothing = torch.full_like(labels, UNLABELLED)
    assert segmentation_loss(wrong, nothing, WEIGHTS, building=0) == 0


def test_a_pixel_that_is_no_building_may_be_anything_else() -> None:
    labels = torch.full((1, 4, 4), NOT_BUILDING)
    costs = []
    for k in range(3):
        logits = torch.zeros(1, 3, 4, 4)
        logits[:, k] = 10
        costs.append(float(segmentation_loss(logits, labels, WEIGHTS, building=0)))
    assert costs[0] > 4
    assert costs[1] == pytest.approx(costs[2])
    assert costs[1] < 0.01


def test_intersection_over_union_is_what_its_name_says() -> None:
    iou = intersection_over_union(np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]]))
    assert iou[:2] == pytest.approx([3 / 6, 4 / 7])
    assert np.isnan(iou[2])


def test_a_run_stopped_and_resumed_gives_the_weights_of_one_undisturbed(tmp_path: Path) -> None:
    samples = [SampleSet([coded_image()], (0.8, 1.25), share=1.0)]

    def run(name: str, stop_after: int | None = None) -> list[torch.Tensor]:
        torch.manual_seed(3)
        network = build_segmenter(SegmenterSpec("pointwise", bands=3, classes=3))

        def validate(_: torch.nn.Module) -> str:
            validated.append(1)
            return ""

        def stop(_: torch.nn.Module) -> str:
            if len(validated) == stop_after:
                raise KeyboardInterrupt
            return validate(_)

        validated: list[int] = []
        schedule = Schedule(steps=12, batch=2, side_px=32, report_every=4)
        averaged = train(
            network,
            samples,
            schedule,
            class_weights=WEIGHTS,
            building=0,
            water=2,
            checkpoint=tmp_path / name,
            validate=stop,
        )
        return list(averaged.state_dict().values())

    calm = run("calm.pt")
    with pytest.raises(KeyboardInterrupt):
        run("shaken.pt", stop_after=1)
    again = run("shaken.pt")
    assert all(torch.equal(a, b) for a, b in zip(calm, again, strict=True))
    trained = build_segmenter(SegmenterSpec("pointwise", bands=3, classes=3)).eval()
    trained.load_state_dict(dict(zip(trained.state_dict(), calm, strict=True)))
    confusion = confusion_matrix(trained, [coded_image()], classes=3, stride=1)
    assert confusion.sum() == 160 * 160
