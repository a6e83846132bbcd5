"""A file server with a slow line: byte ranges over HTTP, after a latency and at a bandwidth that all requests share.

python benchmarks/slow_source.py FOLDER [--port 8088] [--latency 0.02] [--bandwidth 20e6]      serves until stopped
"""

from __future__ import annotations

import argparse
import re
import socket
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


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8088)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds before each answer")
    parser.add_argument("--bandwidth", type=float, default=20e6, help="bytes a second")
    given = parser.parse_args()
    with RangeServer(given.folder, latency_s=given.latency, bytes_per_s=given.bandwidth, port=given.port) as server:
        print(f"serving {given.folder} at {server.url}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
