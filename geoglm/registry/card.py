"""The model card: everything about a model that is no weight, in STAC Machine Learning Model terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from geoglm.pixels.scale import Scaling
from geoglm.registry.card_scaling import parse_scaling
from geoglm.registry.graph import GraphEntry
from geoglm.types import LandClass


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A parsed ``model.json``.

    Args:
        name, version, description: of the model.
        network: what the network is built from (`SegmenterSpec` as a mapping); empty where there is but a graph.
        bands: names of the input bands, in order.
        gsd: smallest and largest ground sample distance it takes, m.
        working_gsd: distance at which it works best, m; finer scenes are averaged to about it before the network,
            and its answer is brought back to the full grid. None to work at any scene's own.
        scaling: from pixel values to network input.
        classes: in the order of the network's outputs.
        stride: tiles start on its multiples, px.
        tileable: no answer depends on the extent of the tile.
        halo: px a tile needs around its core for the default agreement with the whole image.
        exact_halo: px with which agreement is complete (the receptive field); None if there is no such.
        summary_size: numbers that the network keeps of a glance at the whole scene, and is given with every tile; 0
            if it looks at no more than the tile.
        graph: the network as a file that runs without torch; None if there is no such.
        reflectance: its scaling is of reflectance, which Sentinel-2 products since 2022 keep with an offset.
        temperature: what logits are divided by before they become probabilities, so that confidence means what it
            says; fitted on data the model never saw (``geoglm:calibration``).
        metrics: accuracy on data the model never saw.
        data: the whole card as read, for display.
    """

    name: str
    version: str
    description: str
    network: Mapping[str, Any]
    bands: tuple[str, ...]
    gsd: tuple[float, float] | None
    working_gsd: float | None
    scaling: Scaling
    classes: tuple[LandClass, ...]
    stride: int
    tileable: bool
    halo: int
    exact_halo: int | None
    summary_size: int = 0
    graph: GraphEntry | None = None
    temperature: float = 1.0
    reflectance: bool = False
    metrics: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> ModelCard:
        """A card from the JSON of a STAC item's properties.

        Raises:
            KeyError, TypeError, ValueError: a field is missing or malformed.
        """
        inputs, outputs = data["mlm:input"][0], data["mlm:output"][0]
        gsd = data.get("geoglm:gsd_range")
        classes = tuple(
            LandClass(int(c["value"]), str(c["name"]), f"#{c['color_hint']}") for c in outputs["classification:classes"]
        )
        bands = tuple(str(b["name"] if isinstance(b, Mapping) else b) for b in inputs["bands"])
        tiling = data["geoglm:tiling"]
        card = cls(
            name=str(data["mlm:name"]),
            version=str(data["version"]),
            description=str(data["description"]),
            network=dict(data.get("geoglm:network") or {}),
            bands=bands,
            gsd=None if gsd is None else (float(gsd[0]), float(gsd[1])),
            working_gsd=None if data.get("geoglm:working_gsd") is None else float(data["geoglm:working_gsd"]),
            scaling=parse_scaling(
                inputs.get("value_scaling"),
                len(bands),
                {str(k): float(v) for k, v in data["geoglm:full_scale"].items()},
            ),
            classes=classes,
            stride=int(tiling["stride"]),
            tileable=bool(tiling["tileable"]),
            halo=int(tiling["halo"]),
            exact_halo=None if tiling.get("exact_halo") is None else int(tiling["exact_halo"]),
            summary_size=int(data.get("geoglm:summary_size", 0)),
            graph=None if (graph := data.get("geoglm:graph")) is None else GraphEntry.parse(graph),
            reflectance=bool(data.get("geoglm:reflectance_offset", False)),
            temperature=float((data.get("geoglm:calibration") or {}).get("temperature", 1.0)),
            metrics=dict(data.get("geoglm:metrics", {})),
            data=dict(data),
        )
        built = card.network or {"bands": len(card.bands), "classes": len(card.classes)}
        if not card.network and card.graph is None:
            raise ValueError("it has neither geoglm:network nor geoglm:graph")
        if not (len(card.bands) == len(card.scaling.mean) == built["bands"]):
            raise ValueError("bands, value_scaling and network disagree on the number of bands")
        if card.network and not card.scaling.is_linear:
            raise ValueError("value_scaling of a network with weights must be linear")
        if len(card.classes) != built["classes"] or not card.classes:
            raise ValueError("classes and network disagree on the number of classes")
        if len({c.value for c in card.classes}) != len(card.classes):
            raise ValueError("two classes have the same value")
        if not 0 < card.temperature < float("inf"):
            raise ValueError(f"calibration temperature {card.temperature:g} is no positive number")
        if any(not 0 <= c.value < 255 for c in card.classes):
            raise ValueError("class values must lie in 0 to 254; 255 marks pixels without data")
        return card
