"""Scenes that are no files of this machine: behind https, in S3, or wherever else GDAL's virtual file systems reach.

Credentials are GDAL's business (``AWS_ACCESS_KEY_ID`` and its like, ``~/.aws``, ``AWS_NO_SIGN_REQUEST=YES`` for public
buckets). What is said or written of a scene holds none: neither user names nor the query of a signed URL.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from geoglm.errors import SceneError, SceneUnreachable
from geoglm.io.guard.kinds import head_of, regular

PATIENCE_S = 15
"""Seconds to wait for a server that says nothing."""

ITEM_BYTES = 2**24
"""More than a STAC item takes."""

SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_CONNECTTIMEOUT": str(PATIENCE_S),
    "GDAL_HTTP_LOW_SPEED_TIME": str(PATIENCE_S),
    "GDAL_HTTP_LOW_SPEED_LIMIT": "100",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_MULTIPLEX": "YES",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
}
"""How GDAL reads what is far away: no listing of folders, parallel ranges, an end to waiting."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A scene by its URL (``https://``, ``http://``, ``s3://``) or by a name of GDAL's (``/vsi...``).

    One that ends in ``.json`` is a STAC item, whose assets are the scene; it may lie on this machine as well.
    """

    url: str

    @property
    def gdal(self) -> str:
        """What GDAL calls it."""
        if self.url.startswith("s3://"):
            return "/vsis3/" + self.url.removeprefix("s3://")
        return f"/vsicurl/{self.url}" if _over_http(self.url) else self.url

    @property
    def stem(self) -> str:
        """Its name without folders and suffix."""
        return PurePosixPath(str(self)).stem

    @property
    def name(self) -> str:
        """Its name without folders."""
        return PurePosixPath(str(self)).name

    @property
    def is_item(self) -> bool:
        """Whether it is a STAC item rather than a raster."""
        return urlsplit(self.url).path.endswith(".json")

    def __str__(self) -> str:
        return without_secrets(self.url)

    def facts(self) -> dict[str, str]:
        """What its server says of it that changes when it does; nothing for other servers than of http.

        Raises:
            SceneUnreachable: the server does not answer, has no such file or gives no parts of it.
        """
        if self.is_item:
            return {"sha256": hashlib.sha256(self.text()).hexdigest()}
        return _asked(self) if _over_http(self.url) else {}

    def text(self) -> bytes:
        """All of it, for an item.

        Raises:
            SceneNotFound, SceneUnreachable: it is not there, or cannot be read this way.
        """
        if _over_http(self.url):
            with _answered(self) as answer:
                return bytes(answer.read(ITEM_BYTES))
        if "://" in self.url or self.url.startswith("/vsi"):
            raise SceneUnreachable(str(self), "STAC items are read over https or from this machine; download it first")
        return head_of(regular(Path(self.url)), ITEM_BYTES)


SceneRef = Path | Remote
"""A scene on this machine or elsewhere."""


def scene_ref(scene: str | Path | Remote) -> SceneRef:
    """A path, or what lies behind a URL.

    >>> str(scene_ref("s3://bucket/scene.tif")), scene_ref("scene.tif").name
    ('s3://bucket/scene.tif', 'scene.tif')

    Raises:
        SceneError: it names nothing, as an unset variable of a shell does.
    """
    if isinstance(scene, str) and re.match(r"(https?|s3)://|/vsi[a-z0-9]+[/?]", scene):
        return Remote(scene)
    if str(scene).endswith(".json"):
        return Remote(str(scene))
    if isinstance(scene, Remote):
        return scene
    path = Path(scene)
    if str(scene) and path.name in ("", ".."):
        path = path.resolve()  # results are called after the folder that one is in
    if not path.name:
        raise SceneError(f"{str(scene)!r} names no scene; give the path of a file")
    return path


def without_secrets(text: str) -> str:
    """A URL, also inside a name of GDAL's, without user name, password and query; any other text as it is.

    >>> without_secrets("https://me:word@host/a.tif?sig=xyz")
    'https://host/a.tif'
    >>> without_secrets("s3://KEY:sec/ret@bucket/a.tif"), without_secrets("/vsicurl?header.X=xyz&url=https%3A%2F%2Fa")
    ('s3://bucket/a.tif', '/vsicurl')
    """
    text = re.sub(r"(/vsi\w+)\?\S*", r"\1", text, flags=re.IGNORECASE)  # options of GDAL, headers and tokens among them
    text = re.sub(r"((?:s3|gs|az)://|/vsi(?:s3|gs|az)\w*/)[^\s@?]*:[^\s@?]*@", r"\1", text, flags=re.IGNORECASE)
    text = re.sub(r"(://)[^/\s@?]*:[^\d/\s@?][^\s@?]*@", r"\1", text)  # a password with a slash, too; no port is one
    return re.sub(r"([a-z][a-z0-9+.-]*://)(?:[^/\s?]*@)?([^\s?]*)(\?\S*)?", r"\1\2", text, flags=re.IGNORECASE)


@contextmanager
def reading(scene: SceneRef) -> Iterator[None]:
    """GDAL set up for reading `scene`, in this thread."""
    if isinstance(scene, Path):
        yield
        return
    import rasterio
    from rasterio.session import DummySession

    with rasterio.Env(session=DummySession(), **SETTINGS):  # GDAL finds credentials itself
        yield


def unreachable(scene: Remote, why: str) -> SceneUnreachable:
    """The error for what GDAL says when it cannot read `scene`."""
    told = without_secrets(why.replace(scene.gdal, "it").replace(scene.url, "it"))
    for pattern, meaning in MEANINGS:
        if re.search(pattern, told, re.IGNORECASE):
            return SceneUnreachable(str(scene), meaning)
    return SceneUnreachable(str(scene), told)


MEANINGS = (
    (r"\b404\b|NoSuchKey|NoSuchBucket|does not exist", "there is no such file on the server; check the address"),
    (r"AWS_NO_SIGN_REQUEST", "there are no credentials for S3; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
     "AWS_NO_SIGN_REQUEST=YES for a public bucket"),
    (r"\b40[13]\b|AccessDenied|SignatureDoesNotMatch", "the server refuses it; check the credentials or the signature"),
    (r"resolve host", "there is no such host; check the address and the network"),
    (r"Range downloading not supported", "the server gives no parts of files; download it first"),
    (r"timed? ?out|too slow", f"the server does not answer within {PATIENCE_S} s; try again later"),
    (r"Could not connect|Failed to connect|Connection refused", "no server answers there; check the address"),
)  # fmt: skip
"""What GDAL and curl say → what the user needs to know."""


def _over_http(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def _addressed(url: str, headers: dict[str, str]) -> tuple[str, None, dict[str, str]]:
    """What urllib asks for: an address without user and password, which go into a header (RFC 7617)."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None, headers
    word = base64.b64encode(unquote(user).encode()).decode()
    return parts._replace(netloc=host).geturl(), None, headers | {"Authorization": f"Basic {word}"}


