"""``geoglm sample`` and ``geoglm assess``: where to look on a map, and what the looking says of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import GeoglmError, LabelError, OutputError
from geoglm.io.geotiff import RasterFile
from geoglm.io.label_colours import label_colours
from geoglm.io.label_names import plain
from geoglm.io.labels import Labels, open_labels
from geoglm.io.sample_points import Design, LabelledPoints, read_sample, write_sample
from geoglm.stats.area import pixel_areas
from geoglm.stats.design import allocate, located, ranks
from geoglm.stats.estimates import Assessment, StratifiedSample
from geoglm.stats.estimates import assess as estimated
from geoglm.types import INVALID, LandClass, PixelBox

BAND_ROWS = 512
"""A map passes by in bands of so many rows."""


@dataclass(frozen=True, slots=True)
class ClassMap:
    """A class raster, its legend, and how much there is of each class.

    Args:
        counts: ``(class,)`` pixels.
        hectares: area of all classified pixels, None where the map does not say where it lies.
        uneven: True where pixels differ in area by more than 1 %.
    """

    path: Path
    source: RasterFile
    labels: Labels
    counts: NDArray[np.int64]
    hectares: float | None
    uneven: bool

    @classmethod
    def read(cls, path: Path) -> ClassMap:
        """Count the pixels of the raster at `path`.

        Raises:
            GeoglmError: it is no class raster.
        """
        source = RasterFile(path)
        labels = open_labels(path, source.meta)
        areas = pixel_areas(source.meta.georef, *source.meta.box.shape)
        counts, hectares = np.zeros(256, np.int64), 0.0
        for box, band in _bands(labels, source.meta.box):
            counts += np.bincount(band.ravel(), minlength=256)
            if areas is not None:
                hectares += float(areas[box.top : box.bottom] @ (band != INVALID).sum(axis=1)) / 1e4
        uneven = areas is not None and bool(np.ptp(areas) > 0.01 * areas.mean())
        return cls(path, source, labels, counts[: len(labels.classes)], None if areas is None else hectares, uneven)

    @property
    def legend(self) -> tuple[LandClass, ...]:
        """Classes with the colours that the map gives them, grey where it gives none."""
        names = self.labels.classes
        colours = label_colours(self.path, None, names)
        return tuple(LandClass(k, n, colours.get(n, "#808080")) for k, n in enumerate(names))


def _bands(labels: Labels, scene: PixelBox) -> Iterator[tuple[PixelBox, NDArray[np.uint8]]]:
    for top in range(scene.top, scene.bottom, BAND_ROWS):
        box = PixelBox(top, scene.left, min(top + BAND_ROWS, scene.bottom), scene.right)
        yield box, labels.read(box)


@dataclass(frozen=True, slots=True)
class DrawnSample:
    """What was drawn: stratum → pixels of the map, and units in the sample."""

    path: Path
    pixels: dict[str, int]
    units: dict[str, int]


def sample(
    classes: str | Path,
    output: str | Path,
    *,
    n: int = 300,
    allocation: str = "balanced",
    seed: int = 0,
) -> DrawnSample:
    """Draw a stratified random sample of a class map and write it as points to be labelled.

    Strata are the map's classes; within each, every pixel is as likely. The same seed draws the same sample.

    Args:
        classes: path of the class raster.
        output: GeoPackage to write; a QGIS form that offers the classes is written beside it.
        n: number of units.
        allocation: ``balanced`` (in proportion, with a floor for rare classes), ``proportional`` or ``equal``.

    Raises:
        GeoglmError: the map is none, `n` is too small for its classes, or the output is there already.
    """
    path = Path(output)
    if path.suffix != ".gpkg":
        raise OutputError(f"{path}: a sample is a GeoPackage; give a name that ends in .gpkg")
    if path.exists():
        raise OutputError(f"{path}: is there already, and may hold labels; choose another name or remove it")
    mapped = ClassMap.read(Path(classes))
    there = np.flatnonzero(mapped.counts)
    if not len(there):
        raise LabelError(f"{classes}: has no classified pixel to draw from")
    try:
        taken = allocate(n, mapped.counts[there], allocation)
    except ValueError as error:
        raise GeoglmError(f"{error}; raise -n") from error
    stratum = np.full(256, -1, np.int64)
    stratum[there] = np.arange(len(there))
    rows = (stratum[band] for _, band in _bands(mapped.labels, mapped.source.meta.box))
    units = list(located(rows, ranks(taken, mapped.counts[there], seed)))
    order = np.random.default_rng(seed).permutation(len(units))  # whoever labels learns nothing from the order
    names = tuple(mapped.labels.classes[k] for k in there)
    design = Design(names, mapped.counts[there])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sample(path, [units[k] for k in order], design, mapped.source.meta.georef, classes=mapped.legend)
    return DrawnSample(
        path,
        dict(zip(names, mapped.counts[there].tolist(), strict=True)),
        dict(zip(names, taken.tolist(), strict=True)),
    )


@dataclass(frozen=True, slots=True)
class MapAssessment:
    """A map judged by a sample.

    Args:
        names: of the classes, in the order of the figures.
        hectares: area of the map, None where it does not say where it lies.
        units: labelled units used.
        notes: what the user should know.
    """

    names: tuple[str, ...]
    figures: Assessment
    hectares: float | None
    units: int
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values: estimates with standard errors and 95 % confidence intervals."""
        return {
            "units": self.units,
            "hectares": self.hectares,
            **self.figures.as_dict(self.names, area=self.hectares),
            "notes": list(self.notes),
        }


