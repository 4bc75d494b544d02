"""Checking the hardware that a configuration names, for `stationd hal-check`."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

from agent.app.hardware import backend_problems, relay_tables
from agent.config.load import load
from agent.config.model import EvseConfig, StationConfig
from hal import checkup
from hal.api import Finding
from hal.guard.spawn import is_alive

GUARD_RUNS = (
    "a guard is running and owns the lines, so they were not checked; stop it first (systemctl stop"
    " stationd-guard stationd) and start it again afterwards"
)


def check_hardware(file: Path, board: str | None) -> Iterator[Finding]:
    """Yield a finding for each line and device; raises ConfigError. Blocks for some seconds."""
    config = load(file, check_backend=backend_problems, board=board, with_files=False)
    tables = {evse.id: _tables(evse) for evse in config.evses}
    if is_alive(config.guard.socket):
        yield Finding(None, "guard", ok=False, message=GUARD_RUNS)
    else:
        yield from checkup.check_lines(tables, config.station.state_dir)
    yield from asyncio.run(_instruments(tables, config))


async def _instruments(
    tables: Mapping[int, Mapping[str, Mapping[str, object]]], config: StationConfig
) -> list[Finding]:
    state_dir = config.station.state_dir
    found = [each async for each in checkup.check_instruments(tables, state_dir)]
    found += [each async for each in checkup.check_relays(relay_tables(config), state_dir)]
    return found


def _tables(evse: EvseConfig) -> dict[str, Mapping[str, object]]:
    """Return the tables of an EVSE as the hardware reads them."""
    tables: dict[str, Mapping[str, object]] = {
        role.value: backend.table for role, backend in evse.hardware.items()
    }
    tables["settings"] = {
        "max_current_a": evse.max_current_a,
        "phases": evse.phases,
        "nominal_voltage_v": evse.nominal_voltage_v,
        "connector_type": evse.connector_type,
        "cable": evse.cable.value,
    }
    return tables
