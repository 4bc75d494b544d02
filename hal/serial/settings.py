"""The options of a serial token reader: read from its table, and what is wrong with them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from hal.api import HardwareError
from hal.serial.lines import DEFAULT_TEMPLATE, BadTemplate, Template
from hal.serial.token_text import ByteOrder

Table = Mapping[str, object]

BAUD_RATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
TOKEN_TYPES = ("ISO14443", "ISO15693", "Local", "Central", "KeyCode")
"""OCPP's kinds of token that a reader or a keypad may have."""
MOST_STRIPPED = 8


class ReaderProtocol(StrEnum):
    """What a reader speaks."""

    RDM6300 = "rdm6300"
    PN532 = "pn532"
    TWN4 = "twn4"
    STRONGLINK = "stronglink"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for a protocol where the table is silent, and the options that only it has."""

    baudrate: int
    token_type: str
    options: frozenset[str] = frozenset()


PROTOCOLS: Mapping[ReaderProtocol, Defaults] = MappingProxyType(
    {
        ReaderProtocol.RDM6300: Defaults(9600, "Local"),
        ReaderProtocol.PN532: Defaults(115200, "ISO14443"),
        ReaderProtocol.TWN4: Defaults(9600, "ISO14443", frozenset({"crc", "beep"})),
        ReaderProtocol.STRONGLINK: Defaults(9600, "ISO14443"),
        ReaderProtocol.LINES: Defaults(9600, "Local", frozenset({"pattern"})),
    }
)
_COMMON = frozenset(
    {"backend", "protocol", "port", "baudrate", "token_type", "byte_order", "strip_bytes"}
)


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """A reader as configured. `token_type` None leaves the kind of card to the protocol."""

    protocol: ReaderProtocol
    port: str
    baudrate: int
    token_type: str | None = None
    byte_order: ByteOrder = ByteOrder.AS_READ
    strip_bytes: int = 0
    pattern: str = DEFAULT_TEMPLATE
    crc: bool = False
    beep: bool = False

    @property
    def usual_token_type(self) -> str:
        """The kind of the cards that this reader is for."""
        return self.token_type or PROTOCOLS[self.protocol].token_type


def problems(port: str, table: Table) -> Iterator[str]:
    """Yield what is wrong with a table, a sentence each; `port` is the hardware port's name."""
    name = table.get("protocol")
    if not isinstance(name, str) or name not in set(ReaderProtocol):
        known = ", ".join(ReaderProtocol)
        near = _near(name, ReaderProtocol)
        yield f"the {port}'s protocol must be one of {known}, not {name!r}{near}"
        return
    protocol = ReaderProtocol(name)
    yield from (f"the {port}'s {reason}" for reason in _option_problems(protocol, table))


def read_settings(table: Table) -> ReaderSettings:
    """Read a table; raises `HardwareError` for the first thing that is wrong with it."""
    for problem in problems("reader", table):
        raise HardwareError(problem)
    protocol = ReaderProtocol(str(table["protocol"]))
    token_type = table.get("token_type")
    return ReaderSettings(
        protocol=protocol,
        port=str(table["port"]),
        baudrate=_whole(table, "baudrate", PROTOCOLS[protocol].baudrate),
        token_type=None if token_type is None else str(token_type),
        byte_order=ByteOrder(str(table.get("byte_order", ByteOrder.AS_READ))),
        strip_bytes=_whole(table, "strip_bytes", 0),
        pattern=str(table.get("pattern", DEFAULT_TEMPLATE)),
        crc=table.get("crc") is True,
        beep=table.get("beep") is True,
    )


def _option_problems(protocol: ReaderProtocol, table: Table) -> Iterator[str]:
    known = _COMMON | PROTOCOLS[protocol].options
    for key in sorted(table.keys() - known):
        yield _unknown(protocol, key, known)
    path = table.get("port")
    if not isinstance(path, str) or not path.startswith("/"):
        yield (
            f"port must be a path such as /dev/serial/by-id/usb-…, not {path!r};"
            " `ls /dev/serial/by-id` names those that are plugged in"
        )
    yield from _one_of(table, "baudrate", BAUD_RATES)
    yield from _one_of(table, "token_type", TOKEN_TYPES)
    yield from _one_of(table, "byte_order", tuple(ByteOrder))
    yield from _one_of(table, "crc", (True, False))
    yield from _one_of(table, "beep", (True, False))
    yield from _one_of(table, "strip_bytes", range(MOST_STRIPPED + 1))
    yield from _pattern_problems(table.get("pattern", DEFAULT_TEMPLATE))


def _unknown(protocol: ReaderProtocol, key: str, known: Iterable[str]) -> str:
    owners = [other for other, defaults in PROTOCOLS.items() if key in defaults.options]
    if owners:
        return f"{key} is an option of protocol {owners[0]}, not of {protocol}; remove it"
    return f"protocol {protocol} has no option {key}{_near(key, known)}"


def _one_of(table: Table, key: str, allowed: Iterable[object]) -> Iterator[str]:
    """Complain about a value that is not among the allowed ones; true is no number."""
    if key not in table:
        return
    value = table[key]
    if not any(value == one and type(value) is _plain_type(one) for one in allowed):
        words = (str(one).lower() if isinstance(one, bool) else str(one) for one in allowed)
        yield f"{key} must be one of {', '.join(words)}, not {value!r}{_near(value, allowed)}"


def _plain_type(value: object) -> type:
    return str if isinstance(value, str) else type(value)


def _pattern_problems(pattern: object) -> Iterator[str]:
    if not isinstance(pattern, str):
        yield f"pattern must be a text such as 'UID: {{hex}}', not {pattern!r}"
        return
    try:
        Template.parse(pattern)
    except BadTemplate as error:
        yield f"pattern {pattern!r} cannot be used: {error}"


def _whole(table: Table, key: str, default: int) -> int:
    value = table.get(key, default)
    return value if isinstance(value, int) else default


def _near(word: object, known: Iterable[object]) -> str:
    """Return `, did you mean "…"?` for a near miss, else nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - only needed when something is wrong

    names = {str(one).lower(): str(one) for one in known}
    close = get_close_matches(str(word).lower(), names, n=1)
    return f', did you mean "{names[close[0]]}"?' if close else ""
