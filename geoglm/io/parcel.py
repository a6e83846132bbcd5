"""Scores as bytes, to be sent home from another process or machine."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from geoglm.types import PixelBox, Scores


def pack_scores(scores: Scores) -> bytes:
    """`scores` as an ``.npz`` with light compression and checksums."""
    arrays = {"classes": scores.classes, "confidence": scores.confidence}
    if scores.probabilities is not None:
        arrays["probabilities"] = scores.probabilities
    arrays |= {f"doubts/{name}": layer for name, layer in scores.doubts.items()}
    arrays |= {f"views/{box.top}/{box.left}": view for box, view in scores.views}
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
        views = tuple((_box(n, archive[n].shape), archive[n]) for n in archive.files if n.startswith("views/"))
        return Scores(archive["classes"], archive["confidence"], archive.get("probabilities"), doubts, views)


def _box(name: str, shape: tuple[int, ...]) -> PixelBox:
    """Where a view lies, by its name."""
    top, left = (int(n) for n in name.split("/")[1:])
    return PixelBox(top, left, top + shape[0], left + shape[1])
