"""What every command that reads files may be told to let in, and how much memory that may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from geoglm.io.guard.trust import Trust, trust, trusting
from geoglm.options import parse_memory


def guarded(command: click.Command) -> click.Command:
    """`command` with options that widen what this process trusts while it runs (see `geoglm.io.guard`).

    Where it is told how much memory there is, that holds for the blocks of files too.
    """
    for option in command.params:
        if option.name == "memory":
            option.callback = _widened(lambda given, text: replace(given, memory=parse_memory(text)))
    command.params += _door_options()
    return command


def _door_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--allow-driver"],
            multiple=True,
            metavar="NAME",
            expose_value=False,
            callback=_widened(lambda given, names: replace(given, drivers=names)),
            help="Also open files of this driver of GDAL, e.g. PNG; may be given more than once.",
        ),
        click.Option(
            ["--allow-remote"],
            is_flag=True,
            expose_value=False,
            callback=_widened(lambda given, yes: replace(given, remote=yes)),
            help="Let VRTs and STAC items of this machine draw on files elsewhere.",
        ),
        click.Option(
            ["--allow-vrt-source"],
            multiple=True,
            metavar="FOLDER",
            type=click.Path(path_type=Path),
            expose_value=False,
            callback=_widened(lambda given, folders: replace(given, folders=folders)),
            help="Let VRTs and STAC items draw on files in this folder, besides their own.",
        ),
    ]


def _widened(change: Callable[[Trust, Any], Trust]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """A callback that trusts more from now to the end of the command, where the option was given."""

    def callback(context: click.Context, _: click.Parameter, value: Any) -> Any:
        if value:
            context.with_resource(trusting(change(trust(), value)))
        return value

    return callback
