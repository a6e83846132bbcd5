"""``geoglm explain``: why a model says what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geoglm.apps.cli_options import scene_argument
from geoglm.apps.notes import print_notes
from geoglm.apps.progress import progress_bar
from geoglm.errors import TargetError
from geoglm.options import parse_bands

if TYPE_CHECKING:
    from geoglm.io.remote import SceneRef
    from geoglm.jobs.explain.record import Explanation, Importance


@click.command()
@click.argument("scene", type=scene_argument)
@click.option("--at", help="Explain the pixel at X,Y in the scene's CRS (column,row without georeferencing).")
@click.option("--at-lonlat", help="Explain the pixel at LONGITUDE,LATITUDE.")
@click.option("--polygon", type=click.Path(path_type=Path), help="Explain all pixels in the polygons of this file.")
@click.option("--scene", "whole", is_flag=True, help="Explain the whole scene: what each part of it owes to each band.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for the results [SCENE-explained].")
@click.option(
    "-m", "--model", default="auto", show_default=True, help="Name of a shipped model, or folder of a package."
)
@click.option("--bands", help="Scene bands for the model's bands, counted from 1, e.g. 4,3,2.")
@click.option("--scale", help="Pixel value that counts as full scale, e.g. 10000, or auto (99.5th percentile).")
@click.option("--offset", default="auto", show_default=True, help="Pixel value that counts as zero.")
@click.option("--resample", type=float, help="Work at this ground sample distance in metres.")
@click.option(
    "--reference", help="Pixel value of each band that counts as absent, e.g. 90,95,80 [the mean of what is around]."
)
@click.option(
    "--cell",
    "cell_px",
    type=int,
    default=0,
    help="Side in pixels of the squares that are covered, or of the cells of --scene [1/16 of the window, 1/256].",
)
@click.option("--memory", default="2GB", show_default=True, help="Memory to stay within, e.g. 4GB.")
@click.option("--workers", type=int, default=0, help="Threads [one per core].")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "torch-cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="cpu is OpenVINO.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def explain(scene: SceneRef, at: str | None, at_lonlat: str | None, output: Path | None, **given: Any) -> None:
    """Show why a model maps a place, or the whole of SCENE, as it does.

    Of a pixel or polygon: squares around it are covered in turn (occlusion.png), bands are left out in all combinations
    (bands.png, Shapley values), and the smallest change of the bands is sought after which the class is another
    (counterfactual.png). Of a model that looks at the scene as a whole first, what it heeds there is drawn as well
    (context.png). All numbers are in explanation.json. Effects are in log-odds of the class over the second likeliest:
    at +0.7 it is twice as likely.

    With --scene: by how much the model is less sure of its map without each band, in cells of the scene
    (importance.png, importance.tif).

    \b
    geoglm explain ortho.tif --at 127500,428125
    geoglm explain ortho.tif --at-lonlat 5.07,51.84 -o why
    geoglm explain s2.tif --polygon field.gpkg
    geoglm explain s2.tif --scene
    """
    point, lonlat = _point("--at", at), _point("--at-lonlat", at_lonlat)
    if sum((at is not None, at_lonlat is not None, given["polygon"] is not None, given["whole"])) != 1:
        raise TargetError("say what is to be explained by one of --at X,Y, --at-lonlat, --polygon and --scene")
    as_json, quiet = given.pop("as_json"), given.pop("quiet")
    given["bands"] = parse_bands(given["bands"])
    from geoglm.jobs.explain.options import parse_reference
    from geoglm.jobs.explain.record import Explanation
    from geoglm.jobs.explain.run import default_output
    from geoglm.jobs.explain.run import explain as tell

    given["reference"] = parse_reference(given["reference"])
    folder = output or default_output(scene)
    with progress_bar(shown=not quiet and not as_json) as progress:
        found = tell(scene, folder, at=point, at_lonlat=lonlat, progress=progress, **given)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
    elif not quiet:
        print_notes(found.notes)
        _say(_place(found) if isinstance(found, Explanation) else _scene(found), folder)


def _point(option: str, text: str | None) -> tuple[float, float] | None:
    """Two numbers of ``X,Y``."""
    if text is None:
        return None
    try:
        first, second = (float(p) for p in text.split(","))
    except ValueError:
        raise TargetError(f"{option} {text!r} is no place; write two numbers, as {option} 127500,428125") from None
    return first, second


def _place(found: Explanation) -> list[str]:
    verdict, change = found.verdict, found.change
    sure = {c.name: float(p) for c, p in zip(found.scheme, verdict.probabilities, strict=True)}
    chosen, rival = verdict.chosen.name, verdict.rival.name
    lines = [
        f"{found.target} is {chosen} ({sure[chosen]:.1%}) rather than {rival} ({sure[rival]:.1%}): "
        f"log-odds {verdict.odds:+.2f}",
        f"what each band adds to {found.shares.nobody:+.2f} without any:",
    ]
    lines += [f"  {band:12} {value:+.2f}" for band, value in zip(found.bands, found.shares.shares, strict=True)]
    if change is not None:
        lines.append(
            f"it would be {change.into.name} after a change of {change.length:.2f} standard deviations, of "
            f"{int(change.region.sum()):,} pixels alike:"
        )
        lines += [
            f"  {band:12} {change.before[k]:.5g} → {change.before[k] + change.raw[k]:.5g}"
            for k, band in enumerate(found.bands)
        ]
    return lines


def _scene(found: Importance) -> list[str]:
    lines = ["by how many points the mapped class is less likely without each band, on average:"]
    return lines + [f"  {band:12} {100 * drop:+.1f}" for band, drop in zip(found.bands, found.mean, strict=True)]


def _say(lines: list[str], folder: Path) -> None:
    for line in (*lines, f"{folder}/"):
        click.echo(line)
