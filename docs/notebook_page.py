"""A page in the look of a notebook: cells that a kernel runs, and below each what it answered, as the kernel sent it.

No Jupyter is installed to make it; the frame around the answers is drawn here.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

STYLE = """
body { margin: 0; padding: 18px 24px; background: #fff; color: #1d2430; font: 14px/1.45 system-ui, sans-serif; }
.cell { display: grid; grid-template-columns: 48px minmax(0, 1fr); gap: 2px 10px; margin-bottom: 14px; }
.count { color: #307fc1; font: 13px/20px monospace; text-align: right; padding-top: 7px; }
.count.answer { color: #bf5b3d; }
.source { background: #f7f7f7; border: 1px solid #e0e0e0; border-radius: 2px; padding: 6px 10px; }
.source pre, .answers pre { margin: 0; font: 13px/20px monospace; white-space: pre-wrap; }
.answers { padding: 6px 0; overflow: hidden; }
.answers img { max-width: 100%; display: block; }
table.dataframe { border-collapse: collapse; font-size: 12px; }
table.dataframe th, table.dataframe td { border: 0; padding: 5px 9px; text-align: right; }
table.dataframe thead tr { border-bottom: 1px solid #bdbdbd; }
table.dataframe tbody tr:nth-child(odd) { background: #f5f5f5; }
"""


def notebook_page(cells: Sequence[str], folder: Path) -> str:
    """HTML of `cells`, run one after another in `folder` by the kernel ``python3``."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    colours = HtmlFormatter(nowrap=True, style="default")
    body = "".join(_cell(c, colours) for c in notebook.cells)
    styles = STYLE + colours.get_style_defs(".source")
    return f'<!doctype html><meta charset="utf-8"><style>{styles}</style><body>{body}'


def _cell(cell: Any, colours: HtmlFormatter[str]) -> str:
    """What stands in a cell, and its answers: what it printed, what it drew and what it is worth."""
    source = highlight(cell.source, PythonLexer(), colours)
    parts = [("", f"[{cell.execution_count}]:", f'<div class="source"><pre>{source}</pre></div>')]
    for output in cell.outputs:
        told = f"[{cell.execution_count}]:" if output.output_type == "execute_result" else ""
        parts.append((" answer", told, f'<div class="answers">{_answer(output)}</div>'))
    rows = (f'<div class="count{kind}">{told}</div>{shown}' for kind, told, shown in parts)
    return f'<div class="cell">{"".join(rows)}</div>'


def _answer(output: Any) -> str:
    """The richest form of an answer, as Jupyter picks it."""
    forms: Any = output.get("data", {"text/plain": output.get("text", "")})
    if "text/html" in forms:
        return str(forms["text/html"])
    if "image/png" in forms:
        return f'<img src="data:image/png;base64,{forms["image/png"]}">'
    return f"<pre>{html.escape(forms['text/plain'])}</pre>"
