"""How well a map agrees with a reference: the confusion matrix and what follows from it.

Matrices are ``(class, class)`` counts, truth by row and map by column. Those of parts of a scene, or of several
scenes, are added up before any ratio is taken. A class that a ratio says nothing about gets NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Ratios = NDArray[np.float64]


def count_pairs(truth: NDArray[np.uint8], found: NDArray[np.uint8], *, classes: int) -> Counts:
    """The confusion matrix of one block; pixels where either is no class (255, say) are left out.

    Args:
        truth, found: class places of any, and the same, shape.

    >>> count_pairs(np.array([0, 0, 1, 255], np.uint8), np.array([0, 1, 1, 1], np.uint8), classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    known = (truth < classes) & (found < classes)
    pairs = truth[known].astype(np.intp) * classes + found[known]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def intersection_over_union(confusion: Counts) -> Ratios:
    """IoU per class, TP / (TP + FP + FN); NaN for a class that is neither there nor mapped."""
    hit = np.diag(confusion)
    return _ratio(hit, confusion.sum(0) + confusion.sum(1) - hit)


def precision(confusion: Counts) -> Ratios:
    """User's accuracy per class: of the pixels mapped as it, the share that is; NaN where none is mapped."""
    return _ratio(np.diag(confusion), confusion.sum(axis=0))


def recall(confusion: Counts) -> Ratios:
    """Producer's accuracy per class: of the pixels that are it, the share mapped as it; NaN where there is none."""
    return _ratio(np.diag(confusion), confusion.sum(axis=1))


def f1_score(confusion: Counts) -> Ratios:
    """F1 per class, the harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN)."""
    return _ratio(2 * np.diag(confusion), confusion.sum(axis=0) + confusion.sum(axis=1))


def mean_iou(confusion: Counts) -> float:
    """Mean IoU over the classes that the reference has; NaN where it has none."""
    there = confusion.sum(axis=1) > 0
    return float(intersection_over_union(confusion)[there].mean()) if there.any() else float("nan")


def overall_accuracy(confusion: Counts) -> float:
    """Share of labelled pixels that are mapped right; NaN where there is none."""
    return float(_ratio(np.diag(confusion).sum(), confusion.sum()))


def _ratio(part: Counts, whole: Counts) -> Ratios:
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    ratio: Ratios = np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)
    return ratio
