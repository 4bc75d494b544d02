"""Why an attempt to connect failed, named for what the station can do about it."""

from enum import StrEnum


class TlsFault(StrEnum):
    """Which side of TLS failed, as far as a security event tells them apart."""

    SERVER_CERTIFICATE = "server certificate"
    VERSION = "TLS version"
    CIPHER_SUITE = "cipher suite"
    CLIENT_CERTIFICATE = "client certificate"
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
