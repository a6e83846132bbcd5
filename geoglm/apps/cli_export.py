"""``geoglm export`` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from geoglm.apps.cli_train import SpreadingCommand

AnyPath = click.Path(path_type=Path)


@click.command(cls=SpreadingCommand)
@click.argument("model")
@click.option("-o", "--output", required=True, type=AnyPath, help="New folder for the package.")
@click.option("--onnx/--openvino", "onnx", default=True, help="Format of the graph [ONNX; of INT8 OpenVINO].")
@click.option(
    "--prune",
    default=0.0,
    metavar="SHARE",
    help="Share of the multiply-adds to take out, such as 0.4, channel by channel.",
)
@click.option("--int8", is_flag=True, help="Weights and activations in 8 bits.")
@click.option(
    "--calibrate",
    multiple=True,
    type=AnyPath,
    help="Scenes that --int8 sees ranges on and --prune mends on, one or more.",
)
def export(model: str, output: Path, *, onnx: bool, prune: float, int8: bool, calibrate: tuple[Path, ...]) -> None:
    """Write MODEL (a name, or a folder) as a graph that runs without torch, as a package that segment runs.

    --int8 is faster on processors that compute in whole numbers (VNNI, AMX), at a small loss that the card tells; it
    wants scenes of the kind that the model is meant for. Other programs read model.onnx, or model.xml with model.bin:
    scaled pixels in, logits out, see model.json for the scaling.

    --prune takes whole channels out of the network, those that matter least, until so large a share of its
    multiply-adds is gone: faster on any processor. With scenes the rest learns, without labels, to give what the whole
    network gave; without, it has to be taught again before it is of use: geoglm train --from. Pruned to ONNX, the
    package keeps its weights, so that it can be taught on. Both together: pruned first.

    \b
    geoglm export aerial-landcover -o small --int8 --calibrate ortho1.tif ortho2.tif
    geoglm export aerial-landcover -o light --prune 0.4 --calibrate ortho1.tif ortho2.tif
    geoglm segment ortho3.tif -m light
    """
    from geoglm.jobs.export.run import export_model

    form: Literal["onnx", "openvino"] = "onnx" if onnx else "openvino"
    made = export_model(model, output, form=form, prune=prune, int8=int8, scenes=calibrate)
    told = [f"{made.package.folder}: {made.megabytes:.1f} MB"]
    if made.pruning is not None:
        told.append(f"{made.pruning.multiply_adds:.0%} of the multiply-adds pruned{_same(made.pruning.same_class)}")
    if made.same_class is not None:
        told.append(f"in 8 bits{_same(made.same_class)}")
    click.echo("; ".join(told))
    if made.pruning is not None and not made.pruning.mended_on:
        click.echo(
            "nothing was mended: name scenes with --calibrate, or teach it again with geoglm train --from", err=True
        )


def _same(share: float | None) -> str:
    return "" if share is None else f", the same class as before on {share:.1%} of pixels"
