"""``geoglm vectorize``: polygons of any class raster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from geoglm.apps.notes import print_notes
from geoglm.apps.progress import progress_bar
from geoglm.options import Length, PolygonOptions

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("classes", metavar="CLASSES", type=FILE)
@click.option(
    "-o",
    "--output",
    type=FILE,
    help="File to write: .gpkg, .parquet (GeoParquet), .fgb, or .pmtiles (tiles for maps in the browser, to be looked "
    "at and not to be measured) [CLASSES.gpkg beside it].",
)
@click.option("--confidence", type=FILE, help="Raster of the same size that tells how sure the map is.")
@click.option("--classes", "keep", help="Only these classes, by name or value, e.g. building,water.")
@click.option(
    "--min-area", type=float, default=0.0, help="Merge regions smaller than this, in m², into their neighbours."
)
@click.option(
    "--simplify", default="0", metavar="LENGTH", help="Simplify outlines by this tolerance: 1.5 (metres) or 2px."
)
@click.option(
    "--method",
    type=click.Choice(["visvalingam", "douglas"]),
    default="visvalingam",
    show_default=True,
    help="How outlines are simplified; douglas moves them by the tolerance at most.",
)
@click.option("--smooth", type=int, default=0, metavar="ROUNDS", help="Round corners; 2 rounds look smooth, 4 at most.")
@click.option(
    "--connectivity",
    type=click.Choice(["4", "8"]),
    default="4",
    show_default=True,
    help="8: pixels that touch at a corner belong together.",
)
@click.option("--dissolve", is_flag=True, help="One multipolygon for each class.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def vectorize(*, classes: Path, output: Path | None, confidence: Path | None, quiet: bool, **given: Any) -> None:
    """Turn CLASSES, a raster of classes of any making, into polygons along pixel edges.

    Every region of one class becomes a polygon with class_id, class_name, area_m2, perimeter_m and pixels; with
    --confidence also mean_confidence and min_confidence. Neighbours share their outlines point by point, simplified
    and smoothed ones too: there are no gaps and no overlaps. Area and confidence are those of the region's pixels.
    The raster is read row by row, however large it is.

    \b
    geoglm vectorize ortho-geoglm/classes.tif --confidence ortho-geoglm/confidence.tif
    geoglm vectorize worldcover.tif -o water.parquet --classes 80 --min-area 5000 --simplify 10 --smooth 2
    """
    options = PolygonOptions(
        keep=None if given["keep"] is None else tuple(given["keep"].split(",")),
        connectivity=int(given["connectivity"]),
        dissolve=given["dissolve"],
        simplify=Length.parse(given["simplify"]),
        method=given["method"],
        smooth=given["smooth"],
        min_area=given["min_area"],
    )
    from geoglm.jobs.vectorize import polygon_file, raster_map

    with progress_bar(shown=not quiet) as progress:
        source = raster_map(classes, confidence, options)
        result = polygon_file(source, output or classes.with_suffix(".gpkg"), options, progress)
    if quiet:
        return
    print_notes(result.notes)
    rate = result.pixels / max(result.seconds, 1e-9) / 1e6
    click.echo(f"{result.path}  ({result.polygons:,} polygons, {result.seconds:.1f} s, {rate:.1f} Mpx/s)")
