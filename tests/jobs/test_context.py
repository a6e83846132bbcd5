"""Networks with context: the scene is glanced at once, then tiled; the tiling shows nowhere in the map."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import geoglm
from geoglm.errors import BadPackage
from geoglm.io.geotiff import RasterFile
from geoglm.io.lazy import DataArrayScene
from geoglm.io.memory import ArrayScene
from geoglm.io.source import Source, read_glance, read_padded
from geoglm.jobs.info import scene_facts
from geoglm.jobs.network import glance_of, predictor_of, runtime_of
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.planning import make_plan
from geoglm.jobs.segment import segment_file
from geoglm.jobs.view import segment
from geoglm.nn.segmenter import SegmenterSpec
from geoglm.options import HaloRule, PatchRule, SegmentOptions
from geoglm.registry.package import ModelPackage, write_package
from tests.conftest import card_for, pointwise, write_scene
from tests.context_oracle import context_oracle, expected, oracle_is_built
from tests.nn.networks import network


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelPackage]:
    with oracle_is_built():
        yield context_oracle(tmp_path_factory.mktemp("context") / "model")


@pytest.fixture(scope="module")
def halving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelPackage]:
    """An oracle that sees means of 2 × 2 pixels of a scene of 0.5 m."""
    with oracle_is_built():
        yield context_oracle(tmp_path_factory.mktemp("halving") / "model", **{"geoglm:working_gsd": 1.0})


def scene_pixels(shape: tuple[int, int], dtype: str, seed: int, *, holes: bool) -> np.ndarray:
    """Random pixels, brighter on one side, so that the glance at a part is not that at the whole."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(1, np.iinfo(dtype).max, (3, *shape), endpoint=True).astype(dtype)
    pixels[:, :, : shape[1] // 3] = pixels[:, :, : shape[1] // 3] // 4 + 1
    if holes:
        pixels[:, rng.random(shape) < 0.2] = 0
        pixels[:, : shape[0] // 3] = 0
    return pixels


def truth(plan: SegmentPlan, pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
    gsd, glance = plan.source.meta.gsd, glance_of(plan)
    assert glance is not None
    return expected(plan.package, pixels, valid, glance=glance, log2_gsd=0.0 if gsd is None else np.log2(gsd))


def tiled(plan: SegmentPlan) -> np.ndarray:
    predictor, meta = predictor_of(plan, layers=False), plan.source.meta
    whole = np.zeros(meta.box.shape, np.uint8)
    fill = plan.package.card.scaling.fill(plan.full_scale)
    for shard in plan.layout:
        pixels, valid = read_padded(plan.source, shard.read, plan.bands, fill=fill, dtype=meta.dtype)
        whole[shard.box.within(meta.box)] = predictor.score(shard, pixels, valid).classes
    return whole


def options(package: ModelPackage, **changes: object) -> SegmentOptions:
    plain = {"precision": "f32", "memory": 8 * 10**9, "vectors": "none"}
    return SegmentOptions(str(package.folder), **(plain | changes))  # type: ignore[arg-type]


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(
    shape=st.one_of(st.tuples(st.integers(1, 300), st.integers(1, 300)), st.sampled_from([(1, 1), (1, 97), (331, 1)])),
    patch=st.sampled_from([64, 100, 128, 256, 1024]),
    halo=st.integers(0, 64),
    shard=st.sampled_from([1, 100, 400, 5000]),
    dtype=st.sampled_from(["uint8", "uint16"]),
    gsd=st.sampled_from([None, 0.25, 1.0, 8.0]),
    holes=st.booleans(),
    blend=st.booleans(),
    seed=st.integers(0, 5),
)
def test_any_tiling_gives_the_whole_map(
    oracle: ModelPackage,
    *,
    shape: tuple[int, int],
    patch: int,
    halo: int,
    shard: int,
    dtype: str,
    gsd: float | None,
    holes: bool,
    blend: bool,
    seed: int,
) -> None:
    pixels = scene_pixels(shape, dtype, seed, holes=holes)
    source = ArrayScene(pixels, nodata=0 if holes else None, gsd=gsd)
    rules = {"patch": PatchRule("fixed", max(patch, 2 * halo + 64)), "halo": HaloRule("fixed", halo)}
    plan = make_plan(source, options(oracle, **rules, shard_px=shard, blend=blend, device="torch-cpu"))
    valid = (pixels != 0).any(axis=0) | (not holes)
    assert (tiled(plan) == truth(plan, pixels, valid)).all()


@pytest.mark.parametrize("device", ["cpu", "torch-cpu"])
def test_where_the_network_sees_means_of_pixels_any_tiling_gives_the_map_of_one_pass(
    halving: ModelPackage, device: str
) -> None:
    source = ArrayScene(scene_pixels((301, 415), "uint8", 1, holes=False), gsd=0.5)
    maps = []
    for patch, shard in ((1024, 5000), (64, 100), (128, 5000)):
        rules = {"patch": PatchRule("fixed", patch), "halo": HaloRule("exact"), "shard_px": shard}
        plan = make_plan(source, options(halving, **rules, device=device))
        assert plan.reduce == 2
        maps.append(tiled(plan))
    assert (maps[0] == maps[1]).all()
    assert (maps[0] == maps[2]).all()
    assert len(np.unique(maps[0])) > 2


def test_a_file_is_the_same_for_any_workers_shards_and_tiles(oracle: ModelPackage, tmp_path: Path) -> None:
    pixels = scene_pixels((700, 1009), "uint8", 3, holes=True)
    path = write_scene(tmp_path / "scene.tif", pixels, nodata=0, tiled=True)
    for workers, shard, patch in ((1, 0, "auto"), (2, 300, "256")):
        chosen = options(oracle, workers=workers, shard_px=shard, patch=PatchRule.parse(patch))
        folder = tmp_path / f"out{workers}"
        segment_file(path, folder, chosen)
        plan = make_plan(RasterFile(path), chosen)
        with rasterio.open(folder / "classes.tif") as file:
            assert (file.read(1) == truth(plan, pixels, (pixels != 0).any(axis=0))).all()
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["plan"]["looks_at"] == "the scene as a whole first, made 256 x 178 px small, then each tile"
    assert scene_facts(path, chosen)["plan"]["looks_at"] == manifest["plan"]["looks_at"]


def test_a_network_without_context_looks_at_each_tile_by_itself(tmp_path: Path) -> None:
    plan = make_plan(ArrayScene(np.zeros((3, 40, 50), np.uint8)), options(pointwise(tmp_path / "plain")))
    assert glance_of(plan) is None
    assert plan.describe()["looks_at"] == "each tile by itself"


def test_a_slice_is_a_scene_with_a_glance_of_its_own(oracle: ModelPackage, tmp_path: Path) -> None:
    pixels = scene_pixels((200, 300), "uint16", 2, holes=True)
    path = write_scene(tmp_path / "scene.tif", pixels, nodata=0)

    def map_of(scene: object) -> np.ndarray:
        result = segment(scene, str(oracle.folder), patch=128, halo=16, shard_px=100, precision="f32")  # type: ignore[arg-type]
        return np.asarray(result.classes.values)

    opened, part = geoglm.open_scene(path), np.s_[:, 100:, 150:]
    assert (map_of(opened) == map_of(path)).all()
    alone = write_scene(tmp_path / "part.tif", pixels[part], nodata=0)
    assert (map_of(opened[part]) == map_of(alone)).all()
    assert (map_of(opened[part]) != map_of(path)[part[1:]]).any()


def test_a_glance_is_the_same_from_file_array_and_lazy_array(tmp_path: Path) -> None:
    pixels = scene_pixels((311, 420), "uint16", 4, holes=True)
    path = write_scene(tmp_path / "scene.tif", pixels, nodata=0)
    sources: list[Source] = [RasterFile(path), ArrayScene(pixels, nodata=0), DataArrayScene(geoglm.open_scene(path))]
    glances = [read_glance(s, (2, 0), fill=(5.0, 6.0), stride=16) for s in sources]
    assert glances[0].shape == (2, 192, 256)
    for glance in glances:
        np.testing.assert_array_equal(glance, glances[0])


def test_a_scene_wider_than_its_preview_is_still_averaged_over_all_of_it() -> None:
    ramp = np.broadcast_to(np.arange(5000, dtype=np.float32), (1, 40, 5000))
    glance = read_glance(ArrayScene(np.ascontiguousarray(ramp)), (0,), fill=(0.0,), stride=1)
    assert glance.shape == (1, 2, 256)
    assert np.abs(glance[0, 0] - (np.arange(256) + 0.5) * 5000 / 256).max() < 5000 / 256 / 2


def test_the_plan_has_another_key_for_a_network_with_another_view(oracle: ModelPackage, tmp_path: Path) -> None:
    plan = make_plan(ArrayScene(np.zeros((3, 40, 50), np.uint8)), options(oracle))
    network = dict(plan.package.card.network) | {"context": 3}
    other = replace(plan, package=ModelPackage(oracle.folder, replace(plan.package.card, network=network)))
    assert other.key != plan.key


def test_a_card_that_hides_the_glance_is_refused(oracle: ModelPackage) -> None:
    with pytest.raises(BadPackage, match="geoglm:summary_size says 0"):
        ModelPackage(oracle.folder, replace(oracle.card, summary_size=0)).network()


def test_both_runtimes_are_told_the_same(oracle: ModelPackage) -> None:
    source = ArrayScene(scene_pixels((40, 64), "uint8", 0, holes=False), gsd=0.5)
    place = np.array([[0.25, 0.5, 1 / 256, 1 / 512, -1.0]], np.float32)
    answers = []
    for device in ("cpu", "torch-cpu"):
        runtime = runtime_of(make_plan(source, options(oracle, device=device)), "float")
        answers.append(runtime.infer(source.pixels[None], place)[0])
    assert np.abs(answers[0] - answers[1]).max() < 1e-5


def test_tiles_of_a_batch_keep_their_places(oracle: ModelPackage) -> None:
    source = ArrayScene(scene_pixels((40, 64), "uint8", 0, holes=False), gsd=0.5)
    tiles = np.stack([source.pixels, source.pixels, source.pixels // 2])
    places = np.array([[k / 4, k / 8, 1 / 256, 1 / 512, -1.0] for k in range(3)], np.float32)
    runtime = runtime_of(make_plan(source, options(oracle, device="torch-cpu")), "float")
    alone = [runtime.infer(t[None], p[None])[0][0] for t, p in zip(tiles, places, strict=True)]
    runtime.batch = 4  # as on a GPU
    together = runtime.infer(tiles, places)[0]
    assert np.abs(together - np.stack(alone)).max() < 1e-6
    assert np.abs(alone[0] - alone[1]).max() > 0.1


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    """A random network with queries and squeeze fusion that heeds the scene and its place in it."""
    spec = SegmenterSpec("tu-test_efficientnet", bands=3, classes=5, depth=3, width=8, context=4, fusion="squeeze")
    built = network(spec)
    with torch.no_grad():  # every class somewhere
        some = torch.rand(1, 3, 40, 40).repeat_interleave(8, 2).repeat_interleave(8, 3) * 2 - 1
        logits = built(some, built.summarise(some), torch.tensor([[0, 0, 1 / 320, 1 / 320, -1]]))
        built.head[1].bias -= logits.mean(dim=(0, 2, 3))
    tiling = {"stride": built.stride, "tileable": True, "halo": 32, "exact_halo": 32}
    return write_package(tmp_path_factory.mktemp("seeing"), built, card_for(spec, **{"geoglm:tiling": tiling}))


@torch.no_grad()
def one_pass(plan: SegmentPlan, pixels: np.ndarray) -> np.ndarray:
    """The whole scene through the network at once, in float32."""
    built, stride, (rows, cols) = plan.package.network(), plan.package.card.stride, pixels.shape[1:]
    padded = np.full((3, rows + -rows % stride, cols + -cols % stride), 128, np.uint8)
    padded[:, :rows, :cols] = pixels
    scaled, glance = (torch.from_numpy(p)[None].float() / 128 - 1 for p in (padded, glance_of(plan)))
    place = torch.tensor([[0, 0, 1 / rows, 1 / cols, -1]])
    logits = built(scaled, built.summarise(glance), place)
    return logits.argmax(1)[0, :rows, :cols].numpy().astype(np.uint8)


SECOND_USE = """
import sys
from pathlib import Path
from geoglm.jobs.segment import segment_file
from geoglm.options import HaloRule, PatchRule, SegmentOptions
rules = {"patch": PatchRule("fixed", 128), "halo": HaloRule("exact"), "precision": "f32", "memory": 8 * 10**9}
options = SegmentOptions(sys.argv[3], **rules, vectors="none", workers=2, shard_px=5000)
segment_file(Path(sys.argv[1]), Path(sys.argv[2]), options)
print("torch" in sys.modules)
"""


def test_a_network_with_context_gives_the_map_of_one_pass_and_is_not_converted_again(
    seeing: ModelPackage, tmp_path: Path
) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (3, 40, 52), dtype=np.uint8)
    pixels = noise.repeat(8, axis=1).repeat(8, axis=2)[:, :317, :410]
    pixels[:, :, 200:] //= 2
    path = write_scene(tmp_path / "scene.tif", pixels)
    rules = {"patch": PatchRule("fixed", 128), "halo": HaloRule("exact")}
    whole = one_pass(make_plan(RasterFile(path), options(seeing, **rules)), pixels)
    assert len(np.unique(whole)) > 2
    segment_file(path, tmp_path / "out1", options(seeing, **rules, workers=1, shard_px=100))
    told = subprocess.run(
        [sys.executable, "-c", SECOND_USE, str(path), str(tmp_path / "out2"), str(seeing.folder)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert told == "False\n"
    maps = []
    for folder in ("out1", "out2"):
        with rasterio.open(tmp_path / folder / "classes.tif") as file:
            maps.append(file.read(1))
    assert (maps[0] == maps[1]).all()
    assert (maps[0] == whole).mean() >= 0.9999
