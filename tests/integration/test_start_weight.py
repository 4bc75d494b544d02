"""What a running daemon has loaded: everything that it loads stays in its memory for good."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.benchmarks.loopback_csms import LoopbackCsms
from tests.benchmarks.station import BenchStation

LOADED = re.compile(r"^import time:\s+\d+ \|\s+\d+ \|\s*(\S+)$", re.MULTILINE)
NOT_NEEDED = frozenset(
    # Libraries for what this station was not asked to do yet.
    {"cryptography", "bcrypt", "ocpp", "rich", "serial", "pymodbus", "gpiod", "gpiozero"}
    # What the standard library and websockets would bring along.
    | {"argparse", "bz2", "csv", "email", "http.client", "locale", "lzma", "platform", "shutil"}
    | {"tempfile", "zipfile"}
    # Parts of our own for other commands, other hardware and bad days.
    | {"agent.cli", "agent.sim", "agent.transfer", "agent.update", "agent.ocpp.v16"}
    | {"agent.metering.verification", "agent.pki.code_signing"}
    | {"agent.config.receivers", "agent.diagnostics.bundle", "agent.pki.contract"}
    | {"agent.services.certificate_status"}
    | {"agent.store.carve", "agent.store.recovery", "agent.store.salvage"}
    | {"hal.checkup", "hal.gpio", "hal.guard.loop", "hal.modbus", "hal.serial"}
)


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
async def test_an_idle_daemon_has_loaded_nothing_that_it_does_not_need(
    tmp_path: Path, version: str
) -> None:
    options = ("-X", "importtime")
    async with (
        LoopbackCsms() as csms,
        BenchStation(tmp_path, csms.url, version, interpreter_options=options) as station,
    ):
        await station.start_guard()
        station.start()
        await csms.until(lambda: csms.count("StatusNotification") > 0)
        await station.until(lambda state: state["csms"]["queued_events"] == 0)
        loaded = set(LOADED.findall(station.log_file.read_text()))
    assert {"agent.app.station", "websockets.asyncio.client", "fastjsonschema"} <= loaded
    assert sorted(loaded & NOT_NEEDED) == []


def test_what_it_is_spared_of_our_own_exists() -> None:
    """A renamed module would be looked for in vain."""
    own = {name for name in NOT_NEEDED if name.startswith(("agent.", "hal."))}
    assert not {name for name in own if find_spec(name) is None}
