"""``geoglm sample`` and ``geoglm assess``: figures that stand up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from geoglm.apps.notes import print_notes

if TYPE_CHECKING:
    from geoglm.jobs.assess import MapAssessment
    from geoglm.stats.estimates import Estimate

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("classes", type=FILE)
@click.option("-n", "count", default=300, show_default=True, type=click.IntRange(min=2), help="Number of points.")
@click.option(
    "--allocation",
    default="balanced",
    show_default=True,
    type=click.Choice(["balanced", "proportional", "equal"]),
    help="Points for each class: by its size with a floor for rare ones, by its size alone, or the same for all.",
)
@click.option("--seed", default=0, show_default=True, help="The same seed draws the same points.")
@click.option("-o", "--output", type=FILE, help="GeoPackage to write [CLASSES-sample.gpkg].")
def sample(classes: Path, count: int, allocation: str, seed: int, output: Path | None) -> None:
    """Draw points of the map CLASSES at random, to be labelled with what is really there.

    Open the file in QGIS over imagery, choose a class for every point (the form offers them), save, and call
    `geoglm assess`. Look at the imagery, not at the map: the points are in no order.

    \b
    geoglm sample ortho-geoglm/classes.tif -n 400 -o sample.gpkg
    geoglm assess ortho-geoglm/classes.tif sample.gpkg
    """
    from rich.console import Console
    from rich.table import Table

    from geoglm.jobs.assess import sample as draw

    drawn = draw(
        classes, output or classes.with_name(f"{classes.stem}-sample.gpkg"), n=count, allocation=allocation, seed=seed
    )
    table = Table()
    table.add_column("class")
    table.add_column("pixels", justify="right")
    table.add_column("points", justify="right")
    for name, pixels in drawn.pixels.items():
        table.add_row(name, f"{pixels:,}", f"{drawn.units[name]:,}")
    Console().print(table)
    click.echo(f"{drawn.path}")


@click.command()
@click.argument("classes", type=FILE)
@click.argument("labelled", type=FILE)
@click.option("--field", default="reference", show_default=True, help="Field of the points with the reference class.")
@click.option("--assume-random", is_flag=True, help="Take points of unknown origin for a simple random sample.")
@click.option("-o", "--output", type=FILE, help="JSON file for all figures.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def assess(
    *, classes: Path, labelled: Path, field: str, assume_random: bool, output: Path | None, as_json: bool
) -> None:
    """How good the map CLASSES is, and how much there is of each class, by the points LABELLED.

    Counting a map's pixels repeats its mistakes. The labelled sample of `geoglm sample` corrects them: areas and
    accuracies come with 95 % confidence intervals (Olofsson et al. 2014).

    \b
    geoglm assess ortho-geoglm/classes.tif sample.gpkg -o assessment.json
    """
    from geoglm.jobs.assess import assess as judge

    result = judge(classes, labelled, field=field, assume_random=assume_random, output=output)
    if as_json:
        click.echo(json.dumps(result.as_dict(), indent=2))
        return
    print_notes(result.notes)
    _print(result)
    if output is not None:
        click.echo(f"{output}")


def _print(result: MapAssessment) -> None:
    """One row a class; ± is half of the 95 % confidence interval."""
    from rich.console import Console
    from rich.table import Table

    def percent(estimate: Estimate) -> str:
        return "–" if estimate.value != estimate.value else f"{estimate.value:.1%} ± {estimate.margin:.1%}"

    figures, hectares = result.figures, result.hectares
    unit = "share" if hectares is None else "hectares"
    table = Table(title=f"{result.units} points; ± spans the 95 % confidence interval")
    table.add_column("class")
    for heading in (f"mapped {unit}", f"estimated {unit}", "user's accuracy", "producer's accuracy"):
        table.add_column(heading, justify="right")
    for k, name in enumerate(result.names):
        mapped, share = figures.mapped[k], figures.shares[k]
        amounts = (
            (f"{mapped.value:.1%}", percent(share))
            if hectares is None
            else (
                f"{mapped.value * hectares:,.1f}",
                f"{share.value * hectares:,.1f} ± {share.margin * hectares:,.1f}",
            )
        )
        table.add_row(name, *amounts, percent(figures.users[k]), percent(figures.producers[k]))
    console = Console()
    console.print(table)
    console.print(f"overall accuracy {percent(figures.overall)}", highlight=False)
