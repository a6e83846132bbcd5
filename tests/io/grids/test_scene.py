"""NetCDF files and Zarr stores as scenes: the same pixels at the same place as in a GeoTIFF, or one line."""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio
import xarray as xr
import zarr
from affine import Affine
from click.testing import CliRunner
from pyproj import CRS

import geoglm
from geoglm.apps.cli import main
from geoglm.errors import FileRefused, GeoglmError, SceneUnreadable
from geoglm.io.geotiff import RasterFile, scene_files
from geoglm.io.grids.facts import facts
from geoglm.io.guard.trust import Trust
from geoglm.registry.package import ModelPackage
from tests.conftest import write_scene

HEIGHT, WIDTH = 37, 53
UTM = Affine(10.0, 0.0, 400_000.0, 0.0, -10.0, 5_000_000.0)
DEGREES = Affine(0.01, 0.0, 5.0, 0.0, -0.01, 52.0)
KINDS = ("nc3", "nc4", "zarr")
WKT = CRS.from_epsg(32633).to_wkt()


def pixels(dtype: str = "int16") -> np.ndarray:
    found = np.random.default_rng(5).integers(1, 4000, (3, HEIGHT, WIDTH)).astype(dtype)
    found[:, :5, :7] = 0
    return found


def array(transform: Affine = UTM, names: tuple[str, str] = ("y", "x"), **coords: Any) -> xr.DataArray:
    """The scene, of bands called by their colours."""
    y, x = (transform.f + transform.e * (np.arange(HEIGHT) + 0.5), transform.c + transform.a * (np.arange(WIDTH) + 0.5))
    places = {"band": ["red", "green", "blue"], names[0]: y, names[1]: x} | coords
    return xr.DataArray(pixels(), dims=("band", *names), coords=places, name="light", attrs={"_FillValue": np.int16(0)})


