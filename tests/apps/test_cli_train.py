"""geoglm train as a user types it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from geoglm.apps.cli import main
from geoglm.apps.cli_train import SEVERAL, spread
from tests.jobs.training.test_files import coloured, polygons

WORDS = st.sampled_from(["a.tif", "b.tif", "--json", "-o", "--steps", *SEVERAL])


@given(st.lists(WORDS, max_size=12))
def test_spreading_keeps_every_word_in_order_and_leaves_one_value_to_a_flag(words: list[str]) -> None:
    once = spread(words)
    assert spread(once) == once
    added = iter(once)
    assert all(word in added for word in words)
    for flag, value, after in zip(once, once[1:], once[2:], strict=False):
        assert flag not in SEVERAL or value.startswith("-") or after.startswith("-")


@pytest.mark.parametrize("together", [True, False])
def test_both_ways_of_naming_several_scenes_are_read(tmp_path: Path, together: bool) -> None:
    scenes = [str(coloured(tmp_path, name)) for name in ("a.tif", "b.tif")]
    flags = ["--scenes", *scenes] if together else ["--scenes", scenes[0], "--scenes", scenes[1]]
    command = ["train", *flags, "--labels", str(polygons(tmp_path)), "--class-field", "kind", "--steps", "1"]
    told = CliRunner().invoke(main, [*command, "--encoder", "pointwise", "-o", str(tmp_path / "mine"), "--json"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert [c["name"] for c in found["classes"]] == ["blue", "green", "red"]
    assert sum(c["training_px"] for c in found["classes"]) > 1000
    assert (tmp_path / "mine" / "model.safetensors").exists()


def test_a_table_tells_what_was_learnt_and_how_well(tmp_path: Path) -> None:
    command = ["train", "--scenes", str(coloured(tmp_path)), "--labels", str(polygons(tmp_path)), "--steps", "1"]
    told = CliRunner().invoke(main, [*command, "--encoder", "pointwise", "-o", str(tmp_path / "mine")])
    assert told.exit_code == 0, told.output
    for word in ("red", "green", "blue", "held back", "IoU", "geoglm segment SCENE --model"):
        assert word in told.stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["--labels", "none.gpkg"], "no such file"),
        (["--bands", "1,9"], "--bands names band 9"),
        (["--minutes", "0"], "no time to train"),
        (["--from", "nothing"], "is not known"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(tmp_path: Path, changes: list[str], said: str) -> None:
    labels = [] if "--labels" in changes else ["--labels", str(polygons(tmp_path))]
    command = ["train", "--scenes", str(coloured(tmp_path)), *labels, "-o", str(tmp_path / "mine"), *changes]
    told = CliRunner().invoke(main, command)
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr.count("\n") == 1
    assert said in told.stderr
    assert not (tmp_path / "mine.training").exists()
