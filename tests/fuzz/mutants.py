"""Real scenes, in many containers, and what chance makes of their bytes: the same seed makes the same mutants."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS

from geoglm.io.guard.raster import quiet

SAMPLES = Path(__file__).parents[2] / "data-samples"
SIDE = 160
"""Of the crops, px."""
LAYOUTS: dict[str, dict[str, object]] = {
    "deflate": {"compress": "deflate", "predictor": 2, "tiled": True, "blockxsize": 64, "blockysize": 64},
    "lzw-strips": {"compress": "lzw", "blockysize": 16},
    "jpeg": {"compress": "jpeg", "photometric": "ycbcr", "tiled": True, "blockxsize": 64, "blockysize": 64},
    "zstd-planes": {"compress": "zstd", "interleave": "band"},
    "plain-big-endian": {"ENDIANNESS": "BIG", "BIGTIFF": "YES"},
    "packbits-nodata": {"compress": "packbits", "nodata": 0},
    "webp": {"compress": "webp"},
    "lerc": {"compress": "lerc"},
    "lzma": {"compress": "lzma"},
}
"""How crops are laid out as TIFFs."""
NUMBERS = (0, 1, 2, 3, 7, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1)
"""What headers are given in place of their own."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A sound file, and how its name ends."""

    name: str
    suffix: str
    content: bytes


def seeds(folder: Path) -> list[Seed]:
    """The samples whole, and their crops in every layout; made in `folder`, which a VRT among them draws on."""
    found = [Seed(p.stem, ".tif", p.read_bytes()) for p in sorted(SAMPLES.glob("*.tif")) if p.stat().st_size < 200_000]
    for scene in (SAMPLES / "neon-forest.tif", SAMPLES / "dutch-river.tif", SAMPLES / "brandenburg-sentinel2.tif"):
        with rasterio.open(scene) as file:
            pixels = file.read(window=((100, 100 + SIDE), (100, 100 + SIDE)))
            place = {"crs": file.crs, "transform": file.transform @ Affine.translation(100, 100)}
        for layout, settings in LAYOUTS.items():
            if layout in ("jpeg", "webp") and pixels.dtype != np.uint8:
                continue
            few = pixels[:3] if layout in ("jpeg", "webp") else pixels
            path = _written(folder / f"{scene.stem}-{layout}.tif", few, **place, **settings)
            found.append(Seed(path.stem, ".tif", path.read_bytes()))
        with rasterio.open(folder / f"{scene.stem}-deflate.tif") as file:
            rasterio.shutil.copy(file, folder / f"{scene.stem}.jp2", driver="JP2OpenJPEG", QUALITY="100")
            rasterio.shutil.copy(file, folder / f"{scene.stem}.vrt", driver="VRT")
        found.append(Seed(f"{scene.stem}-jp2", ".jp2", (folder / f"{scene.stem}.jp2").read_bytes()))
        found.append(Seed(f"{scene.stem}-vrt", ".vrt", (folder / f"{scene.stem}.vrt").read_bytes()))
    found.append(_with_points(folder / "points.tif", pixels))
    return found


def _written(path: Path, pixels: np.ndarray, **settings: object) -> Path:
    count, height, width = pixels.shape
    shape = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with quiet(), rasterio.open(path, "w", driver="GTiff", **shape, **settings) as target:
        target.write(pixels)
    return path


