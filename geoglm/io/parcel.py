"""Scores as bytes, to be kept in a file or sent home from another machine."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from geoglm.types import Scores


def write_scores(file: Path | IO[bytes], scores: Scores) -> None:
    """Write `scores` as an ``.npz`` with light compression and checksums."""
    arrays = {"classes": scores.classes, "confidence": scores.confidence}
    if scores.probabilities is not None:
        arrays["probabilities"] = scores.probabilities
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for title, array in arrays.items():
            with archive.open(f"{title}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def read_scores(file: Path | IO[bytes]) -> Scores:
    """What `write_scores` wrote; its checksums are verified."""
    with np.load(file, allow_pickle=False) as archive:
        return Scores(archive["classes"], archive["confidence"], archive.get("probabilities"))


def pack_scores(scores: Scores) -> bytes:
    """`scores` as bytes."""
    stream = io.BytesIO()
    write_scores(stream, scores)
    return stream.getvalue()


def unpack_scores(content: bytes) -> Scores:
    """Scores from the bytes of `pack_scores`."""
    return read_scores(io.BytesIO(content))
