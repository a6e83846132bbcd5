"""The quicklook: scene, classes with legend, and confidence side by side, in one PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoglm.types import INVALID, LandClass

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

PANEL, GAP, LINE = 540, 18, 26
"""Width of a picture, space between things, and height of a line of text, px."""
GREY = (90, 90, 90)
VIRIDIS = ("440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725")
"""Nine even steps of the colour map."""


def side_shown(shape: tuple[int, int]) -> int:
    """The longer side of what is shown of a scene of `shape`, px; more of it need not be read.

    >>> [side_shown(s) for s in ((100, 100), (200, 100), (100, 900))]
    [540, 1080, 540]
    """
    return round(PANEL * float(np.clip(shape[0] / shape[1], 1.0, 3.0)))


def stretched(pixels: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """``(band, y, x)`` to ``(y, x, 3)`` in 0…1: percentiles 1 to 99 of the valid pixels, white elsewhere."""
    shown = pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)
    out = np.ones((*valid.shape, 3), np.float32)
    if valid.any():
        values = shown[:, valid].astype(np.float32)
        low, high = np.percentile(values, (1, 99))
        out[valid] = ((values - low) / max(float(high - low), 1e-9)).clip(0, 1).T
    return out


def coloured(classes: NDArray[np.uint8], scheme: Sequence[LandClass]) -> NDArray[np.uint8]:
    """``(y, x)`` class values to ``(y, x, 3)`` bytes, white where invalid."""
    table = np.full((256, 3), 255, np.uint8)
    for c in scheme:
        table[c.value] = c.rgb
    return table[classes]


def viridis(percent: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``(...)`` percent to ``(..., 3)`` bytes, white where invalid."""
    steps = np.array([list(bytes.fromhex(c)) for c in VIRIDIS], np.float64)
    table = np.full((256, 3), 255, np.uint8)
    at = np.linspace(0, len(VIRIDIS) - 1, 101)
    table[:101] = np.stack([np.interp(at, np.arange(len(VIRIDIS)), steps[:, k]) for k in range(3)], axis=1).round()
    table[101:INVALID] = table[100]
    return table[percent]


def write_quicklook(
    path: Path,
    scene: NDArray[np.float32],
    classes: NDArray[np.uint8],
    confidence: NDArray[np.uint8],
    scheme: Sequence[LandClass],
    *,
    shares: dict[int, float],
    title: str,
) -> None:
    """Draw the three pictures.

    Args:
        scene: ``(y, x, 3)`` in 0…1.
        classes, confidence: ``(y, x)``; all three are of any size with the same proportions.
        shares: class value → share of the valid area, for the legend.
    """
    from PIL import Image, ImageDraw

    font = _font()
    height, width = classes.shape
    tall = round(PANEL * float(np.clip(height / width, 0.25, 3.0)))
    legend = _legend(scheme, shares, font)
    top = GAP + 2 * LINE
    below = top + tall + GAP
    sheet = Image.new("RGB", (3 * PANEL + 4 * GAP, below + (len(legend) + 1) * LINE + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((sheet.width / 2, GAP), title, "black", font, anchor="mt")
    pictures = {
        "scene": Image.fromarray((scene * 255).round().astype(np.uint8)),
        "classes": Image.fromarray(coloured(classes, scheme)),
        "confidence": Image.fromarray(viridis(confidence)),
    }
    for k, (name, picture) in enumerate(pictures.items()):
        left = GAP + k * (PANEL + GAP)
        draw.text((left + PANEL / 2, top - 6), name, GREY, font, anchor="mb")
        sheet.paste(_fitted(picture, (PANEL, tall)), (left, top))
    for line, entries in enumerate(legend):
        for entry, left in entries:
            entry.draw(draw, (left, below + line * LINE), font)
    bar = Image.fromarray(viridis(np.linspace(0, 100, 200).astype(np.uint8)[None].repeat(12, axis=0)))
    place = (3 * GAP + 2 * PANEL + (PANEL - bar.width) // 2, below + len(legend) * LINE)
    sheet.paste(bar, place)
    draw.text((place[0] - 6, place[1] + 6), "0 %", GREY, font, anchor="rm")
    draw.text((place[0] + bar.width + 6, place[1] + 6), "100 %", GREY, font, anchor="lm")
    sheet.save(path)


def _font() -> Font:
    """DejaVu, which knows most letters and lies with matplotlib; that itself takes a second to import."""
    from PIL import ImageFont

    found = find_spec("matplotlib")
    for folder in (found.submodule_search_locations or []) if found else []:
        if (file := Path(folder) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf").exists():
            return ImageFont.truetype(str(file), 15)
    return ImageFont.load_default(15)


def _fitted(picture: Image, size: tuple[int, int]) -> Image:
    """At the size of a panel: pixels stay squares where it is enlarged, and are picked where it is reduced."""
    from PIL.Image import Resampling

    return picture.resize(size, Resampling.NEAREST)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A class in the legend."""

    colour: str
    text: str

    def width(self, font: Font) -> int:
        """Of swatch and text, px."""
        return int(22 + font.getlength(self.text) + GAP)

    def draw(self, draw: ImageDraw, at: tuple[int, int], font: Font) -> None:
        """Swatch and text with their upper left corner at a place."""
        left, top = at
        draw.rectangle((left, top + 2, left + 15, top + 17), fill=self.colour, outline=GREY)
        draw.text((left + 22, top + 10), self.text, "black", font, anchor="lm")


def _legend(scheme: Sequence[LandClass], shares: dict[int, float], font: Font) -> list[list[tuple[_Entry, int]]]:
    """Entries with where they begin, line by line."""
    lines: list[list[tuple[_Entry, int]]] = [[]]
    left = GAP
    for c in scheme:
        entry = _Entry(c.colour, f"{c.name}  {shares.get(c.value, 0):.1%}")
        if lines[-1] and left + entry.width(font) > 3 * PANEL + 3 * GAP:
            lines.append([])
            left = GAP
        lines[-1].append((entry, left))
        left += entry.width(font)
    return lines
