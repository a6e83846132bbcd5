"""``geoglm view`` on the command line."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click


@click.command()
@click.argument("paths", metavar="DIR|COG...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--scene", type=click.Path(path_type=Path), help="Scene to show below [the one the results are of].")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of 127.0.0.1 [any that is free].")
@click.option("--no-browser", is_flag=True, help="Print the address and open no browser.")
def view(paths: tuple[Path, ...], scene: Path | None, port: int, no_browser: bool) -> None:
    """Show results as a map in the browser, until Ctrl-C.

    A DIR is what segment, change or series wrote, a COG any raster; several are laid over each other. The page shows
    scene, classes, confidence and polygons, compares two layers with a divider, tells what lies where one clicks and
    how much of each class is on screen. It is served to this machine alone (127.0.0.1), shows nothing but these files,
    and fetches nothing from elsewhere.

    \b
    geoglm view ortho-geoglm
    geoglm view 2019-to-2024-change --port 8080 --no-browser
    geoglm view ortho-geoglm/classes.tif --scene ortho.tif
    """
    from geoglm.apps.viewer import serve

    viewer = serve(paths, scene=scene, port=port)
    try:
        for note in viewer.view.notes:
            click.echo(note, err=True)
        click.echo(f"{viewer.url}  (Ctrl-C ends it)")
        if not no_browser:
            webbrowser.open(viewer.url)
        viewer.wait()
    except KeyboardInterrupt:
        click.echo("ended", err=True)
    finally:
        viewer.close()
