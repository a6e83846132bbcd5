"""Batches: tiles of one shape go through the network together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from geoglm.tiling.grid import Tile


def batches(tiles: Iterable[Tile], *, most: int) -> Iterator[list[Tile]]:
    """Tiles in batches of one shape, at most `most` each, in the order in which they come."""
    waiting: dict[tuple[int, int], list[Tile]] = {}
    for tile in tiles:
        same = waiting.setdefault(tile.read.shape, [])
        same.append(tile)
        if len(same) == most:
            yield waiting.pop(tile.read.shape)
    yield from waiting.values()
