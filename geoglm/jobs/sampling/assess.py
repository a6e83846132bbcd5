"""``geoglm assess``: what a labelled sample says of a map."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import LabelError, OutputError
from geoglm.io.commit.whole import write_whole
from geoglm.io.label_names import plain
from geoglm.io.sampling.design import Design
from geoglm.io.sampling.points import LabelledPoints, read_sample
from geoglm.jobs.sampling.class_map import ClassMap
from geoglm.stats.sampling.assessment import Assessment
from geoglm.stats.sampling.assessment import assess as estimated
from geoglm.stats.sampling.estimate import Estimate, Sample
from geoglm.stats.sampling.stratified import StratifiedSample
from geoglm.stats.sampling.two_stage import FEW_BLOCKS, TwoStageSample
from geoglm.types import INVALID, PixelBox


@dataclass(frozen=True, slots=True)
class MapAssessment:
    """A map judged by a sample.

    Args:
        names: of the classes, in the order of the figures.
        hectares: area of the map, None where it does not say where it lies.
        units: labelled units used.
        blocks: in which they lie; 0 where they were not drawn in blocks.
        notes: what the user should know.
    """

    names: tuple[str, ...]
    figures: Assessment
    hectares: float | None
    units: int
    blocks: int
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values: estimates with standard errors and 95 % confidence intervals."""
        return {
            "units": self.units,
            "blocks": self.blocks,
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
        output: file for the figures as JSON, which may be there already; None to write none.

    Returns:
        Error matrix in area proportions, user's, producer's and overall accuracy, shares and areas of classes.

    Raises:
        GeoglmError: units lack a label, name unknown classes or lie outside, or the file is no probability sample.
        OutputError: the figures would overwrite the map or the sample.
    """
    figures_to = None if output is None else _checked(Path(output), Path(classes), Path(labelled))
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
    if design.units is not None and (gone := int(design.units.sum()) - len(truth)):
        notes.append(
            f"{gone} of {design.units.sum()} units that were drawn are not in the file: if they were hard to label, "
            "the figures are too good"
        )
    found = _mapped_at(mapped, points, path)
    try:
        figures = estimated(_sample_of(design, points, found, truth, len(names)))
    except ValueError as error:
        raise LabelError(f"{path}: {error}") from error
    if design.sizes.sum() == mapped.counts.sum():  # the sample is of this map, whose pixels were counted
        exact = tuple(Estimate(float(c / mapped.counts.sum()), 0.0) for c in mapped.counts)
        figures = replace(figures, mapped=exact)
    blocks = 0 if design.blocks is None else len(design.blocks.pixels)
    if 0 < blocks < FEW_BLOCKS:
        drawn = "1 block was" if blocks == 1 else f"{blocks} blocks were"
        notes.append(f"only {drawn} drawn: intervals of user's and producer's accuracy are a little narrow")
    result = MapAssessment(names, figures, mapped.hectares, len(truth), blocks, tuple(notes))
    if figures_to is not None:
        figures_to.parent.mkdir(parents=True, exist_ok=True)
        write_whole(figures_to, json.dumps(result.as_dict(), indent=1, ensure_ascii=False) + "\n")
    return result


def _checked(output: Path, *given: Path) -> Path:
    """The file for the figures, which must be none of those that were given: labels are days of work."""
    if output.is_dir():
        raise OutputError(f"{output}: is a folder; give the name of a JSON file")
    if output.exists() and any(g.exists() and output.samefile(g) for g in given):
        raise OutputError(f"{output}: the figures would overwrite it; choose another -o")
    return output


def _sample_of(
    design: Design, points: LabelledPoints, mapped: NDArray[np.int64], truth: NDArray[np.int64], classes: int
) -> Sample:
    """The labelled units with what their design says of them."""
    if design.blocks is None:
        return StratifiedSample(design.sizes, points.stratum, mapped, truth, classes)
    drawn = design.blocks
    return TwoStageSample(drawn.there, drawn.stratum, drawn.pixels, points.block, mapped, truth, classes)


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
