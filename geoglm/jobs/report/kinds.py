"""What is told of a segmentation, of a change, and of a series."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from geoglm.errors import GeoglmError
from geoglm.io.class_raster import ClassRaster
from geoglm.io.report.parts import Bar, Bars, Facts, Legend, Part, Picture, Section, Table
from geoglm.io.report.pictures import file_picture, map_picture, scene_picture, shade_picture
from geoglm.jobs.report.shared import Results, Values, amount, plan, seconds
from geoglm.registry.catalog import find
from geoglm.registry.match import shown_bands
from geoglm.types import LandClass

SHADES = {
    "confidence": "Confidence: dark 0 %, light 100 %",
    "probability": "Probability of change: dark 0 %, light 100 %",
    "entropy": "Entropy: dark where one class is sure, light where all are alike",
    "margin": "Margin of the first class over the second: dark 0 %, light 100 %",
}


def segmented(made: Results) -> tuple[str, list[Section]]:
    """Title and sections of a segmentation."""
    folder, summary, manifest = made.folder, made.summary, made.manifest
    scheme = [LandClass(c["value"], c["name"], c["colour"]) for c in summary["classes"]]
    name = Path((manifest.get("scene") or {}).get("path") or folder.name).name
    known = any(c["hectares"] is not None for c in summary["classes"])
    bars = [
        Bar(c["name"], c["colour"], c["share"], ((amount(c["hectares"]),) if known else ()) + (amount(c["pixels"]),))
        for c in summary["classes"]
    ]
    scene: Sequence[Picture] = _scene(manifest) if made.scene is None else made.scene
    maps: list[Part] = [map_picture(folder / "classes.tif", scheme, "Classes"), *scene, *_shades(folder)]
    maps.append(Legend([(c.name, c.colour) for c in scheme]))
    facts = {
        "classified": f"{summary['valid_pixels']:,} px",
        "without data": f"{summary['invalid_pixels']:,} px",
        "time": seconds(summary.get("seconds")),
    }
    return f"Land cover of {name}", [
        Section("Maps", maps),
        Section("Areas by counted pixels", [Bars((("hectares",) if known else ()) + ("pixels",), bars)]),
        Section("The run", [Facts(facts), plan(manifest.get("plan", {}))]),
    ]


def _scene(manifest: Values) -> list[Picture]:
    """The scene as it looks, if it is still where it was."""
    path, used = (manifest.get("scene") or {}).get("path"), manifest.get("plan", {})
    if not path or not Path(path).is_file() or not used.get("bands"):
        return []
    with suppress(GeoglmError, KeyError, IndexError):
        bands = [used["bands"][k] - 1 for k in shown_bands(find(used["model"]).card.bands)]
        return [scene_picture(Path(path), bands, "Scene")]
    return []


def _shades(folder: Path) -> list[Part]:
    return [shade_picture(folder / f"{n}.tif", told) for n, told in SHADES.items() if (folder / f"{n}.tif").exists()]


def changed(made: Results) -> tuple[str, list[Section]]:
    """Title and sections of a change between two dates."""
    folder, summary, manifest = made.folder, made.summary, made.manifest
    found, legend = summary["change"], ClassRaster(folder / "change.tif").classes
    colours = {c.name: c.colour for c in legend}
    kinds = [
        Bar(k["name"], colours.get(k["name"], "#888888"), k["share"], (amount(k["area"]),))
        for k in sorted(found["kinds"], key=lambda k: -k["area"])
        if k["pixels"]
    ]
    unit = {"ha": "hectares", "px": "pixels"}[found["unit"]]
    maps: list[Part] = [map_picture(folder / "change.tif", legend, "What changed"), *_shades(folder)]
    dates = [d or n for d, n in zip(summary["dates"], (summary["before"], summary["after"]), strict=True)]
    shift = summary.get("shift_px") or {}
    facts = {
        "method": f"{summary['method']} ({summary.get('method_why', '')})",
        "changed": f"{found['changed_share']:.2%} of {amount(found['judged'])} {unit}",
        "shift between the dates": f"{shift['rows']:.2f} rows, {shift['cols']:.2f} columns"
        if shift
        else "not measured",
        "time": seconds(summary.get("seconds")),
    }
    return f"Change from {dates[0]} to {dates[1]}", [
        Section("Overview", [*_plots(folder, {"quicklook.png": "Before, after and change"}), Facts(facts)]),
        Section("Maps", [*maps, Legend([(c.name, c.colour) for c in legend if c.name in {k.name for k in kinds}])]),
        Section("Kinds of change by counted pixels", [Bars((unit,), kinds)]),
        Section(
            "From what to what",
            _plots(folder, {"transitions.png": "Transition matrix", "flows.png": "Flows between the classes"}),
        ),
        Section("The run", [plan(manifest.get("options", {}))]),
    ]


def followed(made: Results) -> tuple[str, list[Section]]:
    """Title and sections of a series."""
    folder, summary, manifest = made.folder, made.summary, made.manifest
    days = [d["date"] for d in summary["dates"]]
    classes = list(dict.fromkeys(row["class"] for row in summary["areas"]))
    area = {(row["date"], row["class"]): row for row in summary["areas"]}
    rows = [(c, *(amount(area[d, c].get("area_ha", area[d, c]["pixels"])) for d in days)) for c in classes]
    unit = "ha" if "area_ha" in summary["areas"][0] else "px"
    first = [(f["date"], amount(f["area"]), f"{f['share']:.2%}") for f in summary["change"]["first_change"]]
    return f"{days[0]} to {days[-1]}: {len(days)} dates of one place", [
        Section("Overview", _plots(folder, {"quicklook.png": "The dates, and when each place first changed"})),
        Section(
            "Areas over time",
            [*_plots(folder, {"areas.png": "Areas of the classes"}), Table((f"class, {unit}", *days), rows)],
        ),
        Section("First change", [Table(("date", summary["change"]["unit"], "share"), first)]),
        Section("The run", [plan(manifest.get("options", {}))]),
    ]


def _plots(folder: Path, named: Mapping[str, str]) -> list[Part]:
    return [file_picture(folder / n, told) for n, told in named.items() if (folder / n).exists()]


KINDS: tuple[tuple[Callable[[Values], bool], Callable[[Results], tuple[str, list[Section]]]], ...] = (
    (lambda s: "first_change" in _dict(s, "change"), followed),
    (lambda s: "kinds" in _dict(s, "change"), changed),
    (lambda s: "valid_pixels" in s, segmented),
)
"""How a summary is recognised, and who tells of it."""


def _dict(summary: Values, key: str) -> dict[str, Any]:
    found = summary.get(key)
    return found if isinstance(found, dict) else {}
