"""A shipped model in float32, bf16 and 8 bits: size, speed, CPU time and mIoU.

python benchmarks/compress.py DATA [MODEL [FOLDER]]    DATA holds aerial/tile1 … tile7: JPEG images with their PNG masks

It is quantised on the images of all tiles but 2, into FOLDER unless that is there already, and judged on those of tile
2. Speeds are of the network alone, a tile on every core at once, its forms by turns, the median of five turns.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoglm.infer.runtime import Runtime
from geoglm.io.memory import ArrayScene
from geoglm.io.source import read_padded
from geoglm.jobs.export.run import export_model
from geoglm.jobs.network import predictor_of, runtime_of
from geoglm.jobs.planning import make_plan
from geoglm.options import HaloRule, PatchRule, Precision, SegmentOptions
from geoglm.registry.catalog import find
from geoglm.stats.accuracy import count_pairs, intersection_over_union, mean_iou
from geoglm.train.aerial.data import TRAINING_TILES, VALIDATION_TILE, dubai

SIDE, TURNS, SECONDS = 480, 5, 3.0
FORMS: tuple[tuple[str, Precision], ...] = (("float32", "f32"), ("bf16", "auto"), ("INT8", "auto"))


def main(data: Path, model: str = "aerial-landcover", folder: str = "") -> None:
    """Print the table as JSON lines."""
    with tempfile.TemporaryDirectory() as scratch:
        small = Path(folder or f"{scratch}/int8")
        if not small.exists():
            _quantise(data, model, small, scratch=Path(scratch))
        rows: list[dict[str, Any]] = []
        runtimes = []
        for name, precision in FORMS:
            package = small if name == "INT8" else find(model).folder
            size = max(f.stat().st_size for f in package.iterdir() if f.suffix in (".onnx", ".bin"))
            rows.append({"form": name, "megabytes": round(size / 1e6, 2)} | _judged(data, str(package), precision))
            runtimes.append(_runtime(str(package), precision))
        tiles = _tiles(data)
        turns = [[_timed(r, tiles) for r in runtimes] for _ in range(TURNS)]
        for k, row in enumerate(rows):
            row["mpx_per_s"] = round(statistics.median(t[k][0] for t in turns), 2)
            row["cpu_s_per_mpx"] = round(statistics.median(t[k][1] for t in turns), 4)
            row["times_bf16"] = round(statistics.median(t[k][0] / t[1][0] for t in turns), 3)
            row["runtime"] = runtimes[k].name
            print(json.dumps(row), flush=True)


def _quantise(data: Path, model: str, output: Path, *, scratch: Path) -> None:
    """Write the package in 8 bits."""
    scenes = []
    for tile in TRAINING_TILES:
        for part, image in enumerate(dubai(data, tile)):
            path, (_, height, width) = scratch / f"tile{tile}-{part}.tif", image.pixels.shape
            with rasterio.open(path, "w", driver="GTiff", dtype="uint8", count=3, height=height, width=width) as file:
                file.write(image.pixels)
            scenes.append(path)
    made = export_model(model, output, form="openvino", int8=True, scenes=scenes)
    print(json.dumps({"quantised_on": len(scenes), "same_class_as_float32": made.same_class}), flush=True)


def _judged(data: Path, model: str, precision: Precision) -> dict[str, Any]:
    """IoU over the labelled pixels of tile 2."""
    classes = len(find(model).card.classes)
    matrix = np.zeros((classes, classes), np.int64)
    for image in dubai(data, VALIDATION_TILE):
        plan = make_plan(ArrayScene(image.pixels), SegmentOptions(model, precision=precision, memory=4 * 10**9))
        predictor, box = predictor_of(plan, layers=False), plan.source.meta.box
        found = np.zeros(box.shape, np.uint8)
        for shard in plan.layout:
            seen = read_padded(plan.source, shard.read, plan.bands, fill=plan.fill, dtype="uint8")
            found[shard.box.within(box)] = predictor.score(shard, *seen).classes
        matrix += count_pairs(image.labels, found, classes=classes)
    return {"miou": round(mean_iou(matrix), 4), "iou": intersection_over_union(matrix).round(3).tolist()}


def _runtime(model: str, precision: Precision) -> Runtime:
    scene = ArrayScene(np.zeros((3, SIDE, SIDE), np.uint8))
    options = SegmentOptions(
        model, precision=precision, patch=PatchRule("fixed", SIDE), halo=HaloRule("fixed", 32), memory=20 * 10**9
    )
    return runtime_of(make_plan(scene, options), "map")


def _tiles(data: Path) -> list[NDArray[np.uint8]]:
    parts = (image.pixels[None, :, :SIDE, :SIDE] for image in dubai(data, VALIDATION_TILE))
    return [np.ascontiguousarray(p) for p in parts if p.shape[2:] == (SIDE, SIDE)]


def _timed(runtime: Runtime, tiles: list[NDArray[np.uint8]], threads: int = 2) -> tuple[float, float]:
    """Mpx a second, and CPU seconds a Mpx."""
    counts = [0] * threads
    began, spent = time.perf_counter(), time.process_time()

    def work(mine: int) -> None:
        while time.perf_counter() - began < SECONDS:
            runtime.infer(tiles[counts[mine] % len(tiles)])
            counts[mine] += 1

    pool = [threading.Thread(target=work, args=(k,)) for k in range(threads)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    done = sum(counts) * SIDE * SIDE / 1e6
    return done / (time.perf_counter() - began), (time.process_time() - spent) / done


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:4])
