"""What `geoglm doctor` finds, on this machine and on one with a wrong PROJ database."""

import json
import os
import subprocess
import sys
from pathlib import Path

from geoglm.jobs import doctor


def test_all_is_well_here() -> None:
    findings = {f.what: f for f in doctor.examine()}
    assert all(f.health == "good" for f in findings.values()), findings
    assert "Mpx/s with aerial-landcover" in findings["speed"].told
    assert "openvino" in findings["libraries"].told


def test_a_wrong_proj_database_is_found_and_the_rest_is_still_looked_at(tmp_path: Path) -> None:
    (tmp_path / "proj.db").write_bytes(b"no database")
    told = subprocess.run(
        [sys.executable, "-m", "geoglm", "doctor", "--json"],
        env=os.environ | {"PROJ_DATA": str(tmp_path), "PROJ_LIB": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = {f["what"]: f for f in json.loads(told.stdout)}
    assert (told.returncode, found["GDAL and PROJ"]["health"]) == (1, "bad")
    assert "unset PROJ_DATA" in found["GDAL and PROJ"]["told"]
    assert found["memory"]["health"] == "good"
