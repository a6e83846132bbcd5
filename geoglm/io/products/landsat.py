"""Landsat Collection 2 products: bands by their common names as reflectance, and a mask from the quality band.

Digital numbers become reflectance by the factors of ``*_MTL.txt``: of the surface (Level 2), or of the top of the
atmosphere, for which these are divided by the sine of the sun's elevation (Level 1). Thermal and panchromatic bands are
left out. See the Landsat 8-9 Collection 2 Level 2 Science Product Guide (LSDS-1619).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from geoglm.errors import SceneUnreadable
from geoglm.io.products.listing import Listing
from geoglm.io.products.stack import Band, Quality

IMAGE = re.compile(
    r"(?:.*/)?(?P<scene>L[COTEM](?P<craft>0[4-9])_(?P<level>L[12]\w\w)_\w+?_02_(?:T1|T2|RT))_(?:SR_)?"
    r"(?P<band>B[1-7]|QA_PIXEL|MTL)\.(?i:tif|txt)"
)
OLI = {"B1": "coastal", "B2": "blue", "B3": "green", "B4": "red", "B5": "nir", "B6": "swir16", "B7": "swir22"}
TM = {"B1": "blue", "B2": "green", "B3": "red", "B4": "nir", "B5": "swir16", "B7": "swir22"}
SURFACE = (2.75e-5, -0.2)
"""Factor and summand of surface reflectance, the same for all of Collection 2."""
NODATA = 0.0
MASKED_BITS = {0: "fill", 1: "dilated cloud", 3: "cloud", 4: "cloud shadow"}
"""Bits of QA_PIXEL that make a pixel invalid; cirrus, snow and water stay."""


def landsat_stack(files: Listing) -> tuple[list[Band], Quality | None, Mapping[str, str]]:
    """The bands of a product, its mask and its tags; no band where `files` are no such product.

    Raises:
        SceneUnreadable: there are several products, or one of Level 1 without its MTL.txt.
    """
    found = {name: m for name in files.names if (m := IMAGE.fullmatch(name)) is not None}
    scenes = {m["scene"] for m in found.values()}
    if not scenes:
        return [], None, {}
    if len(scenes) > 1:
        raise SceneUnreadable(files.root, f"it holds {len(scenes)} Landsat products; keep each in a folder of its own")
    names = {m["band"]: name for name, m in found.items()}
    first = next(iter(found.values()))
    told = _fields(files.text(names["MTL"])) if "MTL" in names else {}
    common = OLI if first["craft"] in ("08", "09") else TM
    bands = [
        Band(files.gdal(names[b]), 1, (colour,), NODATA, _scaling(files, told, first["level"], b))
        for b, colour in common.items()
        if b in names
    ]
    quality = Quality(files.gdal(names["QA_PIXEL"]), quality_pairs()) if bands and "QA_PIXEL" in names else None
    day = told.get("IMAGE_ATTRIBUTES/DATE_ACQUIRED") or first["scene"].split("_")[3]
    # what reads it need not look for an offset: it is applied
    return bands, quality, {"DATE_ACQUIRED": day, "PRODUCT": first["scene"], "REFLECTANCE_ADD_OFFSET": "0"}


def quality_pairs() -> list[tuple[int, int]]:
    """Values of QA_PIXEL and their mask, 255 valid and 0 not, to be joined by lines: at every value where it turns."""
    masked = sum(1 << bit for bit in MASKED_BITS)
    valid = [255 * (value & masked == 0) for value in range(1 << 16)]
    last = len(valid) - 1
    turns = (k for k in range(last + 1) if k in (0, last) or valid[k - 1] != valid[k] or valid[k] != valid[k + 1])
    return [(k, valid[k]) for k in turns]


def _scaling(files: Listing, told: Mapping[str, str], level: str, band: str) -> tuple[float, float]:
    """Factor and summand that make a reflectance of a digital number."""
    if level.startswith("L2"):
        group = "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"
        factor, summand = (told.get(f"{group}/REFLECTANCE_{part}_BAND_{band[1:]}") for part in ("MULT", "ADD"))
        return SURFACE if factor is None or summand is None else (float(factor), float(summand))
    try:
        sun = math.sin(math.radians(float(told["IMAGE_ATTRIBUTES/SUN_ELEVATION"])))
        group = "LEVEL1_RADIOMETRIC_RESCALING"
        multiplied, added = (float(told[f"{group}/REFLECTANCE_{part}_BAND_{band[1:]}"]) for part in ("MULT", "ADD"))
        return multiplied / sun, added / sun
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise SceneUnreadable(
            files.root, f"nothing tells the reflectance of {band}: a Level 1 product needs its MTL.txt ({error})"
        ) from error


def _fields(text: bytes) -> dict[str, str]:
    """The fields of an MTL.txt as ``GROUP/NAME``."""
    fields, group = {}, ""
    for line in text.decode("ascii", "replace").splitlines():
        name, _, value = (part.strip() for part in line.partition("="))
        if name == "GROUP":
            group = value
        elif name != "END_GROUP" and value:
            fields[f"{group}/{name}"] = value.strip('"')
    return fields
