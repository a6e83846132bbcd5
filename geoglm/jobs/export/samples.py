"""Samples of scenes: what a network is given of them, to see the ranges of its numbers on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import GeoglmError
from geoglm.io.geotiff import RasterFile
from geoglm.io.source import Source, read_padded
from geoglm.jobs.reading import Reading, read_scene
from geoglm.options import SegmentOptions
from geoglm.registry.graph import GraphEntry
from geoglm.registry.package import ModelPackage
from geoglm.types import PixelBox

TILES = 120
"""Tiles that are taken over all scenes."""
SIDE_PX = 256
"""Side of such a tile in pixels of the network, where it takes tiles of any size."""
CHECK_EVERY = 5
"""Of the tiles so many-th are kept for the comparison and nothing is fitted to them."""


def in_two(samples: Sequence[NDArray[np.float32]]) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Samples to fit to, and others to compare on; a single one serves for both."""
    seen = [s for k, s in enumerate(samples) if k % CHECK_EVERY]
    return seen or list(samples), list(samples[::CHECK_EVERY])


def calibration_samples(
    package: ModelPackage, scenes: Sequence[Path], entry: GraphEntry, *, tiles: int = TILES
) -> list[NDArray[np.float32]]:
    """Inputs of a package's graph, spread evenly over the valid pixels of `scenes`.

    Returns:
        Arrays ``(1, band, y, x)``, or ``(1, y, x, band)`` where the graph wants that.

    Raises:
        GeoglmError: no scene has a tile that is half valid; or of the kind that says what does not fit.
    """
    found: list[NDArray[np.float32]] = []
    for scene in scenes:
        source = RasterFile(scene)
        reading = read_scene(source, SegmentOptions(model=str(package.folder)))
        found += _samples_of(source, reading, entry, most=-(-tiles // len(scenes)))
    if not found:
        raise GeoglmError(f"{', '.join(s.name for s in scenes)}: no tile has data in half of its pixels; name others")
    return found


def _samples_of(source: Source, reading: Reading, entry: GraphEntry, *, most: int) -> list[NDArray[np.float32]]:
    """At most so many tiles of one scene."""
    meta, times = source.meta, reading.reduce
    rows, cols = entry.tile or (SIDE_PX, SIDE_PX)
    fill = reading.scaling.fill(reading.full_scale)
    tops, lefts = _spread(meta.height, rows * times), _spread(meta.width, cols * times)
    places = [(t, left) for t in tops for left in lefts]
    step = max(1, -(-len(places) // most))
    samples = []
    for top, left in places[::step]:
        box = PixelBox(top, left, top + rows * times, left + cols * times)
        pixels, valid = read_padded(source, box, reading.bands, fill=fill, dtype="float32")
        if valid.mean() < 0.5:
            continue
        scaled = reading.scaling.applied(pixels, reading.full_scale)
        small = scaled.reshape(len(scaled), rows, times, cols, times).mean(axis=(2, 4))
        upright = small if entry.layout == "NCHW" else small.transpose(1, 2, 0)
        samples.append(np.ascontiguousarray(upright[None], np.float32))
    return samples


def _spread(length: int, side: int) -> list[int]:
    """Where tiles of a side begin that cover a length, the last ending with it.

    >>> _spread(10, 4), _spread(3, 4)
    ([0, 3, 6], [0])
    """
    count = max(1, -(-length // side))
    return [round(k * max(length - side, 0) / max(count - 1, 1)) for k in range(count)]
