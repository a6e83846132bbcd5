"""Labelled neighbourhoods: what is read, what is not, and that it is what segment sees."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn import functional as F

from geoglm.io.memory import ArrayScene
from geoglm.train.neighbourhoods import (
    MARGIN_PX,
    Neighbourhood,
    View,
    core_labels,
    count_labels,
    find_neighbourhoods,
    reduced_labels,
    reduced_pixels,
    thinned,
)
from geoglm.types import PixelBox


class Known:
    """Labels from an array."""

    notes: tuple[str, ...] = ()

    def __init__(self, array: NDArray[np.uint8], classes: int) -> None:
        self.array, self.classes = array, tuple(f"kind {k}" for k in range(classes))

    def read(self, box: PixelBox) -> NDArray[np.uint8]:
        return self.array[box.top : box.bottom, box.left : box.right]


class Watched(ArrayScene):
    """A scene that counts the pixels read of it."""

    seen = 0

    def read(self, box: PixelBox, bands: Sequence[int]) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        self.seen += box.area
        return super().read(box, bands)


def view(labels: NDArray[np.uint8], *, reduce: int = 1, mask: NDArray[np.bool_] | None = None) -> View:
    pixels = np.full((3, *labels.shape), 77, np.uint8)
    return View(Watched(pixels, gsd=0.25, mask=mask), Known(labels, 3), (0, 1, 2), 255.0, (128.0,) * 3, reduce)


def test_of_a_large_scene_only_the_surroundings_of_labels_are_read() -> None:
    labels = np.full((2000, 3000), 255, np.uint8)
    labels[100:120, 100:130], labels[1800:1850, 2900:2910] = 0, 1
    scene = view(labels)
    places = find_neighbourhoods([scene])
    images = [scene.read(p.read) for p in places]
    assert len(places) == 2
    assert isinstance(scene.source, Watched)
    assert scene.source.seen == sum(i.labels.size for i in images) < 0.06 * labels.size
    for place in places:
        assert place.core.top - place.read.top in (MARGIN_PX, place.core.top)


@settings(max_examples=12)
@given(seed=st.integers(0, 50), rects=st.integers(1, 8), reduce=st.integers(1, 3))
def test_every_label_counts_once(seed: int, rects: int, reduce: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.full((rng.integers(30, 1300), rng.integers(30, 1300)), 255, np.uint8)
    for _ in range(rects):
        top, left = (int(rng.integers(0, n - 20)) for n in labels.shape)
        labels[top : top + int(rng.integers(6, 200)), left : left + int(rng.integers(6, 200))] = rng.integers(0, 3)
    scene = view(labels, reduce=reduce)
    everything = scene.read_labels(scene.box)
    places = [(p, scene.read(p.read)) for p in find_neighbourhoods([scene])]
    expected = np.bincount(everything[everything < 3], minlength=3)
    assert np.array_equal(count_labels(places, classes=3).total(), expected)
    own = sum(np.bincount(core_labels(p, i.labels).ravel(), minlength=256)[:3] for p, i in places)
    assert np.array_equal(own, expected)


@given(seed=st.integers(0, 50), times=st.integers(1, 5))
def test_training_sees_the_pixels_that_segment_sees(seed: int, times: int) -> None:
    pixels = np.random.default_rng(seed).random((3, 6 * times, 4 * times), dtype=np.float32)
    seen = F.avg_pool2d(torch.from_numpy(pixels)[None], times)[0].numpy()
    assert np.allclose(reduced_pixels(pixels, times), seen, atol=1e-6)


def test_a_working_pixel_takes_the_label_of_its_greater_part() -> None:
    labels = np.array([[0, 0, 1, 1, 2, 255], [0, 1, 1, 255, 255, 255]], np.uint8)
    assert reduced_labels(labels, 2).tolist() == [[0, 1, 255]]


def test_pixels_without_data_have_no_label_and_hold_the_fill() -> None:
    mask = np.ones((40, 40), np.bool_)
    mask[:, :20] = False
    image = view(np.zeros((40, 40), np.uint8), reduce=2, mask=mask).read(PixelBox(0, 0, 20, 20))
    assert (image.labels[:, :10] == 255).all()
    assert (image.labels[:, 10:] == 0).all()
    assert (image.pixels[:, :, :10] == 128).all()


@pytest.mark.parametrize("whole", [False, True])
def test_a_network_that_looks_at_scenes_reads_them_whole(whole: bool) -> None:
    labels = np.full((900, 900), 255, np.uint8)
    labels[:50, :50] = 1
    (place,) = find_neighbourhoods([view(labels)], whole=whole)
    assert (place.read == PixelBox(0, 0, 900, 900)) is whole


@given(seed=st.integers(0, 30), budget=st.integers(0, 12))
def test_thinning_keeps_to_its_budget_and_to_the_rare_class(seed: int, budget: int) -> None:
    box = PixelBox(0, 0, 600, 600)
    counts = np.zeros((12, 256), np.int64)
    counts[:, 0], counts[7, 2] = 1000, 10
    found = [Neighbourhood(0, box, box, c) for c in counts]
    kept = thinned(found, most_px=budget * box.area, seed=seed)
    assert len(kept) == budget
    assert budget < 2 or any(n.counts[2] for n in kept)
