"""What a safetensors file holds, read from its own header before any library opens it.

Eight bytes of length, then that much JSON: name → dtype, shape and the span of its bytes in the rest of the file
(https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

MOST_HEADER = 8 * 2**20
MOST_BYTES = 2 * 2**30
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
"""Kinds of numbers that a network's weights may be → bytes of one."""


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name → shape of all tensors in the file at `path`.

    Raises:
        ValueError: it is no such file, or its header contradicts the file.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"it has {size / 1e9:.1f} GB; {MOST_BYTES / 1e9:.1f} GB are the most")
    with path.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(MOST_HEADER, size - 8):
            raise ValueError(f"its header claims {length} bytes of {size}; it is no safetensors file, or damaged")
        try:
            header = json.loads(stream.read(length))
        except (ValueError, RecursionError) as error:
            raise ValueError("its header is no JSON; it is no safetensors file, or damaged") from error
    if not isinstance(header, dict):
        raise ValueError("its header is no table of tensors")
    header.pop("__metadata__", None)
    spans = sorted(_span(name, entry) for name, entry in header.items())
    ends = [0, *(end for _, end in spans)]
    if any(start != end for (start, _), end in zip(spans, ends, strict=False)) or ends[-1] != size - 8 - length:
        raise ValueError("its tensors do not fill the file one after the other; it is damaged, or cut short")
    return {name: tuple(entry["shape"]) for name, entry in header.items()}


def _span(name: str, entry: Any) -> tuple[int, int]:
    """Where the bytes of a tensor begin and end, once they are as many as its shape takes."""
    try:
        shape, (start, end), each = entry["shape"], entry["data_offsets"], SIZES[entry["dtype"]]
        sound = all(type(n) is int and n >= 0 for n in (*shape, start, end)) and end - start == math.prod(shape) * each
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its header does not say what {name!r} is") from error
    if not sound:
        raise ValueError(f"the header gives {name!r} other bytes than its shape takes")
    return start, end
