"""How much a tiled map differs from one pass over the whole image, in float32.

python benchmarks/agreement.py SCENE        default plan, halo exact, and small patches with several halos
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import geoglm

MODEL = "aerial-landcover"
TIE = 1e-4
"""Pixels whose two best classes are closer than this in probability may fall either way in float32."""


def segmented(scene: str, **tiling: int | str) -> tuple[NDArray[np.uint8], str]:
    """Class map, and the tiles that the plan took."""
    result = geoglm.segment(scene, MODEL, precision="f32", **{"memory": "20GB", "workers": 1} | tiling)
    return result.classes.values, result.attrs["plan"]


def ties(scene: str) -> NDArray[np.bool_]:
    """Where the two best classes of the whole image are within `TIE`, from the network itself under torch."""
    import rasterio
    import torch

    from geoglm.infer.scoring import LogitsGraph, ScoringGraph
    from geoglm.io.geotiff import RasterFile
    from geoglm.jobs.planning import make_plan
    from geoglm.options import SegmentOptions

    package = geoglm.load_model(MODEL)
    reduce = make_plan(RasterFile(Path(scene)), SegmentOptions(MODEL)).reduce
    with rasterio.open(scene) as source:
        pixels = source.read([1, 2, 3])
    rows, cols = pixels.shape[1:]
    stride = package.card.stride * reduce
    padded = np.pad(pixels, ((0, 0), (0, -rows % stride), (0, -cols % stride)), constant_values=127)
    graph = ScoringGraph(LogitsGraph(package.network(), package.card.scaling, 255.0, reduce=reduce), "float")
    with torch.inference_mode():
        (chance,) = graph(torch.from_numpy(padded).float()[None])
    best = chance[0, :, :rows, :cols].topk(2, dim=0).values
    return ((best[0] - best[1]) < TIE).numpy()


def main(scene: str) -> None:
    """Print a table."""
    opened = geoglm.open_scene(scene)
    side = max(opened.sizes["y"], opened.sizes["x"])
    whole, _ = segmented(scene, patch=side + 64)
    even = ties(scene)
    print(f"{scene}, {opened.sizes['x']} x {opened.sizes['y']} px, {even.mean():.4%} ties within {TIE}")
    print("| tiles | agreement with the whole image | pixels that differ and are no tie |\n|---|---|---|")
    cases: dict[str, dict[str, int | str]] = {
        "default plan (2 GB, 2 workers)": {"memory": "2GB", "workers": 2},
        "halo exact": {"patch": "auto", "halo": "exact"},
    }
    for patch, halo in ((512, 32), (512, 64), (512, 128), (1024, 64), (1024, 128), (1024, 256)):
        cases[f"patch {patch}, halo {halo}"] = {"patch": patch, "halo": halo}
    for name, tiling in cases.items():
        found, plan = segmented(scene, **tiling)
        differ = found != whole
        print(f"| {name} | {1 - differ.mean():.3%} | {int((differ & ~even).sum())} |", flush=True)
        if name.startswith("default"):
            print(plan, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
