"""A pruned `aerial-landcover` taught again: by the labels of its recipe, and by the network that it was made of.

geoglm export aerial-landcover --prune 0.4 -o PRUNED
python benchmarks/pruned.py DATA PRUNED OUTPUT [--steps N]    DATA holds aerial, naip and buildings, as its recipe wants

The teacher sees every crop as the pruned network sees it, which Beyer et al. 2022 (arXiv 2106.05237) found to matter.
A run that was stopped goes on from its checkpoint. OUTPUT/package is the result, its mIoU on tile 2 in its card.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch
from torch import nn

from geoglm.registry.catalog import find
from geoglm.registry.graphs import add_graph
from geoglm.registry.package import ModelPackage, write_package
from geoglm.train.aerial.data import BUILDING, CLASSES, VALIDATION_TILE, dubai, sample_sets
from geoglm.train.aerial.recipe import disturbed_batch, signed_bytes, told
from geoglm.train.evaluate import confusion_matrix, evaluate_network, intersection_over_union
from geoglm.train.logs import Verdict
from geoglm.train.loop import Schedule, TrainingPlan, signed, train
from geoglm.train.losses import LossSpec, segmentation_loss
from geoglm.train.samples import Batch, LabelledImage, Moment

SCHEDULE = Schedule(steps=250, batch=6, side_px=256, peak_rate=4e-4, encoder_rate=1.0, averaging=0.98)
LOSS = LossSpec(
    (("distillation", 1.0), ("cross_entropy", 0.5), ("dice", 0.5), ("exclusion", 0.25)),
    class_weights=(1.2, 0.8, 1.2, 1.1, 0.9),
    excluded=BUILDING,
)


@dataclass(frozen=True)
class Teacher:
    """Adds to the batches of another draw what the network in an ONNX file thinks of them."""

    draw: Callable[[np.random.Generator, Moment], Batch]
    network: Any

    @classmethod
    def of(cls, draw: Callable[[np.random.Generator, Moment], Batch], graph: Path) -> Teacher:
        """The graph at its best precision, on as many threads as torch has."""
        hints = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "PERFORMANCE_HINT": "LATENCY"}
        return cls(draw, ov.Core().compile_model(graph, "CPU", hints))

    def __call__(self, rng: np.random.Generator, now: Moment) -> Batch:
        """Crops with labels and soft labels."""
        batch = self.draw(rng, now)
        logits = torch.from_numpy(self.network(signed(batch.pixels).contiguous().numpy())[0])
        return replace(batch, soft=logits.softmax(dim=1))


def main() -> None:
    """Teach, measure, write the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("pruned", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--steps", type=int, default=SCHEDULE.steps)
    parser.add_argument("--teacher", default="aerial-landcover")
    asked = parser.parse_args()
    schedule = replace(SCHEDULE, steps=asked.steps)
    package, graph = ModelPackage.open(asked.pruned), find(asked.teacher).graph()
    if graph is None:
        parser.error(f"{asked.teacher} has no graph to ask")
    held_out = list(dubai(asked.data, VALIDATION_TILE))
    plan = TrainingPlan(
        schedule,
        draw=Teacher.of(partial(disturbed_batch, sample_sets(asked.data)), graph),
        loss=partial(segmentation_loss, spec=LOSS),
        validate=partial(judged, held_out=held_out),
    )
    network = package.network()
    print(f"before {judged(network, held_out)}", flush=True)
    publish(train(network, plan, folder=asked.output, progress=told), held_out, package, schedule, asked.output)


def judged(network: nn.Module, held_out: list[LabelledImage]) -> Verdict:
    """IoU on tile 2."""
    stride = int(network.stride)  # type: ignore[arg-type]  # to torch any attribute may be a tensor
    iou = intersection_over_union(confusion_matrix(network.eval(), held_out, classes=len(CLASSES), stride=stride))
    return Verdict(float(iou.mean()), {n: float(v) for n, v in zip(CLASSES, iou, strict=True)})


def publish(
    network: nn.Module, held_out: list[LabelledImage], package: ModelPackage, schedule: Schedule, output: Path
) -> None:
    """Write the package with its graph, and what was measured on it."""
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half().float())
    network.eval()
    found = evaluate_network(network, held_out, classes=CLASSES, stride=package.card.stride, prepare=signed_bytes)
    measured = found.as_dict()
    card = dict(package.card.data) | {
        "geoglm:calibration": measured.pop("calibration"),
        "geoglm:metrics": {"data": "tile 2 of the Dubai set, untiled, float32", **measured},
        "geoglm:training": {"schedule": asdict(schedule), "loss": dict(LOSS.terms), "from": package.sha256},
    }
    card.pop("geoglm:limits", None)
    made = add_graph(write_package(output / "package", network, card))
    print(f"{made.folder}: mIoU {measured['miou']}")


if __name__ == "__main__":
    main()
