"""Losses that know about pixels nobody labelled and pixels of which only one class is excluded."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from geoglm.train.samples import NOT_BUILDING


def segmentation_loss(logits: Tensor, labels: Tensor, weights: Tensor, *, building: int) -> Tensor:
    """Weighted cross-entropy + soft Dice over labelled pixels + −log(1 − p) where a building is excluded.

    Args:
        logits: ``(n, class, y, x)``.
        labels: ``(n, y, x)`` class ids, 254 for "not a building", 255 for unlabelled.
        weights: ``(class,)`` class weights of the cross-entropy.
        building: id of the class that label 254 excludes.
    """
    known = labels < NOT_BUILDING
    safe = torch.where(known, labels, 0)
    cross = F.cross_entropy(logits, safe, weight=weights, reduction="none")
    total = (weights[safe] * known).sum().clamp(min=1)
    loss = (cross * known).sum() / total

    chance = logits.softmax(dim=1) * known[:, None]
    truth = F.one_hot(safe, logits.shape[1]).movedim(-1, 1) * known[:, None]
    overlap, size = (chance * truth).sum((0, 2, 3)), (chance + truth).sum((0, 2, 3))
    seen = truth.sum((0, 2, 3)) > 0
    dice = 1 - 2 * overlap / (size + 1)
    loss = loss + 0.5 * (dice * seen).sum() / seen.sum().clamp(min=1)

    excluded = labels == NOT_BUILDING
    if excluded.any():
        odds = logits.log_softmax(dim=1)[:, building]
        miss = -torch.log1p(-odds.exp().clamp(max=1 - 1e-4))
        loss = loss + 0.5 * (miss * excluded).sum() / excluded.sum()
    return loss
