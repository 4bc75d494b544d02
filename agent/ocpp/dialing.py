"""Opening the WebSocket to the CSMS: TLS, authentication, negotiation, and why it can fail.

No redirect is followed, no proxy is used, nothing is compressed, and a server that selects none of
the offered subprotocols is refused, since it would stay silent for ever.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, NegotiationError
from websockets.typing import Subprotocol

from agent.ocpp.connect_failures import (
    ConnectFailed,
    CredentialsRefused,
    CredentialsUnusable,
    HandshakeBroken,
    HandshakeRefused,
    NoCommonSubprotocol,
    TlsFault,
    TlsRejected,
    UnknownIdentity,
    Unreachable,
)
from agent.ocpp.endpoint import Endpoint
from agent.ocpp.tls import client_context, os_reason, tls_error_in, tls_fault

__all__ = [
    "ConnectFailed",
    "CredentialsRefused",
    "CredentialsUnusable",
    "HandshakeBroken",
    "HandshakeRefused",
    "NoCommonSubprotocol",
    "StationSocket",
    "TlsFault",
    "TlsRejected",
    "UnknownIdentity",
    "Unreachable",
    "dial",
]


# typing.override, which the type checker misses below, is younger than Python 3.11.
class StationSocket(ClientConnection):
    """A WebSocket that does not outlive its own end, and knows when it last heard anything.

    A peer may send Close and keep the TCP connection open; the library would wait for it.
    """

    heard_at: float = 0.0
    lost_with: Exception | None = None
    """What ended the TCP connection, if something was wrong with it."""
    _last_moment: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:  # type: ignore[explicit-override]
        """Take in bytes; once they end the WebSocket, limit the life of the TCP connection."""
        self.heard_at = self.loop.time()
        super().data_received(data)
        if self._last_moment is None and self.protocol.close_expected():
            self._last_moment = self.loop.call_later(self.close_timeout or 0, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:  # type: ignore[explicit-override]
        """Clean up."""
        self.lost_with = exc
        if self._last_moment is not None:
            self._last_moment.cancel()
        super().connection_lost(exc)

    def abort(self) -> None:
        """End the TCP connection now."""
        self.transport.abort()


async def dial(
    endpoint: Endpoint, tls_context: Callable[[Endpoint], ssl.SSLContext] = client_context
) -> StationSocket:
    """Return an open WebSocket whose subprotocol is one that was offered.

    Raises a kind of ConnectFailed; `tls_context` is called in a thread.
    """
    context = await asyncio.to_thread(tls_context, endpoint) if endpoint.uses_tls else None
    made: list[StationSocket] = []

    def connection(*arguments: Any, **settings: Any) -> StationSocket:
        made.append(StationSocket(*arguments, **settings))
        return made[-1]

    options = _options(endpoint, context) | {"create_connection": connection}
    try:
        socket = await _WithoutRedirects(endpoint.request_url, **options)
    except (OSError, InvalidHandshake) as error:
        raise _failure(error, made[-1].lost_with if made else None) from error
    if not isinstance(socket, StationSocket):
        raise TypeError("websockets did not make the requested kind of connection")
    if socket.subprotocol not in endpoint.subprotocols:
        socket.abort()
        raise NoCommonSubprotocol("the server selected none of the offered subprotocols")
    return socket


_LONGEST_RETRY_AFTER_S: Final = 3600.0

# Separate and never at DEBUG, at which the library would write the Authorization header.
_transport_logger = logging.getLogger(f"{__name__}.transport")
_transport_logger.setLevel(logging.WARNING)


class _WithoutRedirects(websocket_connect):
    def process_redirect(self, exc: Exception) -> Exception | str:  # type: ignore[explicit-override]
        return exc


def _options(endpoint: Endpoint, context: ssl.SSLContext | None) -> dict[str, Any]:
    authorization = endpoint.authorization()
    return {
        "subprotocols": [Subprotocol(name) for name in endpoint.subprotocols],
        "additional_headers": {"Authorization": authorization} if authorization else None,
        "user_agent_header": None,
        "ssl": context,
        "compression": None,
        "proxy": None,
        "open_timeout": endpoint.open_timeout_s,
        "close_timeout": endpoint.close_timeout_s,
        "ping_interval": None,
        "max_size": endpoint.message_bytes,
        "logger": _transport_logger,
    }


def _failure(error: OSError | InvalidHandshake, lost_with: Exception | None) -> ConnectFailed:
    # With TLS 1.3 the server judges the station's certificate after the station has begun to talk.
    tls_error = tls_error_in(error) or tls_error_in(lost_with)
    if tls_error is not None:
        return TlsRejected(tls_fault(tls_error), os_reason(tls_error))
    match error:
        case InvalidStatus():
            return _refusal(error)
        case NegotiationError():
            return NoCommonSubprotocol("the server selected a subprotocol that was not offered")
        case InvalidHandshake():
            return HandshakeBroken("the server gave no valid answer to the handshake")
        case _:
            # Also a server that hangs up on TLS without an alert, which nothing tells apart.
            return Unreachable(os_reason(error))


def _refusal(error: InvalidStatus) -> ConnectFailed:
    status = error.response.status_code
    if status == 401:
        return CredentialsRefused("the CSMS refused the credentials (401)")
    if status == 404:
        return UnknownIdentity("the CSMS does not know this identity (404)")
    wish = error.response.headers.get("Retry-After", "")
    seconds = float(wish) if wish.isdecimal() and len(wish) < 10 else None
    return HandshakeRefused(status, seconds and min(seconds, _LONGEST_RETRY_AFTER_S))
