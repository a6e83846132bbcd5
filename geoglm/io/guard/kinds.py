"""What a file is: a regular one or not, and of which kind by its first bytes, whatever it is called."""

from __future__ import annotations

import stat
from pathlib import Path

from geoglm.errors import FileRefused, SceneNotFound

HEAD = 4096
"""Bytes that tell of which kind a file is."""

SIGNATURES = (
    (b"II*\0", "GTiff"),
    (b"MM\0*", "GTiff"),
    (b"II+\0", "GTiff"),
    (b"MM\0+", "GTiff"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JP2OpenJPEG"),
    (b"\xffO\xffQ", "JP2OpenJPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"EHFA_HEADER_TAG", "HFA"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"CDF\1", "netCDF"),
    (b"CDF\2", "netCDF"),
    (b"\x89HDF\r\n\x1a\n", "netCDF"),
)
"""How files begin → the driver that reads them: TIFF and BigTIFF in either byte order, JPEG 2000 boxed and bare, NetCDF
classic and on HDF5."""


def regular(path: Path) -> Path:
    """`path` as an absolute one, once it is seen to be a regular file; a link is followed to see it.

    Raises:
        SceneNotFound: there is nothing.
        FileRefused: it is a folder, pipe, socket or device, a circle of links, or may not be read.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SceneNotFound(path) from error
    except (OSError, ValueError) as error:
        raise FileRefused(path, f"it cannot be looked at ({error})") from error
    if not stat.S_ISREG(mode):
        raise FileRefused(path, "it is not a regular file; give the path of one")
    whole = path.absolute()
    if str(whole).startswith("/vsi"):  # a name that GDAL would take for another
        raise FileRefused(path, "GDAL takes a path that begins with /vsi for no file; move it elsewhere")
    return whole


def head_of(path: Path, size: int = HEAD) -> bytes:
    """The first bytes of a file.

    Raises:
        FileRefused: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(size)
    except OSError as error:
        raise FileRefused(path, f"it cannot be read ({error.strerror})") from error


def driver_of(head: bytes) -> str | None:
    """The driver for a file that begins with `head`: by its signature, ``VRT`` for any text in angle brackets.

    >>> driver_of(b"II*\\0..."), driver_of(b" <VRTDataset>"), driver_of(b"ncols 4")
    ('GTiff', 'VRT', None)
    """
    known = next((driver for start, driver in SIGNATURES if head.startswith(start)), None)
    if known is None and head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return "VRT"
    return known
