"""The options of a Modbus meter as users write them."""

import subprocess
import sys
from pathlib import Path

import pytest

from hal import registry
from hal.api import HardwareError, SigningMeter
from hal.modbus.backend import problems
from hal.modbus.meter import ModbusMeter
from hal.modbus.signing_meter import SigningModbusMeter
from tests.rigs.modbus_meter import MeterLine, SimulatedMeter
from tests.unit.hal.modbus.example import TEXT, example

RIGHT = {"backend": "modbus", "profile": "eastron_sdm630", "port": "/dev/ttyTEST"}
SLOW = "eastron_sdm72dm_v2"
NO_SERIAL_NUMBER = "orno_we514_515"


def said(**options: object) -> list[str]:
    return list(problems("meter", {**RIGHT, **options}))


def test_a_profile_and_a_port_are_enough() -> None:
    assert said() == []
    every = {"address": 7, "baudrate": 19200, "parity": "E", "stopbits": 2, "serial_number": "1"}
    assert said(**every) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"profile": "sdm630"}, 'there is no meter profile "sdm630"; there is abb_b23_b24'),
        ({"profile": 7}, "meter profile is missing; name that of the meter"),
        (
            {"port": None},
            "meter port is missing; give the serial port, best its name in /dev/serial/by",
        ),
        ({"address": 0}, "meter address is 0; it must be 1 to 247"),
        ({"address": "1"}, "address is '1'; it must be 1 to 247"),
        ({"baudrate": 9601}, "baudrate is 9601; it must be one of 1200, 2400"),
        ({"parity": "even"}, "parity is 'even'; it must be one of N, E, O"),
        ({"stopbits": True}, "stopbits is True; it must be one of 1, 2"),
        ({"serial_number": 7}, "serial_number must be a text in quotes"),
        (
            {"baud": 9600},
            "meter backend 'modbus' does not know baud; it knows profile, port, address",
        ),
        (
            {"profile": SLOW, "baudrate": 1200},
            "a reading takes 1.3 s at 1200 baud, more than the 1",
        ),
        ({"profile": NO_SERIAL_NUMBER}, "cannot be asked for its serial number"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, object], sentence: str) -> None:
    found = said(**options)
    assert len(found) == 1
    assert sentence in found[0]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert len(said(port="", address=0, colour="red", profile="x")) == 4


def test_a_meter_that_cannot_say_its_serial_number_is_told_it() -> None:
    assert said(profile=NO_SERIAL_NUMBER, serial_number="0815") == []


def test_a_profile_of_ones_own_is_checked(tmp_path: Path) -> None:
    own = tmp_path / "example.toml"
    own.write_text(TEXT)
    assert said(profile=str(own)) == []
    own.write_text(TEXT.replace("baudrate = 9600", "baudrate = 9601"))
    assert "example.toml: serial.baudrate is 9601" in said(profile=str(own))[0]


def test_a_configuration_is_checked_without_loading_the_libraries() -> None:
    """`check-config`, and a station with another meter, stay small and fast."""
    script = (
        "import sys; from hal import registry; "
        f"assert not registry.problems('meter', {RIGHT!r}); "
        "loaded = {'pymodbus', 'serial'} & set(sys.modules); "
        "sys.exit(f'loaded {loaded}' if loaded else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_registry_knows_what_modbus_is_for() -> None:
    assert "modbus" in registry.known_backends("meter")
    assert registry.problems("meter", RIGHT) == ()
    assert "modbus" not in registry.known_backends("reader")


async def test_the_registry_opens_a_meter_that_can_be_read(tmp_path: Path) -> None:
    own = tmp_path / "example.toml"
    own.write_text(TEXT)
    line = MeterLine(tmp_path / "tty")
    line.attach(SimulatedMeter(example(), address=9)).load(energy_wh=70)
    table = {**RIGHT, "profile": str(own), "port": str(line.port), "address": 9}
    async with line:
        meter = registry.open_meter(1, table, tmp_path)
        assert isinstance(meter, ModbusMeter)
        assert not isinstance(meter, SigningModbusMeter)
        assert (await meter.read()).energy_import_wh == 70
        await meter.close()


async def test_a_meter_that_signs_is_opened_as_one(tmp_path: Path) -> None:
    table = {**RIGHT, "profile": "bauer_bsm_ws36a"}
    meter = registry.open_meter(1, table, tmp_path)
    assert isinstance(meter, SigningMeter)
    await meter.close()
    other = registry.open_meter(1, RIGHT, tmp_path)
    assert not isinstance(other, SigningMeter)
    await other.close()


async def test_meters_of_one_port_must_agree_about_the_line(tmp_path: Path) -> None:
    first = registry.open_meter(1, {**RIGHT, "address": 1}, tmp_path)
    with pytest.raises(HardwareError, match="set all meters of a bus alike"):
        registry.open_meter(2, {**RIGHT, "address": 2, "baudrate": 19200}, tmp_path)
    await first.close()


async def test_settings_of_the_configuration_override_the_profiles(tmp_path: Path) -> None:
    table = {**RIGHT, "profile": "bauer_bsm_ws36a", "parity": "N", "port": str(tmp_path / "none")}
    meter = registry.open_meter(1, table, tmp_path)
    with pytest.raises(HardwareError, match="does not exist"):
        await meter.read()
    assert isinstance(meter, SigningModbusMeter)
    assert meter._setup.profile.serial.short == "19200 baud 8N1"
    await meter.close()
