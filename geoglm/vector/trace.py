"""Tracing: every 4-connected region of one class becomes one polygon along pixel edges.

The whole raster is traced at once, so no polygon is cut at a tile or shard border. Rings turn left wherever
two pixels of a region touch only at a corner: each ring is then the border of one connected piece of what
the region is not, and touches itself nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numba import njit
from numpy.typing import NDArray

from geoglm.types import INVALID


@dataclass(frozen=True, slots=True)
class Regions:
    """Polygons with what was counted inside each, one entry a region.

    Args:
        geometry: shapely polygons in map coordinates.
        value: class value, uint8.
        pixels: number of pixels, int64.
        area: sum of the pixels' areas, m² (pixels where unknown), float64.
        confidence: mean of the confidence in percent, float64.
    """

    geometry: NDArray[np.object_]
    value: NDArray[np.uint8]
    pixels: NDArray[np.int64]
    area: NDArray[np.float64]
    confidence: NDArray[np.float64]


def trace_regions(
    classes: NDArray[np.uint8],
    confidence: NDArray[np.uint8] | None,
    row_area: NDArray[np.float64],
    transform: Affine,
    *,
    labels: NDArray[np.int32] | None = None,
) -> Regions:
    """Polygons of all regions of `classes` but 255.

    Args:
        classes: ``(y, x)`` uint8.
        confidence: ``(y, x)`` uint8 in percent, or None.
        row_area: ``(y,)`` area of a pixel in each row.
        transform: from (col, row) to map coordinates.
        labels: ``(y + 2, x + 2)`` zeros to work in, where they should not lie in memory.
    """
    height, width = classes.shape
    if labels is None:
        labels = np.zeros((height + 2, width + 2), np.int32)
    count = _label(classes, labels)
    value, pixels, area, total, sure = _measure(
        classes, classes if confidence is None else confidence, row_area, labels, count
    )
    corners, ring_ends, owners = _trace(labels, np.zeros((height + 2, (width + 9) // 8), np.uint8))
    coords = _to_map(corners, transform)
    order = np.argsort(owners, kind="stable")
    coords, ring_ends = _reorder(coords, ring_ends, order)
    rings = np.bincount(owners, minlength=count + 1)[1:]
    geometry = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON,
        coords,
        (np.concatenate([[0], ring_ends]), np.concatenate([[0], np.cumsum(rings)])),
    )
    mean = np.full(count, np.nan) if confidence is None else total / np.maximum(sure, 1)
    return Regions(geometry, value, pixels, area, mean)


def _to_map(corners: NDArray[np.int32], transform: Affine) -> NDArray[np.float64]:
    """``(n, 2)`` of (col, row) to map coordinates."""
    cols, rows = corners[:, 0].astype(np.float64), corners[:, 1].astype(np.float64)
    return np.column_stack(
        [
            transform.a * cols + transform.b * rows + transform.c,
            transform.d * cols + transform.e * rows + transform.f,
        ]
    )


def _reorder(
    coords: NDArray[np.float64], ends: NDArray[np.int64], order: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Rings with their coordinates, in another order."""
    starts = np.concatenate([[0], ends[:-1]])
    lengths = (ends - starts)[order]
    new_ends = np.cumsum(lengths)
    shift = np.repeat(starts[order] - (new_ends - lengths), lengths)
    return coords[np.arange(len(coords)) + shift], new_ends


