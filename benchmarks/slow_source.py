"""A scene over a slow line, beside the same scene on disk: a file server with a latency and a bandwidth.

python benchmarks/slow_source.py SCENE [--latency 0.02] [--bandwidth 20e6] [--runs 5]
python benchmarks/slow_source.py FOLDER --serve [--port 8088]      serves until stopped

The limit is the longer of two times: that of the scene on disk, and that of its pixels' bytes over the line.
"""

from __future__ import annotations

import argparse
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

CHUNK = 2**16


class RangeServer(ThreadingHTTPServer):
    """Serves the files below `folder` to this machine.

    Args:
        latency_s: wait before each answer, in seconds.
        bytes_per_s: of all answers together; None for as fast as it goes.
    """

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, folder: Path, *, latency_s: float = 0.0, bytes_per_s: float | None = None, port: int = 0):
        super().__init__(("127.0.0.1", port), RangeHandler)
        self.folder, self.latency_s, self.bytes_per_s = folder, latency_s, bytes_per_s
        self.sent = self.requests = 0
        self._line = threading.Lock()
        self._free_at = 0.0
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        """Where the folder is served."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> RangeServer:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection, and know that it is open."""
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no matter."""

    def wait_for(self, size: int) -> None:
        """Return when `size` more bytes have gone over the line."""
        with self._line:
            self.sent += size
            if self.bytes_per_s is None:
                return
            self._free_at = max(self._free_at, time.monotonic()) + size / self.bytes_per_s
            until = self._free_at
        time.sleep(max(0.0, until - time.monotonic()))


class RangeHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD, with one range or none."""

    protocol_version = "HTTP/1.1"
    server: RangeServer

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def refusal(self) -> HTTPStatus | None:
        """Why the request is not answered; nothing here."""
        return None

    def do_HEAD(self) -> None:
        """The headers alone."""
        self._answer(body=False)

    def do_GET(self) -> None:
        """A file or a part of it."""
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        server = self.server
        server.requests += 1
        time.sleep(server.latency_s)
        path = server.folder / unquote(urlsplit(self.path).path).lstrip("/")
        wrong = self.refusal() or (None if path.is_file() else HTTPStatus.NOT_FOUND)
        if wrong is not None:
            self.send_response(wrong)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        size = path.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        last = min(int(asked[2]) if asked and asked[2] else size - 1, size - 1)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{path.stat().st_mtime_ns:x}-{size:x}"')
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        if body:
            self._send(path, first, last - first + 1)

    def _send(self, path: Path, start: int, left: int) -> None:
        with path.open("rb") as stream:
            stream.seek(start)
            while part := stream.read(min(CHUNK, left)):
                left -= len(part)
                self.server.wait_for(len(part))
                self.wfile.write(part)


def pixel_bytes(scene: Path) -> int:
    """Bytes of the blocks of a TIFF at full resolution, overviews and header left out."""
    import rasterio

    with rasterio.open(scene) as file:
        rows, cols = file.block_shapes[0]
        places = [(r, c) for r in range(-(-file.height // rows)) for c in range(-(-file.width // cols))]
        numbers = file.indexes if file.interleaving.name == "band" else (1,)
        sizes = [file.get_tag_item(f"BLOCK_SIZE_{c}_{r}", "TIFF", bidx=b) for b in numbers for r, c in places]
    return sum(int(s) for s in sizes if s)


def seconds(scene: str) -> float:
    """One run of ``geoglm segment``, polygons left out, after the libraries are loaded."""
    from geoglm.jobs.segment import segment_file
    from geoglm.options import SegmentOptions

    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        segment_file(scene, Path(folder) / "out", SegmentOptions(vectors="none"))
        return time.monotonic() - began


def measure(scene: Path, *, latency: float, bandwidth: float, runs: int) -> None:
    """Print the times on disk, over the line and of the limit; the server is a process of its own."""
    line = pixel_bytes(scene) / bandwidth
    given = [scene.parent, "--serve", "--port", "0", "--latency", latency, "--bandwidth", bandwidth]
    command = [sys.executable, __file__, *map(str, given)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"{server.stdout.readline().split()[-1]}/{scene.name}"
        seconds(str(scene))  # the compiled network and the disk's cache
        pairs = [(seconds(str(scene)), seconds(url)) for _ in range(runs)]
        server.terminate()
    here, there = (statistics.median(p) for p in zip(*pairs, strict=True))
    limit = statistics.median(max(line, h) / t for h, t in pairs)
    print(f"on disk {here:.1f} s, bytes over the line {line:.1f} s, over the line {there:.1f} s")
    print(f"share of the limit {limit:.2f} (median of {runs})")


def main() -> None:
    """Serve until stopped, or measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--serve", action="store_true", help="serve a folder")
    parser.add_argument("--port", type=int, default=8088)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds before each answer")
    parser.add_argument("--bandwidth", type=float, default=20e6, help="bytes a second")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    if not given.serve:
        measure(given.path, latency=given.latency, bandwidth=given.bandwidth, runs=given.runs)
        return
    with RangeServer(given.path, latency_s=given.latency, bytes_per_s=given.bandwidth, port=given.port) as server:
        print(f"serving {given.path} at {server.url}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
