"""The command line: parse, delegate, print. Heavy libraries load only when a command needs them."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from geoglm.apps.aside import companions_aside
from geoglm.apps.cli_assess import assess, sample
from geoglm.apps.cli_change import change
from geoglm.apps.cli_doctor import doctor
from geoglm.apps.cli_door import guarded
from geoglm.apps.cli_evaluate import evaluate
from geoglm.apps.cli_explain import explain
from geoglm.apps.cli_export import export
from geoglm.apps.cli_models import models
from geoglm.apps.cli_options import parsed, plan_options, report_option, scene_argument
from geoglm.apps.cli_report import report
from geoglm.apps.cli_series import series
from geoglm.apps.cli_train import train
from geoglm.apps.cli_vectorize import vectorize
from geoglm.apps.cli_view import view
from geoglm.apps.notes import print_notes
from geoglm.apps.own_words import Heard, own_words, talkative
from geoglm.apps.progress import progress_bar
from geoglm.errors import GeoglmError, MissingExtra, OutputError
from geoglm.io.remote import without_secrets
from geoglm.jobs.stopping import Stopped, heeded
from geoglm.version import __version__

if TYPE_CHECKING:
    from geoglm.io.remote import SceneRef
    from geoglm.jobs.result import SegmentResult

FAILED = 2
TRACEBACK = "GEOGLM_TRACEBACK"
"""The environment variable with which an unforeseen error is shown in full."""


class OneLineGroup(click.Group):
    """Every refusal is one line on stderr and exit code 2, as is every stop; commands may be told what to let in."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Register a command, with the options of the door."""
        super().add_command(talkative(cmd if isinstance(cmd, click.Group) else guarded(cmd)), name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """No second list of commands below the one in the text."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and turn errors into a line."""
        kwargs["standalone_mode"] = False
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # no name is worth failing for where LC_ALL=C prints it
        own = sys.argv[1] if not args and "args" not in kwargs and len(sys.argv) > 1 else None
        try:
            with own_words(heard := Heard()), companions_aside(own):
                code = super().main(*args, **kwargs, obj=heard)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            if error.ctx is not None and error.ctx.command is self:
                click.echo(_first_steps())
            sys.exit(0)
        except click.exceptions.Exit as error:
            sys.exit(error.exit_code)
        except click.ClickException as error:
            _fail(f"{' '.join(error.format_message().split())} (see geoglm --help)")
        except GeoglmError as error:
            _fail(str(error))
        except ModuleNotFoundError as error:
            _fail(str(MissingExtra.of(error)))
        except (KeyboardInterrupt, click.Abort):
            _stop(Stopped(signal.SIGINT))
        except Exception as error:  # whatever it is, its user gets one line
            if os.environ.get(TRACEBACK):
                raise
            _fail(_unforeseen(error))
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a signal stops it in good order."""
        try:
            with heeded():
                return super().invoke(ctx)
        except KeyboardInterrupt as stop:  # here, since click would print an empty line for it
            _stop(stop if isinstance(stop, Stopped) else Stopped(signal.SIGINT))


def _first_steps() -> str:
    """What to try first: on a shipped sample where geoglm runs from its repository, else on a scene of one's own."""
    sample = Path(__file__).parents[2] / "data-samples" / "dutch-river.tif"
    scene = os.path.relpath(sample) if sample.exists() else "your-scene.tif"
    return f"\nTry first:\n  geoglm doctor\n  geoglm info {scene}\n  geoglm segment {scene} -o first-map"


def _stop(stop: Stopped) -> NoReturn:
    click.echo(f"geoglm: {stop}", err=True)
    sys.exit(stop.exit_code)


def _unforeseen(error: Exception) -> str:
    """One line for an error that geoglm has no words of its own for."""
    told = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError):
        return "memory ran out; close other programs, or give a smaller scene or --memory"
    if isinstance(error, OSError):
        return told
    return f"unforeseen {type(error).__name__}: {told} ({TRACEBACK}=1 shows where)"


