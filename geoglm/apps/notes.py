"""What the user should know, beside the results."""

from __future__ import annotations

from collections.abc import Iterable

import click

from geoglm.io.remote import without_secrets


def print_notes(notes: Iterable[object]) -> None:
    """A line on stderr for each note."""
    for note in notes:
        click.echo(f"geoglm: note: {without_secrets(str(note))}", err=True)
