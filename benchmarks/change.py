"""What `geoglm change` finds, and what it must not find.

python benchmarks/change.py --data DATA        Taizhou, in DATA/change/taizhou: kappa on its reference samples
python benchmarks/change.py --pair SCENE...    shifted, brighter, noisy copies of scenes; the same on other grids
python benchmarks/change.py --paste SCENE...   blocks of another class pasted in: recall and precision by area,
                                                by the bands alone and where the network sees a change as well
python benchmarks/change.py --classes SCENE... a model on both dates: order and identity

Copies are moved by Fourier's theorem and cut at the rim, 10 % brighter, with noise of 1 % of the scene's range, in 16
bits, so that bright ground is not cut off; in another light means values to the power of 0.8 after that, which no gain
and offset undo. Classes for the pasting are those that the model which suits the scene sees.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform_bounds
from scipy.ndimage import binary_dilation, binary_erosion, fourier_shift

from geoglm.jobs.change.run import ChangeResult, change
from geoglm.jobs.segment import segment_file
from geoglm.options import SegmentOptions

RIM = 16
"""Pixels cut off where a shift wraps round."""

Pixels = NDArray[Any]


def kappa(found: Pixels, changed: Pixels, unchanged: Pixels) -> float:
    """Cohen's kappa on the samples."""
    table = np.array([[(f & t).sum() for t in (changed, unchanged)] for f in (found, ~found)], np.float64)
    total = table.sum()
    by_chance = (table.sum(axis=0) * table.sum(axis=1)).sum() / total**2
    return float((np.trace(table) / total - by_chance) / (1 - by_chance))


def judged(result: ChangeResult) -> Pixels:
    """The codes of a result."""
    with rasterio.open(result.folder / "change.tif") as file:
        return np.asarray(file.read(1))


def taizhou(data: Path, work: Path) -> None:
    """The published pair."""
    home = data / "change" / "taizhou"
    for year in ("2000TM", "2003TM"):
        rasterio.shutil.copy(home / year, work / f"{year}.tif", driver="GTiff")
    result = change(work / "2000TM.tif", work / "2003TM.tif", work / "taizhou", vectors="none")
    samples = []
    for name in ("change", "unchanged"):
        with rasterio.open(home / f"{name}.bmp") as file:
            samples.append(file.read(1) > 0)
    print(f"taizhou: kappa {kappa(judged(result) == 1, *samples):.4f}, {result.changed_share:.1%} changed")


def scene_of(path: Path) -> tuple[Pixels, dict[str, Any]]:
    """Pixels as numbers, and where they lie."""
    with rasterio.open(path) as file:
        return file.read().astype(np.float64), {"crs": file.crs, "transform": file.transform}


def written(path: Path, pixels: Pixels, place: dict[str, Any], **more: Any) -> Path:
    """An array as a GeoTIFF of 16 bits."""
    whole = np.rint(pixels).clip(0, 65_534).astype(np.uint16)
    profile = {"driver": "GTiff", "count": len(whole), "height": whole.shape[1], "width": whole.shape[2]}
    with rasterio.open(path, "w", dtype="uint16", nodata=65_535, **profile, **(place | more)) as file:
        file.write(whole)
    return path


def later(pixels: Pixels, shift: float = 0.0) -> Pixels:
    """Another date of the same ground, `shift` px further up and to the right."""
    moved = np.stack([np.fft.ifft2(fourier_shift(np.fft.fft2(b), (-shift, shift))).real for b in pixels])
    noise = 0.01 * np.ptp(np.percentile(pixels, (1, 99)))
    return 1.1 * moved + noise * np.random.default_rng(0).normal(size=pixels.shape)


def cut(pixels: Pixels) -> Pixels:
    """Without the rim."""
    return pixels[:, RIM:-RIM, RIM:-RIM]


def shifted_pairs(path: Path, work: Path) -> None:
    """Must show 2: shifts, measured and taken back."""
    pixels, place = scene_of(path)
    before = written(work / "before.tif", cut(pixels), place)
    for shift in (0.0, 0.5, 1.0):
        after = written(work / "after.tif", cut(later(pixels, shift)), place)
        left = change(before, after, work / "left", vectors="none")
        moved = change(before, after, work / "moved", vectors="none", coregister=True)
        told = left.summary["shift_px"]
        off = max(abs(told["rows"] + shift), abs(told["cols"] - shift))
        warned = any("--coregister" in n for n in left.notes)
        print(
            f"{path.stem}: shifted {shift:g} px: measured within {off:.3f} px, flagged {left.changed_share:.3%}"
            f"{' with a warning' if warned else ''}, {moved.changed_share:.3%} after --coregister"
        )


