"""How much memory a raster's blocks take, known from its header: a few hundred bytes can claim gigabytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from geoglm.errors import FileRefused

SHARE = 4
"""A block may take this part of the memory: GDAL keeps it as it was unpacked and, band by band, in its cache."""


def block_bytes(dataset: Any) -> int:
    """Bytes that GDAL unpacks to have any pixel of its largest block; of all bands where these lie pixel by pixel."""
    each = [
        rows * cols * np.dtype("int16" if kind == "complex_int16" else kind).itemsize
        for (rows, cols), kind in zip(dataset.block_shapes, dataset.dtypes, strict=True)
    ]
    interleaved = str(dataset.interleaving).endswith("pixel")
    return int(sum(each) if interleaved else max(each))


def check_blocks(dataset: Any, where: object, memory: int) -> None:
    """That a block of an open raster fits into `memory`, before a pixel of it is read.

    Args:
        where: what it is called in an error.
        memory: bytes that there are.

    Raises:
        FileRefused: it does not.
    """
    needed = block_bytes(dataset)
    if needed * SHARE > memory:
        rows, cols = dataset.block_shapes[0]
        raise FileRefused(
            where,
            f"its blocks of {cols} x {rows} px take {needed / 1e6:,.0f} MB each, too much for a memory of "
            f"{memory / 1e6:,.0f} MB; gdal_translate -co TILED=YES makes small ones of them, or raise --memory",
        )
