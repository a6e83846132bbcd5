"""What smoothing in time takes away of noise and leaves of change, on real maps of classes.

python benchmarks/series.py MAP...                      noise and change invented on MAP, by numbers of dates
python benchmarks/series.py MAP... --size 8192 --dates 6    time and memory of `geoglm series` on MAP laid out so large

A series is invented from one map: on every date a share of the labels is any other class (5 % unless said otherwise),
and pieces of 5 to 40 px are changed into what lies elsewhere on the map, each on any date but the first. Of the changes
of class from a date to the next that the noisy maps show beyond those that there were (false flips) the share that is
removed is told; of the true ones the share that the noisy maps show, right just before and just after, the share of
those that is kept, and the share of all that the smoothed maps show.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoglm.io.class_raster import ClassRaster
from geoglm.io.cog import array_blocks, classes_layer, write_cog
from geoglm.jobs.series.run import series
from geoglm.stats.series.smooth import flips
from geoglm.types import INVALID, GeoRef, LandClass

Labels = NDArray[np.uint8]


def map_of(path: Path) -> tuple[Labels, tuple[LandClass, ...], GeoRef]:
    """Places in the list of classes that occur, 255 for none; and that list."""
    raster = ClassRaster(path)
    codes = np.concatenate(list(raster.rows()))
    there = [int(v) for v in np.unique(codes) if v != INVALID]
    table = np.full(256, INVALID, np.uint8)
    table[there] = np.arange(len(there))
    named = {c.value: c for c in raster.classes}
    classes = tuple(
        replace(named[raster.legend.values[v]], value=k) if raster.classes else LandClass(k, f"{v}", "#808080")
        for k, v in enumerate(there)
    )
    return table[codes], classes, raster.meta.georef


def invented(
    still: Labels, dates: int, classes: int, noise: float, *, share: float, seed: int
) -> tuple[Labels, Labels]:
    """What there was and what the maps say ``(date, y, x)``; about `share` of the ground changes once or more."""
    rng, (height, width) = np.random.default_rng(seed), still.shape
    truth = np.tile(still, (dates, 1, 1))
    while ((truth != truth[0]).any(axis=0)).mean() < share:
        for _ in range(max(1, still.size // 100_000)):
            rows, cols = rng.integers(5, 41, 2)
            (top, left), (there, across) = (
                (rng.integers(0, height - rows), rng.integers(0, width - cols)) for _ in range(2)
            )
            when = rng.integers(1, dates)
            truth[when:, top : top + rows, left : left + cols] = still[there : there + rows, across : across + cols]
    truth[:, still == INVALID] = INVALID
    wrong = (truth + rng.integers(1, classes, truth.shape)) % classes
    seen = np.where((rng.random(truth.shape) < noise) & (truth != INVALID), wrong, truth)
    return truth, seen.astype(np.uint8)


def written(folder: Path, seen: Labels, classes: tuple[LandClass, ...], georef: GeoRef) -> list[Path]:
    """The maps as files, a year apart."""
    paths = []
    for number, labels in enumerate(seen):
        paths.append(folder / f"map_{2000 + number}.tif")
        write_cog(paths[-1], labels.shape, georef, classes_layer(classes), array_blocks(labels, "mode"))
    return paths


def smoothed(paths: list[Path], output: Path, choices: dict[str, Any]) -> tuple[Labels, NDArray[np.uint8]]:
    """What `geoglm series` makes of them ``(date, y, x)``, and the map of first change."""
    result = series(paths, output, **choices)
    made = []
    for date in result.summary["dates"]:
        with rasterio.open(result.folder / f"classes-{date['date']}.tif") as file:
            made.append(file.read(1))
    with rasterio.open(result.folder / "first-change.tif") as file:
        return np.stack(made), file.read(1)


def shown(truth: Labels, *several: Labels) -> int:
    """True changes that all of several series show, right just before and just after."""
    found = truth[1:] != truth[:-1]
    for labels in several:
        right = labels == truth
        found &= right[1:] & right[:-1]
    return int(found.sum())


def judged(path: Path, dates: int, choices: dict[str, Any], work: Path) -> str:
    """A row of the table."""
    still, classes, georef = map_of(path)
    truth, seen = invented(still, dates, len(classes), choices["noise"], share=0.08, seed=dates)
    made, first = smoothed(written(work, seen, classes, georef), work / "out", choices)
    changes, show, kept = shown(truth), shown(truth, seen), shown(truth, seen, made)
    false, left = (flips(labels) - shown(truth, labels) for labels in (seen, made))
    there = truth[0] != INVALID
    when = (truth[1:] != truth[:-1]).argmax(axis=0) + 1
    changed = (truth[1:] != truth[:-1]).any(axis=0)
    dated = (np.where(changed, when, 0) == first)[there]
    right = [float((labels == truth)[:, there].mean()) for labels in (seen, made)]
    shares = (1 - left / false, show / changes, kept / show, shown(truth, made) / changes)
    cells = [f"{path.parent.name}/{path.name}", f"{dates}", *(f"{s:.1%}" for s in shares)]
    return f"| {' | '.join(cells)} | {right[0]:.1%} → {right[1]:.2%} | {dated.mean():.2%} |"


def large(path: Path, size: int, dates: int, choices: dict[str, Any], work: Path) -> None:
    """Time and memory on the map laid out to so many pixels a side."""
    still, classes, georef = map_of(path)
    times = -(-size // min(still.shape))
    mirrored = np.block([[still, still[:, ::-1]], [still[::-1], still[::-1, ::-1]]])
    wide = np.tile(mirrored, (-(-times // 2), -(-times // 2)))[:size, :size]
    rng, paths = np.random.default_rng(0), []
    for number in range(dates):
        wrong = (wide + rng.integers(1, len(classes), wide.shape, np.uint8)) % len(classes)
        labels = np.where(rng.random(wide.shape, np.float32) < choices["noise"], wrong, wide).astype(np.uint8)
        paths += written(work, labels[None], classes, georef)
        paths[-1] = paths[-1].rename(work / f"large_{2000 + number}.tif")
    del wide, mirrored, labels, wrong
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    began = time.monotonic()
    series(paths, work / "large", **choices)
    took, peak = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{size} x {size} px, {dates} dates: {took:.0f} s, {dates * size**2 / took / 1e6:.1f} Mpx/s, ", end="")
    print(f"peak {peak:.0f} MB ({before:.0f} MB before)")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maps", nargs="+", type=Path)
    parser.add_argument("--dates", type=int, nargs="+", default=[4, 6, 10])
    parser.add_argument("--noise", type=float, default=0.05, help="share of wrong labels, invented and expected")
    parser.add_argument("--stay", type=float, default=0.9)
    parser.add_argument("--neighbours", type=float, nargs="+", default=[0.5, 0.0])
    parser.add_argument("--size", type=int, help="lay the map out so large, and tell time and memory")
    given = parser.parse_args()
    for weight in given.neighbours:
        choices = {"noise": given.noise, "stay": given.stay, "neighbours": weight}
        if not given.size:
            print(f"\nneighbours {weight:g}")
            print(
                "| map | dates | false flips removed | changes shown | of these kept | shown smoothed | right | first |"
            )
            print("|---|---|---|---|---|---|---|---|")
        for path in given.maps:
            for dates in given.dates:
                with tempfile.TemporaryDirectory() as work:
                    if given.size:
                        large(path, given.size, dates, choices, Path(work))
                    else:
                        print(judged(path, dates, choices, Path(work)), flush=True)


if __name__ == "__main__":
    main()
