"""The card of a model that `geoglm train` made: what went in, what was measured, where it may be used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from geoglm.pixels.scale import Scaling
from geoglm.registry.card import ModelCard
from geoglm.registry.card_frame import card_frame
from geoglm.version import __version__

MADE_BY = f"geoglm train {__version__}"
REACH = 1.5
"""A model is taken to work on pixels finer and coarser by this factor than those it saw."""
PALETTE = (
    *("e6194b", "3cb44b", "ffe119", "4363d8", "f58231", "911eb4", "46f0f0", "f032e6", "bcf60c", "fabebe"),
    *("008080", "e6beff", "9a6324", "fffac8", "800000", "aaffc3", "808000", "ffd8b1", "000075", "808080"),
)
"""Twenty distinct colours, for names that suggest none (after Trubetskoy)."""
SUGGESTED = {
    "3f7fd0": ("water", "river", "lake", "sea", "pond"),
    "1d6b2e": ("tree", "forest", "wood"),
    "9bd25a": ("grass", "lawn", "meadow", "pasture"),
    "4f9d4f": ("vegetation", "shrub", "scrub", "green"),
    "e0524d": ("roof", "building", "house", "built"),
    "7a7a7a": ("road", "paved", "asphalt", "parking", "street"),
    "d9c8a0": ("soil", "sand", "bare", "land", "ground"),
    "e6c229": ("crop", "field", "maize", "wheat"),
    "2b2b3b": ("shadow",),
    "f4f4f8": ("snow", "ice", "cloud"),
    "8e44ad": ("ship", "boat", "vehicle", "car"),
}
"""Colours that a word in the name of a class suggests."""


def colours_for(names: Sequence[str], given: Mapping[str, str]) -> tuple[str, ...]:
    """A colour ``#rrggbb`` for every class, all different: as `given`, as the name suggests, or from the palette.

    >>> colours_for(("open water", "zinc", "deep water"), {"zinc": "#112233"})
    ('#3f7fd0', '#112233', '#e6194b')
    """
    chosen: dict[str, str] = {}
    for name in (n for n in names if n in given):
        if given[name] not in chosen.values():
            chosen[name] = given[name]
    for name in (n for n in names if n not in chosen):
        words = name.lower()
        hints = [f"#{c}" for c, parts in SUGGESTED.items() if any(p in words for p in parts)]
        spare = [f"#{c}" for c in PALETTE] + [f"#{(37 * k) % 256:02x}{(91 * k) % 256:02x}{k:02x}" for k in range(256)]
        chosen[name] = next(c for c in (*hints, *spare) if c not in chosen.values())
    return tuple(chosen[n] for n in names)


def gsd_range(seen: Sequence[float]) -> list[float] | None:
    """Ground sample distances in m that the model may be used at, from those of scenes and of what it was shown."""
    known = [g for g in seen if g > 0]
    return [_rounded(min(known) / REACH), _rounded(max(known) * REACH)] if known else None


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def draft_card(
    *,
    name: str,
    network: Mapping[str, Any],
    bands: Sequence[str],
    classes: Sequence[str],
    colours: Sequence[str],
    scaling: Scaling,
    working_gsd: float | None,
    gsd: list[float] | None,
    stride: int,
    base: ModelCard | None,
) -> dict[str, Any]:
    """A card as far as it is known before training; `measured` is added after it."""
    frame = card_frame(
        name=name,
        version="1.0",
        description=f"{', '.join(classes)}: trained with geoglm on somebody's own labels.",
        licence=base.data.get("license", "other") if base else "other",
        architecture=f"{network['width']}-channel pyramid on {network['encoder']}, fusion {network['fusion']}",
        source=f"{base.name} {base.version}" if base else None,
        bands=bands,
        scaling=list(zip(scaling.mean, scaling.std, strict=True)),
        classes=classes,
        colours=colours,
    )
    return frame | {
        "geoglm:network": dict(network),
        "geoglm:gsd_range": gsd,
        "geoglm:working_gsd": working_gsd,
        "geoglm:full_scale": dict(scaling.full_scale),
        "geoglm:tiling": {"stride": stride, "tileable": True, "halo": 0, "exact_halo": None},
    }


def inherited(base: ModelCard | None, weights_sha256: str | None) -> dict[str, Any] | None:
    """What a card says of the model that its own was trained from: licence and sources go with the weights."""
    if base is None:
        return None
    training = base.data.get("geoglm:training", {})
    return {
        "name": base.name,
        "version": base.version,
        "weights_sha256": weights_sha256,
        "license": base.data.get("license"),
        "pretrained_source": base.data.get("mlm:pretrained_source"),
        "data": training.get("data") if isinstance(training, Mapping) else None,
        "from": training.get("from") if isinstance(training, Mapping) else None,
    }


def limits(notes: Sequence[str], measured: Mapping[str, Any]) -> str:
    """What a user of the model should know."""
    said = "no accuracy was measured" if measured.get("miou") is None else "accuracy holds for scenes like these"
    return "; ".join(["trained on few labels of few scenes: " + said, *notes]) + "."


def plain(value: float) -> float | None:
    """A number rounded for a card; None for NaN."""
    return None if math.isnan(value) else round(float(value), 4)
