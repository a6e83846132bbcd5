"""Sentinel-2 products in ESA's SAFE layout: bands by name, nodata, reflectance offset and date.

Taken are L1C (``IMG_DATA/*_B02.jp2``) and L2A (``IMG_DATA/R10m/*_B02_10m.jp2``), whole, as the folder of one granule,
or as files of such names alone. Each band comes from its finest file. In the metadata, ``MTD_MSIL1C.xml`` or
``MTD_MSIL2A.xml``, a reflectance is ``(pixel + offset) / 10000``, see the Sentinel-2 Products Specification Document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from geoglm.errors import SceneUnreadable
from geoglm.io.guard.kinds import head_of, regular
from geoglm.io.guard.markup import MOST_BYTES, strict_tree
from geoglm.io.products.listing import Listing
from geoglm.io.products.stack import Band

IMAGE = re.compile(
    r"(?P<place>(?:.*/)?)[^/]*T\d\d[A-Z]{3}_(?:\d{8}T\d{6}_)?"
    r"(?P<band>B(?:0[1-9]|1[0-2]|8A))(?:_(?P<metres>[126]0)m)?\.jp2"
)
METADATA = re.compile(r"(?:[^/]*/)?(?:MTD_MSIL(?:1C|2A)|S2[A-D]_\w+_MTD_SAFL(?:1C|2A)_\w+)\.xml")
ABOVE = 5
"""Folders above an image in which the metadata are looked for: ``R10m``, ``IMG_DATA``, the granule's and two more."""
TAGS = ("processing_baseline", "product_uri", "product_start_time", "datatake_sensing_start")
OFFSETS = ("radio_add_offset", "boa_add_offset")
NODATA = 0.0
"""``NODATA`` of ``Special_Values`` in the metadata of all products."""


def safe_bands(files: Listing) -> list[Band]:
    """The bands of a product in the order of their names; none where `files` are no Sentinel-2 product.

    Raises:
        SceneUnreadable: there are several granules.
    """
    finest: dict[str, tuple[int, str]] = {}
    granules = set()
    for name in files.names:
        if (found := IMAGE.fullmatch(name)) is None:
            continue
        granules.add(re.sub(r"(IMG_DATA/)?(R\d0m/)?$", "", found["place"]))
        metres = int(found["metres"] or 0)
        finest[found["band"]] = min(finest.get(found["band"], (metres, name)), (metres, name))
    if len(granules) > 1:
        some = sorted(granules)[0].rstrip("/")
        raise SceneUnreadable(files.root, f"it holds {len(granules)} granules; name the folder of one, such as {some}")
    order = sorted(finest, key=lambda b: "B08~" if b == "B8A" else b)
    return [Band(files.gdal(finest[b][1]), 1, (b,), nodata=NODATA) for b in order]


def safe_tags(files: Listing) -> Mapping[str, str]:
    """Baseline, name, dates and reflectance offset of a product; nothing where it comes without metadata.

    Raises:
        FileRefused: they are no XML that is taken.
        SceneUnreadable: the offset differs from band to band.
    """
    if (text := _metadata(files)) is None:
        return {}
    root = strict_tree(text, files.root)
    told = {n.tag.upper(): n.text.strip() for n in root.iter() if n.tag in TAGS and n.text}
    for tag in OFFSETS:
        values = {n.text.strip() for n in root.iter(tag) if n.text}
        if len(values) > 1:
            raise SceneUnreadable(files.root, f"its {tag.upper()} differs from band to band, which is not understood")
        told |= {tag.upper(): v for v in values}
    return told


def _metadata(files: Listing) -> bytes | None:
    """The metadata of the product, at the top of a zip or above the images; None where there are none."""
    if files.zipped:
        return next((files.text(name) for name in files.names if METADATA.fullmatch(name)), None)
    image = next(files.root / name for name in files.names if IMAGE.fullmatch(name))
    for folder in image.absolute().parents[:ABOVE]:
        if found := sorted(p for p in folder.glob("*MTD_*.xml") if METADATA.fullmatch(p.name)):
            return head_of(regular(files.within(found[0], folder)), MOST_BYTES + 1)
    return None
