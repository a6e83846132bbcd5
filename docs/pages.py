"""Pages of the site that are made from something else: model cards, help of the commands, and texts at the root."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "geoglm/registry/weights"
COPIED = {"security.md": "SECURITY.md", "benchmarks.md": "benchmarks/README.md"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made here to what lies in the folder."""
    made = {page: (ROOT / source).read_text(encoding="utf-8") for page, source in COPIED.items()}
    made["reference/commands.md"] = command_page()
    for card in sorted(WEIGHTS.glob("*/model.json")):
        made[f"models/{card.parent.name}.md"] = card_page(json.loads(card.read_text(encoding="utf-8")))
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def command_page() -> str:
    """What ``--help`` says, of every command."""
    from geoglm.apps.cli import main

    def told(command: click.Command, name: str) -> str:
        with click.Context(command, info_name=name, terminal_width=100, max_content_width=100) as context:
            text = f"## `{name}`\n\n```text\n{command.get_help(context)}\n```\n\n"
        inner = command.commands if isinstance(command, click.Group) else {}
        return text + "".join(told(c, f"{name} {n}") for n, c in sorted(inner.items()))

    return "# Command line\n\n" + told(main, "geoglm")


def card_page(card: dict[str, Any]) -> str:
    """A model card to be read."""
    (taken,), (given,) = card["mlm:input"], card["mlm:output"]
    bands = ", ".join(b if isinstance(b, str) else b["name"] for b in taken["bands"])
    low, high = card["geoglm:gsd_range"]
    rows = {
        "version": card["version"],
        "licence": card["license"],
        "bands": bands,
        "ground sample distance": f"{low:g} to {high:g} m",
        "network": card["mlm:architecture"],
        "parameters": f"{card['mlm:total_parameters']:,}",
        "halo": f"{card['geoglm:tiling']['halo']} px; {card['geoglm:tiling']['exact_halo']} px for the exact map",
    }
    lines = [f"# {card['mlm:name']}", "", card["description"], "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rows.items()]
    metrics = card.get("geoglm:metrics", {})
    iou = metrics.get("iou", {})
    lines += ["", "## Classes", "", "| value | class | colour | IoU |", "|---|---|---|---|"]
    for c in given["classification:classes"]:
        swatch = f'<span style="color:#{c["color_hint"]}">■</span> #{c["color_hint"]}'
        lines.append(f"| {c['value']} | {c['name']} | {swatch} | {_two(iou.get(c['name']))} |")
    if "data" in metrics:
        lines += ["", f"Measured on: {_plain(metrics['data'])}. Mean IoU {_two(metrics.get('miou'))}."]
    lines += ["", "## Limits", "", _plain(card.get("geoglm:limits", ""))]
    if "attribution" in card:
        lines += ["", "## Attribution", "", _plain(card["attribution"])]
    lines += ["", f"The whole card: `geoglm models show {card['mlm:name']}`.", ""]
    return "\n".join(lines)


def _two(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _plain(text: str) -> str:
    """Text in which nothing is taken for markup."""
    return re.sub(r"([<>*_`\[\]])", r"\\\1", text)
