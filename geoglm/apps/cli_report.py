"""``geoglm report`` on the command line."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The page [report.html in FOLDER].")
def report(folder: Path, output: Path | None) -> None:
    """Write one page about the results in FOLDER: maps, areas, accuracy, the model, how they came about.

    The page is a single file to be mailed or printed: it holds its pictures and asks nothing of any server. FOLDER is
    what segment, change or series wrote. Assessments that lie in it are told too.

    \b
    geoglm report ortho-geoglm
    geoglm assess ortho-geoglm/classes.tif sample.gpkg -o ortho-geoglm/assessment.json
    geoglm report ortho-geoglm -o ortho.html
    """
    from geoglm.jobs.report.make import report as write

    click.echo(str(write(folder, output)))
