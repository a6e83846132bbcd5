"""The server: a page and answers about the files it was given, for browsers of this machine and no others."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from geoglm.apps.viewer import queries
from geoglm.apps.viewer.layers import Layer, View, view_of
from geoglm.apps.viewer.tiles import tile
from geoglm.errors import GeoglmError, OutputError
from geoglm.stats.area import ground_sample_distance
from geoglm.types import PixelBox

HOST = "127.0.0.1"
HOSTS = (HOST, "localhost")
"""Names that a browser here knows this server by; a request under another one comes from a page elsewhere."""
POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",  # Leaflet's empty picture
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self' http://127.0.0.1:* http://localhost:* vscode-webview:",  # notebooks
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
PATIENCE_S = 10.0
"""Time for the server to start or end."""


class Viewer:
    """A server at work in a thread of this process, until it is closed.

    Attributes:
        url: where the page is.
        view: what it shows.
    """

    def __init__(self, view: View, port: int = 0) -> None:
        self.view = view
        self._socket = _listening(port)
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}/"
        config = uvicorn.Config(
            app(view),
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="viewer", daemon=True)
        self._thread.start()
        until = time.monotonic() + PATIENCE_S
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)

    def wait(self) -> None:
        """Until it is closed, or a signal comes."""
        while self._thread.is_alive():
            self._thread.join(0.2)

    def close(self) -> None:
        """End the server and close its files; a second time does nothing."""
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)
        self._socket.close()
        self.view.close()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(paths: str | Path | Sequence[str | Path], *, scene: str | Path | None = None, port: int = 0) -> Viewer:
    """Show results in a browser of this machine: returns at once, the server runs in a thread.

    Args:
        paths: folders of results (of segment, change or series) and rasters, one or several.
        scene: shown below the results; None for the one they were made from, if it is still where it was.
        port: at 127.0.0.1; 0 for any that is free.

    Returns:
        The server, with ``url`` and ``close()``; also a context manager.

    Raises:
        OutputError: a folder holds nothing to see, or the port is taken.
        SceneNotFound, SceneUnreadable, SceneMismatch, FileRefused: a raster cannot be shown.
    """
    given = [paths] if isinstance(paths, (str, Path)) else paths
    view = view_of([Path(p) for p in given], scene=None if scene is None else Path(scene))
    return Viewer(view, port)


def app(view: View) -> Starlette:
    """The pages and answers of a view, as an ASGI application."""
    layers = {layer.key: layer for layer in view.layers}
    routes = [
        Route("/view.json", lambda _: _headed(JSONResponse(facts(view)))),
        Route("/tiles/{key}/{level:int}/{row:int}/{col:int}.png", partial(_tile, layers=layers)),
        Route("/at", partial(_at, view=view)),
        Route("/areas", partial(_areas, layers=layers)),
        Route("/polygons/{number:int}", partial(_polygons, view=view)),
        *(Route(path, partial(_file, content=content, kind=kind)) for path, content, kind in page_files()),
    ]
    errors: dict[Any, Any] = {GeoglmError: lambda _, error: _headed(JSONResponse({"error": str(error)}, 500))}
    return Starlette(
        routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)], exception_handlers=errors
    )


def facts(view: View) -> dict[str, Any]:
    """What the page has to know before it asks for tiles."""
    grid = view.grid
    return {
        "title": view.title,
        "height": grid.height,
        "width": grid.width,
        "levels": grid.levels,
        "gsd": ground_sample_distance(grid.georef, grid.height, grid.width),
        "transform": None if grid.georef.transform is None else tuple(grid.georef.transform)[:6],
        "notes": view.notes,
        "polygons": [title for title, _ in view.polygons],
        "layers": [
            {
                "key": layer.key,
                "title": layer.title,
                "kind": layer.kind,
                "shown": layer.shown,
                "coarsest": layer.raster.coarsest,
                "sure": layer.sure is not None,
                "stamp": layer.raster.stamp,
                "legend": [{"value": c.value, "name": c.name, "colour": c.colour} for c in layer.legend],
            }
            for layer in view.layers
        ],
    }


def page_files() -> list[tuple[str, bytes, str]]:
    """Path, content and type of the files of the page: its own, and Leaflet's as its package brings them."""
    own, leaflet = files("geoglm.apps.viewer") / "page", files("xstatic.pkg.leaflet") / "data"
    there = [(f"/{f.name}", f) for f in own.iterdir() if Path(f.name).suffix in KINDS]
    there += [(f"/leaflet/{name}", leaflet / name) for name in ("leaflet.js", "leaflet.css")]
    told = [(path, f.read_bytes(), KINDS[Path(path).suffix]) for path, f in there]
    return [*told, *(("/", content, kind) for path, content, kind in told if path == "/index.html")]


async def _file(_: Request, *, content: bytes, kind: str) -> Response:
    return _headed(Response(content, media_type=kind, headers={"Cache-Control": "no-cache"}))


def _tile(request: Request, *, layers: dict[str, Layer]) -> Response:
    layer, place = _layer(request, layers), request.path_params
    hidden, least = _filters(request)
    png = tile(layer, min(place["level"], 40), place["row"], place["col"], hidden=hidden, least=least)
    return _headed(Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"}))


def _at(request: Request, *, view: View) -> Response:
    row, col = (_whole(request, name) for name in ("row", "col"))
    if not (0 <= row < view.grid.height and 0 <= col < view.grid.width):
        raise HTTPException(404, "outside the map")
    return _headed(JSONResponse(queries.at(view, row, col)))


def _areas(request: Request, *, layers: dict[str, Layer]) -> Response:
    layer = _layer(request, layers, name=request.query_params.get("layer"))
    box, (_, least) = _box(request, layer.raster.grid.box), _filters(request)
    return _headed(JSONResponse(queries.areas(layer, box, least=least)))


def _polygons(request: Request, *, view: View) -> Response:
    number = request.path_params["number"]
    if number >= len(view.polygons):
        raise HTTPException(404, "no such polygons")
    box = _box(request, view.grid.box)
    return _headed(JSONResponse(queries.polygons_in(view.polygons[number][1], view.grid, box)))


def _layer(request: Request, layers: dict[str, Layer], name: str | None = None) -> Layer:
    layer = layers.get(name or request.path_params.get("key", ""))
    if layer is None:
        raise HTTPException(404, "no such layer")
    return layer


def _filters(request: Request) -> tuple[list[int], int]:
    """Classes that are hidden, and the confidence that is needed, percent."""
    hidden = [int(v) for v in request.query_params.get("hide", "").split(".") if v.isdecimal() and len(v) <= 3]
    return hidden, _whole(request, "least", 0)


def _box(request: Request, outer: PixelBox) -> PixelBox:
    """The window that a request names, within the map."""
    sides = [_whole(request, name) for name in ("top", "left", "bottom", "right")]
    try:
        return PixelBox(*sides).clip(outer)
    except ValueError as error:
        raise HTTPException(404, "outside the map") from error


def _whole(request: Request, name: str, default: int | None = None) -> int:
    """A whole number of a request."""
    text = request.query_params.get(name, "" if default is None else str(default))
    digits = text.removeprefix("-")
    if not digits.isdecimal() or len(digits) > 9:
        raise HTTPException(400, f"{name} is to be a whole number")
    return int(text)


def _headed(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def _listening(port: int) -> socket.socket:
    """A socket at the port, open to this machine alone."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise OutputError(f"port {port} of {HOST} cannot be had ({error}); choose another --port, or none") from error
    return listening
