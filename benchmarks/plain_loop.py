"""The way most people do it today: the same weights under torch, window by window, blended in float accumulators.

python benchmarks/plain_loop.py SCENE [MODEL] [--polygons]

rasterio windows of 512 px with 25 % overlap, float32 at the batch size that is fastest here, probabilities summed and
divided, argmax, a compressed GeoTIFF, and with --polygons `rasterio.features.shapes` into a GeoPackage.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import geopandas
import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from rasterio.features import shapes
from rasterio.windows import Window
from shapely.geometry import shape

from geoglm.infer.scoring import LogitsGraph, ScoringGraph
from geoglm.io.geotiff import RasterFile
from geoglm.jobs.planning import make_plan
from geoglm.options import SegmentOptions

SIDE, STEP = 512, 384


def main(scene: Path, model: str = "auto", *, polygons: bool = False) -> None:
    """Print pixels and seconds as JSON."""
    plan = make_plan(RasterFile(scene), SegmentOptions(model))
    package, bands = plan.package, [b + 1 for b in plan.bands]
    logits = LogitsGraph(package.network(), plan.scaling, plan.full_scale, reduce=plan.reduce)
    network = ScoringGraph(logits, "float", temperature=package.card.temperature)
    batch = _fastest(network, len(bands))
    began, worked = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder, rasterio.open(scene) as source:
        classes = _segmented(source, network, bands, len(package.card.classes), batch)
        profile = source.profile | {"count": 1, "dtype": "uint8", "nodata": None, "compress": "deflate"}
        with rasterio.open(Path(folder) / "classes.tif", "w", **profile) as target:
            target.write(classes, 1)
        if polygons:
            found = [(shape(s), int(v)) for s, v in shapes(classes, transform=source.transform)]
            columns = {"class_id": [v for _, v in found]}
            frame = geopandas.GeoDataFrame(columns, geometry=[s for s, _ in found], crs=source.crs)
            frame.to_file(Path(folder) / "polygons.gpkg")
    facts = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - worked}
    print(json.dumps({"px": classes.size, **facts, "batch": batch}))


def _segmented(
    source: rasterio.DatasetReader, network: torch.nn.Module, bands: list[int], kinds: int, batch: int
) -> NDArray[np.uint8]:
    """The class map of a scene."""
    height, width = source.shape
    total = np.zeros((kinds, height, width), np.float32)
    weight = np.zeros((height, width), np.float32)
    tops, lefts = (sorted({*range(0, max(n - SIDE, 0), STEP), max(n - SIDE, 0)}) for n in (height, width))
    corners = [(top, left) for top in tops for left in lefts]
    for first in range(0, len(corners), batch):
        group = corners[first : first + batch]
        tiles = np.stack([source.read(bands, window=Window(left, top, SIDE, SIDE)) for top, left in group])
        with torch.inference_mode():
            (chances,) = network(torch.from_numpy(tiles).float())
        for (top, left), chance in zip(group, chances.numpy(), strict=True):
            total[:, top : top + SIDE, left : left + SIDE] += chance
            weight[top : top + SIDE, left : left + SIDE] += 1
    total /= weight
    return total.argmax(axis=0).astype(np.uint8)


def _fastest(network: torch.nn.Module, bands: int) -> int:
    """The batch size with which a tile takes least time."""
    times = {}
    for batch in (1, 2, 4, 8):
        tiles = torch.zeros(batch, bands, SIDE, SIDE)
        with torch.inference_mode():
            network(tiles)
            began = time.perf_counter()
            network(tiles)
        times[batch] = (time.perf_counter() - began) / batch
    return min(times, key=lambda b: times[b])


if __name__ == "__main__":
    given = [a for a in sys.argv[1:] if a != "--polygons"]
    main(Path(given[0]), *given[1:], polygons="--polygons" in sys.argv)
