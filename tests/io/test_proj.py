import os
import subprocess
import sys
from pathlib import Path

import pytest

from geoglm.io.proj import check_proj
from tests.conftest import SAMPLES


def test_proj_is_in_order_here() -> None:
    check_proj()


@pytest.mark.parametrize(("variable", "command"), [("PROJ_DATA", "info"), ("PROJ_LIB", "change")])
def test_a_place_without_its_database_is_told_in_one_line_before_a_crs_is_lost(
    tmp_path: Path, variable: str, command: str
) -> None:
    scenes = [str(SAMPLES / "dutch-river.tif")] * (2 if command == "change" else 1)
    words = [sys.executable, "-m", "geoglm", command, *scenes]
    done = subprocess.run(
        words, env=os.environ | {variable: str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"geoglm: {variable}={tmp_path}: GDAL finds no PROJ database there that it can use, so no CRS is understood; "
        "unset it\n"
    )
