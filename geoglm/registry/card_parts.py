"""A card as parts of a page, for reports and notebooks."""

from __future__ import annotations

from typing import Any

from geoglm.io.report.parts import Table
from geoglm.registry.card import ModelCard


def card_facts(card: ModelCard) -> dict[str, Any]:
    """What a model is, what it takes, and where it ends."""
    limits = card.data.get("geoglm:limits")
    facts = {
        "what it is": card.description,
        "licence": card.data.get("license"),
        "bands": ", ".join(card.bands),
        "ground sample distance": f"{card.gsd[0]:g} to {card.gsd[1]:g} m" if card.gsd else None,
        "limits": limits if isinstance(limits, str) else " ".join(map(str, limits or ())),
    }
    return {k: v for k, v in facts.items() if v}


def card_scores(card: ModelCard) -> list[Table]:
    """Accuracy on data that the model never saw, if the card tells it."""
    iou = card.metrics.get("iou")
    if not iou:
        return []
    measured = {"mean IoU": card.metrics.get("miou"), "overall accuracy": card.metrics.get("overall_accuracy")}
    rows = [(n, f"{v:.2f}") for n, v in (iou | {k: v for k, v in measured.items() if v is not None}).items()]
    return [Table(("class", "IoU"), rows, f"Measured on {card.metrics.get('data', 'data not named')}.")]
