"""Labels lie where they belong, are called what they are called, and a misfit is one clear line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings

from geoglm.errors import LabelError
from geoglm.io.cog import array_blocks, classes_layer, write_cog
from geoglm.io.geotiff import RasterFile
from geoglm.io.labels import label_counts, open_labels
from geoglm.types import GeoRef, LandClass, PixelBox, SceneMeta
from tests.conftest import UTM, write_scene
from tests.strategies import class_maps

pytestmark = [
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
    pytest.mark.filterwarnings("ignore:'crs' was not provided"),
]
NAMES = ("water", "trees", "roads")
PAM = """<PAMDataset><PAMRasterBand band="1">{}</PAMRasterBand></PAMDataset>"""
CATEGORIES = "<CategoryNames><Category>water</Category><Category/><Category>trees</Category></CategoryNames>"
TABLE = """<GDALRasterAttributeTable>
<FieldDefn index="0"><Name>Code</Name><Type>0</Type><Usage>5</Usage></FieldDefn>
<FieldDefn index="1"><Name>What</Name><Type>2</Type><Usage>2</Usage></FieldDefn>
<Row index="0"><F>2</F><F>trees</F></Row><Row index="1"><F>0</F><F>water</F></Row></GDALRasterAttributeTable>"""


def meta(height: int = 40, width: int = 50, **georef: Any) -> SceneMeta:
    place = {"transform": UTM, "crs": rasterio.CRS.from_epsg(32633).to_wkt()} | georef
    return SceneMeta("scene", height, width, "uint8", ("",) * 3, (None,) * 3, 0.5, GeoRef(**place))


def bare(height: int = 40, width: int = 50) -> SceneMeta:
    return meta(height, width, transform=None, crs=None)


def class_map(height: int = 40, width: int = 50, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, (1, height, width)).astype(np.uint8)


def polygons(path: Path, *rows: tuple[str | None, shapely.Polygon], crs: str | None = "EPSG:32633") -> Path:
    kinds, shapes = zip(*rows, strict=True)
    frame = geopandas.GeoDataFrame({"kind": kinds, "number": range(len(rows))}, geometry=list(shapes), crs=crs)
    frame.to_file(path, engine="pyogrio")
    return path


def square(top: float, left: float, bottom: float, right: float) -> shapely.Polygon:
    """A rectangle of pixels of the scene, in its coordinates."""
    (x0, y0), (x1, y1) = UTM @ (left, top), UTM @ (right, bottom)
    return shapely.box(x0, y1, x1, y0)


def test_a_raster_on_the_scenes_own_grid_is_read_as_it_is(tmp_path: Path) -> None:
    truth = class_map()
    truth[0, :3] = 255
    labels = open_labels(write_scene(tmp_path / "l.tif", truth), meta())
    assert labels.classes == ("0", "1", "2")
    assert (labels.read(meta().box) == truth[0]).all()
    part = PixelBox(5, 7, 20, 33)
    assert (labels.read(part) == truth[0, 5:20, 7:33]).all()
    assert label_counts(labels, meta().box, side_px=7).tolist() == [(truth == k).sum() for k in range(3)]


@pytest.mark.parametrize("epsg", [32633, 32632, 4326])
def test_a_raster_of_any_grid_gives_the_value_under_the_centre_of_each_pixel(tmp_path: Path, epsg: int) -> None:
    """Labels of 1.7 m over pixels of 0.5 m, in other coordinates: each pixel is looked up the slow way."""
    from pyproj import Transformer

    to_labels = Transformer.from_crs(32633, epsg, always_xy=True)
    rows, cols = np.mgrid[:40, :50] + 0.5
    x, y = to_labels.transform(*(UTM @ (cols, rows)))
    step = (np.ptp(x) / 14.5, np.ptp(y) / 11.5)
    grid = Affine.translation(x.min() + 2 * step[0], y.max() + 2.3 * step[1]) @ Affine.scale(step[0], -step[1])
    truth = class_map(14, 13)
    labels = open_labels(write_scene(tmp_path / "l.tif", truth, crs=f"EPSG:{epsg}", transform=grid), meta())
    c, r = ~grid @ (x, y)
    inside = (c >= 0) & (c < 13) & (r >= 0) & (r < 14)
    expected = np.where(inside, truth[0][r.astype(int).clip(0, 13), c.astype(int).clip(0, 12)], 255)
    found = labels.read(meta().box)
    # the warp may be a quarter of a pixel off, which concerns edges of label cells only
    near_edge = (np.abs(c - np.rint(c)) < 0.08) | (np.abs(r - np.rint(r)) < 0.08)
    assert inside.mean() > 0.5
    assert not inside.all()
    assert (found == expected)[~near_edge].all()
    assert (found == expected).mean() > 0.97


@given(truth=class_maps())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_boxes_put_together_are_the_whole(tmp_path: Path, truth: np.ndarray) -> None:
    scene = meta(2 * truth.shape[0], 2 * truth.shape[1])
    path = write_scene(tmp_path / "l.tif", truth[None], transform=UTM @ Affine.scale(2))
    if (truth == 255).all():
        with pytest.raises(LabelError, match="no labelled pixel"):
            open_labels(path, scene)
        return
    labels = open_labels(path, scene)
    whole = np.zeros((scene.height, scene.width), np.uint8)
    for box in scene.box.blocks(5):
        whole[box.within(scene.box)] = labels.read(box)
    values = [v for v in np.unique(truth) if v != 255]
    expected = np.full_like(truth, 255)
    for place, value in enumerate(values):
        expected[truth == value] = place
    assert (whole == expected.repeat(2, 0).repeat(2, 1)).all()


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "float32"])
def test_values_of_any_whole_number_are_classes(tmp_path: Path, dtype: str) -> None:
    codes = np.array([111, 312, 512], dtype)[class_map()]
    codes[0, 0] = 0
    labels = open_labels(write_scene(tmp_path / "l.tif", codes, nodata=0), meta())
    assert labels.classes == ("111", "312", "512")
    found = labels.read(meta().box)
    assert (found[1:] == class_map()[0, 1:]).all()
    assert (found[0] == 255).all()


@pytest.mark.parametrize("told", ["table", "categories", "flags", "ours"])
def test_names_come_from_the_raster_where_it_tells_them(tmp_path: Path, told: str) -> None:
    path = tmp_path / "l.tif"
    if told == "ours":
        legend = [LandClass(0, "water", "#0000ff"), LandClass(2, "trees", "#00ff00")]
        write_cog(path, (40, 50), meta().georef, classes_layer(legend), array_blocks(class_map()[0], "mode"))
    else:
        write_scene(path, class_map())
    if told == "flags":
        with rasterio.open(path, "r+") as file:
            file.update_tags(flag_values="[0, 2]", flag_meanings="water trees")
    elif told != "ours":
        path.with_name("l.tif.aux.xml").write_text(PAM.format(TABLE if told == "table" else CATEGORIES))
    labels = open_labels(path, meta(), classes=("Trees", "Water", "roads"))
    assert labels.classes == ("Trees", "Water", "roads")
    assert (labels.read(meta().box) == np.array([1, 255, 0], np.uint8)[class_map()[0]]).all()
    assert open_labels(path, meta()).classes == ("water", "trees")


def test_bare_numbers_are_the_models_classes_in_their_order_and_that_is_said(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "l.tif", class_map())
    labels = open_labels(path, meta(), classes=NAMES)
    assert (labels.read(meta().box) == class_map()[0]).all()
    assert "0 water, 1 trees, 2 roads" in labels.notes[0]
    with pytest.raises(LabelError, match=r"no class of the model is called 0, 1, 2; .* the model knows water, trees"):
        open_labels(path, meta(), classes=NAMES[:2])


def test_a_mapping_gives_other_names_and_leaves_classes_out(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "l.tif", class_map())
    labels = open_labels(path, meta(), classes=NAMES, rename={"0": "roads", "1": "", "2": "WATER"})
    assert (labels.read(meta().box) == np.array([2, 255, 0], np.uint8)[class_map()[0]]).all()
    labels = open_labels(path, meta(), classes=NAMES[:2], rename={"2": ""})
    assert (labels.read(meta().box) == np.array([0, 1, 255], np.uint8)[class_map()[0]]).all()
    with pytest.raises(LabelError, match="mapping names 'lawn', but the labels have 0, 1, 2"):
        open_labels(path, meta(), rename={"lawn": "grass"})


def test_without_georeferencing_the_sizes_must_be_the_same(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "l.png", class_map(), driver="PNG", crs=None, transform=None)
    assert (open_labels(path, bare()).read(bare().box) == class_map()[0]).all()
    assert "pixel to pixel" in open_labels(path, meta()).notes[0]
    with pytest.raises(LabelError, match="50 x 40 px, the scene 50 x 41 px"):
        open_labels(path, bare(41))
    with pytest.raises(LabelError, match="is georeferenced and the scene scene is not"):
        open_labels(write_scene(tmp_path / "l.tif", class_map()), bare())
    with pytest.raises(LabelError, match="only one has a CRS"):
        open_labels(write_scene(tmp_path / "l.tif", class_map(), crs=None), meta())
    half = write_scene(tmp_path / "l.tif", class_map(20, 25), crs=None, transform=UTM @ Affine.scale(2))
    found = open_labels(half, meta(crs=None)).read(meta().box)
    assert (found == class_map(20, 25)[0].repeat(2, 0).repeat(2, 1)).all()


def test_polygons_count_for_the_pixels_whose_centre_they_hold(tmp_path: Path) -> None:
    path = polygons(tmp_path / "l.gpkg", ("trees", square(2.4, 3.6, 10.4, 20.6)), ("water", square(30, 0, 40, 50)))
    labels = open_labels(path, meta(), classes=NAMES)
    expected = np.full((40, 50), 255, np.uint8)
    expected[2:10, 4:21] = 1
    expected[30:] = 0
    assert (labels.read(meta().box) == expected).all()
    for box in meta().box.blocks(9):
        assert (labels.read(box) == expected[box.within(meta().box)]).all()
    assert labels.notes == ()


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp", "fgb"])
def test_polygons_of_another_crs_are_brought_into_the_scene(tmp_path: Path, suffix: str) -> None:
    there = polygons(tmp_path / "l.gpkg", ("trees", square(2.4, 3.6, 10.4, 20.6)), ("water", square(30, 0, 40, 50)))
    moved = geopandas.read_file(there).to_crs("EPSG:4326")
    moved.to_file(tmp_path / f"moved.{suffix}")
    here, other = (open_labels(p, meta()) for p in (there, tmp_path / f"moved.{suffix}"))
    assert here.classes == other.classes == ("trees", "water")
    assert (here.read(meta().box) == other.read(meta().box)).all()


def test_where_polygons_overlap_the_later_wins_and_the_pixels_are_counted(tmp_path: Path) -> None:
    first, second = square(0, 0, 10, 10), square(5, 0, 15, 10)
    same, beside = square(14, 0, 20, 10), square(20, 0, 22, 10)
    path = polygons(tmp_path / "l.gpkg", ("trees", first), ("water", second), ("water", same), ("roads", beside))
    labels = open_labels(path, meta())
    assert labels.notes == ("l.gpkg: 1 pair of polygons of different classes overlaps (about 50 px): the later in "
                            "the file counts",)  # fmt: skip
    assert labels.classes == ("roads", "trees", "water")
    assert label_counts(labels, meta().box).tolist() == [20, 50, 150]


def test_the_class_field_is_the_only_text_or_is_asked_for(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame(
        {"kind": ["Trees", "trees ", None], "by": ["me", "you", "me"], "code": [1.0, 7.0, 7.0]},
        geometry=[square(0, 0, 5, 5), square(5, 5, 9, 9), square(20, 20, 30, 30)],
        crs="EPSG:32633",
    )
    frame[["kind", "code", "geometry"]].assign(colour="#00ff00").to_file(tmp_path / "one.gpkg")
    assert open_labels(tmp_path / "one.gpkg", meta()).classes == ("Trees",)
    frame.to_file(tmp_path / "l.gpkg")
    with pytest.raises(LabelError, match=r"say which field holds the class \(--class-field\), one of kind, by"):
        open_labels(tmp_path / "l.gpkg", meta())
    with pytest.raises(LabelError, match="no field 'typo'; it has kind, by, code"):
        open_labels(tmp_path / "l.gpkg", meta(), class_field="typo")
    labels = open_labels(tmp_path / "l.gpkg", meta(), class_field="kind")
    assert labels.classes == ("Trees",)
    assert "1 polygons of l.gpkg have no class" in labels.notes[0]
    assert label_counts(labels, meta().box).tolist() == [25 + 16]
    assert open_labels(tmp_path / "l.gpkg", meta(), class_field="code").classes == ("1", "7")


def test_polygons_without_a_crs_are_in_the_scenes_coordinates(tmp_path: Path) -> None:
    pixels = shapely.box(3, 2, 10, 8)
    path = polygons(tmp_path / "l.geojson.gpkg", ("trees", pixels), crs=None)
    found = open_labels(path, bare()).read(bare().box)
    assert (found[2:8, 3:10] == 0).all()
    assert (found == 0).sum() == 42
    local = polygons(tmp_path / "m.gpkg", ("trees", square(2, 3, 8, 10)), crs=None)
    labels = open_labels(local, meta())
    assert (labels.read(meta().box) == found).all()
    assert "taken to be in the scene's coordinates" in labels.notes[0]
    with pytest.raises(LabelError, match="is georeferenced and the scene scene is not"):
        open_labels(polygons(tmp_path / "n.gpkg", ("trees", square(0, 0, 5, 5))), bare())


def spoil(path: Path, how: str) -> None:
    far = UTM @ Affine.translation(10_000, 0)
    if how == "far raster":
        write_scene(path, class_map(), transform=far)
    elif how == "bands":
        write_scene(path, class_map().repeat(3, 0))
    elif how == "photo":
        write_scene(path, np.arange(2000, dtype=np.uint16).reshape(1, 40, 50))
    elif how == "fractions":
        write_scene(path, np.full((1, 40, 50), 0.5, np.float32))
    elif how == "text":
        path.write_text("no labels")
    elif how == "far polygons":
        polygons(path, ("trees", square(4000, 0, 4010, 10)))
    elif how == "points":
        geopandas.GeoDataFrame({"kind": ["a"]}, geometry=[shapely.Point(1, 1)], crs="EPSG:32633").to_file(path)


@pytest.mark.parametrize(
    ("how", "name", "said"),
    [
        ("nothing", "l.tif", "no such file"),
        ("far raster", "l.tif", "do not overlap the scene"),
        ("bands", "l.tif", "has 3 bands"),
        ("photo", "l.tif", "more than 255 different values"),
        ("fractions", "l.tif", "value 0.5; classes are whole numbers"),
        ("text", "l.tif", "neither as a class raster nor as polygons"),
        ("far polygons", "l.gpkg", "do not overlap the scene"),
        ("points", "l.gpkg", "holds no polygon"),
    ],
)
def test_a_misfit_is_one_line(tmp_path: Path, how: str, name: str, said: str) -> None:
    spoil(tmp_path / name, how)
    with pytest.raises(LabelError, match=said) as refused:
        open_labels(tmp_path / name, meta())
    assert "\n" not in str(refused.value)


def test_a_scene_in_a_file_and_labels_of_it_belong_together(make_scene: Callable[..., Path], tmp_path: Path) -> None:
    scene = RasterFile(make_scene(transform=UTM @ Affine.rotation(20)))
    truth = write_scene(tmp_path / "l.tif", class_map(), transform=UTM @ Affine.rotation(20))
    assert (open_labels(truth, scene.meta).read(scene.meta.box) == class_map()[0]).all()
    whole = shapely.Polygon([scene.meta.georef.transform @ c for c in ((0, 0), (50, 0), (50, 20), (0, 20))])  # type: ignore[operator]
    found = open_labels(polygons(tmp_path / "l.gpkg", ("trees", whole)), scene.meta).read(scene.meta.box)
    assert (found[:20] == 0).all()
    assert (found[20:] == 255).all()
