"""STAC items as scenes: the assets that are bands, stacked into one raster on the grid of the finest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree as Xml

from geoglm.errors import FileRefused, SceneUnreadable
from geoglm.io.guard.raster import UNREADABLE, admitted, opened_name
from geoglm.io.guard.trust import Trust
from geoglm.io.remote import Remote, reading, unreachable

SUFFIXES = (".tif", ".tiff", ".jp2")
DRIVERS = ["GTiff", "JP2OpenJPEG"]
NOT_DATA = {
    "visual",
    "overview",
    "thumbnail",
    "metadata",
    "cloud",
    "cloud-shadow",
    "snow-ice",
    "data-mask",
    "saturation",
}
"""Roles of assets that show or describe an image and are none of its bands."""
OPENERS = 8


@dataclass(frozen=True, slots=True)
class Band:
    """A band of an asset: where that lies, which of its bands, and its names from the best to the last resort."""

    file: str
    number: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asset:
    """What the file of an asset says of itself; `step` is the side of a pixel, across and down."""

    crs: str
    origin: tuple[float, float]
    step: tuple[float, float]
    size: tuple[int, int]
    block: tuple[int, int]
    dtypes: tuple[str, ...]
    nodata: tuple[float | None, ...]
    units: tuple[tuple[float, float], ...]


def item_vrt(scene: Remote, trusted: Trust) -> str:
    """A VRT of the bands of a STAC item, to be opened by GDAL as it is.

    Taken are GeoTIFF and JPEG 2000 assets with ``bands`` or ``eo:bands`` (or of the role ``data``) that are no picture;
    a band is called by its common name, or by its own where several share that. Coarser ones are resampled bilinearly.

    Args:
        trusted: what an item of this machine may draw on, besides files in its folder.

    Raises:
        SceneUnreadable: it is no item, has no such assets, or they lie in several CRSs or turned.
        FileRefused: it draws on what is not trusted.
        SceneNotFound, SceneUnreachable: item or asset cannot be had.
    """
    bands = _bands(scene, trusted)
    files = sorted({b.file for b in bands})
    with ThreadPoolExecutor(OPENERS) as pool:
        assets = dict(zip(files, pool.map(lambda f: _looked_at(scene, f, trusted), files), strict=True))
    if len({a.crs for a in assets.values()}) > 1:
        raise SceneUnreadable(scene, "its assets lie in several coordinate reference systems; warp them to one first")
    return Xml.tostring(_stacked(bands, assets), encoding="unicode")


def _bands(scene: Remote, trusted: Trust) -> list[Band]:
    """The bands of an item, in the order of its assets."""
    try:
        item = json.loads(scene.text())
        assets = dict(item["assets"]) if item["type"] == "Feature" else {}
        found = [b for key, asset in assets.items() for b in _bands_of(scene, key, asset, trusted)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SceneUnreadable(scene, f"it is no STAC item ({type(error).__name__}: {error})") from error
    if not found:
        raise SceneUnreadable(scene, "it is a STAC item without an asset that is a band (GeoTIFF or JPEG 2000)")
    return found


def _bands_of(scene: Remote, key: str, asset: Mapping[str, Any], trusted: Trust) -> Iterator[Band]:
    """The bands of one asset; none where it is a picture or no raster."""
    roles, told = set(asset.get("roles", ())), asset.get("eo:bands") or asset.get("bands") or []
    if roles & NOT_DATA or not (told or "data" in roles):
        return
    if not urlsplit(asset["href"]).path.lower().endswith(SUFFIXES):
        return
    file = _opened(scene, asset["href"], trusted)
    for number, band in enumerate(told or [{}], 1):
        names = (band.get("common_name") or band.get("eo:common_name"), band.get("name"), key)
        yield Band(file, number, tuple(str(n) for n in names if n))


def _opened(scene: Remote, href: str, trusted: Trust) -> str:
    """What GDAL calls an asset. An item from elsewhere cannot draw on files of this machine.

    One of this machine draws on files in its folder, and on others where that is asked for.
    """
    far = "://" in scene.url
    target = urljoin(scene.url, href) if far else href
    if "://" not in target:
        own = Path(scene.url).parent
        file = (own / target).resolve()
        if not trusted.reaches(file, own):
            raise FileRefused(
                scene,
                f"its asset {href} lies outside its folder; --allow-vrt-source {file.parent} lets it draw on that",
            )
        return str(file)
    if not target.startswith(("https://", "http://", "s3://")):
        raise SceneUnreadable(scene, f"its asset {href} is neither a file beside it nor behind https or s3")
    if not (far or trusted.remote):
        place = Remote(target)
        raise FileRefused(scene, f"its asset {place} lies elsewhere; --allow-remote lets it draw on that")
    return Remote(target).gdal


def _looked_at(scene: Remote, file: str, trusted: Trust) -> Asset:
    """The facts of an asset's file."""
    place = Remote(file)
    drivers = DRIVERS if file.startswith("/vsi") else admitted(Path(file), DRIVERS, trusted)
    try:
        with reading(place), opened_name(file, drivers, place, trusted) as dataset:
            t = dataset.transform
            if t.b or t.d or t.e >= 0 or not dataset.crs:
                raise SceneUnreadable(scene, f"its asset {place.name} does not lie north up in a known CRS")
            return Asset(
                dataset.crs.to_wkt(),
                (t.c, t.f),
                (t.a, -t.e),
                (dataset.width, dataset.height),
                dataset.block_shapes[0],
                tuple(dataset.dtypes),
                tuple(dataset.nodatavals),
                tuple(zip(dataset.scales, dataset.offsets, strict=True)),
            )
    except UNREADABLE as error:
        raise unreachable(place, str(error.__cause__ or error)) from error


