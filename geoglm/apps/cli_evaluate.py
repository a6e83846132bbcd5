"""``geoglm evaluate``: how good a model, or a map, is by labels that are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geoglm.apps.cli_options import parsed, plan_options
from geoglm.apps.notes import print_notes
from geoglm.apps.progress import progress_bar
from geoglm.errors import GeoglmError
from geoglm.options import EvaluateOptions, parse_mapping, parse_scales

if TYPE_CHECKING:
    from geoglm.stats.evaluation import Evaluation

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("scenes", metavar="[SCENE]...", nargs=-1, type=FILE)
@click.option(
    "-l", "--labels", multiple=True, required=True, type=FILE, help="Class raster or polygons; once for each SCENE."
)
@click.option("--map", "maps", multiple=True, type=FILE, help="Class raster to judge as it is, in place of SCENE.")
@click.option("--class-field", help="Field of the polygons that holds the class [the only one with text].")
@click.option("--mapping", multiple=True, metavar="LABEL=CLASS", help="What a label is called by the model.")
@click.option("--scales", help="Pixels a side for each of the scene's own [0.5,1,2].")
@click.option("-o", "--output", type=FILE, help="Folder for evaluation.json and plots.")
@plan_options
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def evaluate(
    *,
    scenes: tuple[Path, ...],
    labels: tuple[Path, ...],
    maps: tuple[Path, ...],
    class_field: str | None,
    mapping: tuple[str, ...],
    scales: str | None,
    output: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Compare the map of each SCENE, or a map that is there, with labels that are known.

    Labels are a raster of classes or polygons of any CRS, matched with the model's classes by name; one file for
    each SCENE in their order, or one for all. Each SCENE is also judged at half and double its resolution: at 0.5
    with half as many pixels a side, each twice as coarse on the ground. -o writes the figures as evaluation.json
    and plots of them: confusion.png, iou-by-resolution.png, reliability.png.

    \b
    geoglm evaluate ortho.tif --labels polygons.gpkg --class-field kind -o report
    geoglm evaluate ortho.tif --labels mask.png --mapping lawn=vegetation --mapping unknown=
    geoglm evaluate --map ortho-geoglm/classes.tif --labels polygons.gpkg
    """
    what = EvaluateOptions(class_field, parse_mapping(mapping), parse_scales(scales or "0.5,1,2"))
    if bool(scenes) == bool(maps):
        raise GeoglmError("evaluate wants scenes, or maps with --map, and not both")
    if maps and scales and what.scales != (1.0,):
        raise GeoglmError("--scales needs scenes: a map that is there has one resolution")
    from geoglm.jobs.evaluate import evaluate_maps, evaluate_scenes

    if maps:
        result = evaluate_maps(maps, labels, what, output=output)
    else:
        if given["resample"] is not None:
            raise GeoglmError("--resample has no place here; --scales shows the scene at other resolutions")
        with progress_bar(shown=not as_json) as progress:
            result = evaluate_scenes(scenes, labels, parsed(given), what, output=output, progress=progress)
    if as_json:
        click.echo(json.dumps(result.as_dict(), indent=2))
        return
    print_notes(result.notes)
    _print(result)
    if output is not None:
        click.echo(f"{output}/")


def _print(result: Evaluation) -> None:
    """A table of classes at the scene's own resolution, and one of resolutions."""
    from rich.console import Console
    from rich.table import Table

    def shown(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}"

    figures = result.own.as_dict(result.classes)
    table = Table(title="By class")
    headings = ("class", "pixels", "IoU", "F1", "user's", "producer's", "boundary F1")
    for k, heading in enumerate(headings):
        table.add_column(heading, justify="right" if k else "left")
    for name, row in figures["classes"].items():
        ratios = [shown(row[k]) for k in ("iou", "f1", "users_accuracy", "producers_accuracy", "boundary_f1")]
        table.add_row(name, f"{row['pixels']:,}", *ratios)
    several = Table(title="By resolution (0.5x: half as many pixels a side, coarser)")
    for k, heading in enumerate(("pixels a side", "mIoU", "overall", "boundary F1", "calibration error")):
        several.add_column(heading, justify="right" if k else "left")
    for scale, agreement in sorted(result.by_scale.items()):
        row = agreement.as_dict(result.classes)
        several.add_row(f"{scale:g}x", *(shown(row[k]) for k in ("miou", "overall_accuracy", "boundary_f1", "ece")))
    console = Console()
    console.print(table)
    console.print(several)
