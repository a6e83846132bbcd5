"""Options that several commands share: declared once, parsed once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geoglm.options import (
    HaloRule,
    PatchRule,
    SchedulerRule,
    SegmentOptions,
    parse_bands,
    parse_layers,
    parse_memory,
    parse_offset,
    parse_scale,
    parse_seconds,
)

if TYPE_CHECKING:
    from geoglm.io.remote import SceneRef


def plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that shape a plan, shared by every command that runs a model."""
    options = (
        click.option(
            "-m", "--model", default="auto", show_default=True, help="Name of a shipped model, or folder of a package."
        ),
        click.option("--bands", help="Scene bands for the model's bands, counted from 1, e.g. 4,3,2."),
        click.option("--scale", help="Pixel value that counts as full scale, e.g. 10000, or auto (99.5th percentile)."),
        click.option(
            "--offset",
            default="auto",
            show_default=True,
            help="Pixel value that counts as zero: 1000 for Sentinel-2 since 2022, 0, or auto (metadata, else pixels).",
        ),
        click.option("--resample", type=float, help="Work at this ground sample distance in metres."),
        click.option("--patch", default="auto", show_default=True, help="Side of a tile: auto, stepwise, or pixels."),
        click.option("--halo", default="auto", show_default=True, help="Border of a tile: auto, exact, or pixels."),
        click.option(
            "--blend/--no-blend", default=None, help="Fade tiles into each other [on where a model needs it]."
        ),
        click.option("--memory", default="2GB", show_default=True, help="Memory to stay within, e.g. 4GB."),
        click.option("--workers", type=int, default=0, help="Threads that work on shards [one per core]."),
        click.option("--shard", type=int, default=0, help="Side of a shard in pixels [about 2048]."),
        click.option(
            "--precision",
            type=click.Choice(["auto", "f32", "bf16"]),
            default="auto",
            show_default=True,
            help="Arithmetic of the network; auto takes bf16 where the CPU has it.",
        ),
        click.option(
            "--device",
            type=click.Choice(["auto", "cpu", "torch-cpu", "cuda"]),
            default="auto",
            show_default=True,
            help="cpu is OpenVINO.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


report_option = click.option(
    "--report/--no-report", default=True, help="Write report.html, one page about the results, beside them [yes]."
)


def scene_argument(given: str) -> SceneRef:
    """A scene as typed, as a path or what lies elsewhere; one that is here will be tried by a helper, begun now."""
    from geoglm.io.guard.probe import helper
    from geoglm.io.remote import scene_ref

    scene = scene_ref(given)
    if isinstance(scene, Path):
        helper.begin()
    return scene


def parsed(given: dict[str, Any]) -> SegmentOptions:
    """Options as typed, as options proven."""
    doubts, disagreement = parse_layers(given.get("layers"))
    return SegmentOptions(
        model=given["model"],
        bands=parse_bands(given["bands"]),
        scale=parse_scale(given["scale"]),
        offset=parse_offset(given["offset"]),
        resample=given["resample"],
        patch=PatchRule.parse(given["patch"]),
        halo=HaloRule.parse(given["halo"]),
        blend=given["blend"],
        memory=parse_memory(given["memory"]),
        workers=given["workers"],
        shard_px=given["shard"],
        precision=given["precision"],
        device=given["device"],
        probabilities=given.get("probabilities", False),
        doubts=doubts,
        disagreement=disagreement,
        vectors=given.get("vectors", "gpkg"),
        report=given.get("report", True),
        min_area=given.get("min_area", 0.0),
        aoi=given.get("aoi"),
        scheduler=SchedulerRule.parse(given.get("scheduler", "threads")),
        time_budget=parse_seconds(given.get("time_budget")),
    )
