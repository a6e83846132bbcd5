"""``geoglm change``: what changed between two dates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geoglm.apps.cli_options import report_option, scene_argument
from geoglm.apps.notes import print_notes
from geoglm.apps.progress import progress_bar
from geoglm.options import SchedulerRule, parse_bands, parse_memory, parse_scale

if TYPE_CHECKING:
    from geoglm.io.remote import SceneRef
    from geoglm.jobs.change.run import ChangeResult

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("before", type=scene_argument)
@click.argument("after", type=scene_argument)
@click.option("-o", "--output", type=FILE, help="Folder for the results [BEFORE-to-AFTER-change beside BEFORE].")
@click.option(
    "--method",
    type=click.Choice(["auto", "spectral", "features", "classes"]),
    default="auto",
    show_default=True,
    help="spectral: by all bands, without a model. features: by the bands, where what a model sees changed as well. "
    "classes: by two maps of classes, given or made with --model.",
)
@click.option(
    "-m",
    "--model",
    default="auto",
    show_default=True,
    help="Model for both dates; naming one means classes unless features is said.",
)
@click.option("--bands", help="Bands to compare (for a model: those it takes), e.g. 4,3,2, counted from 1.")
@click.option(
    "--scale",
    help="For a model: pixel value of both dates that counts as full scale, e.g. 10000, or auto (99.5th percentile).",
)
@click.option("--coregister", is_flag=True, help="Take back the shift that is measured between the dates.")
@click.option("--min-probability", "at_least", type=float, help="A change counts from here on [0.5, classes 0.75].")
@click.option("--min-area", type=float, default=0.0, help="Merge regions smaller than this, in m², into neighbours.")
@click.option(
    "--vectors",
    type=click.Choice(["gpkg", "parquet", "fgb", "none"]),
    default="gpkg",
    show_default=True,
    help="Format of the polygons.",
)
@click.option("--memory", default="2GB", show_default=True, help="Memory to stay within, e.g. 4GB.")
@click.option("--workers", type=click.IntRange(min=0), default=0, help="Threads [one per core].")
@click.option(
    "--scheduler",
    default="threads",
    show_default=True,
    help="Where a model maps both dates: threads, local:N processes, a dask scheduler's tcp://HOST:PORT, or auto.",
)
@report_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def change(before: SceneRef, after: SceneRef, output: Path | None, as_json: bool, quiet: bool, **given: Any) -> None:
    """Find what changed between two dates of one place.

    BEFORE and AFTER are two scenes, or two maps of classes such as classes.tif of `geoglm segment`. They may differ in
    CRS, resolution and extent: the overlap is judged, on the grid of the coarser one. A shift between them is measured
    and told. Where classes.tif has confidence.tif beside it, a flip between unsure classes is no change. Stopped, the
    same command goes on from what was finished.

    The results lie in one folder: change.tif (what changed) and probability.tif (how likely), polygons.gpkg,
    quicklook.png, report.html, item.json (STAC), summary.json, manifest.json and QGIS styles; with classes also the
    areas of what became what, as transitions.csv, transitions.png and flows.png.

    \b
    geoglm change 2019.tif 2024.tif -o out
    geoglm change 2019.tif 2024.tif --coregister --min-area 400
    geoglm change 2019.tif 2024.tif --model sentinel2-landcover
    geoglm change 2019-geoglm/classes.tif 2024-geoglm/classes.tif -o out
    """
    given["bands"], given["memory"] = parse_bands(given["bands"]), parse_memory(given["memory"])
    given["scale"] = parse_scale(given["scale"])
    given["scheduler"] = SchedulerRule.parse(given["scheduler"])
    from geoglm.jobs.change.run import change as compare

    with progress_bar(shown=not quiet and not as_json) as progress:
        result = compare(before, after, output, progress=progress, **given)
    if as_json:
        click.echo(json.dumps(result.summary, indent=2, ensure_ascii=False))
    elif not quiet:
        print_notes(result.notes)
        _print(result)


def _print(result: ChangeResult) -> None:
    """The method, and a row for every kind of change."""
    from rich.console import Console
    from rich.table import Table

    summary, found = result.summary, result.summary["change"]
    table = Table()
    table.add_column("")
    table.add_column("hectares" if found["unit"] == "ha" else "pixels", justify="right")
    table.add_column("share", justify="right")
    for kind in found["kinds"]:
        amount = f"{kind['area']:,.2f}" if found["unit"] == "ha" else f"{kind['area']:,.0f}"
        table.add_row(kind["name"], amount, f"{kind['share']:.1%}")
    console = Console()

    def say(line: str) -> None:
        console.print(line, soft_wrap=True, markup=False, highlight=False)

    say(f"{summary['method']}: {summary['method_why']}")
    if shift := summary.get("shift_px"):
        say(f"shift between the dates: {shift['rows']:+.2f} rows, {shift['cols']:+.2f} columns, in px")
    console.print(table)
    say(f"{result.folder}/  ({summary['seconds']:.1f} s)")
