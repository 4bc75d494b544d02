"""A file server on loopback that can behave like any bad one."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

IMAGE = bytes(range(256)) * 4096
"""One MiB."""


@dataclass
class FileServer:
    """Serves `content`; `behave` takes over a request where it is set."""

    content: bytes = IMAGE
    tag: str = '"v1"'
    knows_ranges: bool = True
    breaks_off_after: int | None = None
    bytes_per_s: int | None = None
    behave: Callable[["Handler"], None] | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    context: ssl.SSLContext | None = None
    port: int = 0

    @contextlib.contextmanager
    def serving(self) -> Iterator["FileServer"]:
        files = self

        class Bound(Handler):
            server_files = files

        server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        server.daemon_threads = True
        if self.context is not None:
            server.socket = self.context.wrap_socket(server.socket, server_side=True)
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def url(self, path: str = "/image", host: str = "127.0.0.1") -> str:
        scheme = "http" if self.context is None else "https"
        return f"{scheme}://{host}:{self.port}{path}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server_files: FileServer

    def do_GET(self) -> None:
        files = self.server_files
        files.requests.append({**dict(self.headers.items()), "path": self.path})
        self.close_connection = True
        with contextlib.suppress(OSError):
            if files.behave is not None:
                files.behave(self)
            else:
                self.sends_file()

    def sends_file(self) -> None:
        files, begin = self.server_files, 0
        asked = self.headers.get("Range")
        same = self.headers.get("If-Range") in (None, files.tag)
        if asked is not None and files.knows_ranges and same:
            begin = int(asked.removeprefix("bytes=").removesuffix("-"))
        if begin >= len(files.content) > 0:
            self.answers(416, {"Content-Range": f"bytes */{len(files.content)}"})
            return
        body = files.content[begin:]
        headers = {"ETag": files.tag, "Content-Length": str(len(body))}
        if begin:
            total = len(files.content)
            headers["Content-Range"] = f"bytes {begin}-{total - 1}/{total}"
        self.answers(206 if begin else 200, headers)
        if files.breaks_off_after is not None:
            body = body[: files.breaks_off_after]
        if files.bytes_per_s is None:
            self.wfile.write(body)
        else:
            self.sends_slowly(body, files.bytes_per_s // 20)

    def sends_slowly(self, body: bytes, piece: int) -> None:
        """Send a piece twenty times in a second."""
        for begin in range(0, len(body), piece):
            self.wfile.write(body[begin : begin + piece])
            time.sleep(0.05)

    def answers(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()

    def drips(self, data: bytes, pause_s: float = 0.05) -> None:
        """Send a byte now and then, for ever."""
        while True:
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(pause_s)

    def never_ends(self) -> None:
        self.answers(200, {"Transfer-Encoding": "chunked"})
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        while True:
            self.wfile.write(chunk)

    def log_message(self, *_args: object) -> None:
        return


@contextlib.contextmanager
def mute_server() -> Iterator[int]:
    """Take connections and never say a word; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
