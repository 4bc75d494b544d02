"""HTTP connections to addresses that were judged, which another thread may end.

Everything here blocks, in a thread of whoever uses it. The standard library's client does the
talking, but the socket is connected here, to exactly an address that has passed the rules: a name
cannot mean another one a moment later.
"""

import base64
import contextlib
import errno
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection

from agent.transfer.addresses import AddressRules, Location, check_address

Resolve = Callable[[str, int], tuple[str, ...]]
"""Returns the addresses of a host; raises OSError."""


def resolve(host: str, port: int) -> tuple[str, ...]:
    """Ask the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class Line:
    """Connections of one attempt, one after the other; `context` makes the TLS context of each."""

    def __init__(
        self,
        rules: AddressRules,
        context: Callable[[], ssl.SSLContext],
        *,
        silence_s: float,
        resolver: Resolve = resolve,
    ) -> None:
        self.rules = rules
        self._context = context
        self._silence_s = silence_s
        self._resolver = resolver
        self._aborted = threading.Event()
        self._handle: socket.socket | None = None

    def abort(self) -> None:
        """Have the attempt end soon, whatever it waits for; any thread may call it."""
        self._aborted.set()
        handle = self._handle
        if handle is not None:
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)

    def check_not_aborted(self) -> None:
        """Raise ConnectionAbortedError after `abort`."""
        if self._aborted.is_set():
            raise ConnectionAbortedError(errno.ECONNABORTED, "it was aborted")

    @contextlib.contextmanager
    def connected(self, place: Location) -> Iterator[HTTPConnection]:
        """Give a connection to a place, and close it in the end.

        Raises AddressForbidden if any address of the host is; OSError, ValueError if none answers.
        """
        connection = HTTPConnection(place.host, place.port, timeout=self._silence_s)
        try:
            connection.sock = self._dialled(place)
            yield connection
        finally:
            connection.close()
            handle, self._handle = self._handle, None
            if handle is not None:
                handle.close()

    def failure(self, error: Exception) -> str:
        """Say what failed without quoting the server, who may say anything."""
        if self._aborted.is_set():
            return "it was aborted"
        if isinstance(error, ssl.SSLCertVerificationError):
            why = f"{error.verify_message} ({error.reason})"
            return f"the server's certificate is not trusted: {why}"
        if isinstance(error, OSError):
            return error.strerror or type(error).__name__
        return f"the answer is no HTTP ({type(error).__name__})"

    def _dialled(self, place: Location) -> socket.socket:
        addresses = self._resolver(place.host, place.port)
        for address in addresses:
            check_address(address, self.rules)
        self.check_not_aborted()
        raw = _first_connected(addresses, place.port, self._silence_s)
        try:
            # A second handle on the same connection, by which another thread may end it.
            self._handle = raw.dup()
            self.check_not_aborted()
            if place.scheme != "https":
                return raw
            return self._context().wrap_socket(raw, server_hostname=place.host)
        except BaseException:
            raw.close()
            raise


def request_headers(place: Location) -> dict[str, str]:
    """Return the headers of every request: whom it is for, and the login for that place alone.

    The station's password for the CSMS is never among them (N01.FR.17 of 1.6).
    """
    headers = {"Host": place.authority, "User-Agent": "stationd", "Connection": "close"}
    if place.credentials is not None:
        pair = ":".join(place.credentials).encode()
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    return headers


def _first_connected(addresses: tuple[str, ...], port: int, timeout_s: float) -> socket.socket:
    error = OSError(errno.EADDRNOTAVAIL, "the host has no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=timeout_s)
        except OSError as failure:
            error = failure
    raise error