def assess(
    classes: str | Path,
    labelled: str | Path,
    *,
    field: str = "reference",
    assume_random: bool = False,
    output: str | Path | None = None,
) -> MapAssessment:
    """Accuracy of a class map and unbiased areas, with 95 % confidence intervals, from a labelled sample.

    The sample may have been drawn from another map of the same area, an earlier version say.

    Args:
        classes: path of the class raster that is judged.
        labelled: the file of `sample`, with reference classes filled in.
        field: that holds the reference class by name.
        assume_random: take a file that does not say how it was drawn for a simple random sample of the map.
        output: file for the figures as JSON; None to write none.

    Returns:
        Error matrix in area proportions, user's, producer's and overall accuracy, shares and areas of classes.

    Raises:
        GeoglmError: units lack a label, name unknown classes or lie outside, or the file is no probability sample.
    """
    mapped, path = ClassMap.read(Path(classes)), Path(labelled)
    points = read_sample(path, mapped.source.meta.georef, field=field)
    if missing := sum(r is None for r in points.reference):
        raise LabelError(
            f"{path}: {missing} of {len(points.reference)} units have no {field}; label them all, since those that "
            "are hard to label are seldom like the others"
        )
    names, truth = _matched(mapped.labels.classes, [str(r) for r in points.reference], path)
    design = points.design
    notes = []
    if design is None:
        if not assume_random:
            raise LabelError(
                f"{path}: does not say how its points were drawn; from points chosen by hand nothing follows for the "
                "whole map; draw them with geoglm sample, or give --assume-random if they are a random sample"
            )
        design = Design(("the whole map",), np.array([mapped.counts.sum()]))
        notes.append("the points were taken for a simple random sample, as asked")
    if mapped.uneven:
        notes.append("pixels of this map differ in area by more than 1 %: areas are shares of pixels times the whole")
    try:
        figures = estimated(
            StratifiedSample(design.sizes, points.stratum, _mapped_at(mapped, points, path), truth, len(names))
        )
    except ValueError as error:
        raise LabelError(f"{path}: {error}") from error
    result = MapAssessment(names, figures, mapped.hectares, len(truth), tuple(notes))
    if output is not None:
        Path(output).write_text(json.dumps(result.as_dict(), indent=1) + "\n", encoding="utf-8")
    return result


def _matched(classes: tuple[str, ...], reference: list[str], path: Path) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The map's classes, and the place of each unit's reference class among them."""
    place = {plain(n): k for k, n in enumerate(classes)}
    if unknown := sorted({r for r in reference if plain(r) not in place}):
        raise LabelError(f"{path}: the map has no class {unknown[0]!r}, but {', '.join(classes)}")
    return classes, np.array([place[plain(r)] for r in reference], np.int64)


def _mapped_at(mapped: ClassMap, points: LabelledPoints, path: Path) -> NDArray[np.int64]:
    """The map's class at every point."""
    found = np.empty(len(points.rows), np.int64)
    scene = mapped.source.meta.box
    for k, (row, col) in enumerate(zip(np.floor(points.rows + 1e-6), np.floor(points.cols + 1e-6), strict=True)):
        box = PixelBox(int(row), int(col), int(row) + 1, int(col) + 1)
        inside = scene.top <= row < scene.bottom and scene.left <= col < scene.right
        value = int(mapped.labels.read(box)[0, 0]) if inside else INVALID
        if value == INVALID:
            raise LabelError(f"{path}: unit {k + 1} lies where the map {mapped.path.name} has no class")
        found[k] = value
    return found
