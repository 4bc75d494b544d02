"""Which backend stands behind a port: the backend's name in the configuration -> its factory.

Backends are imported when they are opened. A station is either simulated or real: a mock contactor
beside a real meter would be a station that lies, so a mixture is refused.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hal.api import EnergyMeter, HardwareError, SafetyBoard, TokenReader

Table = Mapping[str, object]
EvseTables = Mapping[int, Mapping[str, Table]]

MOCK = "mock"
SETTINGS = "settings"
REQUIRED_PORTS = ("pilot", "contactor")


class BackendRefused(HardwareError):
    """The configuration asks for a backend or an option that does not exist; correct the file."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend of one port: the board family it belongs to and the options it understands."""

    family: str
    options: frozenset[str] = frozenset()


def known_backends(port: str) -> tuple[str, ...]:
    """Return the backend names of a port; raises `BackendRefused` for an unknown port."""
    return tuple(_backends_of(port, "the registry"))


def uses_mock(evse_tables: EvseTables) -> bool:
    """Tell whether the station is simulated; raises `BackendRefused` for a mixture."""
    return _family(evse_tables) == MOCK


def open_safety_board(evse_tables: EvseTables, state_dir: Path) -> SafetyBoard:
    """Own the safety lines of a station.

    `evse_tables` gives each EVSE its ports' tables and, under `settings`, how it is built
    (`max_current_a`, `phases`, `cable`, `nominal_voltage_v`). Raises `BackendRefused` for a table
    that is wrong, `HardwareLost` and `HardwareError` for lines that cannot be had.
    """
    family = _family(evse_tables)
    for evse, tables in evse_tables.items():
        for port in REQUIRED_PORTS:
            if port not in tables:
                raise BackendRefused(f"EVSE {evse} has no {port}; give it a table with a backend")
    if family not in _BOARDS:
        raise BackendRefused("no EVSE is configured, so there are no safety lines to open")
    return _BOARDS[family](evse_tables, state_dir)


def open_meter(evse: int, table: Table, state_dir: Path) -> EnergyMeter:
    """Return the energy meter of one EVSE; raises `BackendRefused`."""
    name = _checked_name("meter", table, f"EVSE {evse}")
    return _METERS[name](evse, table, state_dir)


def open_reader(evses: Iterable[int], table: Table, state_dir: Path) -> TokenReader:
    """Return a token reader that serves some EVSEs; raises `BackendRefused`."""
    served = tuple(evses)
    name = _checked_name("reader", table, f"EVSE {', '.join(map(str, served))}")
    return _READERS[name](served, table, state_dir)


def _family(evse_tables: EvseTables) -> str | None:
    """Return the one board family of all tables, None when there are none."""
    users: dict[str, str] = {}
    for evse, tables in evse_tables.items():
        for port, table in tables.items():
            if port != SETTINGS:
                name = _checked_name(port, table, f"EVSE {evse}")
                users.setdefault(_PORTS[port][name].family, f"{port} of EVSE {evse} ({name})")
    if len(users) > 1:
        mixture = " with ".join(users.values())
        raise BackendRefused(f"a station is either simulated or real, this one mixes {mixture}")
    return next(iter(users), None)


def _checked_name(port: str, table: Table, owner: str) -> str:
    backends = _backends_of(port, owner)
    name = table.get("backend")
    if not isinstance(name, str) or name not in backends:
        raise BackendRefused(
            f"{owner}: {port} has no backend {name!r}; there is {', '.join(backends)}"
        )
    unknown = table.keys() - backends[name].options - {"backend"}
    if unknown:
        known = ", ".join(sorted(backends[name].options)) or "no options"
        raise BackendRefused(
            f"{owner}: {port} backend {name!r} does not know {', '.join(sorted(unknown))}; "
            f"it knows {known}"
        )
    return name


def _backends_of(port: str, owner: str) -> Mapping[str, Backend]:
    if port not in _PORTS:
        raise BackendRefused(f"{owner}: there is no port {port!r}; known are {', '.join(_PORTS)}")
    return _PORTS[port]


def _mock_board(evse_tables: EvseTables, state_dir: Path) -> SafetyBoard:
    from hal.mock.safety_board import open_safety_board as open_mock  # noqa: PLC0415  # lazy
    from hal.mock.settings import read_settings  # noqa: PLC0415  # lazy

    return open_mock(read_settings(evse_tables), state_dir)


def _mock_meter(evse: int, table: Table, state_dir: Path) -> EnergyMeter:
    from hal.mock.backends import MockMeter  # noqa: PLC0415  # lazy

    del table
    return MockMeter(evse, state_dir)


def _mock_reader(evses: tuple[int, ...], table: Table, state_dir: Path) -> TokenReader:
    from hal.mock.backends import MockReader  # noqa: PLC0415  # lazy

    del table
    return MockReader(evses, state_dir)


_PORTS: dict[str, dict[str, Backend]] = {
    port: {MOCK: Backend(MOCK)}
    for port in (
        "pilot",
        "contactor",
        "proximity",
        "residual_current",
        "rcm",  # the configuration's word for residual_current
        "lock",
        "emergency_stop",
        "temperature",
        "indicator",
        "meter",
        "reader",
    )
}
_BOARDS: dict[str | None, Callable[[EvseTables, Path], SafetyBoard]] = {MOCK: _mock_board}
_METERS: dict[str, Callable[[int, Table, Path], EnergyMeter]] = {MOCK: _mock_meter}
_READERS: dict[str, Callable[[tuple[int, ...], Table, Path], TokenReader]] = {MOCK: _mock_reader}
