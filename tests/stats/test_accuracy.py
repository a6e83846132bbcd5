"""Figures of agreement against their definitions, written out pixel by pixel."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglm.stats.accuracy import (
    count_pairs,
    f1_score,
    intersection_over_union,
    mean_iou,
    overall_accuracy,
    precision,
    recall,
)
from geoglm.stats.boundary import boundary_counts, boundary_f1

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))


@st.composite
def pairs_of_maps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Truth and map of three classes with holes; the map often right."""
    shape = draw(SHAPES)
    cells = st.sampled_from([0, 1, 2, 255])
    truth, found = (draw(hnp.arrays(np.uint8, shape, elements=cells)) for _ in range(2))
    same = draw(hnp.arrays(np.bool_, shape))
    return truth, np.where(same, truth, found)


@given(pairs_of_maps())
def test_every_ratio_is_what_its_definition_says(pair: tuple[np.ndarray, np.ndarray]) -> None:
    both = [(int(t), int(f)) for t, f in zip(*(a.ravel() for a in pair), strict=True) if 255 not in (t, f)]
    confusion = count_pairs(*pair, classes=3)
    assert confusion.tolist() == [[both.count((t, f)) for f in range(3)] for t in range(3)]

    def share(part: int, whole: int) -> float:
        return part / whole if whole else math.nan

    ious = []
    for k in range(3):
        hit, real, mapped = both.count((k, k)), sum(t == k for t, _ in both), sum(f == k for _, f in both)
        ious.append(share(hit, real + mapped - hit))
        same = {"nan_ok": True}
        assert intersection_over_union(confusion)[k] == pytest.approx(ious[-1], **same)
        assert precision(confusion)[k] == pytest.approx(share(hit, mapped), **same)
        assert recall(confusion)[k] == pytest.approx(share(hit, real), **same)
        assert f1_score(confusion)[k] == pytest.approx(share(2 * hit, real + mapped), **same)
    there = [iou for k, iou in enumerate(ious) if any(t == k for t, _ in both)]
    assert mean_iou(confusion) == pytest.approx(sum(there) / len(there) if there else math.nan, nan_ok=True)
    assert overall_accuracy(confusion) == pytest.approx(share(sum(t == f for t, f in both), len(both)), nan_ok=True)


@given(pairs_of_maps(), st.integers(0, 12))
def test_matrices_of_parts_add_up_to_that_of_the_whole(pair: tuple[np.ndarray, np.ndarray], at: int) -> None:
    truth, found = pair
    parts = [count_pairs(truth[rows], found[rows], classes=3) for rows in (np.s_[:at], np.s_[at:])]
    assert (parts[0] + parts[1] == count_pairs(truth, found, classes=3)).all()


def slow_boundary(truth: np.ndarray, found: np.ndarray, tolerance: int) -> list[list[int]]:
    """Every boundary pixel against every other."""
    known = (truth != 255) & (found != 255)
    height, width = truth.shape

    def edge(values: np.ndarray, k: int) -> list[tuple[int, int]]:
        return [
            (r, c)
            for r in range(height)
            for c in range(width)
            if known[r, c]
            and values[r, c] == k
            and any(
                0 <= y < height and 0 <= x < width and known[y, x] and values[y, x] != k
                for y, x in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1))
            )
        ]

    def near(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> int:
        return sum(any((r - y) ** 2 + (c - x) ** 2 <= tolerance**2 for y, x in others) for r, c in some)

    counts = []
    for k in range(3):
        mapped, real = edge(found, k), edge(truth, k)
        counts.append([len(mapped), near(mapped, real), len(real), near(real, mapped)])
    return counts


@given(pairs_of_maps(), st.integers(0, 5))
def test_boundaries_are_matched_within_a_disc(pair: tuple[np.ndarray, np.ndarray], tolerance: int) -> None:
    counts = boundary_counts(*pair, classes=3, tolerance_px=tolerance)
    assert counts.tolist() == slow_boundary(*pair, tolerance)


@given(pairs_of_maps(), st.integers(1, 11), st.integers(0, 3))
def test_boundaries_of_cores_add_up_to_those_of_the_whole(
    pair: tuple[np.ndarray, np.ndarray], at: int, tolerance: int
) -> None:
    truth, found = pair
    halo, rows = tolerance + 1, len(truth)
    at = min(at, rows)
    total = np.zeros((3, 4), np.int64)
    for top, bottom in ((0, at), (at, rows)):
        if top < bottom:
            first = max(top - halo, 0)
            part = np.s_[first : bottom + halo]
            core = np.s_[top - first : bottom - first, :]
            total += boundary_counts(truth[part], found[part], classes=3, core=core, tolerance_px=tolerance)
    assert (total == boundary_counts(truth, found, classes=3, tolerance_px=tolerance)).all()


def test_boundary_f1_falls_where_an_outline_is_moved_too_far() -> None:
    truth = np.zeros((40, 40), np.uint8)
    truth[10:30, 10:30] = 1

    def score(by: int) -> float:
        return float(boundary_f1(boundary_counts(truth, np.roll(truth, by, axis=1), classes=3, tolerance_px=3))[1])

    assert score(0) == score(3) == 1
    # up and down edges keep most of their counterparts, the two sides have lost theirs
    assert 0.4 < score(5) < 0.7
    assert boundary_f1(np.array([[0, 0, 9, 0], [0, 0, 0, 0], [4, 2, 8, 4]])) == pytest.approx(
        [0, np.nan, 0.5], nan_ok=True
    )
