"""``geoglm models`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import click

from geoglm.apps.notes import print_notes

AnyPath = click.Path(path_type=Path)


@click.group()
def models() -> None:
    """The models there are: those that come with geoglm, and your own."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_models(as_json: bool) -> None:
    """Name, bands, ground sample distance and classes of every model."""
    from geoglm.errors import BadPackage
    from geoglm.registry.catalog import own, shipped
    from geoglm.registry.package import ModelPackage

    known = [("shipped", p.card) for p in shipped().values()]
    for folder in own().values():
        try:
            known.append(("own", ModelPackage.open(folder).card))
        except BadPackage as error:
            print_notes([error])
    if as_json:
        click.echo(json.dumps([dict(c.data) for _, c in known], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    table.add_column("name", no_wrap=True)
    for heading in ("from", "version", "bands", "metres", "classes", "validation mIoU"):
        table.add_column(heading)
    for where, c in known:
        score = c.metrics.get("miou")
        table.add_row(
            c.name,
            where,
            c.version,
            ", ".join(c.bands),
            "any" if c.gsd is None else f"{c.gsd[0]:g} to {c.gsd[1]:g}",
            ", ".join(k.name for k in c.classes),
            "" if score is None else f"{score:.3f}",
        )
    Console().print(table)


@models.command("show")
@click.argument("name")
def show_model(name: str) -> None:
    """The whole card of the model NAME (or of a package folder), as JSON."""
    from geoglm.registry.catalog import find

    click.echo(json.dumps(dict(find(name).card.data), indent=2, ensure_ascii=False))


@models.command("import")
@click.argument("model", metavar="MODEL.onnx", type=AnyPath)
@click.option("--card", required=True, type=AnyPath, help="JSON file with the model's card.")
@click.option("-o", "--output", type=AnyPath, help="Folder of the package [one of its name among your own models].")
def import_model(model: Path, card: Path, output: Path | None) -> None:
    """Take in an ONNX model from elsewhere, so that segment runs it with -m NAME.

    The model takes one image and answers with one value for each class and pixel: axes NCHW or NHWC, logits or
    probabilities, tiles of one size or of any. It is looked through (size, operators, no files outside) and tried on a
    tile; nothing in it is executed but arithmetic.

    \b
    The card follows the STAC MLM extension; these are needed, `geoglm models show NAME` prints a whole one:
      mlm:name
      mlm:input   [{"bands": ["red", "green", "blue"], "value_scaling": [...]}]
      mlm:output  [{"classification:classes": [{"value": 0, "name": "water", "color_hint": "3f7fd0"}, ...]}]

    \b
    value_scaling, one entry for all bands or one for each, of v = pixel value / full scale (geoglm:full_scale):
      {"type": "z-score", "mean": 0.5, "stddev": 0.5}
      {"type": "min-max", "minimum": 0, "maximum": 1}
      {"type": "percentile", "low": 2, "high": 98}                        the scene's own, band by band
      {"type": "log-sigmoid", "gain": 50, "mean": 2.1, "stddev": 0.4}    1 / (1 + exp((mean - ln(1 + gain v)) / stddev))
    geoglm:tiling {"stride": 32, "tileable": true, "halo": 64} says how tiles fit together; without it they are faded.
    """
    from geoglm.jobs.models import import_model as take_in

    package = take_in(model, card, output)
    graph = package.card.graph
    assert graph is not None
    size = "any size" if graph.tile is None else f"{graph.tile[0]} x {graph.tile[1]} px"
    click.echo(f"{package.card.name}: {graph.layout}, {graph.answers}, tiles of {size}; in {package.folder}")


@models.command("convert")
@click.argument("weights", metavar="WEIGHTS.pt", type=AnyPath)
@click.option("--card", required=True, type=AnyPath, help="JSON file with the model's card, geoglm:network in it.")
@click.option("-o", "--output", type=AnyPath, help="Folder of the package [one of its name among your own models].")
def convert_model(weights: Path, card: Path, output: Path | None) -> None:
    """Make a package of weights that PyTorch pickled (.pt, .pth, .ckpt), of a network that geoglm builds.

    A pickle can run code when it is read, so geoglm reads none elsewhere. Here it is read once, in a process of its own
    without network that takes tensors and nothing else, and written as safetensors. The card says what network they
    belong to, `geoglm models show NAME` prints one. Of any other network import its ONNX export.
    """
    from geoglm.jobs.models import convert_model as take_over

    package = take_over(weights, card, output)
    click.echo(f"{package.card.name}: in {package.folder}")
