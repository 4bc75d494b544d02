"""The boards that ship, on kernels that have what their files name: every line can be had."""

import re
from pathlib import Path

import pytest

from hal import board_file
from hal.gpio.assembly import open_board
from hal.gpio.check import look
from hal.gpio.inventory import lines
from hal.gpio.read_wiring import read_evse
from hal.gpio.safety_board import Machine
from hal.line_place import LinePlace
from hal.tables import Table
from tests.unit.hal.fake_gpio import FakeChip, FakeGpio, chip_of
from tests.unit.hal.fake_sysfs import FakeIioDevice, FakePwmChip, FakeSysfs

PINS = 54
FIRST_PULLED_DOWN, LAST_PULLED_DOWN = 9, 27
"""BCM lines that are low at reset until somebody drives them; 0 to 8 are pulled up."""
DRIVERS = {"contactor.coil", "contactor.monostable", "shut_off.output", "lock.engage"}
DRIVERS |= {"lock.release", "rcm.test", "pilot.disconnect"}
DRIVERS |= {f"contactor.coil_{choice}" for choice in ("l1", "l2", "l3", "3ph")}
INSTRUMENTS = {"meter", "reader", "temperature", "indicator"}
RASPBERRIES = {"raspberry-pi-4": "pinctrl-bcm2711", "raspberry-pi-5": "pinctrl-rp1"}


BOARDS = [*RASPBERRIES, "generic-libgpiod", "selectable-phase"]


def path_of(board: str) -> Path:
    return board_file.path_of(board, Path())


def tables_of(board: str) -> dict[int, dict[str, Table]]:
    """The safety lines of a board's EVSEs."""
    evses = board_file.load(path_of(board)).evses
    return {
        evse: {port: table for port, table in ports.items() if port not in INSTRUMENTS}
        for evse, ports in evses.items()
    }


def machine_of(board: str) -> tuple[Machine, FakeChip]:
    """A kernel with the chips of a board."""
    pwm = str(tables_of(board)[1]["pilot"]["pwm"]["device"])  # type: ignore[index] # a table
    chip = chip_of(PINS, RASPBERRIES.get(board, "some-chip"))
    sysfs = FakeSysfs()
    FakePwmChip(sysfs, 0, f"soc/{pwm.replace('*', 'any')}")
    FakeIioDevice(sysfs, 0, "mcp3008", lambda _: 1.5, bits=10)
    return Machine(gpio=FakeGpio(chip), sysfs=sysfs, sleep=lambda _: None), chip


def driven(board: str) -> dict[str, LinePlace]:
    wiring = read_evse(1, tables_of(board)[1])
    return {key: place for key, place in lines(wiring) if key in DRIVERS}


@pytest.mark.parametrize("board", BOARDS)
def test_every_line_and_device_of_a_board_is_found_where_its_file_says(board: str) -> None:
    machine, _ = machine_of(board)
    found = list(look(tables_of(board), machine))
    assert len(found) >= 7
    assert all(finding.ok for finding in found), [one.message for one in found if not one.ok]


@pytest.mark.parametrize("board", BOARDS)
def test_a_board_is_opened_with_everything_that_energizes_at_rest(board: str) -> None:
    machine, chip = machine_of(board)
    opened = open_board(tables_of(board), machine)
    for key, place in driven(board).items():
        assert isinstance(place.line, int)
        assert chip.wires[place.line].driven is False, key
    opened.close()


@pytest.mark.parametrize("board", RASPBERRIES)
def test_what_energizes_is_low_from_the_first_moment_on(board: str) -> None:
    """Lines that are pulled down at reset, and that config.txt holds low before Linux does."""
    held = re.search(r"^#\s+gpio=([\d,]+)=op,dl", path_of(board).read_text(), re.MULTILINE)
    assert held is not None
    numbers = {place.line for place in driven(board).values()}
    assert numbers == set(map(int, held[1].split(",")))
    assert all(FIRST_PULLED_DOWN <= int(number) <= LAST_PULLED_DOWN for number in numbers)


def test_a_board_with_a_selectable_phase_has_coil_and_mirror_contact_for_each() -> None:
    machine, _ = machine_of("selectable-phase")
    looked = {each.device for each in look(tables_of("selectable-phase"), machine) if each.ok}
    for choice in ("l1", "l2", "l3", "3ph"):
        assert {f"contactor.coil_{choice}", f"contactor.mirror_{choice}"} <= looked
    assert len(driven("selectable-phase")) == 5  # with the test input of the monitor


def test_both_raspberries_have_the_same_circuit() -> None:
    four, five = (path_of(board).read_text() for board in RASPBERRIES)
    words = {"Pi 4": "Pi 5", "pinctrl-bcm2711": "pinctrl-rp1", "fe20c000": "1f00098000"}
    for old, new in words.items():
        four = four.replace(old, new)
    assert four == five
