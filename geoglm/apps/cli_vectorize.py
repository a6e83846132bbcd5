"""``geoglm vectorize``: polygons of any class raster."""

from __future__ import annotations

from pathlib import Path

import click

from geoglm.apps.progress import progress_bar

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("classes", metavar="CLASSES", type=FILE)
@click.option(
    "-o", "--output", type=FILE, help="File to write: .gpkg, .parquet (GeoParquet) or .fgb [CLASSES.gpkg beside it]."
)
@click.option("--confidence", type=FILE, help="Raster of the same size that tells how sure the map is.")
@click.option("--classes", "keep", help="Only these classes, by name or value, e.g. building,water.")
@click.option(
    "--connectivity",
    type=click.Choice(["4", "8"]),
    default="4",
    show_default=True,
    help="8: pixels that touch at a corner belong together.",
)
@click.option("--dissolve", is_flag=True, help="One multipolygon for each class.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def vectorize(
    *,
    classes: Path,
    output: Path | None,
    confidence: Path | None,
    keep: str | None,
    connectivity: str,
    dissolve: bool,
    quiet: bool,
) -> None:
    """Turn CLASSES, a raster of classes of any making, into polygons along pixel edges.

    Every region of one class becomes a polygon with class_id, class_name, area_m2, perimeter_m and pixels; with
    --confidence also mean_confidence and min_confidence. Neighbours share their outlines point by point: there are no
    gaps and no overlaps. The raster is read row by row, however large it is.

    \b
    geoglm vectorize ortho-geoglm/classes.tif --confidence ortho-geoglm/confidence.tif
    geoglm vectorize worldcover.tif -o water.parquet --classes 80
    """
    from geoglm.jobs.vectorize import vectorize_file
    from geoglm.vector.trace import TraceRules

    rules = TraceRules(int(connectivity), dissolve)
    with progress_bar(shown=not quiet) as progress:
        result = vectorize_file(
            classes,
            output or classes.with_suffix(".gpkg"),
            confidence=confidence,
            keep=None if keep is None else keep.split(","),
            rules=rules,
            progress=progress,
        )
    if quiet:
        return
    for note in result.notes:
        click.echo(f"geoglm: note: {note}", err=True)
    rate = result.pixels / max(result.seconds, 1e-9) / 1e6
    click.echo(f"{result.path}  ({result.polygons:,} polygons, {result.seconds:.1f} s, {rate:.1f} Mpx/s)")
