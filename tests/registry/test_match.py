"""Which scene band is which, for nine bands of Sentinel-2."""

from dataclasses import replace
from typing import Any

import pytest

from geoglm.errors import SceneMismatch
from geoglm.nn.segmenter import SegmenterSpec
from geoglm.registry.card import ModelCard
from geoglm.registry.match import match_bands, same_band, shown_bands
from geoglm.types import GeoRef, SceneMeta
from tests.conftest import card_for

BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B11", "B12")
COMMON = ("blue", "green", "red", "rededge071", "rededge075", "rededge078", "nir", "swir16", "swir22")
WRITTEN = ("Blue", "Green", "Red", "Red Edge 1", "Red Edge 2", "red_edge_3", "NIR", "SWIR1", "swir-2")
LONG = tuple(f"{b.replace('B0', 'B')}, central wavelength 665 nm" for b in BANDS)
FILES = tuple(f"T33UUB_20170216T102101_{b}" for b in BANDS)
L2A = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")


def card(bands: tuple[str, ...] = BANDS) -> ModelCard:
    parsed = ModelCard.parse(card_for(SegmenterSpec(encoder="pointwise", bands=len(bands), classes=3)))
    return replace(parsed, bands=bands)


def meta(*bands: str, **changes: Any) -> SceneMeta:
    return SceneMeta("scene", 10, 10, "uint16", bands, (None,) * len(bands), 10.0, GeoRef(), **changes)


@pytest.mark.parametrize(
    "names", [BANDS, COMMON, WRITTEN, LONG, FILES], ids=["number", "stac", "words", "gdal", "file"]
)
def test_bands_are_found_by_any_of_their_names_in_any_order(names: tuple[str, ...]) -> None:
    assert match_bands(meta(*names), card(), None).indices == tuple(range(9))
    assert match_bands(meta(*names[::-1]), card(), None).indices == tuple(range(9))[::-1]
    assert match_bands(meta("coastal", "B8A", *names, "scl"), card(), None).indices == tuple(range(2, 11))


def test_the_narrow_near_infrared_is_not_taken_for_the_wide_one() -> None:
    assert same_band("B8A") == {"b8a"}
    assert same_band("nir08") != same_band("nir")
    assert match_bands(meta(*L2A), card(), None).indices == (1, 2, 3, 4, 5, 6, 7, 10, 11)
    without = [b for b in L2A if b != "B8"]
    with pytest.raises(SceneMismatch, match="no band called B08"):
        match_bands(meta(*without), card(), None)


def test_whole_products_without_names_go_by_their_order_where_there_is_but_one() -> None:
    match = match_bands(meta(*[""] * 12), card(), None)
    assert match.indices == (1, 2, 3, 4, 5, 6, 7, 10, 11)
    assert match.note is not None
    assert "2,3,4,5,6,7,8,11,12" in match.note
    assert match_bands(meta(*[""] * 9), card(), None).indices == tuple(range(9))
    with pytest.raises(SceneMismatch, match=r"--bands 2,3,4,5,6,7,8,12,13 if they are in the order"):
        match_bands(meta(*[""] * 13), card(), None)
    for count in (10, 11, 14):
        with pytest.raises(SceneMismatch, match=f"{count} bands without names"):
            match_bands(meta(*[""] * count), card(), None)


def test_four_bands_still_are_red_green_blue_and_near_infrared() -> None:
    four = card(("red", "green", "blue", "nir"))
    assert match_bands(meta("B04", "B03", "B02", "B08"), four, None).indices == (0, 1, 2, 3)
    assert match_bands(meta("nir", "red", "green", "blue"), four, None).indices == (1, 2, 3, 0)
    with pytest.raises(SceneMismatch, match="has 4 bands"):
        match_bands(meta("red", "green", "blue", "nir"), card(), None)


def test_red_green_and_blue_are_shown_wherever_they_stand() -> None:
    assert shown_bands(BANDS) == (2, 1, 0)
    assert shown_bands(("red", "green", "blue", "nir")) == (0, 1, 2)
    assert shown_bands(("x", "y", "z", "t")) == (0, 1, 2)
    assert shown_bands(("panchromatic",)) == (0,)
