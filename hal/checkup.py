"""A look at all hardware of a station, for `stationd hal-check`: what is well, what is not, why.

The lines are looked at one by one first. Only if all of them can be had the board is opened and
its devices are tried; no contactor is closed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

from hal import instrument_check, line_check, registry
from hal.api import Finding, HardwareError
from hal.guard.duty import MINIMUM_OFFER_A, duty_for_current
from hal.line_check import Pace
from hal.registry import EvseTables, Table

Check = Callable[[int, Table, Path], Awaitable[Finding]]


def check_lines(
    evse_tables: EvseTables, state_dir: Path, pace: Pace | None = None
) -> Iterator[Finding]:
    """Yield a finding for each line and each device on the lines; blocks for some seconds."""
    well = True
    try:
        for finding in registry.look_at_lines(evse_tables):
            well = well and finding.ok
            yield finding
        if well:
            yield from _tried(evse_tables, state_dir, pace)
        yield from _armed(evse_tables)
    except HardwareError as error:
        yield Finding(None, "lines", ok=False, message=str(error))


async def check_instruments(evse_tables: EvseTables, state_dir: Path) -> AsyncIterator[Finding]:
    """Yield a finding for each instrument."""
    for evse, tables in evse_tables.items():
        for port, check in _CHECKS.items():
            if port in tables:
                try:
                    yield await check(evse, tables[port], state_dir)
                except HardwareError as error:
                    yield Finding(evse, port, ok=False, message=str(error))


async def check_relays(relays: Mapping[str, Table], state_dir: Path) -> AsyncIterator[Finding]:
    """Yield a finding for each contact of a relay of others, by its name."""
    for name, table in relays.items():
        try:
            contact = registry.open_relay(name, table, state_dir)
            yield await instrument_check.check_relay(f"relay {name}", contact)
        except HardwareError as error:
            yield Finding(None, f"relay {name}", ok=False, message=str(error))


def _tried(evse_tables: EvseTables, state_dir: Path, pace: Pace | None) -> Iterator[Finding]:
    board = registry.open_safety_board(evse_tables, state_dir)
    duties = {evse: _shortest_plateaus(tables) for evse, tables in evse_tables.items()}
    try:
        yield from line_check.check(board, pace, duties)
    finally:
        board.close()


def _shortest_plateaus(tables: Mapping[str, Table]) -> tuple[float, ...]:
    """Return the duties of the least and of the most that an EVSE offers."""
    most_a = tables.get("settings", {}).get("max_current_a", MINIMUM_OFFER_A)
    offers_a = (MINIMUM_OFFER_A, most_a if isinstance(most_a, int | float) else MINIMUM_OFFER_A)
    return tuple(duty_for_current(float(offer_a)) for offer_a in offers_a)


def _armed(evse_tables: EvseTables) -> Iterator[Finding]:
    found = registry.arming_problems(evse_tables)
    for problem in found:
        yield Finding(None, "arming", ok=False, message=problem)
    if not found:
        message = "nothing about this machine speaks against closing contactors"
        yield Finding(None, "arming", ok=True, message=message)


async def _meter(evse: int, table: Table, state_dir: Path) -> Finding:
    meter = registry.open_meter(evse, table, state_dir)
    return await instrument_check.check_meter(evse, meter)


async def _reader(evse: int, table: Table, state_dir: Path) -> Finding:
    reader = registry.open_reader([evse], table, state_dir)
    return await instrument_check.check_reader(evse, reader)


async def _temperature(evse: int, table: Table, state_dir: Path) -> Finding:
    sensor = registry.open_temperature(evse, table, state_dir)
    return await instrument_check.check_temperature(evse, sensor)


async def _indicator(evse: int, table: Table, state_dir: Path) -> Finding:
    light = registry.open_indicator(evse, table, state_dir)
    return await instrument_check.check_indicator(evse, light)


_CHECKS: Mapping[str, Check] = {
    "meter": _meter,
    "reader": _reader,
    "temperature": _temperature,
    "indicator": _indicator,
}