def written(data: xr.Dataset, path: Path, kind: str, **encoding: Any) -> Path:
    """A dataset as a file or a store; `encoding` for each of its variables with rows and columns."""
    each = {name: encoding for name, v in data.data_vars.items() if v.ndim > 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what Zarr 3 does otherwise
        if kind == "zarr":
            data.to_zarr(path := path.with_suffix(".zarr"), zarr_format=2, encoding=each)
        else:
            data.to_netcdf(
                path := path.with_suffix(".nc"), engine="h5netcdf" if kind == "nc4" else "scipy", encoding=each
            )
    return path


def by_rioxarray(data: xr.DataArray, *, transform: bool = False) -> xr.Dataset:
    """The scene with its CRS in spatial_ref, as rioxarray writes it."""
    import rioxarray  # noqa: F401 - the accessor

    located = data.rio.write_crs(32633)
    return (located.rio.write_transform(UTM) if transform else located).to_dataset()


def by_cf(data: xr.DataArray) -> xr.Dataset:
    """The scene with latitudes and longitudes and nothing that says WGS 84."""
    data.lat.attrs |= {"units": "degrees_north", "standard_name": "latitude"}
    data.lon.attrs |= {"units": "degrees_east", "standard_name": "longitude"}
    return data.to_dataset()


def same(source: RasterFile, transform: Affine, epsg: int) -> None:
    """That a scene has the pixels, names and nodata, and lies where it should to the last digit."""
    meta = source.meta
    read, valid = source.read(meta.box, range(3))
    assert np.array_equal(read, pixels())
    assert np.array_equal(valid, (pixels() != 0).all(0))
    assert meta.dtype == "int16"
    assert meta.nodata == (0.0,) * 3
    assert sorted(meta.bands) == ["blue", "green", "red"]
    assert meta.georef.transform is not None
    assert meta.georef.transform.almost_equals(transform, precision=1e-9 * abs(transform.a))
    assert CRS.from_wkt(meta.georef.crs or "").to_epsg() == epsg


@pytest.mark.parametrize("kind", KINDS)
def test_rioxarray_places_its_own_scene(tmp_path: Path, kind: str) -> None:
    for whole in (False, True):
        path = written(by_rioxarray(array(), transform=whole), tmp_path / f"scene{whole}", kind)
        same(source := RasterFile(path), UTM, 32633)
        assert source.meta.bands == ("red", "green", "blue")


@pytest.mark.parametrize("kind", KINDS)
def test_latitudes_and_longitudes_are_centres_of_pixels(tmp_path: Path, kind: str) -> None:
    same(RasterFile(written(by_cf(array(DEGREES, ("lat", "lon"))), tmp_path / "scene", kind)), DEGREES, 4326)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("told", [True, False], ids=["y known by attributes", "y known by name alone"])
def test_rows_from_south_to_north_stay_in_their_place(tmp_path: Path, kind: str, told: bool) -> None:
    upward = UTM @ Affine.translation(0, HEIGHT) @ Affine.scale(1, -1)
    data = by_rioxarray(array(upward))
    if not told:
        for axis in ("x", "y"):
            data[axis].attrs = {}
    same(RasterFile(written(data, tmp_path / "scene", kind)), upward, 32633)


@pytest.mark.parametrize("kind", KINDS)
def test_a_variable_for_each_band(tmp_path: Path, kind: str) -> None:
    data = by_rioxarray(array()).light.to_dataset("band")
    for band in data.data_vars.values():
        band.attrs = {"_FillValue": np.int16(0), "grid_mapping": "spatial_ref"}
    source = RasterFile(written(data.reset_coords("spatial_ref"), tmp_path / "scene", kind))
    order = [source.meta.bands.index(name) for name in ("red", "green", "blue")]
    assert np.array_equal(source.read(source.meta.box, order)[0], pixels())
    assert source.meta.georef.transform == UTM
    if kind != "zarr":  # which keeps no order
        assert order == [0, 1, 2]


def test_the_crs_of_cf_parameters_and_chunks_that_do_not_divide_the_scene(tmp_path: Path) -> None:
    data = array().to_dataset()
    parameters = CRS.from_epsg(32633).to_cf()
    del parameters["crs_wkt"]
    data["utm"] = ((), 0, parameters)
    data.light.attrs["grid_mapping"] = "utm"
    path = written(data, tmp_path / "scene", "nc4", chunksizes=(2, 16, 20), zlib=True)
    same(source := RasterFile(path), UTM, 32633)
    assert scene_files(path) == [path]
    assert source.meta.gsd == pytest.approx(10, rel=0.01)


def test_scale_and_offset_are_units_as_in_a_geotiff(tmp_path: Path) -> None:
    data = by_rioxarray(array())
    data.light.attrs |= {"scale_factor": 1e-4, "add_offset": -0.1}
    for kind in KINDS:
        assert RasterFile(written(data, tmp_path / "scene", kind)).meta.units == ((1e-4, -0.1),) * 3


def test_float32_coordinates_are_evened_and_uneven_ones_refused(tmp_path: Path) -> None:
    data = array(DEGREES, ("lat", "lon"))
    near = data.assign_coords(lat=data.lat.astype("float32"), lon=data.lon.astype("float32"))
    found = RasterFile(written(by_cf(near), tmp_path / "near", "nc4")).meta.georef.transform
    assert found is not None
    assert found.almost_equals(DEGREES, precision=1e-5)
    far = data.assign_coords(lat=data.lat**2 / 52)
    with pytest.raises(SceneUnreadable, match="not evenly spaced"):
        RasterFile(written(by_cf(far), tmp_path / "far", "nc4"))


def test_coordinates_of_edges_beside_a_geotransform_are_refused(tmp_path: Path) -> None:
    edges = by_rioxarray(array(UTM @ Affine.translation(-0.5, -0.5)), transform=True)
    edges.spatial_ref.attrs["GeoTransform"] = "400000 10 0 5000000 0 -10"
    with pytest.raises(SceneUnreadable, match=r"-0\.50 and -0\.50 px apart"):
        RasterFile(written(edges, tmp_path / "edges", "nc3"))
    part = by_rioxarray(array(), transform=True).isel(x=slice(8, None), y=slice(5, None))
    georef = RasterFile(written(part, tmp_path / "part", "nc3")).meta.georef
    assert georef.transform == UTM @ Affine.translation(8, 5)


def test_kilometres_are_thousands_of_metres_and_radians_are_refused(tmp_path: Path) -> None:
    data = by_rioxarray(array())
    near = data.assign_coords({a: data[a].copy(data=data[a].values / 1e3) for a in ("x", "y")})
    for axis in ("x", "y"):
        near[axis].attrs["units"] = "km"
    same(RasterFile(written(near, tmp_path / "near", "nc4")), UTM, 32633)
    near.x.attrs["units"] = "rad"
    with pytest.raises(SceneUnreadable, match="'rad', which is no unit of its CRS"):
        RasterFile(written(near, tmp_path / "far", "zarr"))


def test_turned_poles_without_parameters_are_no_wgs_84(tmp_path: Path) -> None:
    data = array(DEGREES, ("rlat", "rlon"))
    data.rlat.attrs = {"units": "degrees", "standard_name": "grid_latitude"}
    data.rlon.attrs = {"units": "degrees", "standard_name": "grid_longitude"}
    meta = RasterFile(written(data.to_dataset(), tmp_path / "scene", "nc4")).meta
    assert (meta.georef.crs, meta.georef.transform) == (None, None)


def test_whole_numbers_of_64_bits_stay_such_and_odd_paths_are_read(tmp_path: Path) -> None:
    data = by_rioxarray(array().astype("int64") + 2**40)
    data.light.attrs = {}
    for kind in ("nc4", "zarr"):
        (folder := tmp_path / "ä b: c,#d" / kind).mkdir(parents=True)
        source = RasterFile(written(data, folder / "-scène 1", kind))
        assert source.meta.dtype == "int64"
        assert np.array_equal(source.read(source.meta.box, range(3))[0], pixels().astype("int64") + 2**40)


@pytest.mark.parametrize(
    "how",
    [{"chunk_key_encoding": {"name": "v2", "separator": "/"}}, {"order": "F"}, {"compressor": None}, {"filters": []}],
)
def test_stores_laid_out_otherwise(tmp_path: Path, how: dict[str, Any]) -> None:
    store = written(by_rioxarray(array()), tmp_path / "scene", "zarr")
    group = zarr.open_group(tmp_path / "other.zarr", mode="w", zarr_format=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, given in zarr.open_group(store).arrays():
            settings: dict[str, Any] = {"chunks": (2, 16, 20)} | how if name == "light" else {}
            made = group.create(name, shape=given.shape, dtype=given.dtype, fill_value=given.fill_value, **settings)
            made[...] = given[...]
            made.attrs.update(dict(given.attrs))
    same(RasterFile(tmp_path / "other.zarr"), UTM, 32633)


AMBIGUOUS: dict[str, tuple[Callable[[xr.Dataset], xr.Dataset], str]] = {
    "several shapes": (
        lambda d: d.assign(half=(("lat", "lon"), np.ones((4, 5)))).assign_coords(lat=range(4), lon=range(5)),
        r"light \(band 3, y 37, x 53\), half \(lat 4, lon 5\)|half .*, light .*",
    ),
    "bands and a layer": (lambda d: d.assign(quality=d.light[0].drop_vars("band")), r"light \(band 3.*quality \(y 37"),
    "several times": (lambda d: d.expand_dims(time=2), r"2 times along time; keep one, xarray's \.isel\(time=0\)"),
    "two dimensions": (lambda d: d.expand_dims(member=2), "more than bands above rows"),
    "rows last": (lambda d: d.transpose("x", "y", "band"), r"\.transpose\(\.\.\., 'y', 'x'\)"),
    "unknown axes": (lambda d: d.rename(x="a", y="b").drop_vars(["a", "b"]), "known as rows and columns"),
    "nothing": (lambda d: d[["spatial_ref"]], "no variable of it is a map"),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_would_need_a_guess_is_one_line_with_the_way_out(tmp_path: Path, name: str) -> None:
    change, line = AMBIGUOUS[name]
    plain = by_rioxarray(array())
    for axis in ("x", "y"):
        plain[axis].attrs = {}
    for kind in ("nc4", "zarr"):
        path = written(change(plain), tmp_path / "scene", kind)
        with pytest.raises(SceneUnreadable, match=line) as refused:
            RasterFile(path)
        assert "\n" not in str(refused.value)


def test_one_time_is_no_dimension(tmp_path: Path) -> None:
    for kind in KINDS:
        path = written(
            by_rioxarray(array()).expand_dims(time=[np.datetime64("2024-05-17", "ns")]), tmp_path / "s", kind
        )
        same(RasterFile(path), UTM, 32633)


@pytest.mark.parametrize("kind", KINDS)
def test_the_map_is_that_of_the_geotiff(tmp_path: Path, oracle: ModelPackage, kind: str) -> None:
    scene = write_scene(tmp_path / "scene.tif", pixels(), transform=UTM, nodata=0)
    other = written(by_rioxarray(array()), tmp_path / "other", kind)
    maps = []
    for path in (scene, other):
        words = [
            "segment",
            str(path),
            "-o",
            str(tmp_path / path.suffix),
            "--model",
            str(oracle.folder),
            "--vectors",
            "none",
        ]
        told = CliRunner().invoke(main, [*words, "--bands", "1,2,3", "--no-report", "--quiet"])
        assert told.exit_code == 0, told.output
        with rasterio.open(tmp_path / path.suffix / "classes.tif") as file:
            maps.append((file.read(), file.transform, file.crs.to_epsg()))
    assert np.array_equal(maps[0][0], maps[1][0])
    assert maps[0][1:] == maps[1][1:] == (UTM, 32633)
    manifest = json.loads((tmp_path / other.suffix / "manifest.json").read_text())
    assert str(other.name) in json.dumps(manifest)
    assert np.array_equal(geoglm.open_scene(other).values, pixels())


def test_what_an_hdf5_file_draws_on_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere" / "secret"
    secret.parent.mkdir()
    secret.write_bytes(b"s" * (HEIGHT * WIDTH))
    good = by_rioxarray(array())
    ways: dict[str, Callable[[h5py.File], Any]] = {
        "external pixels": lambda f: f.create_dataset("raw", (HEIGHT, WIDTH), "u1", external=[(str(secret), 0, 10**6)]),
        "external link": lambda f: f.__setitem__("raw", h5py.ExternalLink(str(secret), "/x")),
        "deep": lambda f: f.create_group("a/b").create_dataset("c", (8,), "u1", external=[(str(secret), 0, 8)]),
        "virtual": lambda f: f.create_virtual_dataset("raw", virtual(secret)),
    }
    for name, add in ways.items():
        path = written(good, tmp_path / name, "nc4")
        with h5py.File(path, "r+") as file:
            add(file)
        with pytest.raises(SceneUnreadable, match=r"another file|other files"):
            RasterFile(path)
        with pytest.raises(ValueError, match=r"another file|other files"):
            facts(str(path))


def virtual(path: Path) -> h5py.VirtualLayout:
    layout = h5py.VirtualLayout((HEIGHT, WIDTH), "u1")
    layout[:] = h5py.VirtualSource(path, "x", shape=(HEIGHT, WIDTH))
    return layout


def test_a_store_holds_chunks_and_leads_nowhere(tmp_path: Path) -> None:
    store = written(by_rioxarray(array()), tmp_path / "scene", "zarr")
    chunk = next(p for p in (store / "light").iterdir() if p.name[0].isdecimal())
    content = chunk.read_bytes()
    chunk.unlink()
    (tmp_path / "secret").write_bytes(content)
    chunk.symlink_to(tmp_path / "secret")
    with pytest.raises(FileRefused, match="links to"):
        RasterFile(store)
    assert RasterFile(store, trusted=Trust(folders=(tmp_path,))).meta.georef.transform == UTM
    chunk.unlink()
    os.mkfifo(chunk)
    with pytest.raises(FileRefused, match="neither metadata nor a chunk"):
        RasterFile(store)
    chunk.unlink()
    (store / "refs.json").write_text("{}")
    with pytest.raises(FileRefused, match="neither metadata nor a chunk"):
        RasterFile(store)


def test_large_chunks_are_held_against_the_memory(tmp_path: Path) -> None:
    for kind, size in (("nc4", {"chunksizes": (3, HEIGHT, WIDTH)}), ("zarr", {"chunks": (3, HEIGHT, WIDTH)})):
        path = written(by_rioxarray(array()), tmp_path / "scene", kind, **size)
        assert RasterFile(path, trusted=Trust(memory=3 * HEIGHT * WIDTH * 2 * 4)).meta.width == WIDTH
        with pytest.raises(FileRefused, match="raise --memory"):
            RasterFile(path, trusted=Trust(memory=3 * HEIGHT * WIDTH * 2 * 4 - 1))


def test_zarr_3_is_refused_with_the_way_out_and_taken_as_an_array(tmp_path: Path) -> None:
    path = tmp_path / "scene.zarr"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_rioxarray(array()).to_zarr(path, zarr_format=3)
    with pytest.raises(SceneUnreadable, match="zarr_format=2"):
        RasterFile(path)
    assert zarr.open_group(path)["light"].shape == (3, HEIGHT, WIDTH)


def test_without_the_extra_a_line_says_what_to_install(tmp_path: Path) -> None:
    from geoglm.errors import MissingExtra

    assert str(MissingExtra("h5py", "netcdf")).endswith("pip install 'geoglm[netcdf]' brings it")


def test_damaged_metadata_of_a_store_is_refused_or_harmless(tmp_path: Path) -> None:
    store = written(by_rioxarray(array()), tmp_path / "scene", "zarr")
    rng = np.random.default_rng(3)
    for file in sorted(store.glob("*/.z*")):
        content = file.read_bytes()
        told = json.loads(content)
        for key in told:
            for value in (None, -1, "x", [], {}, [2**40] * 3, "|O", 1e400):
                if rng.random() < 0.25:
                    file.write_text(json.dumps(told | {key: value}))
                    with contextlib.suppress(GeoglmError):  # anything else is a finding
                        source = RasterFile(store)
                        source.read(source.meta.box, range(len(source.meta.bands)))
        file.write_bytes(content)


@pytest.mark.parametrize("kind", ["nc3", "nc4"])
def test_damaged_files_are_used_or_refused(tmp_path: Path, kind: str) -> None:
    content = written(by_rioxarray(array()), tmp_path / "scene", kind).read_bytes()
    rng = np.random.default_rng(11)
    for number in range(25):
        damaged = bytearray(content)
        if number % 3 == 0:
            damaged = damaged[: int(rng.integers(8, len(content)))]
        for at in rng.integers(8, min(len(damaged), 4096), rng.integers(1, 12)):
            damaged[at] ^= 1 << int(rng.integers(8))
        path = tmp_path / f"damaged{number}.nc"
        path.write_bytes(damaged)
        with contextlib.suppress(GeoglmError):  # anything else is a finding
            source = RasterFile(path)
            source.read(source.meta.box, range(len(source.meta.bands)))
