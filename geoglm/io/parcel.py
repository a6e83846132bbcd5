"""Scores as bytes, to be sent home from another process or machine."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from geoglm.types import Scores


def pack_scores(scores: Scores) -> bytes:
    """`scores` as an ``.npz`` with light compression and checksums."""
    arrays = {"classes": scores.classes, "confidence": scores.confidence}
    if scores.probabilities is not None:
        arrays["probabilities"] = scores.probabilities
    arrays |= {f"doubts/{name}": layer for name, layer in scores.doubts.items()}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for title, array in arrays.items():
            with archive.open(f"{title}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
    return stream.getvalue()


def unpack_scores(content: bytes) -> Scores:
    """Scores from the bytes of `pack_scores`; the checksums are verified."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        doubts = {n.removeprefix("doubts/"): archive[n] for n in archive.files if n.startswith("doubts/")}
        return Scores(archive["classes"], archive["confidence"], archive.get("probabilities"), doubts)
