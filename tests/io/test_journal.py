from pathlib import Path

import numpy as np
import pytest

from geoglm.errors import OutputBusy, OutputError
from geoglm.io.journal import Stage
from geoglm.types import Scores

SCORES = Scores(np.eye(3, dtype=np.uint8), np.full((3, 3), 50, np.uint8), np.zeros((2, 3, 3), np.uint8))


def fill(stage: Stage, text: str = "x") -> None:
    (stage.drafts / "classes.tif").write_text(text)


def test_a_shard_comes_back_as_it_was(tmp_path: Path) -> None:
    with Stage(tmp_path / "out", "key").held() as stage:
        stage.save_shard("1", SCORES)
        again = stage.load_shard("1")
    assert (again.classes == SCORES.classes).all()
    assert (again.confidence == SCORES.confidence).all()
    assert again.probabilities is not None
    assert again.probabilities.shape == (2, 3, 3)


def test_shards_outlive_a_run_with_the_same_key_and_no_other(tmp_path: Path) -> None:
    for key, kept in (("a", False), ("a", True), ("b", False), ("a", False)):
        with Stage(tmp_path / "out", key).held() as stage:
            assert stage.has_shard("1") == kept
            stage.save_shard("1", SCORES)


def test_results_appear_together_in_a_new_folder(tmp_path: Path) -> None:
    with Stage(tmp_path / "out", "key").held() as stage:
        fill(stage)
        assert not (tmp_path / "out").exists()
        stage.commit({"outputs": ["classes.tif", "manifest.json"]})
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["classes.tif", "manifest.json"]
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_other_files_in_the_folder_are_left_alone_and_old_outputs_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep me")
    for text, names in (("one", ["classes.tif", "old.gpkg"]), ("two", ["classes.tif"])):
        with Stage(out, "key").held() as stage:
            for name in names:
                (stage.drafts / name).write_text(text)
            stage.commit({"outputs": names})
    assert sorted(p.name for p in out.iterdir()) == ["classes.tif", "manifest.json", "mine.txt"]
    assert (out / "classes.tif").read_text() == "two"


def test_a_second_run_into_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        Stage(tmp_path / "out", "key").held(),
        pytest.raises(OutputBusy, match="another geoglm run"),
        Stage(tmp_path / "out", "key").held(),
    ):
        pass


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another -o"), Stage(tmp_path / "file" / "out", "key").held():
        pass