@njit(cache=True)
def _label(classes, labels):  # type: ignore[no-untyped-def]  # noqa: PLR0912  # one loop, for Numba
    """Number the 4-connected regions in `labels` (one pixel larger on each side); how many there are.

    Two passes and a union-find in which the root of a set is its smallest member, so that regions are
    numbered in the order in which a scan meets them.
    """
    height, width = classes.shape
    parent = np.zeros(1024, np.int32)
    used = 1
    for row in range(height):
        for col in range(width):
            value = classes[row, col]
            if value == INVALID:
                labels[row + 1, col + 1] = 0
                continue
            up = labels[row, col + 1] if row > 0 and classes[row - 1, col] == value else 0
            left = labels[row + 1, col] if col > 0 and classes[row, col - 1] == value else 0
            if up == 0 and left == 0:
                if used == len(parent):
                    parent = np.concatenate((parent, np.zeros(used, np.int32)))
                parent[used] = used
                labels[row + 1, col + 1] = used
                used += 1
            elif up == 0 or left == 0:
                labels[row + 1, col + 1] = up + left
            else:
                while parent[up] != up:
                    parent[up] = parent[parent[up]]
                    up = parent[up]
                while parent[left] != left:
                    parent[left] = parent[parent[left]]
                    left = parent[left]
                root = min(up, left)
                parent[up] = root
                parent[left] = root
                labels[row + 1, col + 1] = root
    final = np.zeros(used, np.int32)
    count = 0
    for k in range(1, used):
        root = k
        while parent[root] != root:
            root = parent[root]
        if root == k:
            count += 1
            final[k] = count
        else:
            final[k] = final[root]
    for row in range(1, height + 1):
        for col in range(1, width + 1):
            labels[row, col] = final[labels[row, col]]
    return count


@njit(cache=True)
def _measure(classes, confidence, row_area, labels, count):  # type: ignore[no-untyped-def]
    """Class, pixels, area, summed confidence and the pixels that have one, of every region."""
    value = np.zeros(count, np.uint8)
    pixels = np.zeros(count, np.int64)
    area = np.zeros(count, np.float64)
    total = np.zeros(count, np.float64)
    sure = np.zeros(count, np.int64)
    for row in range(classes.shape[0]):
        for col in range(classes.shape[1]):
            region = labels[row + 1, col + 1] - 1
            if region >= 0:
                value[region] = classes[row, col]
                pixels[region] += 1
                area[region] += row_area[row]
                if confidence[row, col] != INVALID:
                    total[region] += confidence[row, col]
                    sure[region] += 1
    return value, pixels, area, total, sure


@njit(cache=True)
def _trace(labels, seen):  # type: ignore[no-untyped-def]
    """Closed rings around every region, the region to the right as seen walking (rows count downwards).

    Args:
        labels: numbered regions with a border of zeros.
        seen: a zeroed bit for every pixel; set where its upper edge has been walked.

    Returns:
        (col, row) corners, the end of each ring among them, and the region of each ring. The first ring of
        a region is its outer one: a scan meets the topmost edge of a region before any of its holes.
    """
    height, width = labels.shape
    corners = np.empty((4096, 2), np.int32)
    used = 0
    ends = np.empty(1024, np.int64)
    owners = np.empty(1024, np.int64)
    rings = 0
    # east, south, west, north
    step_row, step_col = (0, 1, 0, -1), (1, 0, -1, 0)
    # the pixels ahead on the right and on the left, relative to the vertex, for each heading
    right_row, right_col = (0, 0, -1, -1), (0, -1, -1, 0)
    left_row, left_col = (-1, 0, 0, -1), (0, 0, -1, -1)
    for top in range(1, height - 1):
        for begin in range(1, width - 1):
            region = labels[top, begin]
            if region == 0 or labels[top - 1, begin] == region:
                continue
            if seen[top, begin >> 3] >> (begin & 7) & 1:
                continue
            first = used
            row, col, heading, last = top, begin, 0, 3
            while True:
                if heading != last:
                    if used + 2 > len(corners):
                        corners = np.concatenate((corners, np.empty_like(corners)))
                    corners[used, 0] = col - 1
                    corners[used, 1] = row - 1
                    used += 1
                if heading == 0:
                    seen[row, col >> 3] |= np.uint8(1 << (col & 7))
                row += step_row[heading]
                col += step_col[heading]
                last = heading
                if labels[row + left_row[heading], col + left_col[heading]] == region:
                    heading = (heading + 3) % 4
                elif labels[row + right_row[heading], col + right_col[heading]] != region:
                    heading = (heading + 1) % 4
                if row == top and col == begin and heading == 0:
                    break
            corners[used] = corners[first]
            used += 1
            if rings == len(ends):
                ends = np.concatenate((ends, np.empty_like(ends)))
                owners = np.concatenate((owners, np.empty_like(owners)))
            ends[rings] = used
            owners[rings] = region
            rings += 1
    return corners[:used].copy(), ends[:rings].copy(), owners[:rings].copy()
