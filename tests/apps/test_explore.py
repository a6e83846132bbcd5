"""``geoglm.explore``: a map for whatever results there are, gone when it is closed."""

import urllib.request
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

import geoglm
from geoglm.apps.explore import Explored
from geoglm.errors import GeoglmError
from tests.conftest import pointwise, write_scene

pytest.importorskip("starlette")


def layers(shown: Explored) -> str:
    with urllib.request.urlopen(f"{shown.url}view.json") as answer:
        return str(answer.read(), "utf-8")


def test_lazy_maps_folders_and_results_are_shown_until_they_are_closed(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(1, 255, (3, 80, 100)).astype(np.uint8)
    scene = write_scene(tmp_path / "scene.tif", pixels)
    result = geoglm.segment(scene, str(pointwise(tmp_path / "model").folder))
    made = result.geoglm.save(tmp_path / "out", report=False)
    for what in (result, made, made.folder, [str(made.folder), scene]):
        shown = geoglm.explore(what)
        try:
            assert '"classes"' in layers(shown)
            assert f'<iframe src="{shown.url}"' in shown._repr_html_()
        finally:
            shown.close()
        with pytest.raises(URLError):
            layers(shown)
    mapped = result.geoglm.explore(height_px=300)
    assert "height: 300px" in mapped._repr_html_()
    kept = Path(mapped._kept.name)  # type: ignore[union-attr]
    assert (kept / "map" / "classes.tif").exists()
    mapped.close()
    assert not kept.exists()


def test_what_is_no_result_is_refused_in_one_line() -> None:
    with pytest.raises(GeoglmError, match="explore wants results, their folder or rasters, not int"):
        geoglm.explore(5)
