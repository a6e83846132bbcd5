"""``geoglm doctor`` on the command line."""

from __future__ import annotations

import json
import sys

import click

MARKS = {"good": "[green]✓[/]", "absent": "[yellow]○[/]", "bad": "[red]✗[/]"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def doctor(as_json: bool) -> None:
    """Look over this machine: libraries, GDAL and PROJ, memory, disk, and how many megapixels a second it maps.

    ✓ is well, ○ is lacking but needed by some commands only, ✗ keeps geoglm from working (and the exit code is 1).
    """
    from geoglm.jobs.doctor import examine

    if as_json:
        findings = list(examine())
        click.echo(json.dumps([f.as_dict() for f in findings], indent=2))
    else:
        from rich.console import Console
        from rich.markup import escape

        console, findings = Console(), []
        for finding in examine():
            findings.append(finding)
            console.print(f"{MARKS[finding.health]} {finding.what}: {escape(finding.told)}", highlight=False)
    sys.exit(any(f.health == "bad" for f in findings))
