"""The guard on real drivers that fail: unplugged, garbage, stuck, slow, wrong, forbidden, busy.

Whatever fails, the contactor opens, nothing closes it before it is mended and the vehicle is
plugged in anew or the lines are back, and whoever asks is told what is wrong and what to do.
"""

from collections.abc import Callable, Iterator
from errno import EIO, ENODEV
from pathlib import Path

import pytest

from hal.api import Fault, GuardStatus, Lease, PilotMode
from hal.guard import trouble
from hal.guard.evse import EvseSetup
from hal.guard.station import Station
from hal.guard.trouble import TroubleNote
from hal.mock.pilot_circuit import Load
from tests.unit.hal.fake_sysfs import Node
from tests.unit.hal.gpio.desk import (
    BOLT,
    COIL,
    CONTACTOR,
    ENGAGE,
    LOCK,
    MIRROR,
    PILOT,
    RCM,
    RELEASE,
    TRIP,
    Desk,
    Table,
)

OFFER = Lease(1, PilotMode.OFFER, 16.0)
TABLES: dict[str, Table] = {"pilot": PILOT, "contactor": CONTACTOR, "rcm": RCM, "lock": LOCK}
ENGAGE_S = 0.3


class Site:
    """A guard, its lines on a desk, and a clock that only the desk moves."""

    def __init__(self, folder: Path, desk: Desk | None = None) -> None:
        self.desk = desk or Desk()
        self.socket = folder / "guard.sock"
        self.desk.chip.watchers.append(self._bolt_follows)
        self.lease: Lease | None = OFFER
        setup = EvseSetup(1, 32.0, min_closing_interval_s=1.0)
        self.station = Station(
            (setup,),
            lambda: self.desk.board(TABLES),
            self.desk.clock.now_s,
            note=TroubleNote(self.socket),
        )
        self.bolt_works = True

    @property
    def status(self) -> GuardStatus:
        return self.station.statuses(self.desk.clock.now_s)[1]

    @property
    def coil(self) -> bool:
        return self.desk.high(COIL)

    @property
    def said(self) -> str:
        return trouble.read(self.socket)

    def run(self, seconds: float) -> None:
        until_s = self.desk.clock.now_s + seconds
        while self.desk.clock.now_s < until_s:
            self.desk.clock.sleep(0.02)
            self.desk.settle()
            if self.lease is not None:
                self.station.grant(self.lease, self.desk.clock.now_s)
            self.station.step(self.desk.clock.now_s)

    def charge(self) -> None:
        self.desk.load = Load.NONE
        self.run(6.0)
        self.desk.load = Load.CONNECTED
        self.run(4.0)
        self.desk.load = Load.READY
        self.run(6.0)
        assert self.coil, self.status

    def _bolt_follows(self, offset: int, high: bool) -> None:
        engaged = offset == ENGAGE
        other = RELEASE if engaged else ENGAGE
        brakes = self.desk.high(other)
        if offset in {ENGAGE, RELEASE} and high and not brakes:
            self.desk.after(ENGAGE_S, lambda: self._move(engaged=engaged))

    def _move(self, *, engaged: bool) -> None:
        if self.bolt_works:
            self.desk.chip.set_outside(BOLT, high=engaged)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path)
    yield found
    found.station.close()


def converter_says(text: str) -> Callable[[Site], None]:
    """Let the pilot's channel of the converter say something else than a number of its own."""

    def act(site: Site) -> None:
        path = next(p for p in site.desk.sysfs._nodes if p.name == "in_voltage0_raw")
        site.desk.sysfs.add(path, Node(lambda: text))

    return act


def converter_works(site: Site) -> None:
    path = next(p for p in site.desk.sysfs._nodes if p.name == "in_voltage0_raw")
    site.desk.sysfs.add(path, Node(site.desk.converter._shown(0)))


def chip_fails(number: int | None) -> Callable[[Site], None]:
    return lambda site: setattr(site.desk.chip, "fault", number)


def converter_fails(number: int | None) -> Callable[[Site], None]:
    return lambda site: setattr(site.desk.converter, "fault", number)


def pwm_goes(site: Site) -> None:
    """Take the generator away, and let its duty be changed: only then anybody can notice."""
    site.desk.pwm.gone = True
    site.lease = Lease(1, PilotMode.STANDBY)


def pwm_comes(site: Site) -> None:
    site.desk.pwm.gone = False
    site.lease = OFFER


