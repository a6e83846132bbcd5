"""Fusion: how the levels of the pyramid, brought to one resolution, become one map."""

from __future__ import annotations

from geoglm.nn.fusion.base import Fusion
from geoglm.nn.fusion.cbam import Cbam
from geoglm.nn.fusion.concat import Concat
from geoglm.nn.fusion.deform import Deform
from geoglm.nn.fusion.gate import Gate
from geoglm.nn.fusion.squeeze import Squeeze
from geoglm.nn.fusion.weighted import Weighted

STRATEGIES: dict[str, type[Fusion]] = {
    "concat": Concat,
    "weighted": Weighted,
    "squeeze": Squeeze,
    "cbam": Cbam,
    "gate": Gate,
    "deform": Deform,
}
"""Every strategy by the name it has in a model card."""


def build_fusion(name: str, *, levels: int, width: int) -> Fusion:
    """The strategy called `name`, for `levels` maps of `width` channels.

    Raises:
        ValueError: there is no such strategy.
    """
    if name not in STRATEGIES:
        raise ValueError(f"fusion {name!r} is unknown; there are {', '.join(STRATEGIES)}")
    return STRATEGIES[name](levels=levels, width=width)
