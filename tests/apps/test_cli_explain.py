"""``geoglm explain`` as a user types it."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from geoglm.apps.cli import main
from tests.conftest import pointwise, write_scene


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("explain")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 60, 80)).astype(np.uint8)
    return write_scene(folder / "scene.tif", pixels), pointwise(folder / "model").folder


def call(given: tuple[Path, Path], *arguments: object) -> Result:
    scene, model = given
    return CliRunner().invoke(main, ["explain", *map(str, (scene, "--model", model, "--cell", 20, *arguments))])


def test_a_place_is_told_in_words_and_the_files_lie_beside_the_scene(given: tuple[Path, Path]) -> None:
    told = call(given, "--at", "400010.1,4999990.1")
    assert told.exit_code == 0, told.output
    for words in ("the pixel at 400010.1, 4999990.1 is kind", "rather than kind", "band 2", "it would be kind"):
        assert words in told.stdout
    assert (given[0].parent / "scene-explained" / "counterfactual.png").exists()


def test_a_scene_is_told_as_json_where_that_is_asked_for(given: tuple[Path, Path], tmp_path: Path) -> None:
    told = call(given, "--scene", "--json", "-o", tmp_path / "out", "--reference", "0,128,255")
    facts = json.loads(told.stdout)
    assert facts["absent"] == {"band 1": 0.0, "band 2": 128.0, "band 3": 255.0}
    assert set(facts["fall_in_probability_without"]) == set(facts["absent"])
    assert facts == json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert "points" in call(given, "--scene", "-o", tmp_path / "out").stdout


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([], "by one of --at X,Y"),
        (["--scene", "--at", "1,2"], "by one of --at X,Y"),
        (["--at", "here"], "'here' is no place; write two numbers"),
        (["--at", "1,2,3"], "is no place"),
        (["--at", "nan,0"], "is no place"),
        (["--at-lonlat", "0,0"], "lies outside of scene"),
        (["--at", "400010,4999990", "--reference", "a,b,c"], "no list of pixel values"),
    ],
    ids=str,
)
def test_what_cannot_be_is_one_line(given: tuple[Path, Path], tmp_path: Path, asked: list[str], words: str) -> None:
    told = call(given, "-o", tmp_path / "out", *asked)
    assert told.exit_code == 2
    assert words in told.stderr
    assert told.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
