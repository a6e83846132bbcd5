"""``geoglm export`` on the command line."""

from __future__ import annotations

from pathlib import Path

import click

from geoglm.apps.cli_train import SpreadingCommand

AnyPath = click.Path(path_type=Path)


@click.command(cls=SpreadingCommand)
@click.argument("model")
@click.option("-o", "--output", required=True, type=AnyPath, help="New folder for the package.")
@click.option("--onnx/--openvino", "onnx", default=True, help="Format of the graph [ONNX; of INT8 OpenVINO].")
@click.option("--int8", is_flag=True, help="Weights and activations in 8 bits.")
@click.option(
    "--calibrate", multiple=True, type=AnyPath, help="Scenes to see the ranges of activations on, one or more."
)
def export(model: str, output: Path, onnx: bool, int8: bool, calibrate: tuple[Path, ...]) -> None:
    """Write MODEL (a name, or a folder) as a graph that runs without torch, as a package that segment runs.

    --int8 is faster on processors that compute in whole numbers (VNNI, AMX), at a small loss that the card tells; it
    wants scenes of the kind that the model is meant for. Other programs read model.onnx, or model.xml with model.bin:
    scaled pixels in, logits out, see model.json for the scaling.

    \b
    geoglm export aerial-landcover -o small --int8 --calibrate ortho1.tif ortho2.tif
    geoglm segment ortho3.tif -m small
    """
    from geoglm.jobs.compress import export_model

    made = export_model(model, output, form="onnx" if onnx else "openvino", int8=int8, scenes=calibrate)
    same = "" if made.same_class is None else f", the same class as before on {made.same_class:.1%} of pixels"
    click.echo(f"{made.package.folder}: {made.megabytes:.1f} MB{same}")
