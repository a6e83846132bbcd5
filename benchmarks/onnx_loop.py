"""The leanest way in use: ONNX Runtime, tile beside tile without any overlap, nothing but a uint8 mask.

python benchmarks/onnx_loop.py SCENE [MODEL]

Seams are not looked after. Tiles of 512 px through rasterio windows, argmax in NumPy, a compressed GeoTIFF.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import rasterio
import torch
from rasterio.windows import Window

from geoglm.infer.scoring import LogitsGraph
from geoglm.io.geotiff import RasterFile
from geoglm.jobs.planning import make_plan
from geoglm.options import SegmentOptions

SIDE = 512


def main(scene: Path, model: str = "auto") -> None:
    """Print pixels and seconds as JSON."""
    plan = make_plan(RasterFile(scene), SegmentOptions(model))
    bands = [b + 1 for b in plan.bands]
    graph = LogitsGraph(plan.package.network(), plan.scaling, plan.full_scale, reduce=plan.reduce)
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "model.onnx"
        example = torch.zeros(1, len(bands), SIDE, SIDE)
        torch.onnx.export(graph, (example,), exported, dynamo=True, external_data=False, verbose=False)
        session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        began, worked = time.perf_counter(), time.process_time()
        with rasterio.open(scene) as source:
            profile = source.profile | {"count": 1, "dtype": "uint8", "nodata": None, "compress": "deflate"}
            with rasterio.open(Path(folder) / "mask.tif", "w", **profile) as target:
                for top in range(0, source.height, SIDE):
                    for left in range(0, source.width, SIDE):
                        window = Window(left, top, min(SIDE, source.width - left), min(SIDE, source.height - top))
                        tile = np.zeros((1, len(bands), SIDE, SIDE), np.float32)
                        tile[0, :, : window.height, : window.width] = source.read(bands, window=window)
                        (logits,) = session.run(None, {name: tile})
                        mask = logits[0].argmax(axis=0).astype(np.uint8)
                        target.write(mask[: window.height, : window.width], 1, window=window)
        facts = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - worked}
        print(json.dumps({"px": source.height * source.width, **facts}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
