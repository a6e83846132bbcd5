"""What every model card says in the words of the STAC Machine Learning Model extension, version 1.x.

See https://github.com/stac-extensions/mlm; what the extension has no word for is added by the caller as ``geoglm:``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def card_frame(
    *,
    name: str,
    version: str,
    description: str,
    licence: str,
    architecture: str,
    source: str | None,
    bands: Sequence[str | Mapping[str, str]],
    scaling: Sequence[tuple[float, float]],
    classes: Sequence[str],
    colours: Sequence[str],
) -> dict[str, Any]:
    """The part of a card that speaks of names, shapes, bands and classes.

    Args:
        licence: SPDX identifier, or ``other``.
        source: of pretrained weights, None for random ones.
        bands: names, or records of the STAC EO extension, in the order of the input.
        scaling: mean and standard deviation that are taken off each band.
        colours: ``rrggbb`` of each class, with or without ``#``.
    """

    def shape(channels: int, axis: str) -> dict[str, Any]:
        return {"shape": [-1, channels, -1, -1], "dim_order": ["batch", axis, "height", "width"]}

    legend = enumerate(zip(classes, colours, strict=True))
    return {
        "mlm:name": name,
        "version": version,
        "description": description,
        "license": licence,
        "mlm:architecture": architecture,
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:framework": "pytorch",
        "mlm:accelerator": "amd64",
        "mlm:pretrained": source is not None,
        "mlm:pretrained_source": source,
        "mlm:input": [
            {
                "name": "scene",
                "bands": list(bands),
                "input": shape(len(bands), "bands"),
                "value_scaling": [{"type": "z-score", "mean": m, "stddev": s} for m, s in scaling],
            }
        ],
        "mlm:output": [
            {
                "name": "land cover",
                "tasks": ["semantic-segmentation"],
                "result": shape(len(classes), "class"),
                "classification:classes": [
                    {"value": k, "name": n, "color_hint": c.lstrip("#")} for k, (n, c) in legend
                ],
            }
        ],
    }
