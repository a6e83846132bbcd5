"""The model card of ``sentinel2-landcover``."""

from __future__ import annotations

from typing import Any

import torch

from geoglm.nn.segmenter import SegmenterSpec
from geoglm.registry.card_frame import card_frame
from geoglm.train.losses import LossSpec
from geoglm.train.sentinel2.data import BANDS, CLASSES, HELD_OUT, LEFT_OUT, VALIDATION

COMMON_NAMES = ("blue", "green", "red", "rededge071", "rededge075", "rededge078", "nir", "swir16", "swir22")
COLOURS = ("419BDF", "397D49", "88B053", "7A87C6", "E49635", "DFC35A", "C4281B", "A59B8F", "B39FE1")
"""Dynamic World's own."""
ATTRIBUTION = (
    "Distilled from Dynamic World (Brown, C.F., Brumby, S.P., Guzder-Williams, B. et al.: Dynamic World, Near "
    "real-time global 10 m land use land cover mapping. Scientific Data 9, 251, 2022, "
    "doi 10.1038/s41597-022-01307-4), network by Google and the World Resources Institute, Apache-2.0 with NOTICE. "
    "Contains modified Copernicus Sentinel data 2015 to 2023."
)
LIMITS = (
    "It repeats Dynamic World, mistakes included; agreement with it is no accuracy on the ground. Most scenes it "
    "learnt on are cities and temperate or Mediterranean farmland of Europe; boreal forest, tundra, mountains, rain "
    "forest, savanna and wetland are thin or missing. Snow was learnt on made-up snow and a few scenes. Cloud is "
    "called snow or bare, its shadow water; mask clouds first. Grass, shrubs and flooded vegetation are the least "
    "reliable. Scenes coarser than 20 m and finer than 10 m were not tried."
)
VERSION = "1.2"
COMMANDS = (
    "python -m geoglm.train.sentinel2 --data DATA --teacher dynamic-world.onnx -o A: 6000 steps; 58 % of the crops "
    "were of invented scenes, 22 % plain, 15 % at the surface",
    "the same with --init A/sentinel2-landcover --rate 0.002 --seed 2 -o B: 6000 steps, other invented scenes, and the "
    "shares of the recipe as it stands",
    "--init B/sentinel2-landcover --rate 0.002 --seed 3 --steps 4800 -o C",
    "--init C/sentinel2-landcover --rate 0.002 --seed 4 --steps 5600 -o D",
)
"""How the shipped weights came about."""


def card(spec: SegmenterSpec, found: dict[str, Any], loss: LossSpec, *, parameters: int) -> dict[str, Any]:
    """In STAC MLM terms; what the extension has no word for is prefixed ``geoglm:``.

    Args:
        found: ``metrics``, ``tiling`` and ``calibration``.
    """
    frame = card_frame(
        name="sentinel2-landcover",
        version=VERSION,
        description="Nine land-cover classes in Sentinel-2 scenes, at top of atmosphere (L1C) or surface (L2A).",
        licence="Apache-2.0",
        architecture=f"{spec.width}-channel FPN (BatchNorm, align_corners=False) on separable convolutions to "
        f"stride {2**spec.depth}, logits at stride {spec.finest}",
        source=None,
        bands=[{"name": b, "eo:common_name": c} for b, c in zip(BANDS, COMMON_NAMES, strict=True)],
        scaling=[(0.0, 1.0)] * len(BANDS),
        classes=CLASSES,
        colours=COLOURS,
    )
    return frame | {
        "attribution": ATTRIBUTION,
        "mlm:framework_version": torch.__version__.split("+")[0],
        "mlm:total_parameters": parameters,
        "geoglm:network": spec.as_dict(),
        "geoglm:gsd_range": [10.0, 20.0],
        "geoglm:full_scale": {"uint16": 10_000, "int16": 10_000, "float32": 1.0},
        "geoglm:reflectance_offset": True,
        "geoglm:tiling": found["tiling"],
        "geoglm:metrics": found["metrics"],
        "geoglm:calibration": found["calibration"],
        "geoglm:training": {
            "commands": list(COMMANDS),
            "loss": dict(loss.terms),
            "held_out": [f"{p.name}: {p.biome}" for p in HELD_OUT],
            "validation": [f"{p.name}: {p.biome}" for p in VALIDATION],
            "left_out": list(LEFT_OUT),
            "data": [
                {
                    "what": "Sentinel-2 scenes of some 30 places on five continents, labelled by the Dynamic World "
                    "network at top of atmosphere, as they are and after made-up changes of season, snow, sun and air; "
                    "surface reflectance labelled through its map to top of atmosphere, which was fitted on the scenes "
                    "of five of the held-out places",
                    "license": "Copernicus Sentinel data, free and open with attribution",
                },
                {"what": "the Dynamic World network, as the teacher", "license": "Apache-2.0 (Google, WRI)"},
            ],
        },
        "geoglm:limits": LIMITS,
    }
