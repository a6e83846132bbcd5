import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from geoglm.io.scratch import scratch_array


def test_an_array_begins_with_zeros_and_keeps_what_is_written(tmp_path: Path) -> None:
    array = scratch_array(tmp_path / "a.npy", np.float32, (30, 40))
    assert not array.any()
    array[3] = 2
    del array
    assert (np.load(tmp_path / "a.npy")[3] == 2).all()


def test_without_room_it_is_an_error_and_not_the_end_of_the_process(tmp_path: Path) -> None:
    code = "import sys, numpy as np; from pathlib import Path; from geoglm.io.scratch import scratch_array\n"
    code += "try: scratch_array(Path(sys.argv[1]), np.uint8, (1 << 20,))\nexcept OSError: print('no room')"

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))

    words = [sys.executable, "-c", code, str(tmp_path / "a.npy")]
    done = subprocess.run(words, preexec_fn=limited, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "no room\n")


def test_a_full_disk_is_told_before_the_array_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, start: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        scratch_array(tmp_path / "a.npy", np.uint8, (5,))
