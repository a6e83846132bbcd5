"""Results become visible together: before, after, and when a run dies at any of its steps."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geoglm.errors import OutputError
from geoglm.io.commit import exchange as exchanging
from geoglm.io.commit import publish as publishing
from geoglm.io.commit.exchange import exchange
from geoglm.io.journal import Stage

NAMES = ("classes.tif", "classes.tif.aux.xml", "polygons.gpkg", "summary.json")


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours may answer to it."""


def commit(output: Path, text: str, names: tuple[str, ...] = NAMES) -> None:
    with Stage(output, text).held() as stage:
        stage.save_shard("1", {"counts": text.encode()})
        for name in names:
            (stage.drafts / name).write_text(text)
        stage.commit({"geoglm": "1", "text": text})


def told(output: Path) -> str | None:
    """Which result the folder claims to hold; every file must be of it then."""
    try:
        manifest = json.loads((output / "manifest.json").read_text())
    except FileNotFoundError:
        return None
    for name in manifest["outputs"]:
        assert name == "manifest.json" or (output / name).read_text() == manifest["text"]
    return str(manifest["text"])


def rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug here, so nobody need wait for the disk."""
    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(autouse=True)
def _rested(monkeypatch: pytest.MonkeyPatch) -> None:
    rest(monkeypatch)


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[str]]:
    """Die at the n-th step that changes what lies where; those that were taken."""

    def arm(last: int) -> list[str]:
        taken: list[str] = []

        def counted(name: str, true: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                if len(taken) == last:
                    raise Killed
                taken.append(name)
                return true(*arguments, **named)

            return call

        monkeypatch.setattr(Path, "replace", counted("replace", Path.replace))
        monkeypatch.setattr(Path, "unlink", counted("unlink", Path.unlink))
        monkeypatch.setattr(os, "fsync", counted("fsync", os.fsync))
        monkeypatch.setattr(publishing, "exchange", counted("exchange", exchanging.exchange))
        return taken

    return arm


@pytest.fixture
def killed_in_the_middle(dying: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Leave a folder with somebody's file, in which an old result is gone and a new one not all there."""

    def leave(output: Path) -> None:
        (output / "mine.txt").write_text("keep me")
        commit(output, "old")
        for last in range(100):
            dying(last)
            with pytest.raises(Killed):
                commit(output, "new")
            rest(monkeypatch)
            if told(output) is None:
                return

    return leave


@pytest.mark.parametrize("others", [False, True], ids=["alone", "with other files"])
def test_killed_at_any_step_the_old_result_is_whole_or_the_new_one_and_the_next_run_completes_it(
    tmp_path: Path, dying: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch, others: bool
) -> None:
    for last in range(200):
        out = tmp_path / str(last) / "out"
        out.mkdir(parents=True)
        commit(out, "old", (*NAMES, "confidence.tif"))
        if others:
            (out / "mine.txt").write_text("keep me")
        taken, killed = dying(last), False
        try:
            commit(out, "new")
        except Killed:
            killed = True
        rest(monkeypatch)
        assert told(out) in {"old", "new", None}
        assert others or told(out) is not None
        commit(out, "new")
        assert told(out) == "new"
        assert sorted(p.name for p in out.iterdir()) == sorted([*NAMES, "manifest.json", *["mine.txt"] * others])
        assert list(out.parent.iterdir()) == [out]
        if not killed:
            assert len(taken) > 10
            return
    pytest.fail("it never came to an end")


def test_a_move_that_was_begun_is_completed_whatever_comes_next(
    tmp_path: Path, killed_in_the_middle: Callable[[Path], None]
) -> None:
    killed_in_the_middle(tmp_path)
    with Stage(tmp_path, "another key").held():
        assert told(tmp_path) == "new"


def test_damaged_drafts_are_not_moved_but_made_again(
    tmp_path: Path, killed_in_the_middle: Callable[[Path], None]
) -> None:
    killed_in_the_middle(tmp_path)
    stage = Stage(tmp_path, "new")
    (stage.drafts / "summary.json").write_text("nex")
    with Stage(tmp_path, "new").held() as stage:
        assert told(tmp_path) is None
        assert stage.has_shard("1")
    commit(tmp_path, "new")
    assert told(tmp_path) == "new"


def test_a_file_of_somebody_else_is_refused_even_after_a_killed_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Stage(out, "key").held() as stage:
        stage.save_shard("1", {"counts": b"x"})
    out.mkdir()
    (out / "classes.tif").write_text("mine")
    with pytest.raises(OutputError, match="not of geoglm's making"):
        commit(out, "new")
    assert (out / "classes.tif").read_text() == "mine"


def test_a_damaged_record_is_named_with_the_way_out(
    tmp_path: Path, killed_in_the_middle: Callable[[Path], None]
) -> None:
    killed_in_the_middle(tmp_path)
    stage = Stage(tmp_path, "new")
    whole = stage.record.read_bytes()
    stage.record.write_bytes(whole.replace(b"summary", b"mine.tx"))
    with pytest.raises(OutputError, match=r"record is damaged: delete it and .*moving.json, or choose another"):
        commit(tmp_path, "new")
    assert (tmp_path / "mine.txt").read_text() == "keep me"
    stage.record.write_bytes(whole)
    commit(tmp_path, "new")
    assert told(tmp_path) == "new"


def test_two_folders_change_places(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system cannot do that")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b"]
    assert not exchange(tmp_path / "a", tmp_path / "none")


def test_the_folder_keeps_its_mode(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir(mode=0o750)
    for text in ("one", "two"):
        commit(out, text)
        assert out.stat().st_mode & 0o777 == 0o750
