"""Where logs may be sent: schemes, ports and addresses.

The location comes from the CSMS, which may be hostile: it must not make the station talk to other
devices on the site, to itself, or to whatever a name server invents. So the text is judged before
anything is done, and each address right before it is connected to.
"""

import ipaddress
from dataclasses import field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from agent.core.log_upload import UploadFailed
from agent.core.records import dataclass

LONGEST_LOCATION: Final = 2000
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRules:
    """What the configuration allows; `private_addresses` are those of the site and this machine."""

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] = frozenset({80, 443, 8080, 8443})
    private_addresses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadAddress:
    """A permitted location in its parts; `target` is path and query, `login` user and password."""

    scheme: str
    host: str
    port: int
    target: str
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """The location as a log may show it: without login and query, which may be secrets."""
        return f"{self.scheme}://{self.host}:{self.port}{self.target.partition('?')[0]}"[:200]


def address_of(location: str, file_name: str, rules: UploadRules) -> UploadAddress:
    """Return where a file goes: as the location says, or below it if it ends in a slash.

    Source: N01.FR.21, N01.FR.29. Raises UploadFailed for a location that is not permitted.
    """
    parts = _parts(location)
    if parts.scheme not in rules.schemes:
        raise _forbidden(f"files are sent by {', '.join(sorted(rules.schemes))} only")
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    if port not in rules.ports:
        raise _forbidden(f"port {port} is not permitted")
    host = parts.hostname or ""
    _judge_written_address(host, rules)
    path = parts.path or "/"
    if path.endswith("/") and not parts.query:
        path += file_name
    target = f"{path}?{parts.query}" if parts.query else path
    return UploadAddress(
        scheme=parts.scheme, host=host, port=port, target=target, login=_login(parts)
    )


def check_address(text: str, rules: UploadRules) -> None:
    """Refuse an IP address that no log may go to. Raises UploadFailed, ValueError if it is none.

    Link-local addresses never may: there clouds and routers keep their secrets.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    is_of_the_site = address.is_private or address.is_loopback
    is_permitted = address.is_global or (rules.private_addresses and is_of_the_site)
    if not is_permitted or address.is_link_local or address.is_multicast or _is_nowhere(address):
        raise _forbidden(f"the address {address} is not permitted")


def _is_nowhere(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_unspecified or address.is_reserved


def _parts(location: str) -> SplitResult:
    is_plain = location.isascii() and location.isprintable() and " " not in location
    if len(location) > LONGEST_LOCATION or not is_plain:
        raise _forbidden("the location is no URL, or too long")
    try:
        parts = urlsplit(location)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise _forbidden("the location is no URL") from error
    if not is_complete:
        raise _forbidden("the location must read https://host/path")
    return parts


def _judge_written_address(host: str, rules: UploadRules) -> None:
    """Judge a host that is an address; numbers in other spellings are nobody's name."""
    try:
        check_address(host, rules)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2].lower()
        if last.isdigit() or last.startswith("0x"):
            raise _forbidden("the host is a number, which is no usual address") from None


def _login(parts: SplitResult) -> tuple[str, str] | None:
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")


def _forbidden(why: str) -> UploadFailed:
    return UploadFailed(why, for_good=True)
