"""``geoglm view`` from start to end."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from click.testing import CliRunner

from geoglm.apps.cli import main
from tests.apps.viewer.conftest import write_map
from tests.apps.viewer.test_layers import SMALL


def test_it_serves_until_it_is_stopped_and_ends_cleanly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "geoglm", "view", str(write_map(tmp_path / "map.tif", SMALL)), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        with urllib.request.urlopen(told.split()[0]) as page:
            assert page.status == 200
        process.send_signal(signal.SIGTERM)  # as Ctrl-C, which a shell in the background has ignored
        left, complaints = process.communicate(timeout=20)
    assert (process.returncode, left, complaints) == (0, "", "ended\n")


def test_a_folder_without_results_is_refused_in_a_line(tmp_path: Path) -> None:
    refused = CliRunner().invoke(main, ["view", str(tmp_path), "--no-browser"])
    assert refused.exit_code == 2
    assert (
        refused.stderr == f"geoglm: {tmp_path}: holds no results; give a folder that segment, change or series wrote\n"
    )
