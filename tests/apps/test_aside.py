"""A command at a shell starts without the companions that it has no use for, and a program has them all."""

import subprocess
import sys
from importlib.util import module_from_spec
from pathlib import Path

import pytest

from geoglm.apps.aside import COMPANIONS, NotHere, companions_aside

SEGMENT = """
import sys
from geoglm.apps.cli import main
sys.argv = ["geoglm", "segment", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code
import pandas
print(*sorted(sys.modules))
"""


def test_at_a_shell_companions_stay_away_until_the_command_has_ended(tmp_path: Path) -> None:
    scene = str(Path(__file__).parents[2] / "data-samples" / "neon-forest.tif")
    command = [sys.executable, "-c", SEGMENT, scene, "-o", str(tmp_path / "out"), "--quiet"]
    loaded = set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    assert {"pyogrio", "numba", "openvino", "pandas"} <= loaded
    assert not loaded & (COMPANIONS - {"pandas"})
    assert (tmp_path / "out" / "polygons.gpkg").exists()


@pytest.mark.parametrize("command", [None, "assess", "change"])
def test_other_commands_have_all(command: str | None) -> None:
    before = list(sys.meta_path)
    with companions_aside(command):
        assert sys.meta_path == before


def test_a_companion_is_found_but_not_loaded() -> None:
    with companions_aside("segment"):
        finder = sys.meta_path[0]
        assert isinstance(finder, NotHere)
        assert finder.find_spec("numpy", None) is None
        spec = finder.find_spec("pandas", None)
        assert spec is not None
        with pytest.raises(ModuleNotFoundError, match="pandas is set aside"):
            module_from_spec(spec)
    assert not any(isinstance(finder, NotHere) for finder in sys.meta_path)