GDAL_TYPES = {"uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32", "int32": "Int32",
              "float32": "Float32", "float64": "Float64", "int8": "Int8"}  # fmt: skip


def _stacked(bands: list[Band], assets: Mapping[str, Asset]) -> Xml.Element:
    """The VRT: every band on the grid of the asset with the smallest pixels."""
    grid = min(assets.values(), key=lambda a: a.step[0] * a.step[1])
    (left, top), (across, down) = grid.origin, grid.step
    root = Xml.Element("VRTDataset", rasterXSize=str(grid.size[0]), rasterYSize=str(grid.size[1]))
    Xml.SubElement(root, "SRS").text = grid.crs
    Xml.SubElement(root, "GeoTransform").text = f"{left!r}, {across!r}, 0, {top!r}, 0, {-down!r}"
    for number, (band, name) in enumerate(zip(bands, _unlike(bands), strict=True), 1):
        asset = assets[band.file]
        k = band.number - 1
        dtype, nodata, units = GDAL_TYPES.get(asset.dtypes[k], "Float32"), asset.nodata[k], asset.units[k]
        node = Xml.SubElement(root, "VRTRasterBand", dataType=dtype, band=str(number))
        Xml.SubElement(node, "Description").text = name
        if nodata is not None:
            Xml.SubElement(node, "NoDataValue").text = repr(nodata)
        Xml.SubElement(node, "Scale").text, Xml.SubElement(node, "Offset").text = map(repr, units)
        finest = asset.step == grid.step
        kind = "SimpleSource" if nodata is None else "ComplexSource"
        source = Xml.SubElement(node, kind, {} if finest else {"resampling": "bilinear"})
        Xml.SubElement(source, "SourceFilename", relativeToVRT="0").text = band.file
        Xml.SubElement(source, "SourceBand").text = str(band.number)
        size = {"RasterXSize": str(asset.size[0]), "RasterYSize": str(asset.size[1])}
        block = {"BlockXSize": str(asset.block[1]), "BlockYSize": str(asset.block[0])}
        Xml.SubElement(source, "SourceProperties", size | block | {"DataType": dtype})
        _rect(source, "SrcRect", (0.0, 0.0), (float(asset.size[0]), float(asset.size[1])))
        start = (asset.origin[0] - left) / across, (top - asset.origin[1]) / down
        span = asset.size[0] * asset.step[0] / across, asset.size[1] * asset.step[1] / down
        _rect(source, "DstRect", start, span)
        if nodata is not None:
            Xml.SubElement(source, "NODATA").text = repr(nodata)
    return root


def _rect(parent: Xml.Element, name: str, start: tuple[float, float], size: tuple[float, float]) -> None:
    """Where a source is read, or put."""
    (x, y), (width, height) = start, size
    Xml.SubElement(parent, name, xOff=repr(x), yOff=repr(y), xSize=repr(width), ySize=repr(height))


def _unlike(bands: list[Band]) -> list[str]:
    """A name for each band: the first of its names that no other band has as its first."""
    first = Counter(b.names[0] for b in bands)
    return [next((n for n in b.names if first[n] <= 1), b.names[-1]) for b in bands]
