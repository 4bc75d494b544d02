"""Opening the WebSocket to the CSMS: TLS, authentication, negotiation, and why it can fail.

No redirect is followed, no proxy is used, nothing is compressed, and a server that selects none of
the offered subprotocols is refused, since it would stay silent for ever.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, NegotiationError
from websockets.typing import Subprotocol

from agent.ocpp.endpoint import Endpoint, SecurityProfile


class TlsFault(StrEnum):
    """Which side of TLS failed, as far as a security event tells them apart."""

    SERVER_CERTIFICATE = "server certificate"
    VERSION = "TLS version"
    CIPHER_SUITE = "cipher suite"
    OTHER = "TLS"


class ConnectFailed(Exception):
    """An attempt failed; wait, and try again or elsewhere."""

    retry_after_s: float | None = None
    """The server's own wish for the wait, if it told one."""


class Unreachable(ConnectFailed):
    """No connection: network, name resolution or an absent server. Just try again."""


class CredentialsRefused(ConnectFailed):
    """The CSMS does not accept the password (401); try another credential, and do not hammer."""


class UnknownIdentity(ConnectFailed):
    """The CSMS does not know this station (404); it may learn about it later."""


class HandshakeRefused(ConnectFailed):
    """The server refuses for another reason, `status`; redirects are among them."""

    def __init__(self, status: int, retry_after_s: float | None) -> None:
        super().__init__(f"the server answered with HTTP status {status}")
        self.status = status
        self.retry_after_s = retry_after_s


class HandshakeBroken(ConnectFailed):
    """No valid answer to the handshake: no CSMS, or one that hangs up on a wrong password."""


class NoCommonSubprotocol(ConnectFailed):
    """The CSMS speaks none of the offered versions; try another endpoint."""


class TlsRejected(ConnectFailed):
    """TLS failed before credentials were sent; `fault` tells which security event is due."""

    def __init__(self, fault: TlsFault, detail: str) -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault = fault


class CredentialsUnusable(ConnectFailed):
    """A certificate or key file cannot be loaded; install it anew."""


# typing.override, which the type checker misses below, is younger than Python 3.11.
class StationSocket(ClientConnection):
    """A WebSocket that does not outlive its own end, and knows when it last heard anything.

    A peer may send Close and keep the TCP connection open; the library would wait for it.
    """

    heard_at: float = 0.0
    _last_moment: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:  # type: ignore[explicit-override]
        """Take in bytes; once they end the WebSocket, limit the life of the TCP connection."""
        self.heard_at = self.loop.time()
        super().data_received(data)
        if self._last_moment is None and self.protocol.close_expected():
            self._last_moment = self.loop.call_later(self.close_timeout or 0, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:  # type: ignore[explicit-override]
        """Clean up."""
        if self._last_moment is not None:
            self._last_moment.cancel()
        super().connection_lost(exc)

    def abort(self) -> None:
        """End the TCP connection now."""
        self.transport.abort()


def client_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Return the TLS client side: at least 1.2, the endpoint's CA file as only anchor (A00).

    Reads files. Raises CredentialsUnusable.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_TLS_1_2_CIPHERS)
    if not endpoint.allow_wildcard_certificate:
        context.sslobject_class = _WithoutWildcards
    try:
        context.load_verify_locations(cafile=endpoint.ca_file)
    except OSError as error:
        raise CredentialsUnusable(f"{endpoint.ca_file}: {_reason(error)}") from error
    if endpoint.security_profile == SecurityProfile.TLS_CLIENT_CERTIFICATE:
        _load_client_certificate(context, endpoint)
    return context


async def dial(
    endpoint: Endpoint, tls_context: Callable[[Endpoint], ssl.SSLContext] = client_context
) -> StationSocket:
    """Return an open WebSocket whose subprotocol is one that was offered.

    Raises a kind of ConnectFailed; `tls_context` is called in a thread.
    """
    context = await asyncio.to_thread(tls_context, endpoint) if endpoint.uses_tls else None
    try:
        socket = await _WithoutRedirects(endpoint.request_url, **_options(endpoint, context))
    except (OSError, InvalidHandshake) as error:
        raise _failure(error) from error
    if not isinstance(socket, StationSocket):
        raise TypeError("websockets did not make the requested kind of connection")
    if socket.subprotocol not in endpoint.subprotocols:
        socket.abort()
        raise NoCommonSubprotocol("the server selected none of the offered subprotocols")
    return socket


