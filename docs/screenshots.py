"""Makes the pictures of docs/images in headless Chromium, from the shipped samples.

python docs/screenshots.py [CHROMIUM]
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from notebook_page import notebook_page
from PIL import Image
from playwright.sync_api import Page, sync_playwright

import geoglm
from geoglm.apps.viewer import serve
from geoglm.options import SegmentOptions

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1180, "height": 720}
MOST_BYTES = 300_000
NOTEBOOKS = {
    "notebook-result": (
        'import geoglm\n\nresult = geoglm.segment("dutch-river.tif")\nresult.geoglm.plot();',
        "result.geoglm.areas().round(2)",
    ),
    "notebook-shown": (
        "import geoglm\nimport xarray\n\nxarray.set_options(display_expand_attrs=False);",
        'scene = geoglm.open_scene("dutch-river.tif")\nscene',
        "result = geoglm.segment(scene)\nresult",
        'geoglm.load_model("aerial-landcover")',
    ),
}
"""Cells of notebooks that are run beside the samples."""
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def main(chromium: str) -> None:
    """Segment and compare samples, and take pictures of what one sees of them."""
    samples = ROOT / "data-samples"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        land, change = Path(folder, "dutch-river"), Path(folder, "colorado-2008-to-2011")
        geoglm.segment_file(samples / "dutch-river.tif", land, SegmentOptions())
        geoglm.change(*sorted(samples.glob("colorado-*.tif")), change)
        geoglm.report(land)
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGS)
        for name, results, scheme, act in (
            ("viewer-light", land, "light", _clicked),
            ("viewer-dark", land, "dark", _divided),
            ("viewer-change", change, "light", _compared),
        ):
            page = browser.new_page(viewport=SIZE, color_scheme=scheme, reduced_motion="reduce")
            with serve(results) as viewer:
                page.goto(viewer.url)
                page.wait_for_selector("html[data-ready]")
                act(page)
                page.wait_for_timeout(1500)
                _save(page, name)
        page = browser.new_page(viewport={"width": 1000, "height": 1480}, device_scale_factor=0.75)
        page.goto((land / "report.html").as_uri())
        _save(page, "report")
        for name, cells in NOTEBOOKS.items():
            page = browser.new_page(viewport={"width": 1000, "height": 100})
            page.set_content(notebook_page(cells, samples).replace(f"{ROOT}/", ""))
            _save(page, name, whole=True)
        browser.close()


def _clicked(page: Page) -> None:
    """A house, its polygon and what is known of it."""
    page.mouse.click(240, 400)
    page.wait_for_selector("#at strong")


def _divided(page: Page) -> None:
    """The scene on one side, classes with outlines on the other."""
    page.keyboard.press("s")
    page.keyboard.press("p")
    page.get_by_text(" here").wait_for()


def _compared(page: Page) -> None:
    """Two dates and the outlines of what changed between them."""
    _divided(page)
    page.keyboard.press("-")


def _save(page: Page, name: str, *, whole: bool = False) -> None:
    """What is on screen, or the whole page, as a PNG of so few colours that it is small enough."""
    image = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
    for colours in (0, 256, 128, 64, 32):
        fewer = image.quantize(colours, dither=Image.Dither.NONE) if colours else image
        fewer.save(IMAGES / f"{name}.png", optimize=True)
        if (IMAGES / f"{name}.png").stat().st_size <= MOST_BYTES:
            break


if __name__ == "__main__":
    IMAGES.mkdir(parents=True, exist_ok=True)
    main(sys.argv[1] if len(sys.argv) > 1 else shutil.which("chromium") or "chromium")
