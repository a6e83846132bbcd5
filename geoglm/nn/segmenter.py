"""The network: encoder, pyramid, head. Tile by tile it gives what one pass over the scene would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from geoglm.nn.channels import narrow
from geoglm.nn.context import SceneContext
from geoglm.nn.detail import Detail, HalfDetail
from geoglm.nn.encoders import Encoder
from geoglm.nn.fusion import build_fusion
from geoglm.nn.pyramid import FeaturePyramid, widen
from geoglm.nn.stretch import build_stretch


@dataclass(frozen=True, slots=True)
class SegmenterSpec:
    """What a network is built from, by name; stands in the model card.

    Args:
        encoder: see `Encoder`; ``pointwise`` for the 1×1 convolution alone.
        bands, classes: of input and output.
        depth: how often the encoder halves the resolution.
        width: channels of the pyramid.
        fusion: how its levels become one map, a name of `geoglm.nn.fusion.STRATEGIES`.
        detail: channels of the way back to single pixels; 0 brings stride 4 up bilinearly.
        stretch: ``none``, or ``log`` or ``ratio`` for reflectance.
        alignment: how the pyramid brings its levels together, a name of `geoglm.nn.pyramid.ALIGNMENTS`.
        context: number of learnable queries that summarise the scene's glance for every tile; 0 does without.
        finest: stride at which that way ends, 1 or 2; from 2 logits go up bilinearly.
        kept: of a pruned network, how many hidden channels are left, by their names in `geoglm.nn.channels`.
    """

    encoder: str
    bands: int
    classes: int
    depth: int = 4
    width: int = 64
    fusion: str = "concat"
    detail: int = 0
    stretch: str = "none"
    alignment: str = "bilinear"
    context: int = 0
    finest: int = 1
    kept: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "kept" or value}


class Segmenter(nn.Module):
    """A multi-scale land-cover network whose answer at a pixel depends on a finite window only.

    What depends on the whole scene comes in as its `summary`: `summarise` makes it once, of the scene's glance.
    """

    def __init__(self, spec: SegmenterSpec) -> None:
        super().__init__()
        self.stretch = build_stretch(spec.stretch, bands=spec.bands)
        self.encoder = Encoder(spec.encoder, bands=spec.bands, depth=spec.depth)
        channels = self.encoder.channels
        self.context: SceneContext | None = None
        if spec.context:
            self.context = SceneContext(channels[-1], width=spec.width, queries=spec.context, stride=2**spec.depth)
        self.pyramid = FeaturePyramid(channels, width=spec.width, alignment=spec.alignment)
        self.fusion = build_fusion(spec.fusion, levels=len(channels), width=spec.width)
        self.detail: Detail | HalfDetail | None = None
        self.finest = spec.finest
        if spec.detail:
            half = self.encoder.half_channels
            self.detail = (
                HalfDetail(spec.width, half, channels=spec.detail)
                if spec.finest == 2
                else Detail(spec.width, half, spec.bands, channels=spec.detail)
            )
        self.head = nn.Sequential(nn.Dropout2d(0.1), nn.Conv2d(spec.detail or spec.width, spec.classes, 1))
        self.stride = self.encoder.stride
        self.summary_size = self.fusion.summary_size + (self.context.summary_size if self.context else 0)

    def summarise(self, glance: Tensor) -> Tensor:
        """``(n, band, y, x)`` scaled pixels of the whole scene made small, sides multiples of `stride`.

        Returns:
            ``(n, summary_size)``: what the fusion needs, then what the context needs.
        """
        _, *features = self.encoder(self.stretch(glance))
        of_fusion = self.fusion.summarise(self.pyramid(features))
        return of_fusion if self.context is None else torch.cat([of_fusion, self.context.summarise(features[-1])], 1)

    def forward(self, image: Tensor, summary: Tensor | None = None, place: Tensor | None = None) -> Tensor:
        """``(n, band, y, x)`` scaled pixels, sides multiples of `stride`, to ``(n, class, y, x)`` logits.

        Args:
            image: a tile.
            summary: ``(n, summary_size)`` of its scene; not needed where that is 0.
            place: ``(n, 5)`` of the tile, see `PlaceCodes`; needed with context only.

        Raises:
            ValueError: the summary or the place is needed and not given.
        """
        image = self.stretch(image)
        half, *features = self.encoder(image)
        if self.context is not None:
            summary, of_context = self._parts(summary)
            features[-1] = self.context(features[-1], of_context, _known(place))
        fused = self.fusion(self.pyramid(features), summary)
        if self.detail is None:
            return widen(self.head(fused), 4)
        logits: Tensor = self.head(self.detail(fused, half, image))
        return logits if self.finest == 1 else widen(logits, self.finest)

    def _parts(self, summary: Tensor | None) -> tuple[Tensor, Tensor]:
        """The fusion's part of a `summary`, and the context's."""
        if summary is None or summary.shape[1] != self.summary_size:
            got = "none" if summary is None else f"{summary.shape[1]}"
            raise ValueError(
                f"this network needs {self.summary_size} numbers about the whole scene, got {got}; "
                "call summarise on its glance first"
            )
        return summary[:, : self.fusion.summary_size], summary[:, self.fusion.summary_size :]


def _known(place: Tensor | None) -> Tensor:
    if place is None:
        raise ValueError("this network needs the place of each tile in its scene, (n, 5); see PlaceCodes")
    return place


class PointwiseSegmenter(nn.Module):
    """One linear classifier per pixel (a 1×1 convolution): it sees no neighbours.

    Tiled in any way, its map must equal the whole-scene map to the last pixel, which makes it the
    oracle for everything around a network. It is also the plainest baseline there is.
    """

    def __init__(self, spec: SegmenterSpec) -> None:
        super().__init__()
        self.head = nn.Conv2d(spec.bands, spec.classes, 1)
        self.stride = 1
        self.summary_size = 0

    def summarise(self, glance: Tensor) -> Tensor:
        """Nothing, ``(n, 0)``."""
        return glance.new_zeros((len(glance), 0))

    def forward(self, image: Tensor) -> Tensor:
        """``(n, band, y, x)`` scaled pixels to ``(n, class, y, x)`` logits."""
        logits: Tensor = self.head(image)
        return logits


def build_segmenter(spec: SegmenterSpec) -> Segmenter | PointwiseSegmenter:
    """The network that `spec` names; its weights are random until loaded.

    Raises:
        ValueError: it keeps channels that the network does not have.
    """
    network = PointwiseSegmenter(spec) if spec.encoder == "pointwise" else Segmenter(spec)
    narrow(network, spec.kept)
    return network
