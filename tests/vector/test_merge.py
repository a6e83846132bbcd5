"""The minimum mapping unit against the slow obvious version."""

from itertools import pairwise

import numpy as np
import pytest
import rasterio.features
from hypothesis import given
from hypothesis import strategies as st

from geoglm.vector.merge import becomes, merged
from tests.strategies import class_maps
from tests.vector.maps import STRANGE_MAPS
from tests.vector.test_trace import traced


def merge(classes: np.ndarray, least: float, cuts: tuple[int, ...] = (), **given: object) -> np.ndarray:
    edges = [0, *sorted(cuts), len(classes)]
    pieces = [classes[a:b] for a, b in pairwise(edges)]
    row_area = given.pop("row_area", np.ones(len(classes)))
    become = becomes(pieces, classes.shape[1], row_area, least, **given)
    return np.concatenate(list(merged(pieces, classes.shape[1], become)))


def regions(classes: np.ndarray) -> np.ndarray:
    """Every 4-connected region numbered from 1 in the order of its first pixel, 0 for no data."""
    numbers = np.zeros(classes.shape, int)
    for row, col in np.ndindex(classes.shape):
        if classes[row, col] == 255 or numbers[row, col]:
            continue
        numbers[row, col] = numbers.max() + 1
        waiting = [(row, col)]
        while waiting:
            r, c = waiting.pop()
            for q, p in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
                inside = 0 <= q < classes.shape[0] and 0 <= p < classes.shape[1]
                if inside and not numbers[q, p] and classes[q, p] == classes[row, col]:
                    numbers[q, p] = numbers[row, col]
                    waiting.append((q, p))
    return numbers


def merge_slowly(classes: np.ndarray, least: int) -> np.ndarray:
    """One region at a time, everything counted anew before each."""
    classes = classes.copy()
    while True:
        numbers = regions(classes)
        sizes = np.bincount(numbers.ravel())
        shared: dict[tuple[int, int], int] = {}
        for a, b in ((numbers[:, 1:], numbers[:, :-1]), (numbers[1:], numbers[:-1])):
            for one, other in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
                if one and other and one != other:
                    shared[one, other] = shared.get((one, other), 0) + 1
                    shared[other, one] = shared.get((other, one), 0) + 1
        small = sorted((sizes[k], k) for k in range(1, len(sizes)) if sizes[k] < least)
        for _, k in small:
            beside = [(n, sizes[other], -other) for (one, other), n in shared.items() if one == k]
            if beside:
                classes[numbers == k] = classes[numbers == -max(beside)[2]][0]
                break
        else:
            return classes


@given(class_maps(side=8), st.sampled_from([2, 3, 5, 9, 1000]))
def test_regions_are_merged_as_if_one_by_one(classes: np.ndarray, least: int) -> None:
    assert (merge(classes, least) == merge_slowly(classes, least)).all()


@given(class_maps(), st.sampled_from([2, 5, 20]), st.data())
def test_how_the_rows_come_in_does_not_matter(classes: np.ndarray, least: int, data: st.DataObject) -> None:
    cuts = tuple(data.draw(st.lists(st.integers(0, len(classes)), max_size=5)))
    assert (merge(classes, least, cuts) == merge(classes, least)).all()


@pytest.mark.parametrize("name", STRANGE_MAPS)
def test_nothing_small_is_left_and_merging_again_changes_nothing(name: str) -> None:
    classes = STRANGE_MAPS[name]
    out = merge(classes, 12)
    assert ((out == 255) == (classes == 255)).all()
    assert (merge(out, 12) == out).all()
    sizes = np.concatenate([found.measures.pixels for found in traced(out)])
    alone = sum(1 for _ in rasterio.features.shapes((out != 255).astype(np.uint8), mask=out != 255, connectivity=4))
    assert (sizes < 12).sum() <= alone


def test_areas_and_lengths_are_those_on_the_ground() -> None:
    classes = np.array([[0, 0, 1, 1], [2, 2, 2, 2]], np.uint8)
    assert merge(classes, 2.5)[0].tolist() == [2, 2, 2, 2]
    tall = merge(classes, 2.5, pixel=(1.0, 3.0))  # a left edge is worth three upper ones
    assert tall[0].tolist() == [1, 1, 1, 1]
    assert (merge(classes, 2.5, row_area=np.array([2.0, 1.0])) == classes).all()
