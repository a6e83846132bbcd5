"""The imagery that ``aerial-landcover`` learns from: Dubai, West Virginia, Virginia and Kampala."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image

from geoglm.train.samples import NOT_BUILDING, UNLABELLED, LabelledImage, SampleSet

CLASSES = ("building", "land", "road", "vegetation", "water")
BUILDING, LAND, ROAD, VEGETATION, WATER = range(5)
TRAINING_TILES = (1, 3, 4, 5, 6, 7)
VALIDATION_TILE = 2
TIDAL_TILE = 6
"""What is labelled vegetation there, a third of all such labels, are tidal flats, smooth and dark as water."""


def dubai(folder: Path, tile: int) -> Iterator[LabelledImage]:
    """The nine parts of one tile."""
    for path in sorted((folder / "aerial" / f"tile{tile}").glob("part*.jpg")):
        pixels = np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1)
        labels = np.array(Image.open(path.with_name(f"{path.stem}_mask.png")))
        if tile == TIDAL_TILE:
            labels[labels == VEGETATION] = UNLABELLED
        yield LabelledImage(np.ascontiguousarray(pixels), labels)


def naip(folder: Path) -> Iterator[LabelledImage]:
    """West Virginia chips with their labels, and Virginia with vegetation where NDVI > 0.2."""
    for mask in sorted((folder / "naip").glob("wv_*_mask.tif")):
        yield LabelledImage(_read(mask.with_name(mask.name.replace("_mask", "")))[:3], _read(mask)[0])
    red_to_nir = _read(folder / "naip" / "virginia_unlabelled.tif")
    red, near = red_to_nir[0].astype(np.float32), red_to_nir[3].astype(np.float32)
    green = (near - red) / np.maximum(near + red, 1) > 0.2
    yield LabelledImage(red_to_nir[:3], np.where(green, VEGETATION, UNLABELLED).astype(np.uint8))


def kampala(folder: Path) -> Iterator[LabelledImage]:
    """Adjoining web-mercator tiles put together; what is plainly green and no building is vegetation."""
    found: dict[str, dict[tuple[int, int], Path]] = {}
    for mask in sorted((folder / "buildings").glob("*_mask.tif")):
        place = re.fullmatch(r"kampala_z(\d+)_(\d+)_(\d+)_mask", mask.stem)
        if place is None:
            continue
        zoom, col, row = place.groups()
        district = f"{zoom}/{int(col) // 2 ** (int(zoom) - 16)}"
        found.setdefault(district, {})[int(row), int(col)] = mask
    for group in found.values():
        top, left = (min(k[axis] for k in group) for axis in (0, 1))
        height, width = (max(k[axis] for k in group) + 1 - o for axis, o in ((0, top), (1, left)))
        pixels = np.zeros((3, height * 256, width * 256), np.uint8)
        labels = np.full((height * 256, width * 256), UNLABELLED, np.uint8)
        for (row, col), mask in group.items():
            box = np.s_[..., (row - top) * 256 :, (col - left) * 256 :]
            pixels[box][:, :256, :256] = _read(mask.with_name(mask.name.replace("_mask", "")))[:3]
            labels[box][:256, :256] = _read(mask)[0]
        red, green, blue = pixels.astype(np.float32)
        excess = (2 * green - red - blue) / np.maximum(red + green + blue, 1)
        labels[(excess > 0.12) & (labels == NOT_BUILDING)] = VEGETATION
        yield LabelledImage(pixels, labels)


def _read(path: Path) -> NDArray[np.uint8]:
    with rasterio.open(path) as source:
        pixels: NDArray[np.uint8] = source.read()
    return pixels


def sample_sets(folder: Path) -> list[SampleSet]:
    """What is trained on; most of the labels are one desert city, most of users' scenes are not."""
    city = [image for tile in TRAINING_TILES for image in dubai(folder, tile)]
    return [
        SampleSet(city, (0.5, 4.0), share=0.58, centred_on=tuple(range(len(CLASSES)))),
        SampleSet(list(naip(folder)), (0.8, 4.0), share=0.21),
        SampleSet(list(kampala(folder)), (0.25, 1.5), share=0.21),
    ]
