"""``sentinel2-landcover`` beside its teacher: agreement on places never trained on, and speed.

python benchmarks/sentinel2.py --data FOLDER --teacher dynamic-world.onnx      all of it
python benchmarks/sentinel2.py --teacher dynamic-world.onnx                    speed alone
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch

import geoglm
from geoglm.infer.scoring import LogitsGraph, ScoringGraph
from geoglm.train.distill import antialiased
from geoglm.train.sentinel2.data import CLASSES, dynamic_world
from geoglm.train.sentinel2.score import measured

SIDE, ROUNDS = 512, 7


def seconds(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """CPU seconds of one call of each on one thread, the least of several rounds in turn: other work disturbs less."""
    for call in calls.values():
        call()
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for name, call in calls.items():
            began = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - began)
    return best


def compiled(model: ov.Model, shape: list[int], precision: str) -> Callable[[], Any]:
    """One inference of noise in OpenVINO on one thread."""
    model.reshape(shape)
    hints = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
    network = ov.Core().compile_model(model, "CPU", hints)
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    return lambda: network(image)


def speed(teacher: Path, package: Any) -> None:
    """A table; the ratio is against the teacher's fastest way."""
    scoring = ScoringGraph(LogitsGraph(package.network(), package.card.scaling, 1.0), "map")
    calls = {}
    for precision in ("f32", "bf16"):
        theirs = antialiased(ov.Core().read_model(teacher), bands=9)
        calls[f"teacher, OpenVINO {precision}"] = compiled(theirs, [1, SIDE, SIDE, 9], precision)
        with torch.no_grad():
            ours = ov.convert_model(scoring, example_input=torch.rand(1, 9, 64, 64))
        calls[f"student, OpenVINO {precision}, with class and confidence"] = compiled(
            ours, [1, 9, SIDE, SIDE], precision
        )
    try:
        import onnxruntime
    except ImportError:
        print("ONNX Runtime is not installed: the teacher is not timed in it")
    else:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        session = onnxruntime.InferenceSession(str(teacher), options)
        image = np.random.default_rng(0).random((1, SIDE, SIDE, 9), dtype=np.float32)
        calls["teacher, ONNX Runtime f32"] = lambda: session.run(None, {session.get_inputs()[0].name: image})
    found = seconds(calls)
    fastest = min(s for name, s in found.items() if name.startswith("teacher"))
    print(f"\n| {SIDE} x {SIDE} px, one thread | Mpx/s | times the teacher's fastest |\n|---|---|---|")
    for name, took in sorted(found.items(), key=lambda f: -f[1]):
        print(f"| {name} | {SIDE**2 / took / 1e6:.2f} | {fastest / took:.1f} |")


def agreement(teacher: Path, data: Path, package: Any) -> None:
    """Tables by level, class and place."""
    found = measured(package.network(), data, dynamic_world(teacher), stride=package.card.stride)
    figures = found["metrics"]
    real = figures["real_l2a"]
    levels = {
        "L1C": figures,
        "simulated L2A": figures["simulated_l2a"],
        "L1C, scenes with L2A": real["l1c_of_the_same_scenes"],
        "real L2A": real,
    }
    print(figures["data"])
    print(f"\n| | {' | '.join(levels)} |\n|---|{'---|' * len(levels)}")
    rows: dict[str, Callable[[dict[str, Any]], Any]] = {
        "agreement": lambda level: level["overall_accuracy"],
        "mean IoU": lambda level: level["miou"],
    }
    for title, row in rows.items():
        print(f"| {title} | {' | '.join(f'{row(level):.3f}' for level in levels.values())} |")
    for name in CLASSES:
        ratios = [(level["iou"][name], level["teacher_share"][name]) for level in levels.values()]
        cells = ["–" if iou is None else f"{iou:.2f} ({share:.1%})" for iou, share in ratios]
        print(f"| {name}: IoU (share) | {' | '.join(cells)} |")
    print("\n| place | biome | L1C | simulated L2A | real L2A |\n|---|---|---|---|---|")
    for name, row in figures["by_place"].items():
        cells = [f"{row[k]:.3f}" if k in row else "–" for k in ("L1C", "simulated L2A", "real L2A")]
        print(f"| {name} | {row['biome']} | {' | '.join(cells)} |")
    print(f"\ntiles that agree with the whole: {found['tiling']['agreement']}")
    print(f"calibration: {found['calibration']}")


def main() -> None:
    """Print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of the scenes")
    parser.add_argument("--package", default="sentinel2-landcover")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    package = geoglm.load_model(asked.package)
    if asked.data:
        agreement(asked.teacher, asked.data, package)
    speed(asked.teacher, package)


if __name__ == "__main__":
    main()
