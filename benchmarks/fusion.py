"""Every fusion strategy, with the same budget and seeds, on the Dubai tiles; judged on tile 2.

python benchmarks/fusion.py --data FOLDER [--steps 300] [--seeds 1 2 3] [--encoder-weights FILE]
python benchmarks/fusion.py --speed        the speed of each alone, untrained, the median of five turns

Prints a table in Markdown: mIoU (mean ± standard deviation over seeds), parameters, speed of the scoring graph
under OpenVINO, and the halo with which tiles of 512 px agree with the whole image on 99.9 % of pixels.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from short_training import ENCODER, ShortTraining, mean_and_spread
from torch import Tensor, nn

import geoglm
from geoglm.io.memory import ArrayScene
from geoglm.jobs.network import predictor_of
from geoglm.jobs.planning import make_plan
from geoglm.nn.fusion import STRATEGIES
from geoglm.nn.segmenter import Segmenter, SegmenterSpec
from geoglm.options import PatchRule, SegmentOptions
from geoglm.registry.package import write_package
from geoglm.tiling.grid import round_up
from geoglm.train.aerial.recipe import signed_bytes
from geoglm.train.evaluate import tiled_agreement

CLAIMED = {"concat": 76.2, "weighted": 78.5, "squeeze": 79.1}
"""mIoU that the mission states for three of them, on data that it does not name."""
GLANCE_PX = 192


class SeenWhole(nn.Module):
    """A network that has looked at the scene already."""

    def __init__(self, network: Segmenter, scene: Tensor) -> None:
        super().__init__()
        self.network = network
        small = nn.functional.adaptive_avg_pool2d(scene[None], GLANCE_PX)
        self.summary = network.summarise(small) if network.summary_size else None

    def forward(self, image: Tensor) -> Tensor:
        """A tile's logits."""
        return self.network(image) if self.summary is None else self.network(image, self.summary)


@torch.no_grad()
def needed_halo(network: Segmenter, training: ShortTraining) -> str:
    """The least halo for 99.9 % agreement on a mosaic of tile 2."""
    rows, cols = (min(i.labels.shape[axis] for i in training.held_out) for axis in (0, 1))
    parts = [np.asarray(i.pixels)[:, :rows, :cols] for i in training.held_out]
    mosaic = np.concatenate([np.concatenate(parts[k : k + 3], axis=2) for k in (0, 3, 6)], axis=1)
    seen = SeenWhole(network.eval(), signed_bytes(mosaic.astype(np.float32))).eval()
    for halo in (16, 32, 48, 64, 80, 96, 128, 160, 192):
        tiles = -(-max(mosaic.shape[1:]) // round_up(512 - 2 * halo, 16))
        agreement = tiled_agreement(
            seen, mosaic, halos=[halo], tiles=tiles, stride=network.stride, prepare=signed_bytes
        )
        if agreement[halo] >= 0.999:
            return str(halo)
    return "> 192"


def speed(network: Segmenter, spec: SegmenterSpec, side: int = 1024) -> float:
    """Mpx/s of the scoring graph on ready tiles, at the default precision."""
    card = dict(geoglm.load_model("aerial-landcover").card.data) | {"geoglm:network": spec.as_dict()}
    scene = ArrayScene(np.random.default_rng(0).integers(0, 256, (3, side, side), dtype=np.uint8))
    with TemporaryDirectory() as folder:
        package = write_package(Path(folder) / "model", network, card)
        options = SegmentOptions(str(package.folder), patch=PatchRule("fixed", side), memory=8 * 10**9)
        plan = make_plan(scene, options)
        predictor = predictor_of(plan, layers=False)
        (shard,) = plan.layout
        valid = np.ones((side, side), np.bool_)
        predictor.score(shard, scene.pixels, valid)
        took = []
        for _ in range(5):
            began = time.perf_counter()
            predictor.score(shard, scene.pixels, valid)
            took.append(time.perf_counter() - began)
    return side * side / min(took) / 1e6


def speeds_by_turns(strategies: list[str], turns: int = 5) -> None:
    """Speeds of untrained networks, each strategy once a turn, and the median of the turns."""
    found: dict[str, list[float]] = {name: [] for name in strategies}
    for _ in range(turns):
        for name in strategies:
            spec = SegmenterSpec(ENCODER, bands=3, classes=5, fusion=name)
            found[name].append(speed(Segmenter(spec).eval(), spec))
    for name, speeds in found.items():
        print(f"| {name} | {float(np.median(speeds)):.1f} Mpx/s | {min(speeds):.1f} to {max(speeds):.1f} |", flush=True)


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", type=Path)
    what.add_argument("--speed", action="store_true", help="the speed alone, which does not depend on the weights")
    parser.add_argument("--encoder-weights", type=Path, help="ImageNet weights [the encoder of aerial-landcover]")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    asked = parser.parse_args()
    if asked.speed:
        speeds_by_turns(asked.strategies)
        return
    training = ShortTraining(asked.data, asked.encoder_weights, asked.steps, encoder_rate=0.1, glance_px=GLANCE_PX)
    print(
        "| fusion | mIoU | parameters | Mpx/s | halo for 99.9 % | claimed mIoU |\n|---|---|---|---|---|---|", flush=True
    )
    for name in asked.strategies:
        spec = SegmenterSpec(ENCODER, bands=3, classes=5, fusion=name)
        scores = []
        for seed in asked.seeds:
            network, found = training.run(spec, seed=seed)
            scores.append(found.own.miou)
        size = sum(p.numel() for p in network.parameters())
        claim = f"{CLAIMED[name]}" if name in CLAIMED else "–"
        print(
            f"| {name} | {mean_and_spread(scores)} | {size:,} | {speed(network, spec):.1f} "
            f"| {needed_halo(network, training)} | {claim} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
