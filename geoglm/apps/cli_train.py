"""``geoglm train`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geoglm.apps.notes import print_notes
from geoglm.apps.progress import progress_bar
from geoglm.options import parse_bands, parse_scale

if TYPE_CHECKING:
    from geoglm.jobs.training.request import TrainResult

AnyPath = click.Path(path_type=Path)
SEVERAL = ("--scenes", "--labels", "--calibrate")
"""Options that take all values up to the next option."""


def spread(arguments: list[str]) -> list[str]:
    """Write ``--scenes a b`` as ``--scenes a --scenes b``, which is what click reads.

    >>> spread(["--scenes", "a", "b", "--labels", "c", "-o", "d"])
    ['--scenes', 'a', '--scenes', 'b', '--labels', 'c', '-o', 'd']
    """
    flag, result = "", []
    for k, word in enumerate(arguments):
        if word.startswith("-"):
            flag = word if word in SEVERAL else ""
        elif flag and arguments[k - 1] != flag:
            result.append(flag)
        result.append(word)
    return result


class SpreadingCommand(click.Command):
    """A command some of whose options take several values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `spread`."""
        return super().parse_args(ctx, spread(args))


@click.command(cls=SpreadingCommand)
@click.option("--scenes", multiple=True, required=True, type=AnyPath, help="Rasters to learn from, one or more.")
@click.option(
    "--labels",
    multiple=True,
    required=True,
    type=AnyPath,
    help="Polygons (any CRS) or class rasters: one file for all scenes, or one for each.",
)
@click.option("--class-field", help="Column with the class, for polygons [the only column with text].")
@click.option("--from", "base", help="Model to go on from: a shipped one, or a folder. Without it: from nothing.")
@click.option("-o", "--output", required=True, type=AnyPath, help="Folder of the new model.")
@click.option("--name", default="", help="Name of the new model [that of its folder].")
@click.option("--minutes", type=float, default=4.0, show_default=True, help="How long it may take, about.")
@click.option("--steps", type=int, help="Steps of the optimiser, instead of minutes: the same on any machine.")
@click.option("--bands", help="Scene bands to use, counted from 1, e.g. 4,3,2 [by name; without --from all].")
@click.option("--scale", help="Pixel value that counts as full scale, e.g. 10000, or auto (99.5th percentile).")
@click.option("--fusion", help="How scales become one map [the model's; concat]: concat, weighted, squeeze, ...")
@click.option("--encoder", help="Encoder by its name in timm (tu-...), where training starts from nothing.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of all random choices.")
@click.option(
    "--validate/--no-validate",
    default=True,
    show_default=True,
    help="Hold back blocks of labels to measure accuracy on; or learn from every label, and measure none.",
)
@click.option("--processes", type=int, default=1, show_default=True, help="Processes that train together.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def train(output: Path, as_json: bool, quiet: bool, **given: Any) -> None:
    """Teach geoglm your own classes, from polygons or class rasters on your own scenes.

    Draw polygons of every class in a GIS, with the class in a text column. Twenty are enough to begin with: three
    or more of each class, apart from each other, small but well inside what they show, and of all that a class
    looks like (dark roofs and bright ones). What is not labelled is left open. Then look at the map, add polygons
    where it is wrong, and train again. A column called colour (#rrggbb) gives the classes their colours.

    About a quarter of every class is held back, whole polygons or blocks of a raster with a gap around them, and
    the accuracy is measured on these. Where labels are too few for that it says so, and measures none.

    The model is a folder for geoglm segment --model. Tables and pictures of the training lie in OUTPUT.training/;
    a run that was stopped goes on from there when the same command is given again.

    \b
    geoglm train --scenes ortho.tif --labels polygons.gpkg --class-field kind --from aerial-landcover -o my-model
    geoglm segment ortho.tif --model my-model
    geoglm train --scenes a.tif b.tif --labels a-classes.tif b-classes.tif --minutes 60 -o from-nothing
    """
    from geoglm.jobs.training.files import train_files
    from geoglm.jobs.training.request import TrainRequest

    given["scenes"], given["labels"] = tuple(given["scenes"]), tuple(given["labels"])
    given["bands"], given["scale"] = parse_bands(given["bands"]), parse_scale(given["scale"])
    request = TrainRequest(**given)
    with progress_bar(shown=not quiet and not as_json, paced=False) as progress:
        result = train_files(request, output, progress)
    if not quiet:
        print_notes(result.notes)
    if as_json:
        click.echo(json.dumps(result.as_dict(), indent=2))
    elif not quiet:
        _print_result(result)


def _print_result(result: TrainResult) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}"

    before = any(c.before is not None for c in result.classes)
    table = Table(title=Text(f"{result.folder.name}: accuracy on labels held back"))
    for heading in ("class", "learnt from, px", "held back, px", *(["IoU before"] if before else []), "IoU"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    for c in result.classes:
        counts = (f"{c.training_px:,}", f"{c.validation_px:,}", *([number(c.before)] if before else []))
        table.add_row(f"[{c.colour}]■[/] {c.name}", *counts, number(c.iou))
    if result.miou is not None:
        table.add_section()
        table.add_row("mean", "", "", *([""] if before else []), number(result.miou))
    console = Console()
    console.print(table)
    seconds = sum(result.seconds.values())
    console.print(
        f"{result.folder}/  ({result.steps} steps, {seconds:.0f} s; log in {result.log.name}/)",
        soft_wrap=True,
        markup=False,
    )
    console.print(f"geoglm segment SCENE --model {result.folder}", soft_wrap=True, markup=False)
