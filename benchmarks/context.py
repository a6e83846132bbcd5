"""What a look at the whole scene buys: trainings alike but for the context, on the Dubai tiles; judged on tile 2.

python benchmarks/context.py --data FOLDER --encoder-weights FILE [--steps 300] [--seeds 1 2 3] [--queries 8]

Prints a table in Markdown: mIoU (mean ± standard deviation over seeds), by seed what the context adds, parameters,
and how often the gate lets the scene in (its mean over tile 2: 2 % before training).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from short_training import ENCODER, ShortTraining, mean_and_spread
from torch import Tensor

from geoglm.nn.segmenter import Segmenter, SegmenterSpec
from geoglm.pixels.glance import GLANCE_PX


@torch.no_grad()
def gate_opened(network: Segmenter, training: ShortTraining) -> float:
    """Mean over channels and places of the gate between the scene's summary and a tile, 0…1, on whole images."""
    assert network.context is not None
    levels: list[Tensor] = []
    hook = network.context.gate.register_forward_hook(lambda _, __, out: levels.append(out.sigmoid().mean()))
    training.evaluate(network, (1.0,))
    hook.remove()
    return float(torch.stack(levels).mean())


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder-weights", type=Path, required=True, help="ImageNet weights of efficientnet-lite0")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--queries", type=int, default=8)
    asked = parser.parse_args()
    # both draw their crops with a glance beside them, so that they see the same ones
    training = ShortTraining(asked.data, asked.encoder_weights, asked.steps, encoder_rate=0.1, glance_px=GLANCE_PX)
    print("| context | mIoU | gain by seed | parameters | gate open |\n|---|---|---|---|---|", flush=True)
    without: list[float] = []
    for queries in (0, asked.queries):
        spec = SegmenterSpec(ENCODER, bands=3, classes=5, context=queries)
        scores, opened = [], []
        for seed in asked.seeds:
            network, found = training.run(spec, seed=seed)
            scores.append(found.own.miou)
            if queries:
                opened.append(gate_opened(network, training))
        size = sum(p.numel() for p in network.parameters())
        gain = ", ".join(f"{b - a:+.3f}" for a, b in zip(without, scores, strict=False)) or "–"
        gate = f"{np.mean(opened):.1%}" if opened else "–"
        print(f"| {queries} queries | {mean_and_spread(scores)} | {gain} | {size:,} | {gate} |", flush=True)
        without = without or scores


if __name__ == "__main__":
    main()
