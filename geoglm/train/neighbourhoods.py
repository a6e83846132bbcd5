"""Labelled neighbourhoods: the parts of scenes that teach, as a network sees them, and nothing else of the scene.

All boxes are in working pixels: `reduce` × `reduce` pixels of the scene, averaged into one as `geoglm segment` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglm.io.labels import Labels
from geoglm.io.source import Source, read_padded
from geoglm.train.blocks import CellCounts, count_cells
from geoglm.train.samples import UNLABELLED, LabelledImage
from geoglm.types import PixelBox

CELL_PX = 512
"""Labels are looked for in cells of so many working pixels a side."""
MARGIN_PX = 160
"""What is read around labels: half the side of a crop."""
FINEST_CELL_PX = 8
"""The narrowest gap between training and validation labels."""
CELLS_ACROSS = 64
"""A labelled extent has at most so many of the narrowest cells across; there are as many as pairs of them to judge."""


@dataclass(frozen=True, slots=True)
class View:
    """A scene as the network sees it.

    Args:
        source: of the pixels.
        labels: of the scene.
        bands: of the scene for the network's, counted from 0.
        full_scale: pixel value that counts as 1.
        fill: of each band, where there is no data.
        reduce: pixels a side that are averaged into one.
    """

    source: Source
    labels: Labels
    bands: tuple[int, ...]
    full_scale: float
    fill: tuple[float, ...]
    reduce: int

    @property
    def box(self) -> PixelBox:
        """The whole scene, in working pixels."""
        meta = self.source.meta
        return PixelBox(0, 0, -(-meta.height // self.reduce), -(-meta.width // self.reduce))

    @property
    def gsd_m(self) -> float:
        """Ground sample distance of a working pixel in m; 0 if unknown."""
        return (self.source.meta.gsd or 0.0) * self.reduce

    def read_labels(self, box: PixelBox) -> NDArray[np.uint8]:
        """``(y, x)`` class of each working pixel of `box`: that of at least half of it, else 255."""
        k = self.reduce
        wide = PixelBox(box.top * k, box.left * k, box.bottom * k, box.right * k)
        inside = wide.clip(self.source.meta.box)
        beyond = ((0, wide.bottom - inside.bottom), (0, wide.right - inside.right))
        return reduced_labels(np.pad(self.labels.read(inside), beyond, constant_values=UNLABELLED), k)

    def read(self, box: PixelBox) -> LabelledImage:
        """Pixels and labels of `box`; unlabelled where the scene has no data."""
        k = self.reduce
        wide = PixelBox(box.top * k, box.left * k, box.bottom * k, box.right * k)
        dtype = self.source.meta.dtype
        kept = dtype if dtype in ("uint8", "uint16") else "float32"
        pixels, valid = read_padded(self.source, wide, self.bands, fill=self.fill, dtype=kept)
        labels = np.where(reduced_valid(valid, k), self.read_labels(box), np.uint8(UNLABELLED))
        return LabelledImage(reduced_pixels(pixels, k), labels, full_scale=self.full_scale, gsd_m=self.gsd_m)


def reduced_pixels(pixels: NDArray[np.generic], times: int) -> NDArray[np.generic]:
    """``(band, y, x)`` averaged over blocks of `times` × `times`; the dtype stays."""
    if times == 1:
        return pixels
    bands, rows, cols = pixels.shape
    mean = pixels.reshape(bands, rows // times, times, cols // times, times).mean(axis=(2, 4), dtype=np.float32)
    whole: NDArray[np.generic] = (np.rint(mean) if pixels.dtype.kind in "ui" else mean).astype(pixels.dtype)
    return whole


def reduced_valid(valid: NDArray[np.bool_], times: int) -> NDArray[np.bool_]:
    """``(y, x)`` True where at least half of a block has data."""
    rows, cols = valid.shape
    shares = valid.reshape(rows // times, times, cols // times, times).mean(axis=(1, 3))
    return np.asarray(shares >= 0.5)


def reduced_labels(labels: NDArray[np.uint8], times: int) -> NDArray[np.uint8]:
    """``(y, x)`` the most frequent label of each block, 255 where it covers less than half of it.

    >>> reduced_labels(np.array([[0, 0, 1, 255], [0, 1, 255, 255]], np.uint8), 2).tolist()
    [[0, 255]]
    """
    if times == 1:
        return labels
    rows, cols = labels.shape
    blocks = labels.reshape(rows // times, times, cols // times, times)
    best = np.full((rows // times, cols // times), UNLABELLED, np.uint8)
    most = np.full(best.shape, times * times / 2 - 0.5)
    for label in np.unique(labels[labels != UNLABELLED]):
        count = (blocks == label).sum(axis=(1, 3))
        best, most = np.where(count > most, label, best), np.maximum(count, most)
    return best


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Labels and what lies around them.

    Args:
        scene: which of the views.
        core: where its labels count; every label counts in one neighbourhood only.
        read: what is read.
        counts: ``(256,)`` pixels of every label in `core`.
    """

    scene: int
    core: PixelBox
    read: PixelBox
    counts: NDArray[np.int64]


