"""Sections that every report may have: accuracy, model, provenance."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoglm.errors import ModelError
from geoglm.io.report.parts import Facts, Notes, Picture, Section, Table
from geoglm.registry.card_parts import card_facts, card_scores
from geoglm.registry.catalog import find

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Results:
    """What a run has left.

    Args:
        folder: with its files.
        summary, manifest: what it says of itself.
        scene: how it looks; None to look at it where the manifest says that it lies.
    """

    folder: Path
    summary: Values
    manifest: Values
    scene: Sequence[Picture] | None = None


def notes(summary: Values) -> Section:
    """What the run said that the reader should know."""
    lines = list(summary.get("notes", ()))
    return Section("To be known", [Notes(lines)] if lines else [])


def accuracy(folder: Path) -> Iterator[Section]:
    """Every assessment (`geoglm assess -o`) that lies in the folder."""
    for path in sorted(folder.glob("*.json")):
        found = read_json(path)
        if isinstance(found.get("overall_accuracy"), dict) and "error_matrix" in found:
            yield Section("Accuracy and areas by a sample", _assessed(found, path.name))


def _assessed(found: Values, name: str) -> list[Table | Notes]:
    classes = found["classes"]
    with_area = any("area_ha" in c for c in classes.values())
    columns = {"users_accuracy": "user's accuracy", "producers_accuracy": "producer's accuracy", "share": "share"}
    rows = [
        (n, *(_interval(c[k], 100, "%") for k in columns), *([_interval(c["area_ha"], 1, "ha")] if with_area else []))
        for n, c in classes.items()
    ]
    told = (
        f"Overall accuracy {_interval(found['overall_accuracy'], 100, '%')}, from {found.get('units', '?')} units "
        f"({name}). Half widths are those of 95 % intervals; shares and areas are not counted pixels but estimates "
        "from the sample (Olofsson et al. 2014)."
    )
    heads = ("class", *columns.values(), *(["area"] if with_area else []))
    matrix = [
        (name, *(f"{100 * v:.2f}" for v in row)) for name, row in zip(classes, found["error_matrix"], strict=True)
    ]
    parts: list[Table | Notes] = [
        Table(heads, rows, told),
        Table(("map \\ reference", *classes), matrix, "Error matrix in per cent of the area."),
    ]
    return [*parts, Notes(found["notes"])] if found.get("notes") else parts


def _interval(estimate: Values, factor: float, unit: str) -> str:
    """``91.2 ± 3.0 %``."""
    if estimate["value"] is None:
        return "unknown"
    value = estimate["value"] * factor
    if estimate["high"] is None:
        return f"{value:,.1f} {unit}"
    return f"{value:,.1f} ± {(estimate['high'] - estimate['value']) * factor:,.1f} {unit}"


def model(manifest: Values) -> Section:
    """The card of the model that was used, if it is still known under its name."""
    used = manifest.get("model") or {}
    if not used.get("name"):
        return Section("Model", [])
    facts = {"model": f"{used['name']} {used.get('version', '')}", "SHA-256 of its weights": used.get("weights_sha256")}
    try:
        card = find(used["name"]).card
    except ModelError:
        return Section("Model", [Facts({k: v for k, v in facts.items() if v})])
    if card.version != used.get("version", card.version):
        facts["card"] = f"of version {card.version}, which is not the one that was used"
    facts = {k: v for k, v in facts.items() if v} | card_facts(card)
    return Section("Model", [Facts(facts), *card_scores(card)])


def provenance(manifest: Values) -> Section:
    """By what, from what and with what it was made."""
    facts = {
        "made": manifest.get("made"),
        "geoglm": manifest.get("geoglm"),
        "command": " ".join(map(str, manifest.get("command", ()))),
        **{k: _file(manifest[k]) for k in ("scene", "before", "after") if manifest.get(k)},
        "runtime": manifest.get("runtime"),
        "libraries": ", ".join(f"{k} {v}" for k, v in (manifest.get("libraries") or {}).items()),
        "peak memory": f"{manifest['peak_memory_mb']:,} MB" if manifest.get("peak_memory_mb") else None,
    }
    made = {n: f for n, f in (manifest.get("files") or {}).items() if n not in ("report.html", "item.json")}
    files = [(n, f"{f['bytes']:,}", f.get("sha256", "")) for n, f in made.items()]
    parts: list[Facts | Table] = [Facts({k: v for k, v in facts.items() if v})]
    if files:
        parts.append(Table(("file", "bytes", "SHA-256"), files))
    return Section("Provenance", parts)


def _file(facts: Values) -> str:
    return ", ".join(str(facts[k]) for k in ("path", "sha256") if facts.get(k))


def plan(values: Values) -> Facts:
    """The plan of a run, folded away."""
    return Facts({k.replace("_", " "): v for k, v in values.items()}, "How it was computed", folded=True)


def seconds(values: Values | float | None) -> str:
    """Durations in words."""
    if values is None:
        return "unknown"
    if isinstance(values, Mapping):
        return ", ".join(f"{k} {v:,.1f} s" for k, v in values.items())
    return f"{values:,.1f} s"


def amount(value: float | None) -> str:
    """An area or a count, readable."""
    return (
        "unknown" if value is None else (f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:,.2f}")
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
