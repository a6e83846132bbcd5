import errno
import os
from pathlib import Path

import pytest

from geoglm.errors import OutputBusy, OutputError, PlanError
from geoglm.io.journal import Stage

PARTS = {"classes0/1-2": b"some pixels" * 9, "counts": bytes(100)}


def fill(stage: Stage, text: str = "x") -> None:
    (stage.drafts / "classes.tif").write_text(text)


def test_a_shard_comes_back_as_it_was(tmp_path: Path) -> None:
    with Stage(tmp_path / "out", "key").held() as stage:
        stage.save_shard("1", PARTS)
        again = stage.load_shard("1")
        assert dict(again) == PARTS
        assert "counts" in again
        assert "others" not in again


def test_shards_outlive_a_run_with_the_same_key_and_no_other(tmp_path: Path) -> None:
    for key, kept in (("a", False), ("a", True), ("b", False), ("a", False)):
        with Stage(tmp_path / "out", key).held() as stage:
            assert stage.has_shard("1") == kept
            stage.save_shard("1", PARTS)


def test_results_appear_together_in_a_new_folder(tmp_path: Path) -> None:
    with Stage(tmp_path / "out", "key").held() as stage:
        fill(stage)
        assert not (tmp_path / "out").exists()
        stage.commit({})
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["classes.tif", "manifest.json"]
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_other_files_in_the_folder_are_left_alone_and_old_outputs_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep me")
    for text, names in (("one", ["classes.tif", "polygons.gpkg"]), ("two", ["classes.tif"])):
        with Stage(out, "key").held() as stage:
            for name in names:
                (stage.drafts / name).write_text(text)
            (out / "classes.tif.aux.xml").write_text("statistics of an earlier map")
            stage.commit({"geoglm": "1"})
        told = (out / "manifest.json").read_text().replace('"classes.tif",', '"classes.tif", "mine.txt",')
        (out / "manifest.json").write_text(told)
    assert sorted(p.name for p in out.iterdir()) == ["classes.tif", "manifest.json", "mine.txt"]
    assert (out / "classes.tif").read_text() == "two"


@pytest.mark.parametrize("text", ['{"outputs": ["mine.md"]}', "5", '{"geoglm": "1", "outputs": null}', "{"])
def test_another_tools_manifest_is_neither_believed_nor_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(OutputError, match=r"manifest\.json: is there already"), Stage(tmp_path, "key").held():
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize("damage", [b"", b"PK", b"no zip at all"])
def test_a_damaged_shard_is_dropped(tmp_path: Path, damage: bytes) -> None:
    with Stage(tmp_path / "out", "key").held() as stage:
        stage.save_shard("1", PARTS)
        path = stage.shards / "1.zip"
        sound = path.read_bytes()
        for bytes_left in (damage, sound[:-30], sound[:80] + b"\x00\x01" + sound[82:]):
            path.write_bytes(bytes_left)
            assert not stage.has_shard("1")
            assert not path.exists()


def test_a_stage_is_found_again_where_the_parent_did_not_exist(tmp_path: Path) -> None:
    for kept in (False, True):
        with Stage(tmp_path / "new" / "out", "key").held() as stage:
            assert stage.has_shard("1") == kept
            stage.save_shard("1", PARTS)


def test_a_refusal_before_any_work_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(PlanError), Stage(tmp_path / "new" / "deep" / "out", "key").held():
        raise PlanError("no")
    assert list(tmp_path.iterdir()) == []


def run_out_of_space(stage: Stage) -> None:
    with stage.held():
        stage.save_shard("1", PARTS)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_line_and_keeps_what_is_finished(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No space left"):
        run_out_of_space(Stage(tmp_path / "out", "key"))
    with Stage(tmp_path / "out", "key").held() as stage:
        assert stage.has_shard("1")


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
