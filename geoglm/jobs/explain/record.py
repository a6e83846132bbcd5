"""An explanation as a value: the numbers, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.stats.explain.shapley import Shapley
from geoglm.types import LandClass, PixelBox

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model says of the target.

    Args:
        chosen, rival: the class with the highest mean logit over the target, and the second.
        probabilities: ``(class,)`` mean over the target.
        odds: mean over the target of the natural logarithm of how much likelier `chosen` is than `rival`.
    """

    chosen: LandClass
    rival: LandClass
    probabilities: Floats
    odds: float


@dataclass(frozen=True, slots=True)
class Change:
    """The smallest change of the bands that was found to flip the class.

    Args:
        into: the class after it.
        region: ``(y, x)`` of the window: the pixels that change, all by as much.
        raw: ``(band,)`` change in pixel values.
        spread: ``(band,)`` the same in standard deviations of each band over the window; their length is minimised.
        before: ``(band,)`` mean of the region, in pixel values.
    """

    into: LandClass
    region: NDArray[np.bool_]
    raw: Floats
    spread: Floats
    before: Floats

    @property
    def length(self) -> float:
        """Euclidean norm in standard deviations."""
        return float(np.linalg.norm(self.spread))


@dataclass(frozen=True, slots=True)
class ContextMaps:
    """What the context module heeds in the window, one cell a pixel of the network's coarsest level.

    Args:
        attention: ``(token, y, x)`` how much each cell heeds each token of the scene's summary; adds up to one.
        gate: ``(y, x)`` mean over channels of how much of the context is let through, 0 to 1.
        cell_px: side of a cell; the last ones may end behind the scene.
    """

    attention: Floats
    gate: Floats
    cell_px: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a model says what it says of a place. Effects are in log-odds of the class over its rival.

    Args:
        scene, model: names.
        target: in words.
        window: pixels of the scene that were looked at; the arrays below cover it.
        inside: ``(y, x)`` pixels of the target.
        classes: ``(y, x)`` class values of the window.
        bands: names of the model's bands.
        indices: the scene's bands for them, counted from 0.
        scheme: all classes of the model.
        verdict: class, rival, probabilities.
        absent: ``(band,)`` pixel values that stand for what is covered or left out.
        cell_px: side of the cells of `occlusion`.
        occlusion: ``(rows, cols)`` by how much the log-odds fall when the cell is covered.
        shares: Shapley values of the bands.
        change: the counterfactual; None where none was found within 8 standard deviations.
        context: None for a model without a context module.
        notes: what the user should know.
    """

    scene: str
    model: str
    target: str
    window: PixelBox
    inside: NDArray[np.bool_]
    classes: NDArray[np.uint8]
    bands: tuple[str, ...]
    indices: tuple[int, ...]
    scheme: tuple[LandClass, ...]
    verdict: Verdict
    absent: Floats
    cell_px: int
    occlusion: Floats
    shares: Shapley
    change: Change | None
    context: ContextMaps | None
    notes: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as in ``explanation.json``."""
        box, verdict, change = self.window, self.verdict, self.change
        return {
            "scene": self.scene,
            "model": self.model,
            "target": {"words": self.target, "pixels": int(self.inside.sum())},
            "window": {"top": box.top, "left": box.left, "height": box.height, "width": box.width},
            "class": verdict.chosen.name,
            "rival": verdict.rival.name,
            "log_odds": round(verdict.odds, 6),
            "probabilities": {
                c.name: round(float(p), 6) for c, p in zip(self.scheme, verdict.probabilities, strict=True)
            },
            "absent": dict(zip(self.bands, self.absent.round(6).tolist(), strict=True)),
            "occlusion": {"cell_px": self.cell_px, "drop_of_log_odds": self.occlusion.round(6).tolist()},
            "bands": {
                "log_odds_without_any": round(self.shares.nobody, 6),
                "shapley": dict(zip(self.bands, self.shares.shares.round(6).tolist(), strict=True)),
                "standard_error": dict(zip(self.bands, self.shares.errors.round(6).tolist(), strict=True)),
            },
            "counterfactual": None if change is None else self._change(change),
            "context": None
            if self.context is None
            else {
                "cell_px": self.context.cell_px,
                "attention": self.context.attention.round(6).tolist(),
                "gate": self.context.gate.round(6).tolist(),
            },
            "notes": list(self.notes),
        }

    def _change(self, change: Change) -> dict[str, Any]:
        return {
            "class": change.into.name,
            "pixels_changed": int(change.region.sum()),
            "length_in_standard_deviations": round(change.length, 6),
            "bands": {
                band: {
                    "mean_before": round(float(change.before[k]), 6),
                    "change": round(float(change.raw[k]), 6),
                    "in_standard_deviations": round(float(change.spread[k]), 6),
                }
                for k, band in enumerate(self.bands)
            },
        }


@dataclass(frozen=True, slots=True)
class Importance:
    """What the map of a scene hangs on.

    Args:
        scene, model: names.
        bands: names of the model's bands.
        indices: the scene's bands for them, counted from 0.
        absent: ``(band,)`` pixel values that stand for a band left out.
        cell_px: side of a cell, px of the scene.
        drops: ``(band, rows, cols)`` mean fall in the probability of the mapped class without the band, −1 to 1, NaN
            where there is no data.
        mean: ``(band,)`` the same over the whole scene.
        notes: what the user should know.
    """

    scene: str
    model: str
    bands: tuple[str, ...]
    indices: tuple[int, ...]
    absent: Floats
    cell_px: int
    drops: Floats
    mean: Floats
    notes: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as in ``explanation.json``; the map is in ``importance.tif``."""
        return {
            "scene": self.scene,
            "model": self.model,
            "cell_px": self.cell_px,
            "absent": dict(zip(self.bands, self.absent.round(6).tolist(), strict=True)),
            "fall_in_probability_without": dict(zip(self.bands, self.mean.round(6).tolist(), strict=True)),
            "notes": list(self.notes),
        }
