"""Losses: one set of laws for every term, and what is particular to each."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from geoglm.train.losses import TERMS, LossSpec, resolution_weight, resolution_weights, segmentation_loss
from geoglm.train.samples import EXCLUDED, UNLABELLED, Batch

LABELLED = [t for t in TERMS if t != "exclusion"]


def some_batch(seed: int = 0) -> Batch:
    """Two samples of 8×8 px, three classes; a few pixels unlabelled, a few known not to be class 0."""
    rng = np.random.default_rng(seed)
    labels = torch.from_numpy(rng.integers(0, 3, (2, 8, 8)))
    labels[:, :2] = UNLABELLED
    labels[:, 2, :4] = EXCLUDED
    safe = torch.where(labels < EXCLUDED, labels, 0)
    soft = F.one_hot(safe, 3).movedim(-1, 1).float() * (labels < EXCLUDED)[:, None]
    return Batch(torch.zeros(2, 3, 8, 8), labels, torch.ones(2), torch.ones(2), soft)


def logits_of(batch: Batch, *, strength: float = 0.0, shift: int = 0) -> torch.Tensor:
    """Logits that favour the class `shift` beside the right one by `strength`, and noise where that is 0."""
    if strength == 0:
        return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    safe = torch.where(batch.labels < EXCLUDED, batch.labels, 1)
    return F.one_hot((safe + shift) % 3, 3).movedim(-1, 1) * strength


def spec_of(*names: str) -> LossSpec:
    return LossSpec(tuple((n, 1.0) for n in names), class_weights=(1.0, 2.0, 0.5), excluded=0, temperature=2.0)


@pytest.mark.parametrize("name", TERMS)
def test_a_term_keeps_the_laws_of_a_loss(name: str) -> None:
    batch, spec = some_batch(), spec_of(name)
    logits = logits_of(batch).requires_grad_()
    loss = segmentation_loss(logits, batch, spec)
    (grad,) = torch.autograd.grad(loss, logits)
    assert loss.shape == ()
    assert float(loss.detach()) > 0
    assert grad.isfinite().all()
    assert grad.abs().max() > 0
    assert (grad[:, :, :2] == 0).all(), "unlabelled pixels must not teach"
    # the order of samples does not matter
    turned = Batch(*(None if v is None else v.flip(0) for v in values(batch)))  # type: ignore[arg-type]
    assert float(segmentation_loss(logits.detach().flip(0), turned, spec)) == pytest.approx(
        float(loss.detach()), rel=1e-5
    )
    # samples that all count double make the loss double
    double = segmentation_loss(logits, batch.weighted(torch.full((2,), 2.0)), spec)
    assert float(double.detach()) == pytest.approx(2 * float(loss.detach()), rel=1e-5)
    # a sample of weight 0 does not teach
    (alone,) = torch.autograd.grad(segmentation_loss(logits, batch.weighted(torch.tensor([1.0, 0.0])), spec), logits)
    assert (alone[1] == 0).all()
    # with nothing labelled there is nothing to lose, and the gradient is 0, not NaN
    nothing = replace(batch, labels=torch.full_like(batch.labels, UNLABELLED), soft=torch.zeros(2, 3, 8, 8))
    empty = segmentation_loss(logits, nothing, spec)
    (still,) = torch.autograd.grad(empty, logits)
    assert float(empty.detach()) == 0
    assert (still == 0).all()


def values(batch: Batch) -> list[torch.Tensor | None]:
    return [batch.pixels, batch.labels, batch.scales, batch.weights, batch.soft]


@pytest.mark.parametrize("name", LABELLED)
def test_the_right_answer_costs_least(name: str) -> None:
    batch, spec = some_batch(), spec_of(name)
    right, noise, wrong = (
        float(segmentation_loss(logits_of(batch, strength=s, shift=k), batch, spec))
        for s, k in ((20.0, 0), (0.0, 0), (20.0, 1))
    )
    assert right < 0.02
    assert right < noise < wrong
    assert wrong > 0.9


def test_a_pixel_that_is_not_of_one_class_may_be_of_any_other() -> None:
    batch = replace(some_batch(), labels=torch.full((2, 8, 8), EXCLUDED))
    costs = []
    for k in range(3):
        logits = torch.zeros(2, 3, 8, 8)
        logits[:, k] = 10
        costs.append(float(segmentation_loss(logits, batch, spec_of("exclusion"))))
    assert costs[0] > 4
    assert costs[1] == pytest.approx(costs[2])
    assert costs[1] < 0.01


def test_cross_entropy_is_torch_s() -> None:
    batch = some_batch()
    logits = logits_of(batch)
    known = torch.where(batch.labels < EXCLUDED, batch.labels, -100)
    expected = F.cross_entropy(logits, known, weight=torch.tensor([1.0, 2.0, 0.5]))
    assert float(segmentation_loss(logits, batch, spec_of("cross_entropy"))) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("wrong", [0, 1, 5, 30])
def test_lovasz_of_a_hard_map_is_one_minus_its_iou(wrong: int) -> None:
    """The extension is tight: at the corners of the cube it equals the set function."""
    truth = torch.arange(64).reshape(1, 8, 8) % 2
    found = truth.flatten().clone()
    found[:wrong] = 1 - found[:wrong]
    logits = F.one_hot(found.reshape(1, 8, 8), 2).movedim(-1, 1) * 100.0
    batch = Batch(torch.zeros(1, 3, 8, 8), truth, torch.ones(1), torch.ones(1))
    iou = []
    for k in range(2):
        a, b = truth.flatten() == k, found == k
        iou.append(float((a & b).sum() / (a | b).sum()))
    loss = segmentation_loss(logits, batch, LossSpec((("lovasz", 1.0),)))
    assert float(loss) == pytest.approx(1 - sum(iou) / 2, abs=1e-5)


def test_distillation_is_the_divergence_from_a_softened_teacher() -> None:
    chance = torch.tensor([0.7, 0.2, 0.1])
    batch = replace(some_batch(), soft=chance[None, :, None, None].expand(2, 3, 8, 8))
    logits = torch.tensor([0.3, -0.2, 1.0])
    teacher = chance**0.5 / (chance**0.5).sum()
    student = (logits / 2).log_softmax(0)
    expected = 4 * float((teacher * (teacher.log() - student)).sum())
    spread = logits[None, :, None, None].expand(2, 3, 8, 8)
    assert float(segmentation_loss(spread, batch, spec_of("distillation"))) == pytest.approx(expected, rel=1e-4)
    same = chance.log()[None, :, None, None].expand(2, 3, 8, 8)
    assert float(segmentation_loss(same, batch, spec_of("distillation"))) == pytest.approx(0, abs=1e-5)
    with pytest.raises(ValueError, match="soft labels"):
        segmentation_loss(spread, replace(batch, soft=None), spec_of("distillation"))


def test_terms_add_up() -> None:
    batch = some_batch()
    logits = logits_of(batch)
    both = LossSpec((("dice", 0.5), ("lovasz", 2.0)))
    parts = [float(segmentation_loss(logits, batch, LossSpec(((n, 1.0),)))) for n in ("dice", "lovasz")]
    assert float(segmentation_loss(logits, batch, both)) == pytest.approx(0.5 * parts[0] + 2 * parts[1], rel=1e-5)


def test_the_resolution_weight_is_the_mission_s_formula() -> None:
    sizes = [(256, 256), (512, 512), (128, 128), (128, 512), (1024, 512)]
    height, width = (torch.tensor([float(s[k]) for s in sizes]) for k in range(2))
    expected = [1 + abs(1 - math.sqrt(h * w) / 256) for h, w in sizes]
    assert resolution_weight(height, width).tolist() == pytest.approx(expected)
    assert resolution_weights(torch.tensor([0.5, 1.0, 2.0])).tolist() == pytest.approx([1.5, 1.0, 2.0])


def test_a_loss_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown"):
        LossSpec((("hinge", 1.0),))
    with pytest.raises(ValueError, match="which class"):
        LossSpec((("exclusion", 1.0),))
    with pytest.raises(ValueError, match="class weights"):
        segmentation_loss(logits_of(some_batch()), some_batch(), LossSpec(class_weights=(1.0,)))
