"""Every example of README and docs: run in a folder with scenes of the names they use, or at least parsed.

Parsed only are blocks after ``<!-- parsed: why -->``, what lies elsewhere, commands in `ONLY_PARSED`, and those that
take what one of these would have made.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click
import geopandas as gpd
import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from click.testing import CliRunner
from numpy.typing import NDArray
from rasterio.transform import array_bounds
from rasterio.windows import Window
from shapely.geometry import box

from geoglm.apps.cli import main
from tests.conftest import ROOT, SAMPLES

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ONLY_PARSED = {
    "train": "takes minutes",
    "export": "takes minutes",
    "models": "changes the models of this machine",
    "assess": "needs points that somebody has labelled",
    "doctor": "times the machine",
    "view": "serves until it is stopped",
}
ELSEWHERE = re.compile(r"(https?|s3|tcp)://")
FENCE = re.compile(
    r"(?:<!-- parsed: (?P<why>[^>]+) -->\n+)?^```(?P<kind>sh|python)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
INDENTED = re.compile(r"(?<=\n\n)(?:    (?=geoglm|make|pip|docker)[^\n]*\n)+", re.MULTILINE)
SIDE_PX = 192


@dataclass(frozen=True, slots=True)
class Example:
    """A block of a page; `run` unless it is only to be parsed."""

    page: Path
    kind: str
    text: str
    run: bool

    def lines(self) -> list[str]:
        """Its commands, without comments."""
        joined = self.text.replace("\\\n", " ")
        words = (shlex.split(line, comments=True) for line in joined.splitlines())
        return [shlex.join(w) for w in words if w]


def examples() -> Iterator[Example]:
    for page in PAGES:
        text = page.read_text()
        for m in FENCE.finditer(text):
            yield Example(page, m["kind"], m["text"], run=not m["why"])
        for m in INDENTED.finditer(FENCE.sub("", text)):
            yield Example(page, "sh", re.sub(r"(?m)^    ", "", m[0]), run=True)


EXAMPLES = list(examples())
COMMANDS = sorted({(line, e.run) for e in EXAMPLES if e.kind == "sh" for line in e.lines()}, key=lambda c: c[0])
GEOGLM = [(shlex.split(line)[1:], run) for line, run in COMMANDS if line.startswith("geoglm ")]

MISSING = {o for w, run in GEOGLM if not run or w[0] in ONLY_PARSED for flag, o in pairwise(w) if flag == "-o"} - {
    "out"
}
"""What commands that are not run would have made, besides the folder that others make too."""


def runs(words: list[str], told: bool) -> bool:
    """Whether a command is run rather than parsed."""
    return told and words[0] not in ONLY_PARSED and not ELSEWHERE.search(" ".join(words)) and not MISSING & set(words)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small scenes, labels and maps by the names that the pages use."""
    here = tmp_path_factory.mktemp("examples")
    (here / "bands").mkdir()
    with rasterio.open(SAMPLES / "dutch-river.tif") as sample:
        window = Window(400, 400, SIDE_PX, SIDE_PX)
        pixels = sample.read(window=window)
        place = {"crs": sample.crs, "transform": sample.transform @ Affine.translation(400, 400)}

    def write(name: str, data: NDArray[np.generic]) -> None:
        size = {"count": len(data), "height": SIDE_PX, "width": SIDE_PX, "dtype": data.dtype}
        with rasterio.open(here / name, "w", driver="GTiff", **place, **size) as out:
            out.write(data)

    for name in ("ortho", "2019", "2021", "2024"):
        changed = pixels.copy()
        changed[:, : 10 * ["ortho", "2019", "2021", "2024"].index(name)] = 90
        write(f"{name}.tif", changed)
    write("ortho16.tif", pixels.astype(np.uint16) * 40)
    classes = np.where(pixels[:1] > 120, 80, 10).astype(np.uint8)
    write("worldcover.tif", classes)
    for k, band in enumerate(pixels, 1):
        write(f"bands/scene_2020_B{k}.tif", band[None])
    for sample in SAMPLES.glob("*.tif"):
        shutil.copy(sample, here)
    red, green, blue = (xr.DataArray(p, dims=("y", "x")) for p in pixels)
    east, north = (0.25 * (np.arange(SIDE_PX) + 0.5) for _ in "xy")
    corner = place["transform"].c, place["transform"].f
    scene = xr.Dataset({"red": red, "green": green, "blue": blue}, {"x": corner[0] + east, "y": corner[1] - north})
    scene = scene.assign_coords(spatial_ref=((), 0, {"crs_wkt": place["crs"].to_wkt()}))
    scene.to_netcdf(here / "scene.nc")
    scene.to_zarr(here / "scene.zarr", zarr_format=2)
    left, bottom, right, top = array_bounds(SIDE_PX, SIDE_PX, place["transform"])
    third = (right - left) / 3
    polygons = [box(left + third * k, bottom, left + third * (k + 1), top) for k in range(3)]
    labels = gpd.GeoDataFrame({"kind": ["vegetation", "water", "road"]}, geometry=polygons, crs=place["crs"])
    for name in ("polygons", "reference", "area"):
        labels.to_file(here / f"{name}.gpkg")
    return here


