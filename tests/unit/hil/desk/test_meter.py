"""The meter that the computer plays on a desk: read by the product's driver over a pair of ptys."""

import asyncio
import os
import pty
import selectors
import threading
import time
import tty
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import serial

from hal import registry
from hal.api import EnergyMeter, HardwareError, HardwareLost
from hil.bench_file import load
from hil.desk.bay import DeskBay
from hil.desk.load import Load, contact_at, open_port
from hil.desk.meter import SerialMeterDriver
from hil.drivers import CarDriver, DriverFailed, MeterDriver, OutletDriver, SlowWire
from hil.sim.instruments import BayDriver
from hil.target import NotOnBench, Target

BAUDRATE = 19_200
BENCH = """\
summary = "a test"
[resources.bay]
kind = "desk.bay"
[resources.relays]
kind = "desk.relay_board"
port = "/dev/null"
[resources.car]
kind = "desk.car"
relay_board = "relays"
state_b = 1
state_c = 2
contact_port = "loop://"
load_a = 6.0
[resources.meter]
kind = "desk.meter"
evse = 1
profile = "eastron_sdm630"
port = "{computer}"
station_port = "{station}"
baudrate = 19200
"""
"""The adapter of the contact is pyserial's loop, where RTS is heard at CTS: a closed contact."""


