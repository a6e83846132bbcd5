"""One run at a time: whoever comes second is refused, also while the first takes its folder away."""

import subprocess
import sys
from pathlib import Path

import pytest

from geoglm.errors import OutputBusy
from geoglm.io.commit import lock

WORK = """
import sys, os, time
from pathlib import Path
from geoglm.errors import OutputBusy
from geoglm.io.commit import lock
folder, done = Path(sys.argv[1]), 0
while done < 40:
    try:
        with lock.held(folder, folder):
            mine = folder / "mine"
            assert not mine.exists()
            mine.write_text(str(os.getpid()))
            assert mine.read_text() == str(os.getpid())
            assert [p.name for p in sorted(folder.iterdir())] == ["lock", "mine"]
            lock.clear(folder)
            done += 1
    except OutputBusy:
        time.sleep(0.0002)
"""


def test_runs_that_come_and_go_never_meet(tmp_path: Path) -> None:
    runs = [subprocess.Popen([sys.executable, "-c", WORK, str(tmp_path / "work")]) for _ in range(3)]
    assert [r.wait(timeout=60) for r in runs] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == []


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from geoglm.io.commit import lock\n"
    code += "with lock.held(Path(sys.argv[1]), Path()): print('held', flush=True); time.sleep(60)"
    run = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stdout.readline() == b"held\n"
    with pytest.raises(OutputBusy, match="another geoglm run"), lock.held(tmp_path, tmp_path):
        pass
    run.kill()
    run.wait()
    run.stdout.close()
    with lock.held(tmp_path, tmp_path):
        assert (tmp_path / "lock").exists()
