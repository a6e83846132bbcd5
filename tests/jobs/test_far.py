"""Scenes that lie elsewhere: read ahead, once, and gone on with when the line breaks."""

from http import HTTPStatus
from pathlib import Path

import numpy as np
import pytest

from benchmarks.slow_source import RangeHandler, RangeServer
from geoglm.errors import SceneUnreachable
from geoglm.io.geotiff import RasterFile
from geoglm.io.prefetch import ReadAhead
from geoglm.io.remote import Remote
from geoglm.jobs.far import read_ahead
from geoglm.jobs.planning import make_plan
from geoglm.jobs.segment import segment_file
from geoglm.options import HaloRule, PatchRule, SegmentOptions
from tests.conftest import pointwise, write_scene


@pytest.fixture
def asked(tmp_path: Path) -> SegmentOptions:
    """A scene of 2048 x 2048 px beside it, in 16 shards whose halos take in half as much again."""
    pixels = np.random.default_rng(0).integers(0, 255, (3, 2048, 2048), dtype=np.uint8)
    write_scene(tmp_path / "scene.tif", pixels, tiled=True, blockxsize=256, blockysize=256, compress="deflate")
    model = str(pointwise(tmp_path / "model").folder)
    tiling = {"patch": PatchRule("fixed", 640), "halo": HaloRule("fixed", 64), "shard_px": 512}
    return SegmentOptions(model, **tiling, vectors="none", workers=2)  # type: ignore[arg-type]


def maps(folder: Path) -> bytes:
    return b"".join((folder / f"{name}.tif").read_bytes() for name in ("classes", "confidence"))


def test_a_line_that_breaks_costs_what_was_under_way_and_no_more(tmp_path: Path, asked: SegmentOptions) -> None:
    class Tired(RangeHandler):
        def refusal(self) -> HTTPStatus | None:
            return HTTPStatus.NOT_FOUND if self.server.sent > enough else None

    segment_file(tmp_path / "scene.tif", tmp_path / "here", asked)
    size = (tmp_path / "scene.tif").stat().st_size
    enough: float = size / 2
    with RangeServer(tmp_path) as server:
        server.RequestHandlerClass = Tired
        with pytest.raises(SceneUnreachable):
            segment_file(f"{server.url}/scene.tif", tmp_path / "there", asked)
        assert not (tmp_path / "there").exists()
        enough = float("inf")
        result = segment_file(f"{server.url}/scene.tif", tmp_path / "there", asked)
    assert result.reused > 0
    assert maps(tmp_path / "there") == maps(tmp_path / "here")


def test_what_shards_share_comes_over_the_line_once(tmp_path: Path, asked: SegmentOptions) -> None:
    with RangeServer(tmp_path) as server:
        plan = make_plan(RasterFile(Remote(f"{server.url}/scene.tif")), asked)
        before, shards = server.sent, list(plan.layout)
        with read_ahead(plan, shards) as near:
            assert isinstance(near.source, ReadAhead)
            for shard in shards:
                near.source.read(shard.read.clip(plan.source.meta.box), plan.bands)
        assert server.sent - before <= 1.02 * (tmp_path / "scene.tif").stat().st_size
    here = make_plan(RasterFile(tmp_path / "scene.tif"), asked)
    with read_ahead(here, shards) as plain:
        assert plain is here
