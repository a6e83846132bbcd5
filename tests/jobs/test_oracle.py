"""The oracle: a 1×1-convolution model gives the same map tiled as whole, on every pixel, however it is cut."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geoglm.io.geotiff import RasterFile
from geoglm.io.memory import ArrayScene
from geoglm.io.source import Source
from geoglm.jobs.network import predictor_of
from geoglm.jobs.planning import make_plan
from geoglm.jobs.segment import segment_file
from geoglm.jobs.view import segment
from geoglm.options import HaloRule, PatchRule, SegmentOptions
from geoglm.registry.package import ModelPackage
from tests.conftest import pointwise, write_scene

SIZES = [(1, 1), (1, 300), (257, 1), (97, 131), (512, 512), (700, 1009)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    return pointwise(tmp_path_factory.mktemp("oracle") / "model")


def expected(model: ModelPackage, pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The slow obvious version: NumPy, no tiles, arithmetic in whole numbers and halves."""
    weights = {k: v.numpy().astype(np.float64) for k, v in model.network().state_dict().items()}
    scaled = pixels / (model.card.scaling.full_scale[str(pixels.dtype)] / 2) - 1
    logits = np.einsum("kb,byx->kyx", weights["head.weight"][:, :, 0, 0], scaled)
    logits += weights["head.bias"][:, None, None]
    return np.where(valid, logits.argmax(0), 255).astype(np.uint8)


def scene_pixels(shape: tuple[int, int], dtype: str, seed: int, *, holes: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(1, np.iinfo(dtype).max, (3, *shape), endpoint=True).astype(dtype)
    if holes:
        pixels[:, rng.random(shape) < 0.2] = 0
        pixels[:, : shape[0] // 3] = 0
    return pixels


def tiled(source: Source, options: SegmentOptions) -> np.ndarray:
    plan = make_plan(source, options)
    predictor = predictor_of(plan, layers=False)
    whole = np.zeros((source.meta.height, source.meta.width), np.uint8)
    from geoglm.io.source import read_padded

    for shard in plan.layout:
        fill = plan.package.card.scaling.fill(plan.full_scale)
        pixels, valid = read_padded(source, shard.read, plan.bands, fill=fill, dtype=source.meta.dtype)
        whole[shard.box.within(source.meta.box)] = predictor.score(shard, pixels, valid).classes
    return whole


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    shape=st.one_of(st.tuples(st.integers(1, 300), st.integers(1, 300)), st.sampled_from([(1, 1), (1, 97), (331, 1)])),
    patch=st.sampled_from([64, 100, 128, 256, 512, 1024]),
    halo=st.integers(0, 128),
    shard=st.sampled_from([1, 100, 400, 5000]),
    dtype=st.sampled_from(["uint8", "uint16"]),
    holes=st.booleans(),
    blend=st.booleans(),
    seed=st.integers(0, 5),
)
def test_any_tiling_gives_the_whole_map(
    model: ModelPackage,
    *,
    shape: tuple[int, int],
    patch: int,
    halo: int,
    shard: int,
    dtype: str,
    holes: bool,
    blend: bool,
    seed: int,
) -> None:
    if patch <= 2 * halo:
        patch = 2 * halo + 64
    pixels = scene_pixels(shape, dtype, seed, holes=holes)
    options = SegmentOptions(
        str(model.folder),
        patch=PatchRule("fixed", patch),
        halo=HaloRule("fixed", halo),
        shard_px=shard,
        blend=blend,
        device="torch-cpu",
        precision="f32",
        memory=8 * 10**9,
    )
    source = ArrayScene(pixels, nodata=0 if holes else None)
    valid = (pixels != 0).any(axis=0) | (not holes)
    assert (tiled(source, options) == expected(model, pixels, valid)).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", SIZES)
def test_openvino_tiles_give_the_whole_map_on_a_file(
    model: ModelPackage, tmp_path: Path, shape: tuple[int, int], dtype: str
) -> None:
    pixels = scene_pixels(shape, dtype, 1, holes=True)
    path = write_scene(tmp_path / "scene.tif", pixels, nodata=0, tiled=max(shape) > 300)
    truth = expected(model, pixels, (pixels != 0).any(axis=0))
    for patch, halo in ((64, 16), (256, 128 - 32), (1024, 0)):
        options = SegmentOptions(
            str(model.folder),
            patch=PatchRule("fixed", patch),
            halo=HaloRule("fixed", halo),
            shard_px=300,
            precision="f32",
            memory=8 * 10**9,
        )
        assert (tiled(RasterFile(path), options) == truth).all()


def test_a_large_scene_is_the_same_for_any_workers_and_shards(model: ModelPackage, tmp_path: Path) -> None:
    import rasterio

    pixels = scene_pixels((1500, 1100), "uint8", 3, holes=True)
    path = write_scene(tmp_path / "scene.tif", pixels, nodata=0)
    truth = expected(model, pixels, (pixels != 0).any(axis=0))
    for workers, shard, patch in ((1, 0, "auto"), (2, 500, "256"), (4, 300, "stepwise")):
        options = SegmentOptions(
            str(model.folder),
            patch=PatchRule.parse(patch),
            halo=HaloRule("fixed", 32),
            shard_px=shard,
            workers=workers,
            precision="f32",
            memory=8 * 10**9,
            vectors="none",
        )
        folder = tmp_path / f"out{workers}"
        segment_file(path, folder, options)
        with rasterio.open(folder / "classes.tif") as file:
            assert (file.read(1) == truth).all()


def test_tiles_that_cores_share_give_the_map_of_tiles_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_scene(tmp_path / "scene.tif", scene_pixels((500, 600), "uint8", 5, holes=False))
    maps = set()
    for alone, workers in ((10**9, 1), (10**9, 2), (1, 1), (1, 3)):
        monkeypatch.setattr("geoglm.tiling.patch.ALONE_PX", alone)
        options = SegmentOptions(
            "aerial-landcover", patch=PatchRule("fixed", 256), shard_px=128, workers=workers, vectors="none"
        )
        segment_file(path, folder := tmp_path / f"out{alone}-{workers}", options)
        maps.add(b"".join((folder / f"{n}.tif").read_bytes() for n in ("classes", "confidence")))
    assert len(maps) == 1


def test_the_lazy_map_is_the_same_whole_and_in_part(model: ModelPackage, tmp_path: Path) -> None:
    pixels = scene_pixels((400, 300), "uint16", 2, holes=True)
    path = write_scene(tmp_path / "scene.tif", pixels, nodata=0)
    truth = expected(model, pixels, (pixels != 0).any(axis=0))
    result = segment(path, str(model.folder), patch=128, halo=16, shard_px=150, precision="f32", probabilities=True)
    assert result.classes.chunks is not None
    assert (result.classes[100:110, 50:300].values == truth[100:110, 50:300]).all()
    assert (result.classes.values == truth).all()
    assert (np.isnan(result.confidence.values) == (truth == 255)).all()
    total = result.probabilities.sum("class").values[truth != 255]
    assert np.abs(total - 1).max() < 0.03
    import geoglm

    from_array = segment(geoglm.open_scene(path), str(model.folder), precision="f32")
    assert (from_array.classes.values == truth).all()