# The suites that A00.FR.319 names, and their ECDHE-RSA kin; TLS 1.3 has its own, all fit.
_TLS_1_2_CIPHERS: Final = ":".join(
    f"{exchange}AES{size}"
    for exchange in ("ECDHE-ECDSA-", "ECDHE-RSA-", "")
    for size in ("128-GCM-SHA256", "256-GCM-SHA384")
)
_LONGEST_RETRY_AFTER_S: Final = 3600.0

# Separate and never at DEBUG, at which the library would write the Authorization header.
_transport_logger = logging.getLogger(f"{__name__}.transport")
_transport_logger.setLevel(logging.WARNING)


class _WithoutRedirects(websocket_connect):
    def process_redirect(self, exc: Exception) -> Exception | str:  # type: ignore[explicit-override]
        return exc


class _WithoutWildcards(ssl.SSLObject):
    """Refuses a server certificate for a wildcard before anything is sent to that server."""

    def do_handshake(self) -> None:  # type: ignore[explicit-override]
        super().do_handshake()
        names = _names(self.getpeercert() or {})
        is_exact = (self.server_hostname or "").lower() in names
        if not is_exact and any("*" in name for name in names):
            raise ssl.SSLCertVerificationError("wildcard certificates are not accepted")


def _names(certificate: Any) -> set[str]:
    """Return the names in a certificate as the standard library presents it."""
    subject = [pair for rdn in certificate.get("subject", ()) for pair in rdn]
    common_names = [value for key, value in subject if key == "commonName"]
    alternatives = [value for _kind, value in certificate.get("subjectAltName", ())]
    return {name.lower() for name in alternatives or common_names}


def _load_client_certificate(context: ssl.SSLContext, endpoint: Endpoint) -> None:
    # An empty password makes an encrypted key an error instead of a prompt.
    certificate, key = endpoint.client_certificate_file, endpoint.client_key_file
    try:
        context.load_cert_chain(certificate or "", key, password="")
    except OSError as error:
        raise CredentialsUnusable(f"{certificate}, {key}: {_reason(error)}") from error


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
        "create_connection": StationSocket,
    }


def _failure(error: OSError | InvalidHandshake) -> ConnectFailed:
    tls_error = _tls_error(error)
    if tls_error is not None:
        return TlsRejected(_tls_fault(tls_error), _reason(tls_error))
    match error:
        case InvalidStatus():
            return _refusal(error)
        case NegotiationError():
            return NoCommonSubprotocol("the server selected a subprotocol that was not offered")
        case InvalidHandshake():
            return HandshakeBroken("the server gave no valid answer to the handshake")
        case _:
            # Also a server that hangs up on TLS without an alert, which nothing tells apart.
            return Unreachable(_reason(error))


def _refusal(error: InvalidStatus) -> ConnectFailed:
    status = error.response.status_code
    if status == 401:
        return CredentialsRefused("the CSMS refused the credentials (401)")
    if status == 404:
        return UnknownIdentity("the CSMS does not know this identity (404)")
    wish = error.response.headers.get("Retry-After", "")
    seconds = float(wish) if wish.isdecimal() and len(wish) < 10 else None
    return HandshakeRefused(status, seconds and min(seconds, _LONGEST_RETRY_AFTER_S))


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__
    return error


def _tls_fault(error: ssl.SSLError) -> TlsFault:
    if isinstance(error, ssl.SSLCertVerificationError):
        return TlsFault.SERVER_CERTIFICATE
    reason = error.reason or ""
    if "UNSUPPORTED_PROTOCOL" in reason or "ALERT_PROTOCOL_VERSION" in reason:
        return TlsFault.VERSION
    if "CIPHER" in reason or "HANDSHAKE_FAILURE" in reason or "INSUFFICIENT_SECURITY" in reason:
        return TlsFault.CIPHER_SUITE
    return TlsFault.OTHER


def _reason(error: OSError | InvalidHandshake) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return getattr(error, "verify_message", "") or str(error)
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return str(error)
