"""Where files may be fetched from and sent to: schemes, ports and addresses.

The CSMS, which may be hostile, names the location, a server may redirect it, and a name server may
answer anything: none of them may make the station talk to other devices on the site, or to itself.
So the location is judged before anything is done, and each address right before it is connected to.
"""

import ipaddress
import re
from dataclasses import field
from typing import Final
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from agent.core.records import dataclass

LONGEST_LOCATION: Final = 2000
MOST_REDIRECTS: Final = 3
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_PRINTABLE: Final = re.compile(r"[!-~]++")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressForbidden(Exception):
    """A location, or what it means, must not be talked to; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRules:
    """What the configuration allows; with `private` also addresses of local networks."""

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] = frozenset({80, 443, 8080, 8443})
    private: bool = False


@dataclass(frozen=True, slots=True)
class Location:
    """A location that may be tried; `target` is path and query, `credentials` user and password."""

    scheme: str
    host: str
    port: int
    target: str
    credentials: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def authority(self) -> str:
        """Host and port, as the Host header tells them: the usual port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The location for logs: neither password nor query, which may be a password as well."""
        return f"{self.scheme}://{self.host}:{self.port}{self.target.partition('?')[0]}"[:200]


def checked(location: str, rules: AddressRules) -> Location:
    """Return a location in its parts; raises `AddressForbidden` for one that is not permitted."""
    if len(location) > LONGEST_LOCATION or not _PRINTABLE.fullmatch(location):
        raise AddressForbidden("the location is no URL, or too long")
    parts = _split(location)
    if parts.scheme not in rules.schemes:
        allowed = ", ".join(sorted(rules.schemes)) or "none"
        raise AddressForbidden(f"the scheme {parts.scheme[:20]!r} is not permitted, only {allowed}")
    host, port = parts.hostname or "", _port(parts)
    if not host:
        raise AddressForbidden("the location names no host")
    if port not in rules.ports:
        raise AddressForbidden(f"port {port} is not permitted")
    check_host(host, rules)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Location(parts.scheme, host, port, target, _credentials(parts))


def redirected(location: Location, to: str, rules: AddressRules) -> Location:
    """Return where a redirect leads: to the same scheme, and without the password elsewhere."""
    base = f"{location.scheme}://{location.authority}{location.target}"
    found = checked(urljoin(base, to), rules)
    if found.scheme != location.scheme:
        raise AddressForbidden("a redirect to another scheme is not followed")
    same = (found.host, found.port) == (location.host, location.port)
    credentials = found.credentials or (location.credentials if same else None)
    return Location(found.scheme, found.host, found.port, found.target, credentials)


def check_host(host: str, rules: AddressRules) -> None:
    """Refuse a host that is written as a forbidden address, in whatever spelling.

    A name whose last label is a number is nobody's (RFC 3696, 2); resolvers read it as an address.
    """
    try:
        check_address(host, rules)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2].lower()
        if last.isdigit() or last.startswith("0x"):
            raise AddressForbidden("the host is a number, which is no usual address") from None


def check_address(text: str, rules: AddressRules) -> None:
    """Refuse an address that is none of the internet; ValueError if it is no address at all.

    With `private` networks of the site are allowed, and loopback for what runs on this machine;
    link-local addresses, where clouds and routers keep their secrets, never are.
    """
    address = _really(ipaddress.ip_address(text.partition("%")[0]))
    is_permitted = address.is_global or (rules.private and _is_local(address))
    if not is_permitted or _is_never_permitted(address):
        raise AddressForbidden(f"the address {address} is not permitted")


def _really(address: _Address) -> _Address:
    """Return the IPv4 address that an IPv6 address stands for: mapped, 6to4, or by NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_local(address: _Address) -> bool:
    return address.is_private or address.is_loopback


def _is_never_permitted(address: _Address) -> bool:
    # Loopback of IPv6 lies in a reserved block; IPv4 addresses in disguise do as well.
    is_reserved = address.is_reserved and not address.is_loopback
    is_nowhere = address.is_unspecified or address.is_multicast or address.is_link_local
    return is_reserved or is_nowhere


def _split(location: str) -> SplitResult:
    try:
        parts = urlsplit(location)
        _ = parts.port, parts.hostname
    except ValueError as error:
        raise AddressForbidden("the location is no URL") from error
    if not parts.scheme or not location[len(parts.scheme) :].startswith("://"):
        raise AddressForbidden("the location is no URL")
    return parts


def _port(parts: SplitResult) -> int:
    return _DEFAULT_PORTS.get(parts.scheme, 0) if parts.port is None else parts.port


def _credentials(parts: SplitResult) -> tuple[str, str] | None:
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")