def parsed(words: list[str]) -> click.Context:
    """A command taken apart as click does before it runs."""
    command: click.Command = main
    context = click.Context(main, info_name="geoglm")
    while isinstance(command, click.Group):
        name, inner, words = command.resolve_command(context, words)
        assert name is not None
        assert inner is not None
        command, context = inner, click.Context(inner, info_name=name, parent=context)
    command.parse_args(context, list(words))
    return context


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, click.testing.Result]:
    """Every command that is run, once, what others read before these; in one folder."""
    order = ("segment", "series", "change")
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    try:
        wanted = [w for w, run in GEOGLM if runs(w, run)]
        wanted.sort(key=lambda w: (w[0] not in order, any(part.endswith("classes.tif") for part in w)))
        return {shlex.join(w): CliRunner().invoke(main, w) for w in wanted}
    finally:
        patch.undo()


@pytest.mark.parametrize("words", [w for w, run in GEOGLM if runs(w, run)], ids=shlex.join)
def test_a_command_of_the_pages_runs(words: list[str], told: dict[str, click.testing.Result]) -> None:
    result = told[shlex.join(words)]
    assert result.exit_code == 0, result.output or result.exception


def test_commands_of_the_pages_are_understood() -> None:
    for words, _ in GEOGLM:
        parsed(words)


@pytest.mark.parametrize("page", [p for p in PAGES if any(e.page == p and e.kind == "python" for e in EXAMPLES)],
                         ids=lambda p: p.stem)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray's own
def test_python_of_the_pages_runs(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    for example in EXAMPLES:
        if example.page == page and example.kind == "python":
            code = compile(example.text, str(page), "exec")
            if example.run:
                exec(code, names)


def test_other_commands_of_the_pages_name_what_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    extras = (ROOT / "pyproject.toml").read_text()
    for line, _ in COMMANDS:
        words = shlex.split(line)
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), line
        elif words[0] == "pip":
            assert all(re.search(rf"^{e} = \[", extras, re.MULTILINE) for e in re.findall(r"\[(\w+)\]", line)), line
        elif words[0] == "docker":
            assert (ROOT / "Dockerfile").exists()
        else:
            assert words[0] in ("geoglm", "eval"), f"{line}: nothing tells whether this works"


def test_the_shell_completes_commands_and_options() -> None:
    script = """
        eval "$(_GEOGLM_COMPLETE=bash_source geoglm)"
        COMP_WORDS=(geoglm segm) COMP_CWORD=1; _geoglm_completion geoglm segm geoglm; echo "${COMPREPLY[@]}"
        COMPREPLY=() COMP_WORDS=(geoglm segment --min) COMP_CWORD=2
        _geoglm_completion geoglm --min segment; echo "${COMPREPLY[@]}"
    """
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    path = str(Path(shutil.which("geoglm") or __import__("sys").executable).parent)
    done = subprocess.run(
        [bash, "-c", f"PATH={shlex.quote(path)}:$PATH\n{script}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["segment", "--min-area"]
