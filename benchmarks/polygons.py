"""Polygons: speed beside GDAL's tracer with shapely, memory, and the worst cases. Maps come from make_map.py.

python benchmarks/polygons.py compare MAP             tracing to GeoParquet, plain and simplified, both ways
python benchmarks/polygons.py formats MAP             every format, read back with GDAL and geopandas
python benchmarks/polygons.py memory MAP [OPTION ...] peak resident memory and time of `geoglm vectorize MAP`
python benchmarks/polygons.py exact MAP               traces MAP, paints the polygons, compares every pixel
python benchmarks/polygons.py coverage MAP            whether traced, simplified and smoothed polygons are a coverage
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from make_map import write_map
from numpy.typing import NDArray

TOLERANCE = 1.5

PEER = """
import sys, time
import geopandas, numpy as np, rasterio, rasterio.features, shapely
def polygons(path, output, tolerance):
    with rasterio.open(path) as file:
        classes, transform, crs = file.read(1), file.transform, file.crs
    found = list(rasterio.features.shapes(classes, mask=classes != 255, connectivity=4, transform=transform))
    value = np.array([v for _, v in found], np.int32)
    geometry = np.array([shapely.geometry.shape(s) for s, _ in found], dtype=object)
    del found
    if tolerance:
        geometry = shapely.coverage_simplify(geometry, tolerance)
    frame = geopandas.GeoDataFrame({"class_id": value, "area_m2": shapely.area(geometry)}, geometry=geometry, crs=crs)
    frame.to_parquet(output, compression="zstd", write_covering_bbox=True)
    return len(frame)
path, warm, output, tolerance = *sys.argv[1:4], float(sys.argv[4])
polygons(warm, output, tolerance)
began, used = time.monotonic(), time.process_time()
count = polygons(path, output, tolerance)
print(time.monotonic() - began, time.process_time() - used, count)
"""

OURS = """
import sys, time
from pathlib import Path
from geoglm.jobs.vectorize import polygon_file, raster_map
from geoglm.options import Length, PolygonOptions
path, warm, output = (Path(p) for p in sys.argv[1:4])
options = PolygonOptions(simplify=Length.parse(sys.argv[4]))
polygon_file(raster_map(warm, None, options), output, options)
began, used = time.monotonic(), time.process_time()
result = polygon_file(raster_map(path, None, options), output, options)
print(time.monotonic() - began, time.process_time() - used, result.polygons)
"""


def run(command: list[str]) -> tuple[str, int]:
    """What a command prints, and its peak resident memory in bytes."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"exit status {os.waitstatus_to_exitcode(status)}: {told}")
    return told, usage.ru_maxrss * 1024


def compare(path: Path, output: Path) -> None:
    """Both ways in processes of their own, from opening the map to a closed file, after one of 64 px."""
    warm = write_map("noise", 64, output / "warm.tif")
    with rasterio.open(path) as file:
        pixels = file.width * file.height
    print("| | polygons | seconds | of CPUs | Mpx/s | peak MB |\n|---|---|---|---|---|---|")
    for tolerance, word in ((0.0, "traced"), (TOLERANCE, f"simplified by {TOLERANCE:g}")):
        seconds, worked = {}, {}
        for name, code in (("shapes + shapely", PEER), ("geoglm", OURS)):
            command = [sys.executable, "-c", code, str(path), str(warm), str(output / "out.parquet"), f"{tolerance:g}"]
            told, peak = run(command)
            taken, used, count = told.split()
            seconds[name], worked[name] = float(taken), float(used)
            figures = (
                f"{seconds[name]:.2f} | {worked[name]:.2f} | {pixels / seconds[name] / 1e6:.1f} | {peak / 1e6:.0f}"
            )
            print(f"| {name}, {word} | {int(count):,} | {figures} |")
        ratios = (f"{d['shapes + shapely'] / d['geoglm']:.1f}" for d in (seconds, worked))
        print(f"| ratio, {word} | | {' | '.join(ratios)} | | |", flush=True)


def vectorized(path: Path, output: Path, *options: str) -> int:
    """Run `geoglm vectorize`, say what it took; its peak."""
    began = time.monotonic()
    told, peak = run([sys.executable, "-m", "geoglm", "vectorize", str(path), "-o", str(output), *options])
    print(told.strip().replace(f"{output.parent}/", ""))
    print(f"{time.monotonic() - began:.1f} s from prompt to prompt, peak {peak / 1e6:.0f} MB", flush=True)
    return peak


