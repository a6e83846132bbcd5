"""What a runtime is: something that turns a batch of tiles into scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Product = Literal["map", "percent", "float", "logits", "features"]
"""What the graph gives: class and confidence; these and every probability in percent; probabilities as float32 alone,
for blending; logits over the temperature, for explanations; or what the classifying layer is given (OpenVINO only)."""


class Runtime(Protocol):
    """A network on a device. Calls come from several threads at once."""

    name: str
    """What runs where, for the manifest: ``openvino-bf16``, ``torch-cuda-bf16`` …"""

    batch: int
    """Tiles that go through together. A runtime pads a shorter batch to it, so that the arithmetic, and with
    it the last bit of the answer, does not depend on how tiles fall into batches."""

    def infer(
        self, tiles: NDArray[np.generic], places: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.generic], ...]:
        """Score ``(n, band, y, x)`` raw pixels, ``n ≤ batch``.

        Args:
            places: ``(n, 5)``, see `geoglm.tiling.place.Frame`; for a network that has looked at the scene as a whole,
                and for no other.

        Returns:
            for the product ``map``: classes and confidence in percent, uint8 ``(n, y, x)``; for ``percent``
            also uint8 ``(n, class, y, x)``; for ``float`` and ``logits`` only float32 ``(n, class, y, x)``, for
            ``features`` float32 ``(n, feature, y / factor, x / factor)`` by a factor of the network. Behind these come
            the layers of uncertainty it was made for, uint8 ``(n, y, x)`` in percent, see `geoglm.stitch.doubts`.
        """


def in_full_batches(
    batch: int,
    run: Callable[..., tuple[NDArray[np.generic], ...]],
    *inputs: NDArray[np.generic] | None,
) -> tuple[NDArray[np.generic], ...]:
    """`run` a batch of `inputs` that may be short, padded with its last tile, and drop what was added."""
    given = [i for i in inputs if i is not None]
    count = len(given[0])
    if count < batch:
        given = [np.concatenate([i, np.repeat(i[-1:], batch - count, axis=0)]) for i in given]
    return tuple(out[:count] for out in run(*given))
