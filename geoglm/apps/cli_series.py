"""``geoglm series``: a place over time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geoglm.apps.cli_options import parsed, plan_options, report_option, scene_argument
from geoglm.apps.notes import print_notes
from geoglm.apps.progress import progress_bar

if TYPE_CHECKING:
    from geoglm.io.remote import SceneRef
    from geoglm.jobs.series.run import SeriesResult


@click.command()
@click.argument("scenes", metavar="SCENE...", nargs=-1, required=True, type=scene_argument)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Folder for the results [SCENE-series beside the first]."
)
@click.option(
    "--dates",
    help="Dates of the scenes in their order, e.g. 2019-07-01,2020-07,2021 [from STAC items, tags or names].",
)
@click.option(
    "--stay",
    type=float,
    help="Probability that a pixel is of the same class a year later; closer to 1, fewer changes are believed [0.9].",
)
@click.option(
    "--noise",
    type=float,
    help="For maps that do not say how sure they are: share of labels wrong by chance, on each date anew [0.05].",
)
@click.option(
    "--neighbours",
    type=float,
    help="Weight of each neighbouring pixel for or against a change; 0 for every pixel by itself [0.5].",
)
@plan_options
@report_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def series(scenes: tuple[SceneRef, ...], output: Path | None, as_json: bool, quiet: bool, **given: Any) -> None:
    """Find what a place was on three or more dates, and when it changed.

    Each SCENE is segmented by one model, as by `geoglm segment`, or is a map of classes such as its classes.tif. What
    one date says of a pixel is weighed against all others and its neighbours: flicker goes, change that lasts or that
    neighbours share stays, and clouds are filled. The results lie in one folder: a map of classes and one of confidence
    for every date, first-change.tif with the date on which each pixel first changed, areas.csv and areas.png with the
    areas of all classes over time, quicklook.png, report.html, item.json (STAC), summary.json, manifest.json and QGIS
    styles. What segment made of each date is kept in dates/ and taken over when a later scene is added.

    \b
    geoglm series 2018.tif 2019.tif 2020.tif 2021.tif -o out
    geoglm series a.tif b.tif c.tif --dates 2019-07-01,2020-07,2021 --model sentinel2-landcover
    geoglm series map_2016.tif map_2018.tif map_2021.tif --noise 0.1 --stay 0.95
    """
    page = given.pop("report")
    options = parsed(given)
    from geoglm.jobs.series.run import series as follow

    chosen = {k: given[k] for k in ("stay", "noise", "neighbours") if given[k] is not None}
    chosen["report"] = page
    dates = None if given["dates"] is None else [d.strip() for d in given["dates"].split(",")]
    with progress_bar(shown=not quiet and not as_json) as progress:
        result = follow(scenes, output, dates=dates, progress=progress, segment=options, **chosen)
    if as_json:
        click.echo(json.dumps(result.summary, indent=2, ensure_ascii=False))
    elif not quiet:
        print_notes(result.notes)
        _print(result)


def _print(result: SeriesResult) -> None:
    """A row for every date: share of each class, and what first changed."""
    from rich.console import Console
    from rich.table import Table

    summary, change = result.summary, result.summary["change"]
    shares: dict[str, dict[str, float]] = {}
    for row in summary["areas"]:
        shares.setdefault(row["date"], {})[row["class"]] = row["share"]
    names = [n for n in next(iter(shares.values())) if any(s[n] for s in shares.values())]
    first = {c["date"]: c["share"] for c in change["first_change"]}
    table = Table()
    for column in ("date", *names, "first changed"):
        table.add_column(column, justify="left" if column == "date" else "right")
    for day, found in shares.items():
        table.add_row(day, *(f"{found[n]:.1%}" for n in names), f"{first[day]:.1%}" if day in first else "")
    console = Console()
    console.print(table)
    flips = f"{change['flips_by_themselves']:,} flips from a date to the next became {change['flips_smoothed']:,}"
    for line in (flips, f"{result.folder}/  ({summary['seconds']:.1f} s)"):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
