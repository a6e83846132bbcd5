"""Planning: a scene, a model and what is asked for become a plan."""

from __future__ import annotations

from geoglm.io.source import Source
from geoglm.io.web_tiles import WebPlace
from geoglm.jobs.cut import cut_scene
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.reading import read_scene
from geoglm.options import SegmentOptions


def make_plan(source: Source, options: SegmentOptions) -> SegmentPlan:
    """Decide everything about the segmentation of `source`.

    Raises:
        SceneMismatch, ModelError, PlanError: scene, model and options do not fit together.
        OutputError: the polygons are wanted as tiles of a world map that does not show the scene.
    """
    if options.vectors == "pmtiles":
        WebPlace.of(source.meta.georef, *source.meta.box.shape)
    reading = read_scene(source, options)
    cut = cut_scene(source.meta, reading.package, options, reduce=reading.reduce)
    return SegmentPlan(
        source=source,
        package=reading.package,
        options=options,
        bands=reading.bands,
        full_scale=reading.full_scale,
        zero=reading.zero.value,
        scaling=reading.scaling,
        layout=cut.layout,
        halo=cut.layout.grid.rows.halo,
        reduce=reading.reduce,
        blend_px=cut.blend_px,
        workers=cut.workers,
        cost=cut.cost,
        notes=reading.notes + cut.notes,
        reasons=reading.reasons | cut.reasons,
    )
