"""``geoglm sample`` and ``geoglm assess``: figures that stand up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from geoglm.apps.notes import print_notes

if TYPE_CHECKING:
    from geoglm.jobs.sampling.assess import MapAssessment
    from geoglm.stats.sampling.estimate import Estimate

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("classes", type=FILE)
@click.option("-n", "count", default=300, show_default=True, type=click.IntRange(min=2), help="Number of points.")
@click.option(
    "--design",
    default="stratified",
    show_default=True,
    type=click.Choice(["stratified", "two-stage", "stratified-two-stage"]),
    help="Points by class; points in blocks, so that fewer places must be looked at; blocks by commonest class.",
)
@click.option(
    "--allocation",
    default="balanced",
    show_default=True,
    type=click.Choice(["balanced", "proportional", "equal"]),
    help="Points (or blocks) for each class: by its size with a floor for rare ones, by its size, or the same for all.",
)
@click.option(
    "--block", "block_px", default=64, show_default=True, type=click.IntRange(min=1), help="Side of a block, px."
)
@click.option("--per-block", default=10, show_default=True, type=click.IntRange(min=2), help="Points in each block.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="The same seed draws the same points."
)
@click.option("-o", "--output", type=FILE, help="GeoPackage to write [CLASSES-sample.gpkg].")
def sample(
    *,
    classes: Path,
    count: int,
    design: str,
    allocation: str,
    block_px: int,
    per_block: int,
    seed: int,
    output: Path | None,
) -> None:
    """Draw points of the map CLASSES at random, to be labelled with what is really there.

    Open the file in QGIS over imagery, choose a class for every point (the form offers them), save, and call
    `geoglm assess`. Look at the imagery, not at the map: the points are in no order.

    Points in blocks are quicker to visit, and tell less: neighbours are alike. The file remembers how its points were
    drawn, and `geoglm assess` reckons with it.

    \b
    geoglm sample ortho-geoglm/classes.tif -n 400 -o sample.gpkg
    geoglm sample ortho-geoglm/classes.tif --design two-stage --block 128 -n 400 -o blocks.gpkg
    geoglm assess ortho-geoglm/classes.tif sample.gpkg
    """
    from rich.console import Console
    from rich.table import Table

    from geoglm.jobs.sampling.draw import sample as draw

    drawn = draw(
        classes,
        output or classes.with_name(f"{classes.stem}-sample.gpkg"),
        n=count,
        design=design,
        allocation=allocation,
        block_px=block_px,
        per_block=per_block,
        seed=seed,
    )
    counts = {"pixels": drawn.pixels} | ({"blocks": drawn.blocks} if drawn.blocks else {}) | {"points": drawn.units}
    table = Table()
    table.add_column("stratum" if drawn.blocks else "class")
    for heading in counts:
        table.add_column(heading, justify="right")
    for name in drawn.pixels:
        table.add_row(name, *(f"{c[name]:,}" for c in counts.values()))
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
    from geoglm.jobs.sampling.assess import assess as judge

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
    where = f" in {result.blocks} blocks" if result.blocks else ""
    table = Table(title=f"{result.units} points{where}; ± spans the 95 % confidence interval")
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
