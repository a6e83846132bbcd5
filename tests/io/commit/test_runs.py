"""Runs, kills, damage and runs again, in any order: what is there is whole, and what is finished is right."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from geoglm.errors import OutputError
from geoglm.io.commit import exchange as exchanging
from geoglm.io.commit.publish import Move
from geoglm.io.journal import DamagedShard, Stage

SHARDS = 4


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours may answer to it."""


class Steps:
    """Lets so many steps happen that change what lies on the disk, and then no more."""

    def __init__(self, left: int | None) -> None:
        self.left = left

    def counted(self, true: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if self.left == 0:
                raise Killed
            if self.left is not None:
                self.left -= 1
            return true(*arguments, **named)

        return call


def content(key: str, number: int) -> dict[str, bytes]:
    return {"counts": f"{key} {number}".encode() * 20}


def work(output: Path, key: str) -> None:
    """A run in small: shards, what they add up to, and a manifest."""
    with Stage(output, key).held() as stage:
        while True:
            for number in range(SHARDS):
                if not stage.has_shard(str(number)):
                    stage.save_shard(str(number), content(key, number))
            try:
                parts = [stage.load_shard(str(n))["counts"] for n in range(SHARDS)]
                break
            except DamagedShard:
                continue
        assert parts == [content(key, n)["counts"] for n in range(SHARDS)]
        (stage.drafts / "classes.tif").write_bytes(b"".join(parts))
        (stage.drafts / f"polygons.{key}").write_bytes(parts[0])
        stage.commit({"geoglm": "1", "key": key})


class Runs(RuleBasedStateMachine):
    """A folder, and all that happens to it."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.output, self.stage = self.home / "out", self.home / ".out.geoglm-part"
        self.others = False

    def teardown(self) -> None:
        shutil.rmtree(self.home)

    @rule(key=st.sampled_from("ab"), steps=st.none() | st.integers(0, 40))
    def run(self, key: str, steps: int | None) -> None:
        """Run, and die after so many steps."""
        left = Steps(steps)
        with ExitStack() as patched:
            patched.enter_context(mock.patch.object(os, "fsync", left.counted(lambda descriptor: None)))
            patched.enter_context(mock.patch.object(Path, "replace", left.counted(Path.replace)))
            patched.enter_context(mock.patch.object(Path, "unlink", left.counted(Path.unlink)))
            patched.enter_context(mock.patch("geoglm.io.commit.publish.exchange", left.counted(exchanging.exchange)))
            try:
                work(self.output, key)
            except Killed:
                return
            except OutputError:
                record = self.stage / "moving.json"
                if record.exists() and Move.read(record) is None:
                    return  # nothing else tells whose the files there are
                raise
        assert self.told() == key
        assert not self.stage.exists()
        names = {"classes.tif", f"polygons.{key}", "manifest.json"} | ({"mine.txt"} if self.others else set())
        assert {p.name for p in self.output.iterdir()} == names

    @rule(which=st.integers(0, 20), at=st.integers(0, 500), flip=st.integers(1, 255), cut=st.booleans())
    def damage(self, which: int, at: int, flip: int, cut: bool) -> None:
        """Flip a byte in something that a killed run has left, or cut it there."""
        files = sorted(p for p in self.stage.rglob("*") if p.is_file() and p.stat().st_size)
        if files:
            path = files[which % len(files)]
            whole = bytearray(path.read_bytes())
            at %= len(whole)
            whole[at] ^= flip
            path.write_bytes(whole[:at] if cut else whole)

    @rule()
    def somebody_comes(self) -> None:
        """A file of somebody else."""
        if self.output.is_dir():
            (self.output / "mine.txt").write_text("keep me")
            self.others = True

    def told(self) -> str | None:
        """Which result the folder claims to hold."""
        path = self.output / "manifest.json"
        return str(json.loads(path.read_text())["key"]) if path.exists() else None

    @invariant()
    def what_is_there_is_whole(self) -> None:
        key = self.told()
        if key is not None:
            parts = [content(key, n)["counts"] for n in range(SHARDS)]
            assert (self.output / "classes.tif").read_bytes() == b"".join(parts)
            assert (self.output / f"polygons.{key}").read_bytes() == parts[0]
        assert not self.others or (self.output / "mine.txt").read_text() == "keep me"


TestRuns = Runs.TestCase
TestRuns.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
