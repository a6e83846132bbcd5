"""Losses that know about pixels nobody labelled, pixels of which only one class is excluded, and teachers.

A loss is a weighted sum of terms chosen by name. Every mean is taken over all processes that train together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from geoglm.train.parallel import everywhere
from geoglm.train.samples import EXCLUDED, Batch

REFERENCE_PX = 256


@dataclass(frozen=True, slots=True)
class LossSpec:
    """What a training minimises.

    Args:
        terms: name, a key of `TERMS`, and factor of each term.
        class_weights: by which a pixel of each class counts in cross-entropy and distillation; empty for 1.
        excluded: the class that label 254 excludes, for the term ``exclusion``.
        temperature: at which teacher and student are compared, for the term ``distillation``.
    """

    terms: tuple[tuple[str, float], ...] = (("cross_entropy", 1.0), ("dice", 0.5))
    class_weights: tuple[float, ...] = ()
    excluded: int | None = None
    temperature: float = 1.0

    def __post_init__(self) -> None:
        for name, _ in self.terms:
            if name not in TERMS:
                raise ValueError(f"loss {name!r} is unknown; there are {', '.join(TERMS)}")
        if not self.terms:
            raise ValueError("a loss needs at least one term")
        if self.excluded is None and "exclusion" in dict(self.terms):
            raise ValueError("the exclusion loss must be told which class label 254 excludes")
        if self.temperature <= 0:
            raise ValueError(f"temperature {self.temperature} must be above 0")

    def per_class(self, logits: Tensor) -> Tensor:
        """``(class,)`` weights."""
        if not self.class_weights:
            return logits.new_ones(logits.shape[1])
        if len(self.class_weights) != logits.shape[1]:
            raise ValueError(f"{len(self.class_weights)} class weights for {logits.shape[1]} classes")
        return logits.new_tensor(self.class_weights)


def segmentation_loss(logits: Tensor, batch: Batch, spec: LossSpec) -> Tensor:
    """The loss that `spec` names, a scalar; a sample's part is multiplied by its weight in `batch`.

    Args:
        logits: ``(n, class, y, x)``.
    """
    logits = logits.float()
    parts = [factor * TERMS[name](logits, batch, spec) for name, factor in spec.terms]
    return torch.stack(parts).sum()


def resolution_weight(height_px: Tensor, width_px: Tensor) -> Tensor:
    """``1 + |1 − √(H·W) / 256|``, so that unusual resolutions are not drowned out by the usual one.

    H and W are what the ground of a 256 px crop at the usual resolution measures at the sample's
    magnification. Crops all have one size in pixels here, whatever their magnification m, so H = W = 256 m.
    """
    return 1 + (1 - torch.sqrt(height_px * width_px) / REFERENCE_PX).abs()


def resolution_weights(scales: Tensor) -> Tensor:
    """`resolution_weight` of samples at the magnifications `scales` ``(n,)``."""
    side = REFERENCE_PX * scales
    return resolution_weight(side, side)


def cross_entropy(logits: Tensor, batch: Batch, spec: LossSpec) -> Tensor:
    """−log p of the right class, a mean over labelled pixels weighted by class."""
    known, truth = _known(batch.labels)
    pixel = F.cross_entropy(logits, truth, reduction="none") * _each(batch.weights)
    weight = spec.per_class(logits)[truth] * known
    return _mean(pixel * weight, weight)


def dice(logits: Tensor, batch: Batch, spec: LossSpec) -> Tensor:
    """1 − 2·|A∩B| / (|A| + |B| + 1) with probabilities for the map, a mean over the classes that are there.

    Milletari et al. 2016 (V-Net, doi 10.1109/3DV.2016.79). Pixels of the whole batch count together; a
    sample's weight is by how much they count, and the mean weight is that of the loss.
    """
    known, safe = _known(batch.labels)
    share = known * _each(batch.weights)
    level = _mean(share, known)
    share = share / level.clamp(min=1e-6)
    chance = logits.softmax(dim=1) * share[:, None]
    truth = F.one_hot(safe, logits.shape[1]).movedim(-1, 1) * share[:, None]
    overlap = (logits.softmax(dim=1) * truth).sum((0, 2, 3))
    counts = everywhere(torch.stack([overlap, chance.sum((0, 2, 3)), truth.sum((0, 2, 3))]))
    missed = 1 - 2 * counts[0] / (counts[1] + counts[2] + 1)
    seen = counts[2] > 0
    return level * (missed * seen).sum() / seen.sum().clamp(min=1)


def lovasz(logits: Tensor, batch: Batch, spec: LossSpec) -> Tensor:
    """Lovász-softmax, the convex closure of 1 − IoU: Berman et al. 2018 (doi 10.1109/CVPR.2018.00464).

    Taken image by image, over the classes that are there; then a mean over the images with labels.
    """
    known, truth = _known(batch.labels)
    there = known.flatten(1).any(dim=1)
    chance = logits.softmax(dim=1)
    each = [
        _lovasz_of_image(c[:, k], t[k]) if k.any() else 0 * c.sum()
        for c, t, k in zip(chance, truth, known, strict=True)
    ]
    return _mean(torch.stack(each) * batch.weights, there)


def _lovasz_of_image(chance: Tensor, truth: Tensor) -> Tensor:
    """`chance` ``(class, pixel)``, `truth` ``(pixel,)``: algorithm 1 of the paper for each class that is there."""
    present = torch.unique(truth)
    right = truth[None] == present[:, None]
    errors, order = (right.float() - chance[present]).abs().sort(dim=1, descending=True)
    hits = right.gather(1, order).float()
    total = hits.sum(dim=1, keepdim=True)
    jaccard = 1 - (total - hits.cumsum(1)) / (total + (1 - hits).cumsum(1))
    steps = torch.diff(jaccard, dim=1, prepend=jaccard.new_zeros(len(present), 1))
    loss: Tensor = (errors * steps).sum(dim=1).mean()
    return loss


def exclusion(logits: Tensor, batch: Batch, spec: LossSpec) -> Tensor:
    """−log(1 − p) of the class that is excluded, a mean over the pixels labelled 254."""
    excluded = batch.labels == EXCLUDED
    odds = logits.log_softmax(dim=1)[:, spec.excluded]
    miss = -torch.log1p(-odds.exp().clamp(max=1 - 1e-4))
    return _mean(miss * excluded * _each(batch.weights), excluded)


def distillation(logits: Tensor, batch: Batch, spec: LossSpec) -> Tensor:
    """T²·KL(teacher ‖ student), both softened by the temperature T: Hinton et al. 2015 (arXiv 1503.02531).

    A mean over the pixels that have soft labels, weighted by the class weight that the teacher expects.

    Raises:
        ValueError: the batch has no soft labels.
    """
    if batch.soft is None:
        raise ValueError("the distillation loss needs samples with soft labels")
    taught = (batch.soft.sum(dim=1) > 0.5).float()
    softened = batch.soft.clamp(min=1e-6) ** (1 / spec.temperature)
    teacher = softened / softened.sum(dim=1, keepdim=True)
    student = (logits / spec.temperature).log_softmax(dim=1)
    gap = (teacher * (teacher.log() - student)).sum(dim=1) * spec.temperature**2
    weight = torch.einsum("nkyx,k->nyx", teacher, spec.per_class(logits)) * taught
    return _mean(gap * weight * _each(batch.weights), weight)


TERMS: dict[str, Callable[[Tensor, Batch, LossSpec], Tensor]] = {
    f.__name__: f for f in (cross_entropy, dice, lovasz, exclusion, distillation)
}
"""Every term by its name."""


def _known(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Which pixels carry a class, and the labels with class 0 elsewhere."""
    known = labels < EXCLUDED
    return known, torch.where(known, labels, 0)


def _each(weights: Tensor) -> Tensor:
    """``(n,)`` to ``(n, 1, 1)``."""
    return weights[:, None, None]


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """Sum of `values` over the sum of `weight`, both over all processes; 0 where there is no weight."""
    total, count = everywhere(torch.stack([values.sum(), weight.sum().to(values.dtype)]))
    mean: Tensor = total / torch.where(count > 0, count, 1.0)
    return mean
