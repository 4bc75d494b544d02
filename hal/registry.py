"""Which backend stands behind a port: the backend's name in the configuration -> its factory.

Backends are imported when they are checked or opened. The safety lines of a station are all
simulated or all real. Instruments are judged by the configuration, which knows whether the station
is a bench.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hal.api import (
    PER_PHASE,
    EnergyMeter,
    Finding,
    HardwareError,
    Indicator,
    RelayContact,
    SafetyBoard,
    TemperatureSensor,
    TokenReader,
)
from hal.tables import Options

Table = Mapping[str, object]
EvseTables = Mapping[int, Mapping[str, Table]]
Check = Callable[[str, Table], Iterable[str]]

MOCK, REAL = "mock", "real"
GPIO = "gpio"
SERIAL = "serial"
MODBUS = "modbus"
SYSFS = "sysfs"
LEDS = "leds"
KEYS = "keys"
SETTINGS = "settings"
REQUIRED_PORTS = ("pilot", "contactor")
LINE_PORTS = (
    "pilot",
    "contactor",
    "proximity",
    "residual_current",
    "rcm",  # the configuration's word for residual_current
    "lock",
    "emergency_stop",
    "fault_inputs",
    "shut_off",
    "tamper",
)
MOCK_STRATEGIES = ("series", PER_PHASE)
INSTRUMENT_PORTS = ("meter", "reader", "temperature", "indicator")
STATION_PORTS = ("relay",)
"""What belongs to the site and not to an EVSE, so that no board file has it."""


class BackendRefused(HardwareError):
    """The configuration asks for a backend or an option that does not exist; correct the file."""


def _without_options(port: str, table: Table) -> Iterable[str]:
    unknown = sorted(table.keys() - {"backend"})
    if unknown:
        yield (
            f"{port} backend {table['backend']!r} does not know {', '.join(unknown)}; "
            "it has no options"
        )


def _mock_contactor_check(port: str, table: Table) -> Iterable[str]:
    found: list[str] = []
    options = Options(port, table, found)
    options.expect("backend")
    options.text("strategy", MOCK_STRATEGIES[0], MOCK_STRATEGIES)
    options.finish()
    return found


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend of one port: the board family it belongs to, and what judges its options.

    `check` takes the port's name and its table and yields a sentence for each thing that is wrong.
    """

    family: str
    check: Check = _without_options


def known_backends(port: str) -> tuple[str, ...]:
    """Return the backend names of a port; raises `BackendRefused` for an unknown port."""
    return tuple(_backends_of(port, "the registry"))


def problems(port: str, table: Table) -> tuple[str, ...]:
    """Return what is wrong with a port's table, a sentence each; empty if it can be opened."""
    try:
        backend = _backend(port, table, "the configuration")
    except BackendRefused as refused:
        return (str(refused),)
    return tuple(backend.check(port, table))


def open_safety_board(evse_tables: EvseTables, state_dir: Path) -> SafetyBoard:
    """Own the safety lines of a station.

    `evse_tables` gives each EVSE its ports' tables and, under `settings`, how it is built
    (`max_current_a`, `phases`, `cable`, `nominal_voltage_v`). Raises `BackendRefused` for a table
    that is wrong, `HardwareLost` and `HardwareError` for lines that cannot be had.
    """
    family = _family_of_lines(evse_tables)
    for evse, tables in evse_tables.items():
        for port in REQUIRED_PORTS:
            if port not in tables:
                raise BackendRefused(f"EVSE {evse} has no {port}; give it a table with a backend")
    if family not in _BOARDS:
        raise BackendRefused("no EVSE is configured, so there are no safety lines to open")
    return _BOARDS[family](evse_tables, state_dir)


def look_at_lines(evse_tables: EvseTables) -> Iterable[Finding]:
    """Look at each line and device of the safety lines without driving any.

    Simulated lines have nothing to look at. Raises `BackendRefused` for a table that is wrong.
    """
    return _LOOKS[_family_of_lines(evse_tables)](evse_tables)


def arming_problems(evse_tables: EvseTables) -> tuple[str, ...]:
    """Return why contactors may not be closed on this machine, a sentence each."""
    return tuple(_ARMINGS[_family_of_lines(evse_tables)](evse_tables))


def open_meter(evse: int, table: Table, state_dir: Path) -> EnergyMeter:
    """Return the energy meter of one EVSE; raises `BackendRefused`."""
    name = _checked_name("meter", table, f"EVSE {evse}")
    return _METERS[name](evse, table, state_dir)


def open_reader(evses: Iterable[int], table: Table, state_dir: Path) -> TokenReader:
    """Return a token reader that serves some EVSEs; raises `BackendRefused`."""
    served = tuple(evses)
    name = _checked_name("reader", table, f"EVSE {', '.join(map(str, served))}")
    return _READERS[name](served, table, state_dir)


