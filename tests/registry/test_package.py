import json
from pathlib import Path
from typing import Any

import pytest

from geoglm.errors import BadPackage, SceneMismatch, UnknownModel
from geoglm.registry.catalog import choose, find, shipped
from geoglm.registry.match import match_bands
from geoglm.registry.package import ModelPackage
from geoglm.types import GeoRef, SceneMeta
from tests.conftest import pointwise


def meta(*bands: str, gsd: float | None = 0.5) -> SceneMeta:
    return SceneMeta("s", 10, 10, "uint8", bands, (None,) * len(bands), gsd, GeoRef())


def test_a_package_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = pointwise(tmp_path / "p", bands=4, classes=3)
    opened = ModelPackage.open(tmp_path / "p")
    assert opened.card == written.card
    assert opened.key == written.key
    assert opened.card.temperature == 1
    assert pointwise(tmp_path / "q", **{"geoglm:calibration": None}).card.temperature == 1
    assert all(v.abs().max() > 0 for v in opened.network().state_dict().values())


@pytest.mark.parametrize(
    "change",
    [
        {"mlm:input": []},
        {"mlm:name": None, "geoglm:network": {"encoder": "pointwise", "bands": 9, "classes": 5}},
        {"geoglm:network": {"encoder": "pointwise", "bands": 3, "classes": 9}},
        {"geoglm:tiling": {}},
        {"geoglm:full_scale": 255},
        {"geoglm:calibration": {"temperature": 0}},
        {"geoglm:calibration": {"temperature": float("nan")}},
    ],
)
def test_a_card_that_contradicts_itself_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = pointwise(tmp_path / "p").folder
    card = json.loads((folder / "model.json").read_text()) | change
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(BadPackage, match=r"model\.json is malformed"):
        ModelPackage.open(folder)


def test_missing_and_damaged_files_are_refused(tmp_path: Path) -> None:
    folder = pointwise(tmp_path / "p").folder
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(BadPackage, match="weights and card do not fit"):
        ModelPackage.open(folder).network()
    weights.unlink()
    with pytest.raises(BadPackage, match="missing"):
        ModelPackage.open(folder)
    with pytest.raises(UnknownModel, match="there are: aerial-landcover"):
        find("no-such-model")


def test_auto_takes_the_model_that_fits_and_says_why() -> None:
    assert "aerial-landcover" in shipped()
    choice = choose(meta("red", "green", "blue", gsd=0.3))
    assert choice.package.card.name == "aerial-landcover"
    assert "0.3 m" in choice.why
    with pytest.raises(SceneMismatch, match=r"the scene has 10 m; sentinel2-landcover needs 9 bands.*--model NAME"):
        choose(meta("red", "green", "blue", gsd=10))
    with pytest.raises(SceneMismatch, match="needs 3 bands"):
        choose(meta("red", "green"))


@pytest.mark.parametrize(
    ("bands", "asked", "found"),
    [
        (("red", "green", "blue"), None, (0, 1, 2)),
        (("blue", "green", "red", "nir"), None, (2, 1, 0)),
        (("B02", "B03", "B04", "B05", "B08"), None, (2, 1, 0)),
        (("", "", ""), None, (0, 1, 2)),
        (("", "", "", ""), None, (0, 1, 2)),
        (("", "", "", "", ""), (5, 3, 1), (4, 2, 0)),
        (("",), (1, 1, 1), (0, 0, 0)),
    ],
)
def test_bands_are_found_by_word_name_or_order(
    bands: tuple[str, ...], asked: tuple[int, ...] | None, found: tuple[int, ...]
) -> None:
    assert match_bands(meta(*bands), find("aerial-landcover").card, asked).indices == found


@pytest.mark.parametrize(
    ("bands", "asked", "message"),
    [
        (("", ""), None, "has 2 bands, aerial-landcover takes 3"),
        (("",) * 9, None, "say so with --bands"),
        (("red", "a", "b", "c"), None, "no band called green"),
        (("nir", "red", "green"), None, "nir, red, green; which are red, green, blue cannot"),
        (("", "", ""), (1, 2), "--bands names 2 bands"),
        (("", "", ""), (1, 2, 4), "--bands names band 4"),
    ],
)
def test_bands_that_cannot_be_told_are_refused(
    bands: tuple[str, ...], asked: tuple[int, ...] | None, message: str
) -> None:
    with pytest.raises(SceneMismatch, match=message):
        match_bands(meta(*bands), find("aerial-landcover").card, asked)