def _fail(message: str) -> None:
    click.echo(f"geoglm: {without_secrets(message)}", err=True)
    sys.exit(FAILED)


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="geoglm")
def main() -> None:
    """Turn satellite and aerial scenes of any size into land-cover maps.

    \b
    geoglm info scene.tif         what geoglm understands of a scene, and what it would do
    geoglm segment scene.tif      classes, confidence and polygons into scene-geoglm/
    geoglm models list            the models there are; import takes in any ONNX model
    geoglm train                  a model of your own classes, from polygons on your scenes
    geoglm vectorize map.tif      polygons of any map of classes, however large
    geoglm export MODEL           a model in another form: ONNX, 8 bits, fewer channels
    geoglm evaluate scene.tif     how good the map is, by labels that are known
    geoglm sample classes.tif     points of a map to be labelled, drawn at random
    geoglm assess classes.tif     accuracy and areas with confidence intervals, from those points
    geoglm change A.tif B.tif     what changed between two dates of one place
    geoglm explain scene.tif      why a model maps a place, or the whole scene, as it does
    geoglm series A.tif B.tif ... a place on three or more dates, and when it changed
    geoglm report FOLDER          results as one page, to be read, printed or mailed
    geoglm view FOLDER            results as a map in the browser
    geoglm doctor                 whether this machine has all that geoglm needs, and how fast it is
    """


main.add_command(doctor)
main.add_command(evaluate)
main.add_command(explain)
main.add_command(export)
main.add_command(models)
main.add_command(sample)
main.add_command(assess)
main.add_command(change)
main.add_command(series)
main.add_command(report)
main.add_command(train)
main.add_command(vectorize)
main.add_command(view)


@main.command()
@click.argument("scenes", metavar="SCENE...", nargs=-1, required=True, type=scene_argument)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Folder for the results [SCENE-geoglm beside the scene]."
)
@plan_options
@click.option("--probabilities", is_flag=True, help="Also write the probability of every class.")
@click.option(
    "--layers",
    help="Also write how unsure each pixel is: entropy (0: one class is sure, 1: all are alike), margin (by how much "
    "the first class is ahead of the second), disagreement (share of overlapping tiles that say another class), or "
    "several as entropy,margin.",
)
@click.option(
    "--vectors",
    type=click.Choice(["gpkg", "parquet", "fgb", "pmtiles", "none"]),
    default="gpkg",
    show_default=True,
    help="Format of the polygons: gpkg (GeoPackage), parquet (GeoParquet), fgb (FlatGeobuf), or pmtiles: tiles for "
    "maps in the browser, to be looked at and not to be measured, for outlines are rounded and cut.",
)
@click.option(
    "--min-area", type=float, default=0.0, help="Merge regions smaller than this, in m², into their neighbours."
)
@click.option("--aoi", type=click.Path(path_type=Path), help="File with polygons; pixels outside are not classified.")
@click.option(
    "--time-budget",
    help="Be done in about this time, e.g. 60s or 5min: parts are looked at more coarsely where there is too little.",
)
@click.option(
    "--scheduler",
    default="threads",
    show_default=True,
    help="Where shards are scored: threads, local:N (processes), tcp://HOST:PORT (a dask cluster), or auto: the "
    "cluster of DASK_SCHEDULER_ADDRESS where more threads are free there than here.",
)
@report_option
@click.option("--dry-run", is_flag=True, help="Print the plan, as info does, or what will be refused, and stop there.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def segment(
    scenes: tuple[SceneRef, ...], output: Path | None, dry_run: bool, as_json: bool, quiet: bool, **given: Any
) -> None:
    """Turn each SCENE into a map of classes, a map of confidence, and polygons.

    A SCENE is a raster file, an address (https://, s3://, GDAL's /vsi...), or several files, whose bands are stacked on
    the grid of the finest: a STAC item, a Sentinel-2 product (SAFE) or Landsat Collection 2 product as a folder or zip,
    or a pattern in quotes. Of Landsat, pixels are reflectance, and fill, clouds and their shadows are left out. Of a
    NetCDF file or a Zarr store (of Zarr 2) bands are the variables on rows and columns, or those of one with bands.

    The results lie in one folder: classes.tif and confidence.tif (cloud-optimised GeoTIFFs), polygons.gpkg,
    QGIS styles, quicklook.png, report.html, item.json (STAC), summary.json and manifest.json. With several scenes,
    each gets a folder of its own below -o. A run that was stopped goes on where it was when the same command is given
    again.

    \b
    geoglm segment ortho.tif
    geoglm segment ortho.tif -o out --min-area 20 --vectors parquet
    geoglm segment ortho16.tif --bands 3,2,1 --scale auto
    geoglm segment S2B_MSIL2A_20240517T103629_N0510_R008_T32TQM_20240517T142503.SAFE
    geoglm segment "bands/*_B*.tif"
    geoglm segment scene.nc
    geoglm segment https://example.org/ortho.tif
    geoglm segment ortho.tif --scheduler tcp://10.0.0.1:8786
    """
    options = parsed(given)
    from geoglm.io.geotiff import RasterFile
    from geoglm.io.products.product import scene_stem
    from geoglm.jobs.segment import default_output, rehearse, segment_file

    below = None if output is None or len(scenes) == 1 else output
    folders = [below / scene_stem(s) if below else output or default_output(s) for s in scenes]
    if twice := next((f for f in folders if folders.count(f) > 1), None):
        raise OutputError(f"two scenes would be written to {twice}; run them one by one with -o")
    if dry_run:
        every = [rehearse(scene, folder, options) for scene, folder in zip(scenes, folders, strict=True)]
        _tell(every, as_json=as_json)
        return
    for scene in scenes[1:]:  # all are looked at before the first is worked on, which begins with a look at it
        RasterFile(scene)
    summaries = []
    for scene, folder in zip(scenes, folders, strict=True):
        with progress_bar(shown=not quiet and not as_json) as progress:
            result = segment_file(scene, folder, options, progress)
        summaries.append(result.as_dict())
        if not quiet:
            print_notes(result.notes)
        if not quiet and not as_json:
            _print_areas(result, scene)
    if as_json:
        click.echo(json.dumps(summaries[0] if len(summaries) == 1 else summaries, indent=2))


