"""Reflectance offset: what metadata and the darkest pixels tell of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglm.errors import SceneMismatch
from geoglm.pixels.offset import ReflectanceZero, check_reflectance, find_zero, seen_zero, told_zero
from geoglm.pixels.scale import Scaling

NAME = "S2A_MSIL2A_20220525T101031_N{}_R022_T33UUB_20220525T142015.SAFE"


def product(**tags: str) -> dict[str, str]:
    return {"path": "/data/scene.tif"} | tags


@pytest.mark.parametrize(
    ("units", "tags", "zero"),
    [
        ([(1e-4, -0.1)] * 9, {}, 1000),
        ([(1e-4, 0.0)] * 9, {}, 0),
        ([(1.0, -1000.0)] * 9, {}, 1000),
        ([(1e-4, -0.1), (1e-4, 0.0)], {}, None),  # bands that disagree tell nothing
        ([], {}, None),
        ([], {"BOA_ADD_OFFSET": "-1000"}, 1000),
        ([], {"RADIO_ADD_OFFSET_B02": "-1000"}, 1000),
        ([], {"PROCESSING_BASELINE": "04.00"}, 1000),
        ([], {"PROCESSING_BASELINE": "05.11"}, 1000),
        ([], {"PROCESSING_BASELINE": "02.14"}, 0),
        ([], {"PRODUCT_URI": NAME.format("0400")}, 1000),
        ([], {"PRODUCT_URI": NAME.format("0301")}, 0),
        ([], {"PRODUCT_URI": NAME.format("9999")}, None),
        ([], {"path": f"/archive/{NAME.format('0510')}/GRANULE/IMG_DATA/B02.jp2"}, 1000),
        ([], {"path": "/archive/N0400/scene.tif"}, None),
    ],
)
def test_metadata_tell_the_offset(units: list[tuple[float, float]], tags: dict[str, str], zero: float | None) -> None:
    told = told_zero(units, product(**tags), full=10_000)
    assert (told and told.value) == zero


@given(st.integers(0, 900), st.integers(0, 2000))
def test_the_darkest_pixels_tell_whether_the_offset_is_there(dark: int, spread: int) -> None:
    rng = np.random.default_rng(dark)
    scene = rng.integers(dark, dark + spread + 1, (3, 40, 40))
    scene[1] += 500
    valid = np.ones((40, 40), bool)
    without, having = (seen_zero((scene + add).astype(np.uint16), valid, full=10_000) for add in (0, 1000))
    darkest = int(scene.min(axis=(1, 2)).min())
    if darkest < 390:
        assert (without.value, having.value) == (0, 1000)
        assert without.sure
        assert having.sure
    assert without.value == 0 or darkest >= 950


def test_a_bright_scene_gets_no_offset_and_the_note_says_how_to_ask_for_one() -> None:
    told = seen_zero(np.full((9, 8, 8), 4000, np.uint16), np.ones((8, 8), bool), full=10_000)
    assert told.value == 0
    assert not told.sure
    assert "--offset 1000" in told.why
    assert seen_zero(np.ones((9, 8, 8)), np.zeros((8, 8), bool), full=1).value == 0


def test_nodata_does_not_pass_for_dark_ground() -> None:
    scene = np.full((2, 20, 20), 1200, np.uint16)
    scene[:, :5] = 0
    assert seen_zero(scene, scene[0] > 0, full=10_000).value == 1000


def test_an_offset_that_somebody_took_off_is_seen_by_its_dark_pixels() -> None:
    told = ReflectanceZero(1000, "processing baseline 04.00")
    gone = find_zero(told, ReflectanceZero(0, "its darkest pixels have 40"))
    assert gone.value == 0
    assert "04.00" in gone.why
    assert find_zero(told, ReflectanceZero(0, "cannot be told", sure=False)) is told
    assert find_zero(None, ReflectanceZero(1000, "dark")).value == 1000


@given(st.floats(0.01, 1.5), st.sampled_from([1.0, 10_000.0]))
def test_the_offset_changes_nothing_for_the_network(reflectance: float, full: float) -> None:
    plain = Scaling(mean=(0.4,), std=(0.2,))
    moved, zero = plain.with_zero(0.1 * full), 0.1 * full
    (a, b), (c, d) = plain.slope_and_offset(full), moved.slope_and_offset(full)
    value = reflectance * full
    assert a[0] * value + b[0] == pytest.approx(c[0] * (value + zero) + d[0], abs=1e-5)
    assert moved.fill(full)[0] == pytest.approx(plain.fill(full)[0] + zero)


def test_real_numbers_must_be_reflectance() -> None:
    check_reflectance(np.array([0.1, 1.4], np.float32), "scene", full=1)
    check_reflectance(np.zeros(0, np.float32), "scene", full=1)
    with pytest.raises(SceneMismatch, match=r"scene has real numbers up to .*--scale 10000"):
        check_reflectance(np.array([200, 3000], np.float32), "scene", full=1)
