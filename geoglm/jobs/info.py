"""``geoglm info``: what is understood of a scene, and what would be done with it."""

from __future__ import annotations

from typing import Any

from geoglm.errors import ModelError, PlanError, SceneMismatch
from geoglm.io.geotiff import RasterFile
from geoglm.io.remote import SceneRef
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.planning import make_plan
from geoglm.options import SegmentOptions
from geoglm.types import SceneMeta


def scene_facts(scene: SceneRef, options: SegmentOptions) -> dict[str, Any]:
    """Tables ``scene`` and ``plan`` and a list of ``notes``; a scene no model fits has a note instead of a plan."""
    source = RasterFile(scene, resample=options.resample)
    try:
        return planned_facts(scene, make_plan(source, options))
    except (SceneMismatch, ModelError, PlanError) as error:
        if options.model != "auto":
            raise
        notes = [n for n in (source.meta.georef.lacks(), str(error)) if n]
        return {"scene": _scene(scene, source.meta), "notes": notes}


def planned_facts(scene: SceneRef, plan: SegmentPlan) -> dict[str, Any]:
    """The same for a scene that has a plan."""
    return {"scene": _scene(scene, plan.source.meta), "plan": plan.describe(), "notes": list(plan.notes)}


def _scene(scene: SceneRef, meta: SceneMeta) -> dict[str, Any]:
    """What is understood of a scene."""
    georef = meta.georef
    named = [f"{k} {name}".strip() for k, name in enumerate(meta.bands, 1)]
    facts: dict[str, Any] = {
        "file": str(scene),
        "driver": meta.driver,
        "size": f"{meta.width} x {meta.height} px ({meta.width * meta.height / 1e6:.1f} Mpx)",
        "pixels": meta.dtype,
        "bands": ", ".join(named),
        "no data": ", ".join(meta.mask) or "nowhere marked",
        "nodata value": ", ".join(sorted({str(n) for n in meta.nodata if n is not None})) or "none",
        "ground sample distance": "unknown" if meta.gsd is None else f"{meta.gsd:.4g} m",
        "CRS": "none" if georef.crs is None else _crs_name(georef.crs),
        "transform": "none" if georef.transform is None else tuple(georef.transform)[:6],
        "blocks": f"{meta.block[1]} x {meta.block[0]} px",
    }
    if georef.gcps:
        facts["ground control points"] = len(georef.gcps)
    if georef.rpcs:
        facts["RPCs"] = "yes"
    return facts


def _crs_name(wkt: str) -> str:
    from pyproj import CRS

    crs = CRS.from_wkt(wkt)
    code = crs.to_epsg()
    return f"EPSG:{code} {crs.name}" if code else crs.name