def eight_bits(path: Path, work: Path) -> None:
    """A brighter, noisy copy of an 8-bit scene, cut off at 255."""
    pixels, place = scene_of(path)
    if pixels.max() > 255:
        return
    paths = work / "before8.tif", work / "after8.tif"
    for target, date in zip(paths, (pixels, later(pixels)), strict=True):
        whole = np.rint(date).clip(0, 255).astype(np.uint8)
        profile = {"count": len(whole), "height": whole.shape[1], "width": whole.shape[2], "dtype": "uint8"}
        with rasterio.open(target, "w", driver="GTiff", **profile, **place) as file:
            file.write(whole)
    print(f"{path.stem}: in 8 bits: flagged {change(*paths, work / 'out', vectors='none').changed_share:.3%}")


def other_grids(path: Path, work: Path) -> None:
    """Must show 4: other CRS, resolution and extent against the aligned pair, away from edges of what was found."""
    pixels, place = scene_of(path)
    height, width = pixels.shape[1:]
    after = later(pasted(path, pixels)[0])
    before = written(work / "before.tif", pixels, place)
    aligned = judged(change(before, written(work / "after.tif", after, place), work / "aligned", vectors="none"))
    t = place["transform"]
    part = written(work / "part.tif", after[:, 100:, 50:], place, transform=t @ Affine.translation(50, 100))
    compare(f"{path.stem}: part", aligned[100:, 50:], judged(change(before, part, work / "o", vectors="none")))
    zone = {28992: 32631, 32617: 32616, 32633: 32632}[place["crs"].to_epsg()]
    other = regridded(after, place, zone, abs(t.a), work / "zone.tif")
    compare(f"{path.stem}: EPSG:{zone}", aligned, judged(change(before, other, work / "o", vectors="none")))
    half = regridded(after, place, place["crs"].to_epsg(), 2 * abs(t.a), work / "half.tif")
    coarse = judged(change(before, half, work / "o", vectors="none"))
    compare(f"{path.stem}: twice as coarse", aligned[: height // 2 * 2 : 2, : width // 2 * 2 : 2], coarse)


def regridded(pixels: Pixels, place: dict[str, Any], epsg: int, step: float, path: Path) -> Path:
    """The pixels on another grid, as a file."""
    height, width = pixels.shape[1:]
    corner, far = place["transform"] @ (0, 0), place["transform"] @ (width, height)
    west, south, east, north = transform_bounds(place["crs"], epsg, corner[0], far[1], far[0], corner[1])
    transform = Affine(step, 0, west, 0, -step, north)
    made = np.full((len(pixels), int((north - south) / step), int((east - west) / step)), 65_535, np.float32)
    reproject(
        pixels.astype(np.float32), made, src_transform=place["transform"], src_crs=place["crs"],
        dst_transform=transform, dst_crs=epsg, resampling=Resampling.average if step > place["transform"].a * 1.5
        else Resampling.lanczos, dst_nodata=65_535, init_dest_nodata=True,
    )  # fmt: skip
    whole = np.where(made == 65_535, 65_535, np.rint(made).clip(0, 65_534)).astype(np.uint16)
    profile = {"driver": "GTiff", "count": len(whole), "height": whole.shape[1], "width": whole.shape[2]}
    with rasterio.open(path, "w", dtype="uint16", nodata=65_535, crs=epsg, transform=transform, **profile) as file:
        file.write(whole)
    return path


def compare(name: str, aligned: Pixels, found: Pixels) -> None:
    """How far two answers agree: where both have data, everywhere and away from edges by more than a pixel."""
    both = (aligned != 255) & (found != 255)
    one, other = aligned == 1, found == 1
    edge = binary_dilation(one, iterations=2) & ~binary_erosion(one, iterations=2)
    agree = one == other
    print(
        f"{name}: agrees with the aligned pair on {agree[both].mean():.2%}, {agree[both & ~edge].mean():.2%} away from "
        f"edges; {other[both].mean():.2%} changed, {one[both].mean():.2%} there"
    )


def pasted(path: Path, pixels: Pixels, side: int = 40, count: int = 6) -> tuple[Pixels, Pixels]:
    """The scene with blocks of another class's pixels in it, and where they are."""
    options = SegmentOptions(scale="auto" if pixels.max() > 255 else None, vectors="none")
    with (
        tempfile.TemporaryDirectory() as folder,
        rasterio.open(segment_file(path, Path(folder) / "out", options).folder / "classes.tif") as file,
    ):
        classes = file.read(1)
    after, truth = pixels.copy(), np.zeros(classes.shape, bool)
    rng = np.random.default_rng(0)
    squares: list[tuple[int, int, int]] = []
    for _ in range(20_000):
        row, col = (int(rng.integers(0, n - side)) for n in classes.shape)
        values, counts = np.unique(classes[row : row + side, col : col + side], return_counts=True)
        if counts.max() >= 0.95 * side**2 and values[counts.argmax()] != 255:
            squares.append((int(values[counts.argmax()]), row, col))
    for value, row, col in squares:
        donors = [s for s in squares if s[0] != value]
        if truth[max(row - 5, 0) : row + side + 5, max(col - 5, 0) : col + side + 5].any() or not donors:
            continue
        _, there, across = donors[int(rng.integers(len(donors)))]
        after[:, row : row + side, col : col + side] = pixels[:, there : there + side, across : across + side]
        truth[row : row + side, col : col + side] = True
        if truth.sum() >= count * side**2:
            break
    return after, truth


def paste(path: Path, work: Path) -> None:
    """Must show 3: recall and precision by area, as it is and on another date."""
    pixels, place = scene_of(path)
    after, truth = pasted(path, pixels)
    if not truth.any():
        print(f"{path.stem}: one class alone, nothing to paste")
        return
    before = written(work / "before.tif", pixels, place)
    dates: dict[str, Callable[[Pixels], Pixels]] = {
        "the same day": lambda p: p,
        "brighter and noisy": later,
        "in another light": lambda p: pixels.max() * (later(p).clip(0) / pixels.max()) ** 0.8,
    }
    how = {"spectral": {}, "features": {"scale": "auto"} if pixels.max() <= 255 else {}}
    for name, date in dates.items():
        paths = before, written(work / "after.tif", date(after), place)
        for method, choices in how.items():
            result = change(*paths, work / "out", vectors="none", method=method, **choices)
            found = judged(result) == 1
            hit = (found & truth).sum()
            print(
                f"{path.stem}: {truth.mean():.1%} pasted, {name}, {method}: recall {hit / truth.sum():.3f}, "
                f"precision {hit / max(found.sum(), 1):.3f}",
                flush=True,
            )


def by_classes(path: Path, work: Path) -> None:
    """Must show 5: order and identity, with a model on both dates."""
    pixels, _ = scene_of(path)
    after, _ = pasted(path, pixels)
    paths = [path, work / "after.tif"]
    with rasterio.open(path) as file, rasterio.open(paths[1], "w", **file.profile) as copy:
        copy.write(after.astype(file.dtypes[0]))
    one = change(*paths, work / "one", method="classes", vectors="none")
    two = change(*paths[::-1], work / "two", method="classes", vectors="none")
    same = change(path, path, work / "same", method="classes", vectors="none")
    first, second = (r.summary["change"]["from_to"] for r in (one, two))
    off = max(abs(first[a][b] - second[b][a]) for a in first for b in first)
    print(
        f"{path.stem}: swapped, the matrix differs from its transpose by {off:g} ha of {one.changed_share:.2%} changed"
    )
    print(f"{path.stem}: against itself {same.changed_share:.2%} changed")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path)
    asked.add_argument("--pair", type=Path, nargs="+", default=[])
    asked.add_argument("--paste", type=Path, nargs="+", default=[])
    asked.add_argument("--classes", type=Path, nargs="+", default=[])
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        if given.data:
            taizhou(given.data, room)
        for scene in given.pair:
            shifted_pairs(scene, room)
            eight_bits(scene, room)
            other_grids(scene, room)
        for scene in given.paste:
            paste(scene, room)
        for scene in given.classes:
            by_classes(scene, room)