def open_temperature(evse: int, table: Table, state_dir: Path) -> TemperatureSensor:
    """Return the temperature sensor of one EVSE; raises `BackendRefused`."""
    name = _checked_name("temperature", table, f"EVSE {evse}")
    return _TEMPERATURES[name](evse, table, state_dir)


def open_indicator(evse: int, table: Table, state_dir: Path) -> Indicator:
    """Return the status light of one EVSE; raises `BackendRefused`."""
    name = _checked_name("indicator", table, f"EVSE {evse}")
    return _INDICATORS[name](evse, table, state_dir)


def open_relay(name: str, table: Table, state_dir: Path) -> RelayContact:
    """Return the contact of a relay that somebody else switches; raises `BackendRefused`."""
    backend = _checked_name("relay", table, f"relay {name}")
    return _RELAYS[backend](name, table, state_dir)


def _family_of_lines(evse_tables: EvseTables) -> str | None:
    """Return the one family of all safety lines, None when there are none."""
    users: dict[str, str] = {}
    for evse, tables in evse_tables.items():
        for port, table in tables.items():
            if port == SETTINGS:
                continue
            name = _checked_name(port, table, f"EVSE {evse}")
            if port in LINE_PORTS:
                users.setdefault(_PORTS[port][name].family, f"{port} of EVSE {evse} ({name})")
    if len(users) > 1:
        mixture = " with ".join(users.values())
        raise BackendRefused(f"safety lines are all simulated or all real, not {mixture}")
    return next(iter(users), None)


def _checked_name(port: str, table: Table, owner: str) -> str:
    backend = _backend(port, table, owner)
    for reason in backend.check(port, table):
        raise BackendRefused(f"{owner}: {reason}")
    return str(table["backend"])


def _backend(port: str, table: Table, owner: str) -> Backend:
    backends = _backends_of(port, owner)
    name = table.get("backend")
    if not isinstance(name, str) or name not in backends:
        raise BackendRefused(
            f"{owner}: {port} has no backend {name!r}; there is {', '.join(backends)}"
        )
    return backends[name]


def _backends_of(port: str, owner: str) -> Mapping[str, Backend]:
    if port not in _PORTS:
        raise BackendRefused(f"{owner}: there is no port {port!r}; known are {', '.join(_PORTS)}")
    return _PORTS[port]


def _mock_board(evse_tables: EvseTables, state_dir: Path) -> SafetyBoard:
    from hal.mock.safety_board import open_safety_board as open_mock  # noqa: PLC0415  # lazy
    from hal.mock.settings import read_settings  # noqa: PLC0415  # lazy

    return open_mock(read_settings(evse_tables), state_dir)


def _gpio_check(port: str, table: Table) -> Iterable[str]:
    from hal.gpio.read_wiring import problems as gpio_problems  # noqa: PLC0415  # lazy

    return gpio_problems(port, table)


def _gpio_board(evse_tables: EvseTables, state_dir: Path) -> SafetyBoard:
    from hal.gpio.assembly import open_board  # noqa: PLC0415  # lazy

    del state_dir
    return open_board(evse_tables)


def _sysfs_temperature_check(port: str, table: Table) -> Iterable[str]:
    from hal.sysfs.temperature import problems as found  # noqa: PLC0415  # lazy

    return found(port, table)


def _sysfs_temperature(evse: int, table: Table, state_dir: Path) -> TemperatureSensor:
    from hal.sysfs.temperature import SysfsTemperature, read_place  # noqa: PLC0415  # lazy

    del evse, state_dir
    return SysfsTemperature(read_place(Options("temperature", table, [])))


def _leds_check(port: str, table: Table) -> Iterable[str]:
    from hal.sysfs.leds import problems as found  # noqa: PLC0415  # lazy

    return found(port, table)


def _leds_indicator(evse: int, table: Table, state_dir: Path) -> Indicator:
    from hal.sysfs.leds import SysfsLight, read_place  # noqa: PLC0415  # lazy

    del evse, state_dir
    return SysfsLight(read_place(Options("indicator", table, [])))


def _keys_check(port: str, table: Table) -> Iterable[str]:
    from hal.sysfs.keys import problems as found  # noqa: PLC0415  # lazy

    return found(port, table)


def _keys_relay(name: str, table: Table, state_dir: Path) -> RelayContact:
    from hal.sysfs.keys import KeyContact, read_place  # noqa: PLC0415  # lazy

    del name, state_dir
    return KeyContact(read_place(Options("relay", table, [])))


def _mock_relay(name: str, table: Table, state_dir: Path) -> RelayContact:
    from hal.mock.relay import MockRelay  # noqa: PLC0415  # lazy

    del table
    return MockRelay(name, state_dir)


