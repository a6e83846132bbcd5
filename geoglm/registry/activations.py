"""How much memory a graph takes at work for a pixel of its tile, weights aside: measured, in processes of their own.

Run as a module with a file and a shape it computes one tile and prints the peak of its process.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

from geoglm.registry.antialias import antialiased
from geoglm.registry.graph import GraphEntry

SIDES = (256, 640)
"""Sides of the two tiles whose peaks are compared, px, rounded up to the stride."""


def activation_bytes_px(path: Path, entry: GraphEntry, bands: int, stride: int) -> float:
    """Bytes a pixel in float32: between a small tile and a large one, or between nothing and the one tile it takes.

    Args:
        path: of the graph, which has been tried before.
        bands, stride: of its input, px.
    """
    sides = [(-(-n // stride) * stride,) * 2 for n in SIDES] if entry.tile is None else [(0, 0), entry.tile]
    peaks = []
    for rows, cols in sides:
        shape = (1, bands, rows, cols) if entry.layout == "NCHW" else (1, rows, cols, bands)
        words = [sys.executable, "-P", "-m", "geoglm.registry.activations", str(path), ",".join(map(str, shape))]
        peaks.append(int(subprocess.run(words, check=True, capture_output=True, text=True).stdout))
    pixels = sides[1][0] * sides[1][1] - sides[0][0] * sides[0][1]
    given = 4.0 * bands  # a small network's own peak may lie in its compilation
    return max(2 * given, (peaks[1] - peaks[0]) / pixels)


def peak_bytes(path: Path, shape: list[int]) -> int:
    """Peak of resident memory of this process once it has run the graph on a tile of zeros, if that has any pixel."""
    import openvino as ov

    core = ov.Core()
    if np.prod(shape):
        model = antialiased(core.read_model(path))
        model.reshape(shape)
        exact = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        core.compile_model(model, "CPU", exact)(np.zeros(shape, np.float32))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    print(peak_bytes(Path(sys.argv[1]), [int(n) for n in sys.argv[2].split(",")]))