@contextmanager
def _answered(scene: Remote, **headers: str) -> Iterator[Any]:
    """The answer to a request, with what may go wrong in one line."""
    import http.client
    import socket
    import urllib.error
    import urllib.request

    try:
        request = urllib.request.Request(*_addressed(scene.url, headers))
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        error.close()
        raise unreachable(scene, f"HTTP response code: {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        why = "Could not resolve host" if isinstance(error.reason, socket.gaierror) else str(error.reason)
        raise unreachable(scene, why) from error
    except http.client.InvalidURL as error:
        raise unreachable(scene, "it is no address; in a password, / is written %2F and @ is %40") from error
    except (ValueError, OSError, http.client.HTTPException) as error:
        raise unreachable(scene, str(error) or type(error).__name__) from error


def _asked(scene: Remote) -> dict[str, str]:
    """Size, date and entity tag, by a request for the first byte."""
    with _answered(scene, Range="bytes=0-0") as answer:
        status, headers = answer.status, answer.headers
    if status != 206:
        raise unreachable(scene, "Range downloading not supported")
    told = {
        "bytes": headers.get("Content-Range", "").rpartition("/")[2],
        "etag": headers.get("ETag", "").strip('"'),
        "modified": headers.get("Last-Modified", ""),
    }
    return {k: v for k, v in told.items() if v}