def _gpio_look(evse_tables: EvseTables) -> Iterable[Finding]:
    from hal.gpio.check import look  # noqa: PLC0415  # lazy

    return look(evse_tables)


def _gpio_arming(evse_tables: EvseTables) -> Iterable[str]:
    from hal.gpio.arming import problems as found  # noqa: PLC0415  # lazy

    return found(evse_tables)


def _nothing(evse_tables: EvseTables) -> Iterable[Any]:
    del evse_tables
    return ()


def _mock_meter(evse: int, table: Table, state_dir: Path) -> EnergyMeter:
    from hal.mock.backends import MockMeter  # noqa: PLC0415  # lazy

    del table
    return MockMeter(evse, state_dir)


def _serial_reader(evses: tuple[int, ...], table: Table, state_dir: Path) -> TokenReader:
    from hal.serial.reader import SerialTokenReader  # noqa: PLC0415  # lazy
    from hal.serial.settings import read_settings  # noqa: PLC0415  # lazy

    del state_dir
    return SerialTokenReader(read_settings(table), evses)


def _check_serial_reader(port: str, table: Table) -> Iterable[str]:
    from hal.serial.settings import problems  # noqa: PLC0415  # lazy

    return problems(port, table)


def _mock_reader(evses: tuple[int, ...], table: Table, state_dir: Path) -> TokenReader:
    from hal.mock.backends import MockReader  # noqa: PLC0415  # lazy

    del table
    return MockReader(evses, state_dir)


def _mock_temperature(evse: int, table: Table, state_dir: Path) -> TemperatureSensor:
    from hal.mock.temperature import MockTemperature  # noqa: PLC0415  # lazy

    del table
    return MockTemperature(evse, state_dir)


def _mock_indicator(evse: int, table: Table, state_dir: Path) -> Indicator:
    from hal.mock.indicator import MockIndicator  # noqa: PLC0415  # lazy

    del table
    return MockIndicator(evse, state_dir)


def _check_modbus(port: str, table: Table) -> Iterable[str]:
    from hal.modbus.backend import problems as modbus_problems  # noqa: PLC0415  # lazy

    return modbus_problems(port, table)


def _modbus_meter(evse: int, table: Table, state_dir: Path) -> EnergyMeter:
    from hal.modbus.backend import open_meter as open_modbus  # noqa: PLC0415  # lazy

    del evse, state_dir
    return open_modbus(table)


_PORTS: dict[str, dict[str, Backend]] = {
    port: {MOCK: Backend(MOCK)} for port in (*LINE_PORTS, *INSTRUMENT_PORTS, *STATION_PORTS)
}
_PORTS["contactor"][MOCK] = Backend(MOCK, _mock_contactor_check)
for _port in LINE_PORTS:
    _PORTS[_port][GPIO] = Backend(REAL, _gpio_check)
_PORTS["reader"][SERIAL] = Backend(REAL, _check_serial_reader)
_PORTS["meter"][MODBUS] = Backend(REAL, _check_modbus)
_PORTS["temperature"][SYSFS] = Backend(REAL, _sysfs_temperature_check)
_PORTS["indicator"][LEDS] = Backend(REAL, _leds_check)
_PORTS["relay"][KEYS] = Backend(REAL, _keys_check)
_BOARDS: dict[str | None, Callable[[EvseTables, Path], SafetyBoard]] = {
    MOCK: _mock_board,
    REAL: _gpio_board,
}
_LOOKS: dict[str | None, Callable[[EvseTables], Iterable[Finding]]] = {
    None: _nothing,
    MOCK: _nothing,
    REAL: _gpio_look,
}
_ARMINGS: dict[str | None, Callable[[EvseTables], Iterable[str]]] = {
    None: _nothing,
    MOCK: _nothing,
    REAL: _gpio_arming,
}
_METERS: dict[str, Callable[[int, Table, Path], EnergyMeter]] = {
    MOCK: _mock_meter,
    MODBUS: _modbus_meter,
}
_READERS: dict[str, Callable[[tuple[int, ...], Table, Path], TokenReader]] = {
    MOCK: _mock_reader,
    SERIAL: _serial_reader,
}
_TEMPERATURES: dict[str, Callable[[int, Table, Path], TemperatureSensor]] = {
    MOCK: _mock_temperature,
    SYSFS: _sysfs_temperature,
}
_INDICATORS: dict[str, Callable[[int, Table, Path], Indicator]] = {
    MOCK: _mock_indicator,
    LEDS: _leds_indicator,
}
_RELAYS: dict[str, Callable[[str, Table, Path], RelayContact]] = {
    MOCK: _mock_relay,
    KEYS: _keys_relay,
}
