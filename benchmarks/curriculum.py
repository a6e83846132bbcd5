"""The three-stage curriculum with its resolution-aware loss against training at one resolution, same budget and seeds.

python benchmarks/curriculum.py --data FOLDER --encoder-weights FILE [--steps 600] [--seeds 1 2 3]

Prints a table in Markdown: mIoU on tile 2 at 0.5, 1 and 2 times its pixels a side, mean ± standard deviation.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from short_training import ENCODER, ShortTraining, mean_and_spread

from geoglm.nn.segmenter import SegmenterSpec
from geoglm.train.curriculum import FIXED, GROUPS, THREE_STAGES

VARIANTS = {"one resolution": FIXED, "curriculum, resolution-aware loss": THREE_STAGES}


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder-weights", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    asked = parser.parse_args()
    training = ShortTraining(asked.data, asked.encoder_weights, asked.steps, encoder_rate=0.4)
    print("| training | " + " | ".join(f"{g:g}x" for g in GROUPS) + " |\n|---|---|---|---|", flush=True)
    for name, stages in VARIANTS.items():
        found = [
            training.run(
                SegmenterSpec(ENCODER, bands=3, classes=5), seed=seed, curriculum=stages, groups=GROUPS, reports=3
            )[1]
            for seed in asked.seeds
        ]
        cells = [mean_and_spread([e.by_scale[g].miou for e in found]) for g in GROUPS]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
