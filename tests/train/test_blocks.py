"""Validation blocks: nothing on both sides, the gap is kept, every class is judged that can be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geoglm.train.blocks import BlockSplit, CellCounts, Side, count_cells, everything_teaches, split_blocks
from geoglm.types import PixelBox

CLASSES = 3


def counted(scenes: list[NDArray[np.uint8]], cell: int) -> CellCounts:
    table = {}
    for k, labels in enumerate(scenes):
        table |= count_cells(labels, PixelBox(0, 0, *labels.shape), scene=k, side_px=cell, classes=CLASSES)
    return CellCounts(cell, CLASSES, table)


def sides_of(split: BlockSplit, scenes: list[NDArray[np.uint8]]) -> list[dict[Side, NDArray[np.bool_]]]:
    boxes = [PixelBox(0, 0, *labels.shape) for labels in scenes]
    return [
        {side: split.labels_for(side, labels, box, k) < CLASSES for side in Side}
        for k, (labels, box) in enumerate(zip(scenes, boxes, strict=True))
    ]


@st.composite
def labelled_scenes(draw: st.DrawFn) -> list[NDArray[np.uint8]]:
    """One to three scenes with rectangles of labels, few or covering all."""
    scenes = []
    for _ in range(draw(st.integers(1, 3))):
        shape = draw(st.integers(8, 90)), draw(st.integers(8, 90))
        labels = np.full(shape, 255, np.uint8)
        for _ in range(draw(st.integers(1, 12))):
            top, left = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
            height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
            labels[top : top + height, left : left + width] = draw(st.integers(0, CLASSES - 1))
        scenes.append(labels)
    return scenes


@settings(max_examples=15)
@given(scenes=labelled_scenes(), cell=st.integers(2, 9), gap=st.integers(1, 60), seed=st.integers(0, 3))
def test_no_pixel_is_on_both_sides_and_none_is_forgotten(
    scenes: list[NDArray[np.uint8]], cell: int, gap: int, seed: int
) -> None:
    split = split_blocks(counted(scenes, cell), gap_px=gap, least_px=5, seed=seed)
    found = sides_of(split, scenes)
    for labels, by_side in zip(scenes, found, strict=True):
        times = sum(mask.astype(int) for mask in by_side.values())
        assert np.array_equal(times, (labels < CLASSES).astype(int))
    for side, told in ((Side.TRAINING, split.training), (Side.VALIDATION, split.validation)):
        for k in range(CLASSES):
            pixels = sum(int((s[side] & (labels == k)).sum()) for labels, s in zip(scenes, found, strict=True))
            assert told[k] == pixels


@settings(max_examples=15)
@given(scenes=labelled_scenes(), cell=st.integers(2, 9), gap=st.integers(1, 60))
def test_the_gap_is_kept(scenes: list[NDArray[np.uint8]], cell: int, gap: int) -> None:
    split = split_blocks(counted(scenes, cell), gap_px=gap, least_px=5, seed=0)
    assert split.gap_px == 0 or split.gap_px <= max(gap, cell)
    for by_side in sides_of(split, scenes):
        held, taught = np.argwhere(by_side[Side.VALIDATION]), np.argwhere(by_side[Side.TRAINING])
        if len(held) and len(taught):
            nearest = min(int(np.abs(taught - h).max(axis=1).min()) for h in held)
            assert nearest > split.gap_px


@settings(max_examples=15)
@given(scenes=labelled_scenes(), cell=st.integers(2, 9))
def test_a_class_keeps_half_of_its_labels_unless_the_gap_takes_them(scenes: list[NDArray[np.uint8]], cell: int) -> None:
    counts = counted(scenes, cell)
    split = split_blocks(counts, gap_px=20, least_px=5, seed=0)
    assert all(2 * v <= n for v, n in zip(split.validation, counts.total(), strict=True))
    assert sum(split.measured(5)) in {0, 2, 3}


def test_polygons_stay_whole_and_every_class_is_on_both_sides() -> None:
    labels = np.full((200, 200), 255, np.uint8)
    places = [(r, c) for r in (5, 55, 105, 155) for c in (5, 80, 155)]
    for k, (row, col) in enumerate(places):
        labels[row : row + 20, col : col + 20] = k % CLASSES
    split = split_blocks(counted([labels], 4), gap_px=16, least_px=100, seed=1)
    assert split.gap_px == 16
    assert split.measured(100) == (True,) * CLASSES
    (by_side,) = sides_of(split, [labels])
    for row, col in places:
        inside = by_side[Side.VALIDATION][row : row + 20, col : col + 20]
        assert inside.all() or not inside.any()
    assert not by_side[Side.GAP].any()


def test_a_fully_labelled_scene_is_cut_into_blocks() -> None:
    labels = np.random.default_rng(0).integers(0, CLASSES, (256, 256)).astype(np.uint8)
    counts = counted([labels], 4)
    split = split_blocks(counts, gap_px=256, least_px=100, seed=0)
    held = sum(split.validation) / labels.size
    lost = 1 - held - sum(split.training) / labels.size
    assert split.gap_px >= 8
    assert 0.1 < held <= 0.5
    assert lost <= 0.3


@pytest.mark.parametrize("polygons", [1, 2])
def test_where_no_two_classes_can_be_judged_everything_teaches(polygons: int) -> None:
    labels = np.full((60, 60), 255, np.uint8)
    labels[:6, :6] = 0
    labels[30:36, 30:36] = 1
    if polygons == 2:
        labels[30:36, :6] = 0
    counts = counted([labels], 2)
    split = split_blocks(counts, gap_px=8, least_px=5, seed=0)
    assert split.sides == everything_teaches(counts).sides
    assert split.validation == (0,) * CLASSES
    assert split.units == (polygons, 1, 0)