LOSSES = {
    "lines unplugged": (chip_fails(ENODEV), chip_fails(None), "cannot be read: No such device"),
    "lines disturbed": (chip_fails(EIO), chip_fails(None), "cannot be read: Input/output error"),
    "generator unplugged": (pwm_goes, pwm_comes, "PWM fe20c000.pwm, channel 0: "),
    "converter unplugged": (
        converter_fails(ENODEV),
        converter_fails(None),
        "channel 0: cannot be read: No such device; check its wires and its supply",
    ),
    "converter garbage": (
        converter_says("busy"),
        converter_works,
        "converter mcp3208, channel 0: its driver tells no number",
    ),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_lines_that_are_lost_open_the_contactor_and_are_told_until_they_are_back(
    site: Site, kind: str
) -> None:
    breaks, mends, words = LOSSES[kind]
    site.charge()
    assert site.said == ""
    breaks(site)
    site.run(0.1)
    assert not site.coil
    assert site.status.faults == {Fault.LINES_LOST}
    assert words in site.said
    site.run(5.0)
    assert not site.coil
    mends(site)
    site.run(3.0)
    assert site.said == ""
    assert not site.status.faults
    site.charge()


def rename(site: Site) -> None:
    """Let another chip be where ours is expected."""
    site.desk.chip.label = "pinctrl-other"


REFUSALS: dict[str, tuple[Callable[[Site], object], Callable[[Site], object], str]] = {
    "permission denied": (
        lambda site: setattr(site.desk.chip, "allowed", False),
        lambda site: setattr(site.desk.chip, "allowed", True),
        "this user may not open GPIO chip pinctrl-test; install the udev rules",
    ),
    "busy": (
        lambda site: setattr(site.desk.chip.wires[MIRROR], "holder", "fan"),
        lambda site: setattr(site.desk.chip.wires[MIRROR], "holder", ""),
        "is held by fan; end that program",
    ),
    "wrong device": (
        rename,
        lambda site: setattr(site.desk.chip, "label", "pinctrl-test"),
        "there is no GPIO chip 'pinctrl-test'; there is pinctrl-other (gpiochip0)",
    ),
    "generator busy": (
        lambda site: site.desk.pwm.taken.add(0),
        lambda site: site.desk.pwm.taken.discard(0),
        "is in use by a driver of the kernel",
    ),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_lines_that_cannot_be_had_are_told_with_the_remedy_and_taken_once_they_can(
    site: Site, kind: str
) -> None:
    breaks, mends, words = REFUSALS[kind]
    breaks(site)
    site.run(3.0)
    assert site.status.faults == {Fault.LINES_LOST}
    assert words in site.said
    mends(site)
    site.run(3.0)
    assert site.said == ""
    site.charge()


STUCK: dict[str, tuple[Callable[[Site], object], Callable[[Site], object], Fault]] = {
    "converter stuck": (converter_says("2606"), converter_works, Fault.PILOT_NEGATIVE),
    "converter slow": (
        lambda site: setattr(site.desk, "conversion_s", 0.004),
        lambda site: setattr(site.desk, "conversion_s", 60e-6),
        Fault.PILOT_NEGATIVE,
    ),
    "monitor stuck": (
        lambda site: site.desk.chip.set_outside(TRIP, high=True),
        lambda site: site.desk.chip.set_outside(TRIP, high=False),
        Fault.RCD,
    ),
    "bolt loose": (
        lambda site: site.desk.chip.set_outside(BOLT, high=False),
        lambda site: None,
        Fault.LOCK,
    ),
}


@pytest.mark.parametrize("kind", STUCK)
def test_a_device_that_is_stuck_or_slow_opens_the_contactor_until_a_replug(
    site: Site, kind: str
) -> None:
    breaks, mends, fault = STUCK[kind]
    site.charge()
    breaks(site)
    site.run(0.3)
    assert not site.coil
    assert fault in site.status.faults
    mends(site)
    site.run(5.0)
    assert not site.coil
    assert fault in site.status.faults
    site.charge()


def test_a_contactor_that_is_stuck_is_told_from_one_that_is_welded(site: Site) -> None:
    site.charge()
    site.desk.weld(COIL)
    site.desk.load = Load.CONNECTED
    site.run(1.0)
    assert site.status.faults == {Fault.CONTACTOR_WELDED}
    site.desk.welded.clear()
    site.desk.stuck.add(COIL)
    site.desk._contact(COIL)
    site.desk.load = Load.NONE
    site.run(6.0)
    assert not site.status.faults
    site.desk.load = Load.READY
    site.run(6.0)
    assert site.status.faults == {Fault.CONTACTOR_STUCK_OPEN}
    assert not site.coil


def test_a_monitor_that_does_not_answer_its_test_lets_nothing_close(tmp_path: Path) -> None:
    site = Site(tmp_path, Desk(monitor_works=False))
    site.desk.load = Load.READY
    site.run(6.0)
    assert site.status.faults == {Fault.RCD}
    assert not site.coil
    site.station.close()


def test_a_bolt_that_does_not_move_lets_nothing_close(site: Site) -> None:
    site.bolt_works = False
    site.desk.load = Load.READY
    site.run(10.0)
    assert site.status.faults == {Fault.LOCK}
    assert not site.coil
