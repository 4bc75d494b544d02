"""Relays behind keys that the kernel watches, against input devices with the kernel's rules."""

import re
from dataclasses import dataclass, field
from errno import EACCES, ENODEV, ENOENT
from os import strerror
from pathlib import Path

import pytest

from hal.api import HardwareError, HardwareLost
from hal.sysfs import keys
from hal.sysfs.keys import KeyContact, KeyPlace, read_place
from hal.tables import Options
from tests.unit.hal.fake_sysfs import SYS, FakeSysfs

PLACE = KeyPlace("button@b", 704)


def refusal(number: int) -> OSError:
    return OSError(number, strerror(number))


@dataclass
class FakeDevice:
    """One input device: keys that it has, and which are pressed; it may be unplugged."""

    has: set[int]
    down: set[int] = field(default_factory=set)
    gone: bool = False
    allowed: bool = True
    open_files: int = 0

    def known(self) -> bytes:
        return self._bits(self.has)

    def pressed(self) -> bytes:
        return self._bits(self.down)

    def close(self) -> None:
        self.open_files -= 1

    def _bits(self, numbers: set[int]) -> bytes:
        if self.gone:
            raise refusal(ENODEV)
        return sum(1 << number for number in numbers).to_bytes(96, "little")


class FakeInput:
    """The machine's input devices, in `/dev/input` and in sysfs."""

    def __init__(self) -> None:
        self.sysfs = FakeSysfs()
        self.devices: dict[str, FakeDevice] = {}

    def add(self, event: str, name: str, device: FakeDevice) -> FakeDevice:
        hardware = SYS / "devices" / "platform" / name / "input" / f"input{event[5:]}"
        self.sysfs.link(SYS / "class" / "input" / event, hardware / event)
        self.sysfs.link(SYS / "class" / "input" / f"input{event[5:]}", hardware)
        self.sysfs.link(hardware / event / "device", hardware)
        self.sysfs.text(hardware / "name", name)
        self.devices[event] = device
        return device

    def open(self, path: Path) -> FakeDevice:
        device = self.devices.get(path.name)
        if device is None:
            raise refusal(ENOENT)
        if not device.allowed:
            raise refusal(EACCES)
        device.open_files += 1
        return device

    def contact(self, place: KeyPlace = PLACE) -> KeyContact:
        return KeyContact(place, self.sysfs, self)


@pytest.fixture
def machine() -> FakeInput:
    return FakeInput()


async def test_a_relay_is_on_while_its_key_is_pressed(machine: FakeInput) -> None:
    device = machine.add("event3", "button@b", FakeDevice({703, 704}))
    contact = machine.contact()
    assert await contact.is_on() is False
    device.down = {704}
    assert await contact.is_on() is True
    device.down = {703}
    assert await contact.is_on() is False
    await contact.close()
    assert device.open_files == 0


async def test_a_normally_closed_contact_is_on_while_its_key_is_not_pressed(
    machine: FakeInput,
) -> None:
    device = machine.add("event3", "button@b", FakeDevice({704}))
    contact = machine.contact(KeyPlace("button@b", 704, normally_closed=True))
    assert await contact.is_on() is True
    device.down = {704}
    assert await contact.is_on() is False


@pytest.mark.parametrize("wanted", ["button@b", "button@*", "input3"])
async def test_a_device_is_found_by_its_name_or_the_path_behind_it(
    machine: FakeInput, wanted: str
) -> None:
    machine.add("event3", "button@b", FakeDevice({704}, {704}))
    machine.add("event1", "keyboard", FakeDevice({1, 2}))
    assert await machine.contact(KeyPlace(wanted, 704)).is_on() is True


async def test_what_cannot_be_read_is_told_with_its_remedy(machine: FakeInput) -> None:
    with pytest.raises(HardwareLost, match="there is no such input device; the kernel shows none"):
        await machine.contact().is_on()
    device = machine.add("event3", "button@b", FakeDevice({704}, allowed=False))
    with pytest.raises(HardwareLost, match=re.escape("99-stationd.rules")):
        await machine.contact().is_on()
    device.allowed = True
    with pytest.raises(HardwareError, match="the device has no such key"):
        await machine.contact(KeyPlace("button@b", 705)).is_on()
    assert device.open_files == 0
    machine.add("event4", "button@c", FakeDevice({704}))
    with pytest.raises(HardwareError, match="several devices are called so: event3, event4"):
        await machine.contact(KeyPlace("button@*", 704)).is_on()
    with pytest.raises(HardwareLost, match="the kernel has event3: button@b; event4: button@c"):
        await machine.contact(KeyPlace("button@d", 704)).is_on()


async def test_a_device_may_go_and_come_back_under_another_number(machine: FakeInput) -> None:
    device = machine.add("event3", "button@b", FakeDevice({704}, {704}))
    contact = machine.contact()
    assert await contact.is_on()
    device.gone = True
    with pytest.raises(HardwareLost, match="key 704 of button@b cannot be read"):
        await contact.is_on()
    assert device.open_files == 0
    machine.sysfs._links.clear()
    machine.add("event7", "button@b", FakeDevice({704}, {704}))
    assert await contact.is_on()


def test_a_table_says_device_key_and_kind_of_contact() -> None:
    table = {"backend": "keys", "device": "b", "key": 704, "contact": "normally_closed"}
    problems: list[str] = []
    assert read_place(Options("relay", table, problems)) == KeyPlace("b", 704, True)
    assert not problems


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"key": 704}, "device"),
        ({"device": "b"}, "key is missing"),
        ({"device": "b", "key": 0}, "not within 1 to 767"),
        ({"device": "b", "key": 704, "contact": "open"}, "not one of normally_open"),
        ({"device": "b", "key": 704, "line": 17}, "line is unknown"),
    ],
)
def test_a_table_that_is_wrong_is_told(table: dict[str, object], words: str) -> None:
    assert words in "; ".join(keys.problems("relay", {"backend": "keys", **table}))


def test_the_questions_to_the_kernel_are_those_of_its_header() -> None:
    """EVIOCGKEY(96) and EVIOCGBIT(EV_KEY, 96), as a C compiler makes them of linux/input.h."""
    assert (keys._PRESSED, keys._KNOWN) == (0x80604518, 0x80604521)


async def test_a_file_that_is_no_input_device_cannot_be_read(
    machine: FakeInput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.add("event3", "button@b", FakeDevice({704}))
    (tmp_path / "event3").write_bytes(b"")
    monkeypatch.setattr(keys, "DEVICES", tmp_path)
    with pytest.raises(HardwareLost, match="cannot be read: Inappropriate ioctl"):
        await KeyContact(PLACE, machine.sysfs).is_on()
