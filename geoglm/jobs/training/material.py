"""The material of a training: scenes, labels and bands brought together, read and split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from geoglm.errors import LabelError, SceneMismatch, TrainingError
from geoglm.io.geotiff import RasterFile
from geoglm.io.label_colours import label_colours
from geoglm.io.labels import Labels, open_labels
from geoglm.io.source import Source
from geoglm.jobs.training.card import colours_for, draft_card, gsd_range
from geoglm.jobs.training.request import TrainRequest
from geoglm.nn.segmenter import SegmenterSpec, build_segmenter
from geoglm.pixels.scale import Scaling, percentile_scale
from geoglm.registry.card import ModelCard
from geoglm.registry.match import match_bands
from geoglm.registry.package import ModelPackage
from geoglm.train.blocks import BlockSplit, Side, everything_teaches, split_blocks
from geoglm.train.finetune import Lesson, in_units, new_spec
from geoglm.train.neighbourhoods import (
    Neighbourhood,
    View,
    core_labels,
    count_labels,
    find_neighbourhoods,
    thinned,
)
from geoglm.train.samples import LabelledImage
from geoglm.types import SceneMeta

Report = Callable[[str, int, int], None]
"""Called with the phase, and what is done and to do in it."""

LEAST_PX = 50
"""Working pixels that a class needs on either side for its accuracy to be measured."""
FEW_PX = 200
"""Working pixels below which a class is said to have few labels."""
MOST_READ_PX = 48 * 10**6
"""Working pixels of all neighbourhoods that are held in memory."""
USUAL_HALO = 64
"""Halo for which the gap is made where a network starts from nothing, working px."""


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that a training needs, in memory: scenes as views, labels read, split and described.

    Args:
        views: of the scenes that have labels.
        spec: of the network.
        card: as far as it is known.
        places: neighbourhoods that were read, with their images.
        split: of the labels.
        notes: what the user should know.
    """

    views: tuple[View, ...]
    spec: SegmenterSpec
    card: dict[str, Any]
    places: tuple[tuple[Neighbourhood, LabelledImage], ...]
    split: BlockSplit
    notes: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names."""
        return tuple(c.name for c in ModelCard.parse(self.card).classes)

    def lesson(self) -> Lesson:
        """What is taught."""
        card = ModelCard.parse(self.card)
        colours = tuple(c.colour for c in card.classes)
        images, judges = [], []
        for place, image in self.places:
            taught = self.split.labels_for(Side.TRAINING, image.labels, place.read, place.scene)
            held = self.split.labels_for(Side.VALIDATION, core_labels(place, image.labels), place.read, place.scene)
            images.append(replace(image, labels=taught))
            if (held < len(colours)).any():
                judges.append(replace(image, labels=held))
        return Lesson(self.classes, colours, card.scaling, images, judges)


def gather(request: TrainRequest, base: ModelPackage | None, name: str, report: Report) -> Material:
    """Open scenes and labels, read the labelled neighbourhoods, and split the labels.

    Raises:
        SceneError, LabelError, SceneMismatch, TrainingError: they do not fit together.
    """
    report("looking at the labels", 0, 0)
    sources, labels, notes = _opened(request)
    classes = labels[0].classes
    views, spec, card = _seen(request, sources, labels, base, name)
    whole = _looks_at_scenes(spec)
    found = find_neighbourhoods(views, whole=whole)
    total = np.sum([n.counts for n in found], axis=0)[: len(classes)] if found else np.zeros(len(classes), np.int64)
    if missing := [c for c, n in zip(classes, total, strict=True) if not n]:
        raise LabelError(f"the labels have no pixel of {', '.join(missing)} within the scenes; leave such classes out")
    if whole and sum(n.read.area for n in found) > MOST_READ_PX:
        raise TrainingError(
            f"a network with fusion {spec.fusion} looks at whole scenes, and these are too large to hold "
            f"({sum(n.read.area for n in found) / 1e6:.0f} Mpx); use --fusion concat, or scenes cut to the labels"
        )
    kept = thinned(found, most_px=MOST_READ_PX, seed=request.seed)
    if len(kept) < len(found):
        notes.append(f"labels lie in {len(found)} places; {len(kept)} of them are learnt from, chosen by class")
    report("reading labelled neighbourhoods", 0, len(kept))
    places = []
    for k, place in enumerate(kept, 1):
        places.append((place, views[place.scene].read(place.read)))
        report("reading labelled neighbourhoods", k, len(kept))
    if base is None:
        card = _with_statistics(card, places)
    counts = count_labels(places, classes=len(classes))
    halo = base.card.halo if base else USUAL_HALO
    split = everything_teaches(counts)
    if request.validate:
        split = split_blocks(counts, gap_px=2 * halo, least_px=LEAST_PX, seed=request.seed)
        notes += _told(split, classes)
    return Material(tuple(views), spec, card, tuple(places), split, tuple(notes))


def _opened(request: TrainRequest) -> tuple[list[Source], list[Labels], list[str]]:
    """Scenes that have labels, and these with one set of classes."""
    files = list(request.labels) * (len(request.scenes) if len(request.labels) == 1 else 1)
    notes: list[str] = []
    pairs: list[tuple[Source, Path, Labels]] = []
    for scene, path in zip(request.scenes, files, strict=True):
        source = RasterFile(scene)
        if "palette" in source.meta.bands:
            raise SceneMismatch(f"{source.meta.name} is a palette image; gdal_translate -expand rgb makes one to use")
        try:
            pairs.append((source, path, open_labels(path, source.meta, class_field=request.class_field)))
        except LabelError as error:
            if len(request.labels) > 1 or "overlap" not in str(error) or len(request.scenes) == 1:
                raise
            notes.append(f"{scene.name} has no labels and is left out")
    if not pairs:
        raise LabelError(f"{request.labels[0]}: the labels overlap none of the scenes; check the CRS of both")
    names: dict[str, None] = {}
    for *_, own in pairs:
        names |= dict.fromkeys(own.classes)
    if len(names) < 2:
        raise LabelError(f"the labels have one class only ({next(iter(names), 'none')}); at least two are needed")
    labels = [open_labels(p, s.meta, class_field=request.class_field, classes=tuple(names)) for s, p, _ in pairs]
    for known in labels:
        notes += [n for n in known.notes if n not in notes]
    return [s for s, *_ in pairs], labels, notes


def _seen(
    request: TrainRequest, sources: Sequence[Source], labels: Sequence[Labels], base: ModelPackage | None, name: str
) -> tuple[list[View], SegmenterSpec, dict[str, Any]]:
    """How the network sees the scenes, the network, and the card as far as it is known."""
    classes = labels[0].classes
    bands = base.card.bands if base else _band_names(sources[0].meta, request.bands)
    scaling = base.card.scaling if base else Scaling((0.5,) * len(bands), (0.5,) * len(bands), {"uint8": 255.0})
    old = SegmenterSpec(**base.card.network) if base else None
    spec = new_spec(old, bands=len(bands), classes=len(classes), fusion=request.fusion, encoder=request.encoder)
    working = base.card.working_gsd if base else sources[0].meta.gsd
    given: dict[str, str] = {}
    for path in dict.fromkeys(request.labels):
        given |= label_colours(path, request.class_field, classes)
    if base:
        given = {c.name: c.colour for c in base.card.classes if c.name in classes} | given
    reduces = [max(1, round(working / s.meta.gsd)) if working and s.meta.gsd else 1 for s in sources]
    stride = base.card.stride if base else 2**spec.depth
    card = draft_card(
        name=name,
        network=spec.as_dict(),
        bands=bands,
        classes=classes,
        colours=colours_for(classes, given),
        scaling=scaling,
        working_gsd=working,
        gsd=gsd_range([(s.meta.gsd or 0) * k for s, times in zip(sources, reduces, strict=True) for k in (1, times)]),
        stride=stride,
        base=base.card if base else None,
    )
    known = ModelCard.parse(card)
    views, full_scale = [], dict(scaling.full_scale)
    for source, these, reduce in zip(sources, labels, reduces, strict=True):
        indices = match_bands(source.meta, known, request.bands).indices
        full = _full_scale(source, scaling, indices, request.scale)
        full_scale.setdefault(source.meta.dtype, full)
        views.append(View(source, these, indices, full, scaling.fill(full), reduce))
    return views, spec, card | {"geoglm:full_scale": full_scale}


def _band_names(meta: SceneMeta, asked: tuple[int, ...] | None) -> tuple[str, ...]:
    """What the bands of a scene are called; by number where it gives no name."""
    numbers = asked or tuple(range(1, len(meta.bands) + 1))
    if beyond := [b for b in numbers if b > len(meta.bands)]:
        raise SceneMismatch(f"--bands names band {beyond[0]}, {meta.name} has {len(meta.bands)} bands")
    return tuple(meta.bands[b - 1] or f"band {b}" for b in numbers)


def _full_scale(source: Source, scaling: Scaling, bands: Sequence[int], asked: float | str | None) -> float:
    """The pixel value that counts as 1, as `geoglm segment` takes it."""
    dtype = source.meta.dtype
    if asked is None and dtype in scaling.full_scale:
        return scaling.full_scale[dtype]
    if isinstance(asked, float | int):
        return float(asked)
    pixels, valid = source.preview(bands, side_px=1024)
    if asked == "auto":
        return percentile_scale(pixels, valid)
    values = pixels[:, valid]
    return scaling.full_for(dtype, None, (float(values.min()), float(values.max())) if values.size else None)


def _looks_at_scenes(spec: SegmenterSpec) -> bool:
    """Whether the network wants a glance at the whole scene.

    Raises:
        TrainingError: there is no such network.
    """
    try:
        return build_segmenter(spec).summary_size > 0
    except (ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        why = " ".join(str(error.args[0] if error.args else error).split())[:200]
        raise TrainingError(
            f"no network can be built of encoder {spec.encoder} and fusion {spec.fusion}: {why}"
        ) from error


def _with_statistics(card: dict[str, Any], places: Sequence[tuple[Neighbourhood, LabelledImage]]) -> dict[str, Any]:
    """The card with mean and spread of the bands as they were read, for a network that starts from nothing."""
    values = np.concatenate([in_units(i)[:, ::4, ::4].reshape(i.bands, -1) for _, i in places], axis=1)
    scaling = [
        {"type": "z-score", "mean": round(float(b.mean()), 4), "stddev": round(max(float(b.std()), 1e-3), 4)}
        for b in values
    ]
    return card | {"mlm:input": [card["mlm:input"][0] | {"value_scaling": scaling}]}


def _told(split: BlockSplit, classes: Sequence[str]) -> list[str]:
    """One line on labels that are too few to be judged by, if they are."""
    measured, total = split.measured(LEAST_PX), np.add(split.training, split.validation)
    few = [f"{c} ({n} px)" for c, n in zip(classes, total, strict=True) if n < FEW_PX]
    alone = [c for c, m, u in zip(classes, measured, split.units, strict=True) if not m and u < 2]
    parts = []
    if few:
        parts.append(f"few labels of {', '.join(few)}, at least {FEW_PX} px are wanted")
    if alone:
        parts.append(f"{', '.join(alone)} in one place only")
    if not any(measured):
        parts.append("so nothing can be held back: all labels are learnt from and no accuracy is measured")
    elif unknown := [c for c, m in zip(classes, measured, strict=True) if not m]:
        parts.append(f"so the accuracy of {', '.join(unknown)} is not measured")
    return [f"labels are too few: {'; '.join(parts)}; draw more polygons, apart from each other"] if parts else []
