"""Scenes in files: GeoTIFF, COG, VRT and JPEG 2000, read window by window through rasterio."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.errors import CRSError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from geoglm.errors import SceneMismatch, SceneUnreadable
from geoglm.io.crs import own_words
from geoglm.io.emptiness import holds_data
from geoglm.io.guard.raster import SAFE, UNREADABLE, admitted, opened_name
from geoglm.io.guard.trust import Trust, trust
from geoglm.io.products.product import PACKED, is_product, is_zip, product, scene_stem
from geoglm.io.proj import check_proj
from geoglm.io.remote import SceneRef, reading, unreachable
from geoglm.pixels.valid import valid_pixels
from geoglm.stats.area import ground_sample_distance
from geoglm.types import ControlPoint, GeoRef, PixelBox, SceneMeta

DRIVERS = ["GTiff", "VRT", "JP2OpenJPEG"]
"""What is opened unasked; a file of any other kind is refused."""
ELSEWHERE = ["GTiff", "JP2OpenJPEG"]
"""What is opened where files lie elsewhere: a VRT there could draw on files here."""

PRODUCT_TAGS = ("BASELINE", "ADD_OFFSET", "PRODUCT", "ACQUI", "SENSING", "DATETIME")
"""Parts of the names of tags that tell which product a file comes from, and when it was taken."""

CHECKED_BLOCKS = 50_000


class RasterFile:
    """A raster file as a source. Each thread has a dataset of its own; GDAL's are not to be shared. Pickled, it is
    its path, opened anew.

    Args:
        path: of the file, of a product (`geoglm.io.products`), or where else it lies (`geoglm.io.remote.scene_ref`).
        resample: ground sample distance in metres to read it at, through a warped view; None for its own.
        zoom: pixels a side to read for each of those, also where the scene does not say where it lies: 0.5 averages
            2 x 2 pixels into one, 2 puts pixels in between bilinearly.
        trusted: what it may draw on; None for what this process trusts now.

    Raises:
        SceneNotFound, SceneUnreadable, SceneUnreachable: there is no file, or it is no raster or cut short.
        FileRefused: it might do harm.
        SceneMismatch: it is to be resampled and has no transform and CRS to do it with, or a band of light counts as
            alpha.
    """

    def __init__(
        self, path: SceneRef, *, resample: float | None = None, zoom: float = 1.0, trusted: Trust | None = None
    ) -> None:
        check_proj()
        self._trust = trusted or trust()
        self._name, self._drivers = _let_in(path, self._trust)
        self.facts = {} if isinstance(path, Path) else path.facts()
        self.path, self._resample, self._zoom = path, resample, zoom
        self._mine = threading.local()
        self._grid: Grid | None = None
        with _readable(path):
            dataset = self._dataset()
            _check_length(path, dataset, self._bytes())
            if resample is not None or zoom != 1:
                factor = 1 / zoom if resample is None else _factor(dataset, resample, path) / zoom
                self._grid = Grid.over(dataset, factor)
                self._mine = threading.local()
                dataset = self._dataset()
            self._numbers = [
                k for k, kind in zip(dataset.indexes, dataset.colorinterp, strict=True) if kind != ColorInterp.alpha
            ]
            if not self._numbers:
                raise SceneUnreadable(path, "it has no band besides alpha")
            self._alpha = next(
                (k for k, kind in zip(dataset.indexes, dataset.colorinterp, strict=True) if kind == ColorInterp.alpha),
                None,
            )
            if self._alpha is not None:
                _check_alpha(path, self._alpha, dataset.descriptions[self._alpha - 1])
            self._has_mask = MaskFlags.per_dataset in dataset.mask_flag_enums[0] and self._alpha is None
            self.meta = self._describe(dataset)
            if isinstance(path, Path) and path.is_file():
                self._look_again()

    def _look_again(self) -> None:
        """Open the file once more: of a tag that the disk failed to give, GDAL says nothing and does without.

        Raises:
            SceneUnreadable: it is not the same as before.
        """
        first, self._mine = self.meta, threading.local()
        if repr(self._describe(self._dataset())) != repr(first):  # NaN is not equal to itself
            raise SceneUnreadable(self.path, "it reads differently the second time; check the disk")

    @property
    def far(self) -> bool:
        """Whether it lies elsewhere, where reading takes its time."""
        return not isinstance(self.path, Path)

    def _bytes(self) -> int | None:
        """Size of the file, where that is known."""
        if isinstance(self.path, Path):
            return self.path.stat().st_size if self.path.is_file() else None
        return int(self.facts["bytes"]) if self.facts.get("bytes", "").isdecimal() else None

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(RasterFile, resample=self._resample, zoom=self._zoom, trusted=self._trust), (self.path,)

    def _dataset(self) -> Any:
        """This thread's dataset."""
        if not hasattr(self._mine, "dataset"):
            dataset = opened_name(self._name, self._drivers, self.path, self._trust)
            if self._grid is not None:
                dataset = self._grid.view(dataset)
            self._mine.dataset = dataset
        return self._mine.dataset

    def _describe(self, dataset: Any) -> SceneMeta:
        """The facts of the file."""
        numbers = self._numbers
        every, values = dataset.dtypes, dataset.nodatavals  # each asks all bands
        dtypes = {every[k - 1] for k in numbers}
        dtype = dtypes.pop() if len(dtypes) == 1 else str(np.result_type(*dtypes))
        if np.dtype(dtype).kind not in "uif":
            raise SceneUnreadable(self.path, f"its pixels are {dtype}; integer or real numbers are needed")
        nodata = tuple(values[k - 1] for k in numbers)
        sources = {
            "nodata": any(n is not None for n in nodata),
            "mask": self._has_mask,
            "alpha": self._alpha is not None,
        }
        georef = _georef(dataset) if self._grid is None else self._grid.georef
        return SceneMeta(
            name=scene_stem(self.path),
            height=dataset.height,
            width=dataset.width,
            dtype=dtype,
            bands=_band_names(dataset, numbers),
            nodata=nodata,
            gsd=_gsd(georef, dataset, self.path),
            georef=georef,
            block=dataset.block_shapes[0],
            mask=tuple(k for k, there in sources.items() if there),
            driver=dataset.driver,
            units=_units(dataset, numbers),
            product=(
                *_product_tags(dataset),
                ("path", _place(self.path)),
            ),
        )

    def read(self, box: PixelBox, bands: Sequence[int]) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """See `Source.read`."""
        window = Window(box.left, box.top, box.width, box.height)
        with _readable(self.path):
            return self._pixels(bands, window=window)

    def has_data(self, box: PixelBox, bands: Sequence[int]) -> bool:
        """See `Sparse.has_data`."""
        dataset = self._dataset()
        numbers = [self._numbers[k] for k in bands]
        mask = self._alpha if self._alpha is not None else (numbers[0] if self._has_mask else None)
        nodata = [self.meta.nodata[k] for k in bands]
        with _readable(self.path):
            return holds_data(dataset, box, numbers, nodata, mask=mask, alpha=self._alpha is not None)

    def read_thin(
        self, box: PixelBox, bands: Sequence[int], *, shape: tuple[int, int]
    ) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """`box` in fewer pixels, ``(band, *shape)``, each a mean; from overviews of the file where it has them."""
        window = Window(box.left, box.top, box.width, box.height)
        with _readable(self.path):
            return self._pixels(bands, window=window, out=shape)

    def preview(self, bands: Sequence[int], *, side_px: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """See `Source.preview`; overviews of the file are used where it has them."""
        thin = max(1.0, max(self.meta.height, self.meta.width) / side_px)
        shape = tuple(max(1, round(n / thin)) for n in (self.meta.height, self.meta.width))
        with _readable(self.path):
            return self._pixels(bands, out=shape)

    def _pixels(
        self, bands: Sequence[int], *, window: Window | None = None, out: tuple[int, ...] | None = None
    ) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        dataset = self._dataset()
        numbers = [self._numbers[k] for k in bands]

        def shaped(count: int | None) -> tuple[int, ...] | None:
            return None if out is None else (out if count is None else (count, *out))

        how = Resampling.average if window is not None and out is not None else Resampling.nearest
        size = {"window": window, "out_shape": shaped(len(numbers)), "out_dtype": self.meta.dtype}
        pixels = dataset.read(numbers, resampling=how, **size)
        mask = None
        if self._alpha is not None:
            mask = dataset.read(self._alpha, window=window, out_shape=shaped(None)) > 0
        elif self._has_mask:
            mask = dataset.read_masks(numbers[0], window=window, out_shape=shaped(None)) > 0
        nodata = [self.meta.nodata[k] for k in bands]
        return pixels, valid_pixels(pixels, nodata, mask)


def scene_files(path: SceneRef) -> list[Path]:
    """All files of a scene here: itself, those of a product, what a VRT draws on, and files of metadata beside it."""
    given = trust()
    if isinstance(path, Path) and is_product(path):
        return sorted(product(path, given).files)
    own = {path} if isinstance(path, Path) else set()
    with _readable(path), opened_name(*_let_in(path, given), path, given) as dataset:
        return sorted({*own, *(p for p in map(Path, dataset.files) if p.is_file())})


def _place(path: SceneRef) -> str:
    """Where a scene lies, in full."""
    return str(path.resolve() if isinstance(path, Path) else path)


def _let_in(path: SceneRef, trusted: Trust) -> tuple[str, list[str]]:
    """What GDAL is to open, a file, or a VRT that stacks the assets of a STAC item, and the drivers that may."""
    if isinstance(path, Path):
        if is_product(path):
            return product(path, trusted).vrt, ["VRT"]
        return str(path.absolute()), admitted(path, DRIVERS, trusted)
    if not path.is_item:
        return path.gdal, [*ELSEWHERE, *trusted.drivers]
    from geoglm.io.stac import item_vrt

    return item_vrt(path, trusted), ["VRT"]


@contextmanager
def _readable(path: SceneRef) -> Iterator[None]:
    """Say in one line what GDAL says in several."""
    try:
        packed = PACKED if isinstance(path, Path) and is_zip(path) else {}
        with rasterio.Env(**SAFE, **packed), reading(path):
            yield
    except UNREADABLE as error:
        cause = error.__cause__ or error
        if not isinstance(path, Path):
            raise unreachable(path, str(cause)) from error
        told = str(cause).replace(f"{path.absolute()}", "it").replace(f"{path}", "it").replace("'it'", "it")
        told = told.replace("it not recognized", "it is not recognized")
        raise SceneUnreadable(path, told) from error


def _check_alpha(path: SceneRef, number: int, described: str | None) -> None:
    """Refuse a fourth band of light that is marked as alpha, as GDAL marks it unless told otherwise.

    Raises:
        SceneMismatch: dark ground would count as no data, and nothing would say so.
    """
    if described and re.search(r"\b(red|green|blue|nir|swir|b\d)|infra", described, re.IGNORECASE):
        raise SceneMismatch(
            f"{path}: band {number} is called {described} and marked as alpha, so that its zeros would be no data; "
            f"gdal_edit.py -colorinterp_{number} undefined makes it a band like the others"
        )


def _check_length(path: SceneRef, dataset: Any, size: int | None) -> None:
    """A TIFF must be as long as its own block table says; a file cut short is found before any work.

    Of a table that is very long `CHECKED_BLOCKS` entries are looked at, spread evenly, the last among them.
    """
    if dataset.driver != "GTiff" or size is None:
        return
    rows, cols = dataset.block_shapes[0]
    down, across = -(-dataset.height // rows), -(-dataset.width // cols)
    bands = dataset.count if str(dataset.interleaving).endswith("band") else 1
    every = bands * down * across
    for number in range(every - 1, -1, -max(1, every // CHECKED_BLOCKS)):
        band, (row, col) = number // (down * across), divmod(number % (down * across), across)
        start = dataset.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band + 1)
        length = dataset.get_tag_item(f"BLOCK_SIZE_{col}_{row}", "TIFF", bidx=band + 1)
        if start and length and int(start) + int(length) > size:
            raise SceneUnreadable(
                path, f"it is cut short: {size} bytes, but block {row},{col} ends at {int(start) + int(length)}"
            )


def _georef(dataset: Any) -> GeoRef:
    """Georeferencing as it stands in the file; an identity transform means that there is none."""
    points, points_crs = dataset.gcps
    transform = None if dataset.transform == Affine.identity() else dataset.transform
    try:
        crs, gcps_crs = (own_words(c) if c else None for c in (dataset.crs, points_crs))
    except CRSError as error:
        raise SceneUnreadable(dataset.name, f"its {error}; gdal_edit.py -a_srs EPSG:... mends it") from error
    return GeoRef(
        transform=transform,
        crs=crs,
        gcps=tuple(ControlPoint(p.row, p.col, p.x, p.y, p.z or 0.0) for p in points) if transform is None else (),
        gcps_crs=gcps_crs if points else None,
        rpcs=tuple(sorted(dataset.tags(ns="RPC").items())),
    )


def _band_names(dataset: Any, numbers: Sequence[int]) -> tuple[str, ...]:
    """The description of each band, or its colour where that is known, or ``palette``."""
    descriptions, kinds = dataset.descriptions, dataset.colorinterp
    told = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.palette)

    def name(described: str | None, kind: ColorInterp) -> str:
        if described and kind != ColorInterp.palette:
            return described
        return kind.name if kind in told else ""

    return tuple(name(descriptions[k - 1], kinds[k - 1]) for k in numbers)


def _units(dataset: Any, numbers: Sequence[int]) -> tuple[tuple[float, float], ...]:
    """Scale and offset of the bands; nothing where all are 1 and 0, which GDAL also gives for a file without."""
    scales, offsets = dataset.scales, dataset.offsets
    units = tuple((float(scales[k - 1]), float(offsets[k - 1])) for k in numbers)
    return () if set(units) == {(1.0, 0.0)} else units


def _product_tags(dataset: Any) -> list[tuple[str, str]]:
    """Tags of the file or its first band that tell of the product: baselines, offsets, names, dates."""
    tags = dataset.tags(1) | dataset.tags()
    return sorted((k, v) for k, v in tags.items() if any(w in k.upper() for w in PRODUCT_TAGS))


def _factor(dataset: Any, gsd: float, path: SceneRef) -> float:
    """How many of the scene's own pixels a side go into one at another ground sample distance."""
    own = _gsd(_georef(dataset), dataset, path)
    if own is None:
        raise SceneMismatch(f"{path}: cannot be resampled to {gsd:g} m: it has no transform and CRS")
    return gsd / own


def _gsd(georef: GeoRef, dataset: Any, path: SceneRef) -> float | None:
    """The ground sample distance, once it is seen that pixels have a size and a place."""
    t = georef.transform
    if t is not None and not (all(np.isfinite(n) for n in t) and t.determinant != 0):
        raise SceneUnreadable(path, f"its transform {tuple(t)[:6]} gives its pixels no size; gdal_edit -a_gt mends it")
    try:
        gsd = ground_sample_distance(georef, dataset.height, dataset.width)
    except ProjError as error:
        raise SceneUnreadable(path, f"its CRS cannot be used ({error}); gdal_edit -a_srs gives it another") from error
    return gsd if gsd is not None and 0 < gsd < np.inf else None


PLANE = 3857
"""EPSG code that stands for the CRS which a scene does not name, while it is resampled."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Other pixels over the same ground, from the same upper left corner.

    Args:
        height, width: rows and columns.
        step: the scene's own pixels for one of these, down and across.
        georef: where these lie. Control points and RPCs, which count in the scene's own pixels, are left behind.
    """

    height: int
    width: int
    step: tuple[float, float]
    georef: GeoRef

    @classmethod
    def over(cls, dataset: Any, factor: float) -> Grid:
        """The grid whose pixels are `factor` times as large, or as near to that as whole numbers of pixels allow."""
        height, width = (max(1, round(n / factor)) for n in (dataset.height, dataset.width))
        step = dataset.height / height, dataset.width / width
        own = _georef(dataset)
        transform = None if own.transform is None else own.transform @ Affine.scale(step[1], step[0])
        return cls(height, width, step, GeoRef(transform, own.crs))

    def view(self, dataset: Any) -> WarpedVRT:
        """The scene on this grid: means where it is coarser, bilinear where it is finer."""
        covered = dataset.nodata is not None and MaskFlags.nodata in dataset.mask_flag_enums[0]
        crs = dataset.crs or CRS.from_epsg(PLANE)
        # a plane with y upwards serves a scene that lies nowhere
        own = Affine.scale(1, -1) if dataset.transform == Affine.identity() else dataset.transform
        return WarpedVRT(
            dataset,
            src_crs=crs,
            src_transform=own,
            crs=crs,
            transform=own @ Affine.scale(self.step[1], self.step[0]),
            height=self.height,
            width=self.width,
            resampling=Resampling.bilinear if self.step[0] * self.step[1] < 1 else Resampling.average,
            # a nodata value is kept band by band; any other mask travels as alpha
            add_alpha=not covered and ColorInterp.alpha not in dataset.colorinterp,
        )
