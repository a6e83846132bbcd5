"""aerial-landcover in float32, bf16 and 8 bits, whole and pruned: size, speed, CPU time and mIoU.

python benchmarks/compress.py DATA [FOLDER]    DATA holds aerial/tile1 … tile7: JPEG images with their PNG masks

INT8, pruned and both are made on the images of all tiles but 2, no label of which is looked at, into FOLDER, where not
there already, and judged on those of tile 2. Lies a package FOLDER/taught there, as `pruned.py` makes it, it gets a row
too, and one in 8 bits. MobileNetV3 with the same decoder is untrained, so only size and speed are told of it. Speeds
are of the network alone, a tile on every core at once, its forms by turns, the median of five turns.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
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
from geoglm.nn.segmenter import SegmenterSpec, build_segmenter
from geoglm.options import HaloRule, PatchRule, Precision, SegmentOptions
from geoglm.registry.catalog import find
from geoglm.registry.graphs import add_graph
from geoglm.registry.package import write_package
from geoglm.stats.accuracy import count_pairs, intersection_over_union, mean_iou
from geoglm.train.aerial.data import TRAINING_TILES, VALIDATION_TILE, dubai

MODEL, SHARE = "aerial-landcover", 0.4
SIDE, TURNS, SECONDS = 480, 5, 3.0
MOBILENET = "tu-mobilenetv3_small_100"
UNTRAINED = {"miou": None, "note": "untrained"}


@dataclass(frozen=True, slots=True)
class Form:
    """A row of the table: a package at a precision."""

    name: str
    folder: Path
    precision: Precision = "auto"
    untrained: bool = False


def main(data: Path, folder: Path) -> None:
    """Print the table as JSON lines."""
    rows: list[dict[str, Any]] = []
    forms = _forms(data, folder)
    for form in forms:
        size = max(f.stat().st_size for f in form.folder.iterdir() if f.suffix in (".onnx", ".bin"))
        judged = UNTRAINED if form.untrained else _judged(data, str(form.folder), form.precision)
        rows.append({"form": form.name, "megabytes": round(size / 1e6, 2)} | judged)
    runtimes = [_runtime(str(f.folder), f.precision) for f in forms]
    tiles = _tiles(data)
    turns = [[_timed(r, tiles) for r in runtimes] for _ in range(TURNS)]
    for k, row in enumerate(rows):
        row["mpx_per_s"] = round(statistics.median(t[k][0] for t in turns), 2)
        row["cpu_s_per_mpx"] = round(statistics.median(t[k][1] for t in turns), 4)
        row["times_bf16"] = round(statistics.median(t[k][0] / t[1][0] for t in turns), 3)
        row["cpu_times_bf16"] = round(statistics.median(t[k][1] / t[1][1] for t in turns), 3)
        row["runtime"] = runtimes[k].name
        print(json.dumps(row), flush=True)


def _forms(data: Path, folder: Path) -> list[Form]:
    """All of them, those made that are not there yet; the second is what others are compared with."""
    whole, taught = find(MODEL).folder, folder / "taught"
    with tempfile.TemporaryDirectory() as scratch:
        scenes = _scenes(data, Path(scratch))
        small = _made(folder / "int8", whole, scenes, int8=True)
        light = _made(folder / "pruned", whole, scenes, prune=SHARE)
        both = _made(folder / "pruned-int8", light, scenes, int8=True)
        forms = [Form("float32", whole, "f32"), Form("bf16", whole), Form("INT8", small)]
        forms += [Form("pruned", light), Form("pruned INT8", both)]
        if taught.exists():
            small = _made(folder / "taught-int8", taught, scenes, int8=True)
            forms += [Form("pruned and taught", taught), Form("pruned and taught, INT8", small)]
    return [*forms, Form("MobileNetV3", _mobilenet(folder / "mobilenetv3"), untrained=True)]


def _made(output: Path, model: Path, scenes: list[Path], *, prune: float = 0.0, int8: bool = False) -> Path:
    """The package `output`, exported if it is not there."""
    if not output.exists():
        made = export_model(str(model), output, prune=prune, int8=int8, scenes=scenes)
        same = made.same_class if int8 else made.pruning and made.pruning.same_class
        print(json.dumps({"made": output.name, "same_class": same}), flush=True)
    return output


def _mobilenet(output: Path) -> Path:
    """The shipped model's network with another encoder and random weights."""
    if not output.exists():
        card = find(MODEL).card
        spec = replace(SegmenterSpec(**card.network), encoder=MOBILENET)
        changes = {"geoglm:network": spec.as_dict(), "geoglm:tiling": dict(card.data["geoglm:tiling"], tileable=False)}
        add_graph(write_package(output, build_segmenter(spec), dict(card.data) | changes))
    return output


def _scenes(data: Path, folder: Path) -> list[Path]:
    """The images of all tiles but 2 as rasters."""
    scenes = []
    for tile in TRAINING_TILES:
        for part, image in enumerate(dubai(data, tile)):
            path, (_, height, width) = folder / f"tile{tile}-{part}.tif", image.pixels.shape
            with rasterio.open(path, "w", driver="GTiff", dtype="uint8", count=3, height=height, width=width) as file:
                file.write(image.pixels)
            scenes.append(path)
    return scenes


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
    with tempfile.TemporaryDirectory() as place:
        main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else place))