def formats(path: Path, folder: Path) -> None:
    """The same polygons in every format: what readers find in them."""
    import geopandas
    import pyogrio

    for suffix in ("gpkg", "fgb", "parquet"):
        output = folder / f"out.{suffix}"
        vectorized(path, output)
        if suffix == "parquet":
            frame = geopandas.read_parquet(output)
        else:
            facts = pyogrio.read_info(output, force_feature_count=True, force_total_bounds=True)
            print(f"  GDAL: {facts['features']:,} features, bounds {facts['total_bounds']}, {facts['crs']}")
            frame = pyogrio.read_dataframe(output, use_arrow=True)
        bounds = tuple(frame.total_bounds.tolist())
        print(f"  geopandas: {len(frame):,} features, bounds {bounds}, {frame.crs.to_string()}")
        print(
            f"  {output.stat().st_size / 1e6:.0f} MB, area {frame.geometry.area.sum():.1f}, {frame.area_m2.sum():.1f}"
        )


def painted(geometry: NDArray[np.object_], value: NDArray[np.int32], file: Any) -> NDArray[np.uint8]:
    """A map out of polygons along pixel edges: every edge that goes down or up changes the rows it passes.

    GDAL looks at every vertex of a polygon for every row, which takes minutes with a million holes.
    """
    import shapely

    _, coords, (rings, parts) = shapely.to_ragged_array(geometry)
    to_px = ~file.transform
    col = np.rint(to_px.a * coords[:, 0] + to_px.b * coords[:, 1] + to_px.c).astype(np.int64)
    row = np.rint(to_px.d * coords[:, 0] + to_px.e * coords[:, 1] + to_px.f).astype(np.int64)
    of_ring = np.repeat(value + 1, np.diff(parts))
    amount = np.repeat(of_ring, np.diff(rings))[:-1]
    down = np.diff(row)
    down[rings[1:-1] - 1] = 0  # from ring to ring there is no edge
    edges = np.flatnonzero(down)
    length = np.abs(down[edges])
    first = np.minimum(row[edges], row[edges + 1])
    rows = np.repeat(first - np.concatenate([[0], np.cumsum(length)[:-1]]), length) + np.arange(length.sum())
    steps = np.zeros((file.height, file.width + 1), np.int32)
    np.add.at(steps, (rows, np.repeat(col[edges], length)), np.repeat(np.sign(down[edges]) * amount[edges], length))
    return (np.cumsum(steps, axis=1)[:, :-1] - 1).astype(np.uint8)  # no data, -1, is 255


def exact(path: Path, folder: Path) -> None:
    """Paint the polygons of a map and compare it with the map."""
    import geopandas
    import shapely

    output = folder / "out.parquet"
    vectorized(path, output)
    frame = geopandas.read_parquet(output, columns=["class_id", "geometry"])
    geometry = frame.geometry.to_numpy()
    with rasterio.open(path) as file:
        differing = np.count_nonzero(painted(geometry, frame.class_id.to_numpy(), file) != file.read(1))
    holes = int(shapely.get_num_interior_rings(geometry).sum())
    print(f"  {len(frame):,} polygons with {holes:,} holes, {differing} pixels painted otherwise", flush=True)


def coverage(path: Path, folder: Path) -> None:
    """Whether the polygons of a map are a coverage: traced, simplified, and smoothed as well."""
    import geopandas
    import shapely

    for options in ((), ("--simplify", "1.5"), ("--simplify", "1.5", "--method", "douglas", "--smooth", "2")):
        vectorized(path, folder / "out.parquet", *options)
        frame = geopandas.read_parquet(folder / "out.parquet")
        geometry = frame.geometry.to_numpy()
        facts = f"valid: {shapely.is_valid(geometry).all()}, coverage: {shapely.coverage_is_valid(geometry)}"
        print(f"  {len(frame):,} polygons, {facts}, area {shapely.area(geometry).sum():.1f}", flush=True)


def main() -> None:
    """See above."""
    task, path = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        if task == "memory":
            vectorized(path, Path(folder) / "out.parquet", *sys.argv[3:])
        else:
            {"compare": compare, "formats": formats, "exact": exact, "coverage": coverage}[task](path, Path(folder))


if __name__ == "__main__":
    main()