def _print_areas(result: SegmentResult, scene: SceneRef) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    known = all(c.hectares is not None for c in result.classes)
    table = Table(title=Text(f"Land cover of {scene.name}"))
    table.add_column("class")
    table.add_column("hectares" if known else "pixels", justify="right")
    table.add_column("share", justify="right")
    for c in result.classes:
        amount = f"{c.hectares:,.2f}" if c.hectares is not None else f"{c.pixels:,}"
        table.add_row(f"[{c.colour}]■[/] {c.name}", amount, f"{c.share:.1%}")
    console = Console()
    console.print(table)
    total = sum(result.seconds.values())
    rate = (result.valid_px + result.invalid_px) / max(total, 1e-9) / 1e6
    again = f", {result.reused} shards taken over" if result.reused else ""
    console.print(f"{result.folder}/  ({total:.1f} s, {rate:.1f} Mpx/s{again})", soft_wrap=True, markup=False)


@main.command()
@click.argument("scene", type=scene_argument)
@plan_options
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def info(scene: SceneRef, as_json: bool, **given: Any) -> None:
    """What geoglm understands of SCENE, which model fits it, the plan, and the memory and time it expects."""
    options = parsed(given)
    from geoglm.jobs.info import scene_facts

    _tell([scene_facts(scene, options)], as_json=as_json)


def _tell(every: list[dict[str, Any]], *, as_json: bool) -> None:
    """The facts of one scene, or of several, which are one list as JSON."""
    if as_json:
        click.echo(json.dumps(every[0] if len(every) == 1 else every, indent=2, default=str))
        return
    for facts in every:
        _print_facts(facts)


def _print_facts(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for title, rows in facts.items():
        if isinstance(rows, list):
            for line in rows:
                console.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)
            continue
        table = Table(title=title, show_header=False, title_justify="left", min_width=60)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows.items():
            table.add_row(name, Text(str(value)))
        console.print(table)