def _with_points(path: Path, pixels: np.ndarray) -> Seed:
    """A scene that lies by ground control points, with a mask and RPCs."""
    _written(path, pixels[:3])
    with quiet(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        corners = ((0, 0), (0, SIDE), (SIDE, 0), (SIDE, SIDE))
        file.gcps = ([GroundControlPoint(r, c, 10 + c / 1e3, 50 - r / 1e3) for r, c in corners], CRS.from_epsg(4326))
        file.write_mask(pixels[0] > pixels[0].min())
    return Seed("points-mask", ".tif", path.read_bytes())


Mutation = Callable[[bytearray, np.random.Generator], bytearray]


def bits(content: bytearray, rng: np.random.Generator) -> bytearray:
    """A few bits turned over anywhere."""
    for at in rng.integers(0, len(content), rng.integers(1, 32)):
        content[at] ^= 1 << int(rng.integers(8))
    return content


def head_bits(content: bytearray, rng: np.random.Generator) -> bytearray:
    """A few bits turned over where headers are: in the first kilobyte or the last."""
    span = min(len(content), 1024)
    start = 0 if rng.random() < 0.7 else len(content) - span
    for at in rng.integers(start, start + span, rng.integers(1, 12)):
        content[at] ^= 1 << int(rng.integers(8))
    return content


def cut(content: bytearray, rng: np.random.Generator) -> bytearray:
    """The end is missing."""
    return content[: int(rng.integers(0, len(content)))]


def blank(content: bytearray, rng: np.random.Generator) -> bytearray:
    """A run of zeros, or of 255, in place of what was there."""
    start, length = int(rng.integers(0, len(content))), int(rng.integers(1, 4096))
    part = content[start : start + length]
    content[start : start + length] = bytes([int(rng.choice([0, 255]))]) * len(part)
    return content


def moved(content: bytearray, rng: np.random.Generator) -> bytearray:
    """A run of bytes that comes a second time, elsewhere."""
    start, other, length = (int(n) for n in rng.integers(0, len(content), 3))
    length = min(length, 2048)
    part = content[start : start + length]
    content[other : other + len(part)] = part
    return content


def tags(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Entries of a TIFF's directory with other kinds, counts and values; of another file, as `head_bits`."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(content[:2]))
    if order is None or len(content) < 16:
        return numbers(content, rng) if content[:1] == b"<" else head_bits(content, rng)
    big = struct.unpack_from(f"{order}H", content, 2)[0] == 43
    (at,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", content, 8 if big else 4)
    first, size = (at + 8, 20) if big else (at + 2, 12)
    (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", content, at)
    for entry in rng.integers(0, count, rng.integers(1, 4)):
        start = first + size * int(entry)
        field, number = int(rng.integers(4)), int(rng.choice(NUMBERS))
        if field == 0:
            struct.pack_into(f"{order}H", content, start + 2, int(rng.integers(0, 20)))
        elif field == 1:
            struct.pack_into(f"{order}I", content, start + 4, number)
        elif field == 2:
            struct.pack_into(f"{order}I", content, start + size - (8 if big else 4), number)
        else:
            (before,) = struct.unpack_from(f"{order}H", content, start)
            struct.pack_into(f"{order}H", content, start, max(0, before + int(rng.integers(-3, 4))))
    if rng.random() < 0.15:  # the next directory is this one, or another place
        after = first + size * count
        struct.pack_into(f"{order}I", content, after, int(rng.choice([at, 8, 2**31])))
    return content


def numbers(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Numbers written out that are others now."""
    found = list(re.finditer(rb"\d+", bytes(content)))
    if not found:
        return bits(content, rng)
    match = found[int(rng.integers(len(found)))]
    content[match.start() : match.end()] = str(rng.choice([-1, *NUMBERS])).encode()
    return content


MUTATIONS: tuple[Mutation, ...] = (bits, head_bits, cut, blank, moved, tags, tags, numbers)


def mutant(every: list[Seed], number: int) -> tuple[Seed, str, bytes]:
    """Mutant `number`: the seed it comes of, what happened to it, and its bytes."""
    rng = np.random.default_rng([7, number])
    seed = every[int(rng.integers(len(every)))]
    content, told = bytearray(seed.content), []
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        if not content:
            break
        change = MUTATIONS[int(rng.integers(len(MUTATIONS)))]
        try:
            content = change(content, rng)
        except (struct.error, ValueError):  # an earlier change left no directory to change
            content = bits(content, rng)
        told.append(change.__name__)
    return seed, "+".join(told), bytes(content)
