"""``rio geoglm ...``: the command line among rasterio's commands, which finds it by its entry point."""

from __future__ import annotations

import click


@click.command(
    "geoglm",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    short_help="Satellite and aerial scenes into land-cover maps.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def plugin(words: tuple[str, ...]) -> None:
    """All of geoglm's commands: ``rio geoglm segment scene.tif`` is ``geoglm segment scene.tif``."""
    from geoglm.apps.cli import main  # only now: rio loads its plugins whatever is asked of it

    main([*words], prog_name="rio geoglm")
