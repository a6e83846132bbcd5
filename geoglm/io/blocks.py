"""Blocks: squares of 512 px by which maps are compressed, each by itself.

A shard packs what it has of every block it meets: whole ones as they will stand in the file, with their first overview
beside them, others as they are, for all shards that have a part of them to be put together later. Blocks without a
pixel of data are left out, in packs and files alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from geoglm.stitch.overviews import Joining, halved
from geoglm.types import INVALID, PixelBox

BLOCK_PX = 512
"""Side of a block, px."""
HALF = BLOCK_PX // 2


@dataclass(frozen=True, slots=True)
class Plane:
    """One band of a map: its name, and how its overviews are made."""

    name: str
    joining: Joining


@dataclass(frozen=True, slots=True)
class Place:
    """A block by row and column, with its pixels inside the scene."""

    row: int
    col: int
    box: PixelBox


def blocks_of(box: PixelBox, scene: PixelBox) -> Iterator[Place]:
    """The blocks that `box` meets."""
    for row in range(box.top // BLOCK_PX, -(-box.bottom // BLOCK_PX)):
        for col in range(box.left // BLOCK_PX, -(-box.right // BLOCK_PX)):
            top, left = row * BLOCK_PX, col * BLOCK_PX
            yield Place(row, col, PixelBox(top, left, top + BLOCK_PX, left + BLOCK_PX).clip(scene))


def compressed(block: NDArray[np.uint8]) -> bytes:
    """A block as a zlib stream (Deflate, RFC 1950), by ISA-L: at zlib's level 1 in size and three times as fast."""
    stream: bytes = isal_zlib.compress(np.ascontiguousarray(block), 1)
    return stream


def pack(plane: Plane, values: NDArray[np.uint8], box: PixelBox, scene: PixelBox) -> dict[str, bytes]:
    """What a shard has of a plane, by name.

    Args:
        values: ``(y, x)`` uint8 of `box`.
    """
    parts = {}
    for place in blocks_of(box, scene):
        inside = place.box.clip(box)
        cut = values[inside.within(box)]
        if (cut == INVALID).all():
            continue
        name = f"{plane.name}/{place.row}-{place.col}"
        if inside != place.box:
            parts[f"{name}.part"] = cut.tobytes()
            continue
        block = padded(cut)
        parts[name] = compressed(block)
        parts[f"{name}.half"] = halved(block, plane.joining).tobytes()
    return parts


def pack_view(values: NDArray[np.uint8], box: PixelBox, scene: PixelBox) -> dict[str, bytes]:
    """What a tile makes of all it reads, cut at blocks and compressed, by name.

    Args:
        values: ``(y, x)`` uint8 of `box`, which lies inside the scene.
    """
    cuts = ((place, place.box.clip(box)) for place in blocks_of(box, scene))
    return {_view(box, place): compressed(values[inside.within(box)]) for place, inside in cuts}


def opened_view(box: PixelBox, place: Place, parts: Mapping[str, bytes]) -> tuple[PixelBox, NDArray[np.uint8]] | None:
    """The part of a tile's view that lies in a block, and where that is; None where the shard has none of that tile."""
    if (name := _view(box, place)) not in parts:
        return None
    inside = place.box.clip(box)
    return inside, np.frombuffer(isal_zlib.decompress(parts[name]), np.uint8).reshape(inside.shape)


def _view(box: PixelBox, place: Place) -> str:
    return f"view/{box.top}-{box.left}/{place.row}-{place.col}"


def opened(block: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """The pixels of a block that is compressed, without those that only fill it up."""
    square = np.frombuffer(isal_zlib.decompress(block), np.uint8).reshape(BLOCK_PX, BLOCK_PX)
    return square[: shape[0], : shape[1]]


def padded(cut: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A whole block of one that the scene ends in."""
    if cut.shape == (BLOCK_PX, BLOCK_PX):
        return cut
    block = np.full((BLOCK_PX, BLOCK_PX), INVALID, np.uint8)
    block[: cut.shape[0], : cut.shape[1]] = cut
    return block


def gathered(
    plane: Plane, place: Place, shards: Mapping[PixelBox, Mapping[str, bytes]]
) -> tuple[bytes, NDArray[np.uint8]] | None:
    """A block as it stands in a file, and its first overview ``(256, 256)``; None where it has no data.

    Args:
        shards: what is packed of the shards that meet the block, by their boxes.
    """
    name, block = f"{plane.name}/{place.row}-{place.col}", None
    for box, parts in shards.items():
        if name in parts:
            return parts[name], np.frombuffer(parts[f"{name}.half"], np.uint8).reshape(HALF, HALF)
        if f"{name}.part" in parts:
            inside = place.box.clip(box)
            block = padded(np.empty((0, 0), np.uint8)) if block is None else block
            block[inside.within(place.box)] = np.frombuffer(parts[f"{name}.part"], np.uint8).reshape(inside.shape)
    return None if block is None else (compressed(block), halved(block, plane.joining))
