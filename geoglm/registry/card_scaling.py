"""How a card says what becomes of pixel values: ``value_scaling`` of the STAC MLM extension, and two kinds more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from geoglm.pixels.scale import Scaling


def parse_scaling(entries: Sequence[Mapping[str, Any]] | None, bands: int, full_scale: Mapping[str, float]) -> Scaling:
    """The scaling that a card's ``value_scaling`` stands for, v being a value in units of full scale.

    All entries are of one kind: ``z-score`` (``mean``, ``stddev``), ``min-max`` (``minimum``, ``maximum``), ``scale``
    (``value``, by which v is multiplied), ``percentile`` (``low`` and ``high`` in percent, the scene's own values there
    becoming 0 and 1; ``mean`` and ``stddev`` after that, if any), or ``log-sigmoid`` (``gain``, ``mean``, ``stddev``:
    the logistic function of (ln(1 + gain · v) − mean) / stddev). None leaves v as it is.

    Args:
        entries: one for each band, or one for all.
        full_scale: see `Scaling`.

    Raises:
        ValueError, KeyError, TypeError: it is none of these.

    >>> parse_scaling([{"type": "min-max", "minimum": 0.25, "maximum": 0.75}], 2, {})
    Scaling(mean=(0.25, 0.25), std=(0.5, 0.5), full_scale={}, zero=0.0, gain=None, percentiles=None, stretch=())
    """
    if not entries:
        return Scaling((0.0,) * bands, (1.0,) * bands, full_scale)
    each = list(entries) * (bands if len(entries) == 1 else 1)
    kinds = sorted({str(e["type"]) for e in each})
    if len(kinds) > 1:
        raise ValueError(f"value_scaling mixes {' and '.join(kinds)}; use one kind for all bands")
    (kind,) = kinds
    gain = percentiles = None
    match kind:
        case "z-score":
            pairs = [(e["mean"], e["stddev"]) for e in each]
        case "min-max":
            pairs = [(e["minimum"], e["maximum"] - e["minimum"]) for e in each]
        case "scale":
            pairs = [(0.0, 1 / e["value"]) for e in each]
        case "percentile":
            pairs = [(e.get("mean", 0.0), e.get("stddev", 1.0)) for e in each]
            percentiles = _ends(each)
        case "log-sigmoid":
            pairs = [(e["mean"], e["stddev"]) for e in each]
            gain = tuple(float(e["gain"]) for e in each)
        case _:
            raise ValueError(
                f"value_scaling of type {kind!r} is unknown; use z-score, min-max, scale, percentile or log-sigmoid"
            )
    if any(std == 0 for _, std in pairs) or any(g <= 0 for g in gain or ()):
        raise ValueError(f"value_scaling of type {kind} divides by nothing or has a gain that is not positive")
    mean, std = zip(*((float(m), float(s)) for m, s in pairs), strict=True)
    return Scaling(mean, std, full_scale, gain=gain, percentiles=percentiles)


def _ends(each: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """The two percentiles, which all bands have in common."""
    ends = {(float(e.get("low", 2)), float(e.get("high", 98))) for e in each}
    if len(ends) > 1:
        raise ValueError("value_scaling has different percentiles for different bands; use one pair")
    ((low, high),) = ends
    if not 0 <= low < high <= 100:
        raise ValueError(f"value_scaling stretches from percentile {low:g} to {high:g}; use two that rise, in 0 to 100")
    return low, high