class Cable:
    """Two serial ports that are wired to each other, with the pace of a baud rate."""

    def __init__(self) -> None:
        self._masters, slaves = [], []
        for _ in range(2):
            master, slave = pty.openpty()
            tty.setraw(slave)
            self._masters.append(master)
            slaves.append(slave)
        self._slaves = slaves
        self.station, self.computer = (os.ttyname(slave) for slave in slaves)
        self.carried = [0, 0]
        self._ends, self._end = os.pipe()
        self._pump = threading.Thread(target=self._carry)
        self._pump.start()

    def close(self) -> None:
        os.close(self._end)
        self._pump.join()
        for end in (*self._masters, *self._slaves, self._ends):
            os.close(end)

    def _carry(self) -> None:
        with selectors.DefaultSelector() as ready:
            for number, master in enumerate(self._masters):
                ready.register(master, selectors.EVENT_READ, number)
            ready.register(self._ends, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    if key.data is None:
                        return
                    data = os.read(key.fd, 64)
                    time.sleep(len(data) * 10 / BAUDRATE)
                    self.carried[key.data] += len(data)
                    os.write(self._masters[1 - key.data], data)


@pytest.fixture
def cable() -> Iterator[Cable]:
    made = Cable()
    yield made
    made.close()


@pytest.fixture
async def target(cable: Cable, tmp_path: Path) -> AsyncIterator[Target]:
    """A desk whose test has begun; its relay board is not part of it."""
    file = tmp_path / "desk.toml"
    file.write_text(BENCH.format(computer=cable.computer, station=cable.station))
    bench = Target(load(file))
    for role in (CarDriver, MeterDriver):
        await bench.driver(role).begin(tmp_path)
    yield bench
    bench.driver(BayDriver).close()


@pytest.fixture
async def meter(target: Target, tmp_path: Path) -> AsyncIterator[EnergyMeter]:
    """The meter as the station has it: its table is the one that the bench writes."""
    table = target.driver(MeterDriver).tables(1)["meter"]
    assert registry.problems("meter", table) == ()
    opened = registry.open_meter(1, table, tmp_path)
    yield opened
    await opened.close()


def wire(target: Target) -> SlowWire:
    driver = target.driver(MeterDriver)
    assert isinstance(driver, SlowWire)
    return driver


async def test_the_station_reads_what_the_car_takes(target: Target, meter: EnergyMeter) -> None:
    first = await meter.read()
    assert first.current_a == pytest.approx((6.0, 6.0, 6.0))
    assert first.power_w == pytest.approx(3 * 230 * 6)
    await asyncio.sleep(0.3)
    later = await meter.read()
    delivered_wh = target.driver(OutletDriver).facts(1).delivered_wh
    assert first.energy_import_wh < later.energy_import_wh <= delivered_wh
    assert delivered_wh - later.energy_import_wh < 1
    assert (await meter.identity()).serial_number == "12345678"


async def test_what_is_said_takes_the_time_of_the_real_port(
    cable: Cable, meter: EnergyMeter
) -> None:
    await meter.read()
    before, began_s = sum(cable.carried), time.monotonic()
    await meter.read()
    said = sum(cable.carried) - before
    assert said > 80
    assert time.monotonic() - began_s > said * 10 / BAUDRATE


async def test_a_meter_that_is_muted_is_lost_and_found_again(
    target: Target, meter: EnergyMeter
) -> None:
    await meter.read()
    await wire(target).vanish(on=True)
    with pytest.raises(HardwareLost, match="no answer from address 1"):
        await meter.read()
    await wire(target).vanish(on=False)
    assert (await meter.read()).energy_import_wh >= 0


async def test_another_meter_on_the_wire_is_told_by_its_serial_number(
    target: Target, meter: EnergyMeter
) -> None:
    await wire(target).impersonate(on=True)
    with pytest.raises(HardwareError, match="has the serial number 87654321"):
        await meter.read()


async def test_what_a_desk_cannot_do_is_said(target: Target) -> None:
    for attempt in (wire(target).unplug, wire(target).plug):
        with pytest.raises(NotOnBench, match=r"nobody can pl?u(g|ll) "):
            await attempt()
    with pytest.raises(NotOnBench, match="nobody else can hold"):
        wire(target).held()


async def test_a_meter_without_a_car_at_its_evse_is_refused(cable: Cable, tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    text = BENCH.format(computer=cable.computer, station=cable.station)
    file.write_text(text.replace("evse = 1", "evse = 2"))
    driver = Target(load(file)).driver(SerialMeterDriver)
    with pytest.raises(DriverFailed, match="meter: no car of the bench is at EVSE 2"):
        await driver.begin(tmp_path)


async def test_an_adapter_that_is_not_there_is_named_with_a_remedy(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    absent = tmp_path / "absent"
    file.write_text(BENCH.format(computer=absent, station="/dev/ttyS0"))
    bench = Target(load(file))
    try:
        await bench.driver(CarDriver).begin(tmp_path)
        with pytest.raises(DriverFailed, match=r"meter: \S+absent cannot be opened: .* plugged in"):
            await bench.driver(MeterDriver).begin(tmp_path)
    finally:
        bench.driver(BayDriver).close()


async def test_a_test_leaves_no_adapter_open_and_no_meter_behind(cable: Cable) -> None:
    bay = DeskBay()
    at = {"profile": "eastron_sdm630", "address": 1, "serial_number": "7", "evse": 1}
    line = {"port": cable.computer, "baudrate": BAUDRATE, "load": "car"}
    for _ in range(2):
        loaded = {"port": "loop://", "line": "cts", "load_a": 6.0, "phases": 3}
        bay.obey({"do": "load", "name": "car", **loaded})
        bay.obey({"do": "meter", "name": "meter", "line": line, "at": at})
        with pytest.raises(DriverFailed, match="cannot be opened"):
            open_port("another program", cable.computer)
        bay.obey({"do": "clear"})
    open_port("another program", cable.computer).close()


# --- What flows.


class Contact:
    """An auxiliary contact and a clock."""

    closed = False
    now_s = 100.0

    def load(self, **more: Any) -> Load:
        return Load(
            lambda: self.closed,
            **{"load_a": 10.0, "phases": 3, "monotonic_s": lambda: self.now_s, **more},
        )


def test_energy_is_the_load_times_the_time_that_the_contact_is_closed() -> None:
    contact = Contact()
    load = contact.load()
    contact.now_s += 3600
    assert load.read()["milli_wh"] == 0
    contact.closed = True
    load.look()
    contact.now_s += 1800
    assert load.read() == {
        "closed": True,
        "milli_wh": 3_450_000,
        "current_a": [10.0, 10.0, 10.0],
        "voltage_v": [230.0, 230.0, 230.0],
    }
    contact.closed = False
    load.look()
    contact.now_s += 3600
    told = load.read()
    assert (told["milli_wh"], told["current_a"]) == (3_450_000, [0.0, 0.0, 0.0])


def test_a_load_on_one_phase_leaves_the_others_alone() -> None:
    contact = Contact()
    contact.closed = True
    load = contact.load(phases=1)
    contact.now_s += 3600
    told = load.read()
    assert told["current_a"] == [10.0, 0.0, 0.0]
    assert Decimal(told["milli_wh"]) == 2_300_000


@pytest.mark.parametrize("line", ["cts", "dsr"])
def test_a_contact_is_seen_at_the_control_line_that_it_connects(line: str) -> None:
    adapter = serial.serial_for_url("loop://")
    is_closed = contact_at(adapter, line)
    assert is_closed()
    adapter.rts = adapter.dtr = False
    assert not is_closed()