def find_neighbourhoods(views: Sequence[View], *, whole: bool = False) -> list[Neighbourhood]:
    """Where the labels lie; a scene's are one neighbourhood if that is no more to read than each by itself.

    Args:
        whole: read whole scenes, for a network that looks at the scene as a whole.
    """
    found: list[Neighbourhood] = []
    for scene, view in enumerate(views):
        parts = [n for box in view.box.blocks(CELL_PX) if (n := _labelled(view, scene, box))]
        if not parts:
            continue
        core = _hull(p.core for p in parts)
        read = view.box if whole else _grown(core, view.box)
        if whole or read.area <= max(sum(p.read.area for p in parts), CELL_PX**2):
            parts = [Neighbourhood(scene, core, read, np.sum([p.counts for p in parts], axis=0))]
        found += parts
    return found


def _labelled(view: View, scene: int, box: PixelBox) -> Neighbourhood | None:
    """The labels within `box`, if there are any."""
    labels = view.read_labels(box)
    rows, cols = ((labels != UNLABELLED).any(axis=axis).nonzero()[0] for axis in (1, 0))
    if not rows.size:
        return None
    (top, bottom), (left, right) = ((int(at[0]), int(at[-1]) + 1) for at in (rows, cols))
    core = PixelBox(box.top + top, box.left + left, box.top + bottom, box.left + right)
    return Neighbourhood(scene, core, _grown(core, view.box), np.bincount(labels.ravel(), minlength=256))


def _grown(core: PixelBox, scene: PixelBox) -> PixelBox:
    m = MARGIN_PX
    return PixelBox(core.top - m, core.left - m, core.bottom + m, core.right + m).clip(scene)


def _hull(boxes: Iterable[PixelBox]) -> PixelBox:
    """The smallest box around all."""
    tops, lefts, bottoms, rights = zip(*((b.top, b.left, b.bottom, b.right) for b in boxes), strict=True)
    return PixelBox(min(tops), min(lefts), max(bottoms), max(rights))


def thinned(found: Sequence[Neighbourhood], *, most_px: int, seed: int) -> list[Neighbourhood]:
    """Neighbourhoods of at most `most_px` pixels to read together, taken so that rare classes come first."""
    if sum(n.read.area for n in found) <= most_px:
        return list(found)
    rng = np.random.default_rng(seed)
    total = np.sum([n.counts for n in found], axis=0)[:UNLABELLED]
    left, kept, room = list(rng.permutation(len(found))), [], most_px
    held = np.zeros_like(total)
    while left:
        lacking = np.where(total > 0, held, np.iinfo(np.int64).max).argmin()
        best = max(left, key=lambda k: int(found[k].counts[lacking]))
        left.remove(best)
        if found[best].read.area <= room:
            kept.append(int(best))
            room -= found[best].read.area
            held = held + found[best].counts[:UNLABELLED]
        elif room < CELL_PX**2:
            break
        if total[lacking] == held[lacking]:
            held[lacking] = np.iinfo(np.int64).max // 2
    return [found[k] for k in sorted(kept)]


def core_labels(place: Neighbourhood, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The `labels` of ``place.read``, 255 outside of its core."""
    own = np.full_like(labels, UNLABELLED)
    inside = place.core.within(place.read)
    own[inside] = labels[inside]
    return own


def count_labels(places: Sequence[tuple[Neighbourhood, LabelledImage]], *, classes: int) -> CellCounts:
    """Labels of all neighbourhoods in the narrowest cells that may serve as a gap."""
    extent = 1
    for scene in {n.scene for n, _ in places}:
        hull = _hull(n.core for n, _ in places if n.scene == scene)
        extent = max(extent, *hull.shape)
    side = max(FINEST_CELL_PX, -(-extent // CELLS_ACROSS))
    counts = CellCounts(side, classes, {})
    table = dict(counts.table)
    for place, image in places:
        inside = image.labels[place.core.within(place.read)]
        for cell, n in count_cells(inside, place.core, scene=place.scene, side_px=side, classes=classes).items():
            table[cell] = table[cell] + n if cell in table else n
    return CellCounts(side, classes, table)
