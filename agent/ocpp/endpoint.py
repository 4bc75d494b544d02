"""Where the CSMS is and how the station proves who it is, checked before anything is dialled."""

import base64
import re
from collections.abc import Callable
from dataclasses import field
from enum import IntEnum
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

from agent.core.records import dataclass


class SecurityProfile(IntEnum):
    """The security profiles of OCPP, and 0 for none at all (A00)."""

    NONE = 0
    BASIC = 1
    TLS_BASIC = 2
    TLS_CLIENT_CERTIFICATE = 3


class InvalidEndpoint(ValueError):
    """The settings contradict each other or a rule; correct the named one before dialling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One way to reach a CSMS. Raises InvalidEndpoint when made of contradictory settings."""

    url: str
    """Base URL; the identity is appended to it as one path segment."""
    identity: str
    subprotocols: tuple[str, ...]
    """In order of preference."""
    security_profile: SecurityProfile
    allow_insecure: bool = False
    """Permits profile 0."""
    password: Callable[[], bytes] | None = field(default=None, repr=False)
    """Asked anew for every attempt, so that a changed password is used (A01)."""
    ca_file: Path | None = None
    """The only trust anchors; the operating system's are not used."""
    csms_roots: Callable[[], str] | None = None
    """Returns all trust anchors in PEM, those of `ca_file` included; asked for every attempt."""
    trusts_cross_signed: bool = False
    """An anchor counts though another certificate signed it (AdditionalRootCertificateCheck)."""
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None
    allow_wildcard_certificate: bool = False
    """Accepts a server certificate for `*.example.com` (AllowCSMSTLSWildcards)."""
    ping_interval_s: float = 30.0
    """WebSocketPingInterval; 0 sends no pings."""
    pong_timeout_s: float = 20.0
    call_timeout_s: float = 30.0
    open_timeout_s: float = 20.0
    close_timeout_s: float = 2.0
    """How long the TCP connection may outlive the WebSocket's end."""
    message_bytes: int = 512 * 1024
    """Beyond this size a message ends the connection; the limit of frames is below it."""
    calls_per_s: float = 50.0
    call_burst: int = 200

    def __post_init__(self) -> None:
        """Check the settings against each other."""
        parts = _split(self.url)
        self._check_identity()
        self._check_profile(parts.scheme)
        if not self.subprotocols:
            raise InvalidEndpoint("subprotocols: offer at least one")
        if self.ping_interval_s < 0:
            raise InvalidEndpoint("ping_interval_s must not be negative")

    @property
    def request_url(self) -> str:
        """The URL to dial: base URL, slash, percent-encoded identity."""
        return f"{self.url.rstrip('/')}/{quote(self.identity, safe='')}"

    @property
    def uses_tls(self) -> bool:
        """The channel is TLS."""
        return self.security_profile >= SecurityProfile.TLS_BASIC

    def authorization(self) -> str | None:
        """Return the Authorization header of HTTP Basic, None in a profile without password."""
        if self.password is None or self.security_profile not in _WITH_PASSWORD:
            return None
        credentials = self.identity.encode() + b":" + self.password()
        return "Basic " + base64.b64encode(credentials).decode()

    def _check_identity(self) -> None:
        if not self.identity or self.identity in {".", ".."}:
            raise InvalidEndpoint("identity must be a name")
        if ":" in self.identity and self.security_profile in _WITH_PASSWORD:
            raise InvalidEndpoint("identity must not contain ':' with HTTP Basic authentication")

    def _check_profile(self, scheme: str) -> None:
        profile = self.security_profile
        if profile not in _NEEDED:
            raise InvalidEndpoint(f"security_profile {profile} does not exist; use 0, 1, 2 or 3")
        if profile == SecurityProfile.NONE and not self.allow_insecure:
            raise InvalidEndpoint("security_profile 0 needs allow_insecure = true")
        _check_scheme(scheme, profile)
        for setting in _NEEDED[profile]:
            if getattr(self, setting) is None and not self._has_other(setting):
                raise InvalidEndpoint(f"security_profile {profile:d} needs {setting}")

    def _has_other(self, setting: str) -> bool:
        return setting == "ca_file" and self.csms_roots is not None


_WITH_PASSWORD = frozenset({SecurityProfile.BASIC, SecurityProfile.TLS_BASIC})
_NEEDED = {
    SecurityProfile.NONE: (),
    SecurityProfile.BASIC: ("password",),
    SecurityProfile.TLS_BASIC: ("password", "ca_file"),
    SecurityProfile.TLS_CLIENT_CERTIFICATE: (
        "ca_file",
        "client_certificate_file",
        "client_key_file",
    ),
}
_URL_CHARACTERS = re.compile(r"[!-~]++")


def url_problem(url: str, profile: SecurityProfile) -> str | None:
    """Return why a URL cannot be dialled with a security profile, or None."""
    try:
        _check_scheme(_split(url).scheme, profile)
    except InvalidEndpoint as error:
        return str(error)
    return None


def _check_scheme(scheme: str, profile: SecurityProfile) -> None:
    expected = "wss" if profile >= SecurityProfile.TLS_BASIC else "ws"
    if scheme != expected:
        raise InvalidEndpoint(f"url: security_profile {profile:d} needs {expected}://")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise InvalidEndpoint(f"url: {error}") from None
    if not is_complete or not _URL_CHARACTERS.fullmatch(url):
        raise InvalidEndpoint("url must be ws://HOST[:PORT][/PATH] or wss://…")
    if parts.username is not None or parts.password is not None:
        raise InvalidEndpoint("url must not contain a user name or password; set password instead")
    if parts.query or parts.fragment:
        raise InvalidEndpoint("url must end with its path: the identity is appended to it")
    return parts
