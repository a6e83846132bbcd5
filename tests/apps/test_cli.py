"""The command line as a user types it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pytest
import rasterio
from click.testing import CliRunner, Result

from geoglm.apps.cli import main
from tests.conftest import SAMPLES, write_scene

DUTCH = SAMPLES / "dutch-river.tif"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_segment_prints_a_table_and_writes_the_files(tmp_path: Path) -> None:
    told = call("segment", DUTCH, "-o", tmp_path / "out")
    assert told.exit_code == 0, told.output
    for word in ("building", "land", "road", "vegetation", "water", "hectares"):
        assert word in told.stdout
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {
        *("classes.tif", "classes.tif.aux.xml", "confidence.tif", "polygons.gpkg"),
        *(f"{name}.{style}" for name in ("classes", "confidence", "polygons") for style in ("qml", "sld")),
        *("quicklook.png", "report.html", "item.json", "summary.json", "manifest.json"),
    }


def test_several_scenes_get_a_folder_each_and_json_is_one_list(tmp_path: Path, make_scene: Callable[..., Path]) -> None:
    scene = make_scene()
    told = call("segment", scene, SAMPLES / "neon-forest.tif", "-o", tmp_path / "out", "--json", "--vectors", "none")
    assert told.exit_code == 0, told.output
    summaries = json.loads(told.stdout)
    assert [Path(s["folder"]).name for s in summaries] == ["scene", "neon-forest"]


def test_without_an_output_the_results_lie_beside_the_scene(make_scene: Callable[..., Path]) -> None:
    scene = make_scene()
    told = call("segment", scene, "--quiet", "--vectors", "none")
    assert (told.exit_code, told.output) == (0, "")
    assert (scene.parent / "scene-geoglm" / "classes.tif").exists()


def test_without_arguments_it_says_what_to_try_and_that_works(tmp_path: Path) -> None:
    told = call()
    assert told.exit_code == 0
    tries = [line.split()[1:] for line in told.stdout.split("Try first:")[1].strip().splitlines()]
    assert [t[0] for t in tries] == ["doctor", "info", "segment"]
    assert call(*tries[1]).exit_code == 0
    dry = call(*tries[2][:-1], tmp_path / "map", "--dry-run", "--json")
    assert json.loads(dry.stdout)["plan"]["model"] == "aerial-landcover"
    assert not (tmp_path / "map").exists()


def test_info_tells_scene_plan_and_what_does_not_fit(tmp_path: Path) -> None:
    facts = json.loads(call("info", DUTCH, "--json").stdout)
    assert facts["plan"]["model"] == "aerial-landcover"
    assert facts["plan"]["predicted_memory_mb"] > 0
    assert "EPSG:28992" in facts["scene"]["CRS"]
    told = call("info", write_scene(tmp_path / "two.tif", np.ones((2, 20, 20), np.uint8)))
    assert told.exit_code == 0
    assert "--model NAME" in told.stdout
    satellite = json.loads(call("info", SAMPLES / "brandenburg-sentinel2.tif", "--json").stdout)
    assert satellite["plan"]["model"] == "sentinel2-landcover"
    assert "1000 x 1000 px" in call("info", DUTCH).stdout


def test_a_dry_run_refuses_what_the_run_would(tmp_path: Path) -> None:
    deep, bare = (tmp_path / n for n in ("deep.tif", "bare.tif"))
    write_scene(deep, np.ones((3, 20, 20), np.uint16))
    write_scene(bare, np.ones((3, 20, 20), np.uint8))
    for arguments, told in (
        ((deep,), "--scale 255"),
        ((bare, "--bands", "9,9,9"), "band 9"),
        ((bare, "-o", deep), "-o wants a folder"),
        ((bare, "--aoi", tmp_path / "none.gpkg"), "no such file; --aoi"),
    ):
        dry, run = (call("segment", *arguments, *more) for more in (("--dry-run", "--json"), ()))
        assert (dry.exit_code, dry.stdout, dry.stderr) == (run.exit_code, run.stdout, run.stderr) == (2, "", run.stderr)
        assert told in run.stderr
    several = json.loads(call("segment", bare, DUTCH, "-o", tmp_path / "out", "--dry-run", "--json").stdout)
    assert [facts["plan"]["model"] for facts in several] == ["aerial-landcover"] * 2
    assert sorted(tmp_path.iterdir()) == [bare, deep]


def test_models_are_listed_and_shown() -> None:
    assert "aerial-landcover" in call("models", "list").stdout
    assert json.loads(call("models", "list", "--json").stdout)[0]["mlm:name"] == "aerial-landcover"
    assert json.loads(call("models", "show", "aerial-landcover").stdout)["mlm:tasks"] == ["semantic-segmentation"]


def bad_inputs(folder: Path) -> dict[str, tuple[list[object], str]]:
    """Name → command and what its one line must say."""
    text, empty, cut = folder / "text.tif", folder / "empty.tif", folder / "cut.tif"
    text.write_text("this is no raster\nat all\n")
    empty.write_bytes(b"")
    cut.write_bytes(DUTCH.read_bytes()[:100_000])
    noise = np.random.default_rng(0).integers(0, 255, (9, 20, 20), dtype=np.uint8)
    two = write_scene(folder / "two.tif", noise[:2])
    nine = write_scene(folder / "nine.tif", noise)
    deep = write_scene(folder / "deep.tif", noise[:3].astype(np.uint16) * 10)
    palette = write_scene(folder / "palette.tif", noise[:1])
    with rasterio.open(palette, "r+") as file:
        file.write_colormap(1, {k: (k, 0, 0, 255) for k in range(256)})
    table = folder / "table.csv"
    table.write_text("a,b\n1,2\n")
    classes = write_scene(folder / "classes.tif", noise[:3])
    blocked = folder / "file"
    blocked.write_text("")
    return {
        "missing": ([folder / "none.tif"], "no such file"),
        "folder": ([folder], "no Sentinel-2 (SAFE) or Landsat"),
        "text": ([text], "cannot be read as a raster"),
        "empty": ([empty], "cannot be read as a raster"),
        "truncated": ([cut], "cut short"),
        "two bands": ([two], "3 bands"),
        "two bands, model named": ([two, "--model", "aerial-landcover"], "--bands"),
        "nine bands": ([nine], "--bands 4,3,2"),
        "uint16": ([deep], "--scale 10000"),
        "palette": ([palette, "--bands", "1,1,1"], "-expand rgb"),
        "a second scene that is missing": ([DUTCH, folder / "none.tif"], "no such file"),
        "two scenes, one folder": ([DUTCH, DUTCH], "would be written to"),
        "the scene itself": ([classes, "-o", folder], "overwrite classes.tif itself"),
        "name too long": ([DUTCH, "-o", folder / ("x" * 300)], "choose another -o"),
        "cuda": ([DUTCH, "-o", folder / "new" / "deep", "--device", "cuda"], "--device cpu"),
        "endless area": ([DUTCH, "--min-area", "inf"], "is no area"),
        "aoi is a table": ([DUTCH, "--aoi", table], "it is no GeoPackage"),
        "shard": ([DUTCH, "--shard", "-5"], "is negative"),
        "unknown model": ([DUTCH, "--model", "none-such"], "there are: aerial-landcover"),
        "output is a file": ([DUTCH, "-o", blocked], "wants a folder"),
        "output below a file": ([DUTCH, "-o", blocked / "out"], "choose another -o"),
        "patch": ([DUTCH, "--patch", "big"], "auto, stepwise or a side in pixels"),
        "halo": ([DUTCH, "--patch", "256", "--halo", "200"], "smaller halo"),
        "memory": ([DUTCH, "--memory", "lots"], "write it as 2GB"),
        "little memory": ([DUTCH, "--memory", "100MB"], "give at least --memory"),
        "bands": ([DUTCH, "--bands", "r,g,b"], "counted from 1"),
        "scale": ([DUTCH, "--scale", "-1"], "no positive number"),
        "aoi": ([DUTCH, "--aoi", folder / "none.gpkg"], "no such file"),
        "aoi is no vector file": ([DUTCH, "--aoi", text], "cannot be read as vectors"),
        "option": ([DUTCH, "--no-such-option"], "see geoglm --help"),
        "choice": ([DUTCH, "--vectors", "shp"], "see geoglm --help"),
        "resample": ([DUTCH, "--resample", "-3"], "no ground sample distance"),
    }


def test_bad_input_gets_one_line_exit_code_2_and_leaves_nothing_behind(tmp_path: Path) -> None:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    cases = bad_inputs(inputs)
    before = sorted(tmp_path.rglob("*"))
    for name, (arguments, expected) in cases.items():
        output = [] if "-o" in arguments else ["-o", tmp_path / "out"]
        told = call("segment", *arguments, *output)
        assert told.exit_code == 2, (name, told.output)
        assert told.stdout == "", name
        assert told.stderr.count("\n") == 1, (name, told.stderr)
        assert expected in told.stderr, (name, told.stderr)
        assert sorted(tmp_path.rglob("*")) == before, name


def test_a_bad_input_in_a_real_shell_is_quiet_too(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "geoglm", "segment", str(tmp_path / "none.tif")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"geoglm: {tmp_path / 'none.tif'}: no such file; check the path\n"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from geoglm.apps.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'rasterio', 'openvino', 'geopandas', 'dask', 'xarray', 'numba'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def every_command(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    yield before
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, *before, name)
        else:
            yield (*before, name)


@pytest.mark.parametrize("command", list(every_command(main)), ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    told = call(*command, "--help")
    assert told.exit_code == 0
    assert len(told.stdout.splitlines()) > 5


def test_the_first_help_names_every_command() -> None:
    told = call("--help").stdout
    assert {line.split()[1] for line in told.splitlines() if line.startswith("  geoglm ")} == set(main.commands)
