"""STAC items as scenes: the assets that are bands, stacked into one raster on the grid of the finest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from geoglm.errors import FileRefused, SceneUnreadable
from geoglm.io.guard.raster import UNREADABLE, admitted, opened_name
from geoglm.io.guard.trust import Trust
from geoglm.io.products.stack import Asset, Band, stacked
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
    return stacked(bands, assets)


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
            return Asset.of(dataset, scene, f"its asset {place.name}")
    except UNREADABLE as error:
        raise unreachable(place, str(error.__cause__ or error)) from error
