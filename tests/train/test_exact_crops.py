"""Crops in whole pixels, and scenes that nobody ever saw."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglm.train.exact_crops import ExactSet, draw_kinds
from geoglm.train.samples import UNLABELLED, LabelledImage
from geoglm.train.sentinel2.invented import SIDE_PX, Source, invent, invented, parcelled


def image(rows: int = 40, cols: int = 56) -> LabelledImage:
    """Every pixel has a value of its own, from which label and soft label follow."""
    value = np.arange(rows * cols, dtype=np.uint16).reshape(1, rows, cols)
    labels = (value[0] % 3).astype(np.uint8)
    soft = (255 * (labels == np.arange(3)[:, None, None])).astype(np.uint8)
    return LabelledImage(value, labels, soft, full_scale=1.0)


@given(st.integers(0, 10_000), st.sampled_from([16, 32]))
def test_every_pixel_of_a_crop_is_one_of_the_image_with_its_own_label(seed: int, side: int) -> None:
    crop = ExactSet([image()], share=1, centred_on=(0, 2), halved=0).draw(np.random.default_rng(seed), side)
    value = crop.pixels[0].numpy().astype(int)
    assert value.shape == (side, side)
    assert len(np.unique(value)) == side**2
    assert (crop.labels.numpy() == value % 3).all()
    assert crop.soft is not None
    assert (crop.soft.argmax(dim=0) == crop.labels).all()


def test_halved_crops_are_means_and_small_images_are_mirrored_without_label() -> None:
    half = ExactSet([image()], share=1, halved=1).draw(np.random.default_rng(0), 16)
    assert set(np.unique(half.pixels.numpy() % 1)) <= {0.0, 0.5}
    small = ExactSet([image(10, 12)], share=1, halved=0).draw(np.random.default_rng(0), 32)
    assert (small.labels == UNLABELLED).sum() == 32 * 32 - 120
    assert small.soft is not None
    assert float(small.soft.sum()) == 120
    with pytest.raises(ValueError, match="at least one image"):
        ExactSet([], share=1)


def test_kinds_are_drawn_in_proportion() -> None:
    sets = {"a": ExactSet([image()], share=3), "b": ExactSet([image()], share=1)}
    names = [name for name, _ in draw_kinds(sets, np.random.default_rng(0), 200, 8)]
    assert 0.65 < names.count("a") / 200 < 0.85


def sources() -> list[Source]:
    rng = np.random.default_rng(0)
    shapes = ((200, 190), (60, 300), (180, 180))
    found = [
        Source(f"place{k // 2}_{k}", rng.integers(100, 4000, (9, *s)).astype(np.uint16), np.ones(s, bool))
        for k, s in enumerate(shapes)
    ]
    found[0].valid[:50] = False
    return found


def test_dates_of_a_place_are_one_place() -> None:
    assert [s.place for s in sources()] == ["place0", "place0", "place1"]
    names = ("strzegom-west-20210619", "oscd_pisa_2", "dsen2_T33UUB")
    assert [Source(n, np.zeros((9, 1, 1)), np.ones((1, 1), bool)).place for n in names] == [
        "strzegom-west",
        "oscd_pisa",
        "dsen2_T33UUB",
    ]


@given(st.integers(0, 500))
def test_an_invented_scene_is_reflectance_everywhere(seed: int) -> None:
    pixels = invent([sources()[:2], sources()[2:]], np.random.default_rng(seed))
    assert pixels.shape == (9, SIDE_PX, SIDE_PX)
    assert pixels.dtype == np.float32
    assert 30 <= pixels.min() <= pixels.max() <= 20_000


@given(st.integers(0, 1000))
@settings(max_examples=8, deadline=None)
def test_on_even_ground_a_parcel_has_one_spectrum(seed: int) -> None:
    even = np.full((9, SIDE_PX, SIDE_PX), 1500, np.float32)
    drawn = parcelled(even, [sources()[:2], sources()[2:]], np.random.default_rng(seed))
    spectra, pixels = np.unique(np.rint(drawn).reshape(9, -1), axis=1, return_counts=True)
    large = spectra[:, pixels > 60]
    assert 2 <= large.shape[1] <= 60
    assert pixels[pixels > 60].sum() > 0.5 * SIDE_PX**2


def test_the_teacher_is_asked_about_what_was_invented() -> None:
    def teacher(pixels: np.ndarray) -> np.ndarray:
        return -np.abs(pixels.mean(axis=0)[None] / 500 - np.arange(9)[:, None, None])

    made = list(invented(sources(), teacher, count=2, seed=4, temperature=0.5))
    for pixels, soft in made:
        inside = soft[:, 6:-6, 6:-6]
        assert (inside.argmax(axis=0) == teacher(pixels)[:, 6:-6, 6:-6].argmax(axis=0)).mean() > 0.99
        assert not soft[:, :6].any()
    again = list(invented(sources(), teacher, count=2, seed=4, temperature=0.5))
    assert all((a[0] == b[0]).all() for a, b in zip(made, again, strict=True))
