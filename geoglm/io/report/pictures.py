"""Pictures of rasters, small enough to travel within a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.io.geotiff import RasterFile
from geoglm.io.quicklook import coloured, stretched, viridis
from geoglm.io.report.parts import Picture
from geoglm.types import LandClass

SIDE_PX = 900
"""The longer side of a picture."""
ROOM = 360_000
"""Bytes that a picture may take, so that six of them, written as text, stay within three million."""


def map_picture(path: Path, legend: Sequence[LandClass], caption: str) -> Picture:
    """A map of classes in its colours, white where there is no data."""
    codes = np.asarray(RasterFile(path).preview([0], side_px=SIDE_PX)[0][0], np.uint8)
    return Picture(_address(coloured(codes, legend), "PNG"), caption)


def shade_picture(path: Path, caption: str) -> Picture:
    """A layer in percent from dark (0) to light (100), white where there is no data."""
    percent = np.asarray(RasterFile(path).preview([0], side_px=SIDE_PX)[0][0], np.uint8)
    return Picture(_address(viridis(percent), "JPEG"), caption)


def scene_picture(path: Path, bands: Sequence[int], caption: str) -> Picture:
    """A scene in the bands (from 0) for red, green and blue, between its 1st and 99th percentile."""
    return stretched_picture(stretched(*RasterFile(path).preview(bands, side_px=SIDE_PX)), caption)


def stretched_picture(pixels: NDArray[np.float32], caption: str) -> Picture:
    """``(y, x, 3)`` in 0…1, as `stretched` gives them."""
    return Picture(_address(np.rint(pixels * 255).astype(np.uint8), "JPEG"), caption)


def file_picture(path: Path, caption: str) -> Picture:
    """A PNG as it is, if it takes no more than `ROOM`, else smaller."""
    from PIL import Image

    if path.stat().st_size <= ROOM:
        return Picture(_data("image/png", path.read_bytes()), caption, wide=True)
    with Image.open(path) as image:
        return Picture(_address(np.asarray(image.convert("RGB")), "JPEG"), caption, wide=True)


def _address(pixels: NDArray[np.uint8], form: str) -> str:
    """``(y, x, 3)`` bytes as a ``data:`` address; smaller and smaller until there is room.

    Few pixels are made larger by a whole number, so that a browser does not blur them.
    """
    from PIL import Image

    times = max(1, SIDE_PX // max(pixels.shape[:2]))
    image = Image.fromarray(pixels.repeat(times, axis=0).repeat(times, axis=1))
    while True:
        stream = io.BytesIO()
        if form == "PNG":
            image.quantize(256, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
        else:
            image.save(stream, "JPEG", quality=85)
        if len(stream.getvalue()) <= ROOM or min(image.size) < 2:
            return _data(f"image/{form.lower()}", stream.getvalue())
        how = Image.Resampling.NEAREST if form == "PNG" else Image.Resampling.BOX
        image = image.resize((max(1, image.width * 3 // 4), max(1, image.height * 3 // 4)), how)


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
