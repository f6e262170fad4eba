"""A web server for files on the loopback address, that can be made to misbehave."""

from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class FileServer:
    """
    Serves C{files} by their path.

    @ivar asked: the path and the C{Range} of each request
    @ivar breaks: how often it still breaks off in the middle of an answer
    @ivar moved: where else what is asked for at a path is
    @ivar has_ranges: whether it answers with a part where one is asked for
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[tuple[str, str]] = []
        self.breaks = 0
        self.moved: dict[str, str] = {}
        self.has_ranges = True
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    owner: Any

    def do_GET(self) -> None:
        content = self.owner.files.get(self.path)
        wanted = self.headers.get("Range", "")
        self.owner.asked.append((self.path, wanted))
        if self.path in self.owner.moved:
            self.send_response(302)
            self.send_header("Location", self.owner.moved[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if content is None:
            self.send_error(404)
            return
        start = 0
        if wanted and self.owner.has_ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        rest = content[start:]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if self.owner.breaks:
            self.owner.breaks -= 1
            rest = rest[: len(rest) // 2]
        # A client may have seen enough by the first lines.
        with suppress(ConnectionError):
            self.wfile.write(rest)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
