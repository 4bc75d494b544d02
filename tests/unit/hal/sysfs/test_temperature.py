"""Temperatures of all sources, and what happens to sensors that lie, hang or are gone."""

import asyncio
import threading
from errno import EIO
from pathlib import Path

import pytest

from hal import registry
from hal.api import HardwareError, HardwareLost
from hal.sysfs.files import KernelSysfs
from hal.sysfs.temperature import SysfsTemperature, TemperaturePlace, problems
from tests.unit.hal.fake_sysfs import SYS, FakeSysfs, Node, refusal

W1 = "28-0316a2795f2e"
GOOD_W1 = "73 01 4b 46 7f ff 0d 10 41 : crc=41 YES\n73 01 4b 46 7f ff 0d 10 41 t=23187"


@pytest.fixture
def sysfs() -> FakeSysfs:
    sysfs = FakeSysfs()
    sysfs.text(SYS / "class/hwmon/hwmon0/name", "cpu_thermal")
    sysfs.text(SYS / "class/hwmon/hwmon3/name", "lm75")
    sysfs.text(SYS / "class/hwmon/hwmon3/temp1_input", "31500")
    sysfs.text(SYS / "class/hwmon/hwmon3/temp2_input", "-4250")
    sysfs.text(SYS / "class/thermal/thermal_zone0/type", "cpu-thermal")
    sysfs.text(SYS / "class/thermal/thermal_zone0/temp", "48312")
    sysfs.text(SYS / "bus/iio/devices/iio:device0/name", "bme280")
    sysfs.text(SYS / "bus/iio/devices/iio:device0/in_temp_input", "21870")
    sysfs.text(SYS / "bus/iio/devices/iio:device1/name", "mcp9600")
    sysfs.text(SYS / "bus/iio/devices/iio:device1/in_temp_raw", "400")
    sysfs.text(SYS / "bus/iio/devices/iio:device1/in_temp_offset", "-80")
    sysfs.text(SYS / "bus/iio/devices/iio:device1/in_temp_scale", "62.5")
    sysfs.text(SYS / f"bus/w1/devices/{W1}/w1_slave", GOOD_W1)
    return sysfs


@pytest.mark.parametrize(
    ("place", "celsius"),
    [
        (TemperaturePlace("hwmon", "lm75"), 31.5),
        (TemperaturePlace("hwmon", "lm75", channel=2), -4.25),
        (TemperaturePlace("thermal", "cpu-thermal"), 48.312),
        (TemperaturePlace("iio", "bme280"), 21.87),
        (TemperaturePlace("iio", "mcp9600"), 20.0),
        (TemperaturePlace("w1", W1), 23.187),
        (TemperaturePlace("w1", "28-*"), 23.187),
    ],
)
async def test_a_temperature_is_read_from_each_source(
    sysfs: FakeSysfs, place: TemperaturePlace, celsius: float
) -> None:
    sensor = SysfsTemperature(place, sysfs)
    assert await sensor.read_celsius() == pytest.approx(celsius)
    await sensor.close()


async def test_a_sensor_that_is_not_there_is_lost_and_may_come(sysfs: FakeSysfs) -> None:
    sensor = SysfsTemperature(TemperaturePlace("hwmon", "tmp102"), sysfs)
    with pytest.raises(HardwareLost, match=r"no device 'tmp102'; the kernel has cpu_thermal"):
        await sensor.read_celsius()
    sysfs.text(SYS / "class/hwmon/hwmon4/name", "tmp102")
    sysfs.text(SYS / "class/hwmon/hwmon4/temp1_input", "20000")
    assert await sensor.read_celsius() == 20.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD_W1.replace("YES", "NO"), "checksum is wrong; check the wiring"),
        ("", "checksum is wrong"),
        (GOOD_W1.replace("23187", "85000"), "was reset before it had measured"),
        (GOOD_W1.replace("23187", "-127000"), "cannot be true; is the sensor connected"),
        (GOOD_W1.replace("23187", "warm"), "is no number"),
    ],
)
async def test_a_sensor_that_cannot_be_believed_is_lost(
    sysfs: FakeSysfs, text: str, reason: str
) -> None:
    sysfs.text(SYS / f"bus/w1/devices/{W1}/w1_slave", text)
    with pytest.raises(HardwareLost, match=reason):
        await SysfsTemperature(TemperaturePlace("w1", W1), sysfs).read_celsius()


async def test_a_bus_that_fails_is_lost(sysfs: FakeSysfs) -> None:
    def fail() -> str:
        raise refusal(EIO, Path("temp1_input"))

    sysfs.add(SYS / "class/hwmon/hwmon3/temp1_input", Node(fail))
    with pytest.raises(HardwareLost, match=r"lm75 \(hwmon\): cannot be read: Input/output error"):
        await SysfsTemperature(TemperaturePlace("hwmon", "lm75"), sysfs).read_celsius()


async def test_a_sensor_that_hangs_is_lost_in_time_and_not_asked_twice_at_once(
    sysfs: FakeSysfs,
) -> None:
    released, asked = threading.Event(), []

    def hang() -> str:
        asked.append(1)
        released.wait()
        return "31500"

    sysfs.add(SYS / "class/hwmon/hwmon3/temp1_input", Node(hang))
    sensor = SysfsTemperature(TemperaturePlace("hwmon", "lm75", timeout_s=0.02), sysfs)
    with pytest.raises(HardwareLost, match=r"no answer within 0.02 s"):
        await sensor.read_celsius()
    with pytest.raises(HardwareLost, match="last reading has not ended"):
        await sensor.read_celsius()
    assert len(asked) == 1
    released.set()
    for _ in range(1000):
        await asyncio.sleep(0.001 if sensor._hangs else 0)
    assert await sensor.read_celsius() == 31.5


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({}, "temperature.source is missing"),
        ({"source": "hwmon"}, "temperature.device is missing"),
        ({"source": "i2c", "device": "x"}, "not one of hwmon, thermal, iio, w1"),
        ({"source": "w1", "device": "x", "timeout_s": 0}, "timeout_s is 0, not within 0.1 to 30"),
        ({"source": "w1", "device": "x", "pin": 4}, "temperature.pin is unknown"),
    ],
)
def test_a_mistake_in_the_table_is_named(table: dict[str, object], problem: str) -> None:
    found = problems("temperature", {"backend": "sysfs"} | table)
    assert any(problem in each for each in found), found


async def test_the_registry_opens_a_sensor(tmp_path: Path) -> None:
    table = {"backend": "sysfs", "source": "w1", "device": "28-000000000000"}
    sensor = registry.open_temperature(1, table, tmp_path)
    with pytest.raises(HardwareError, match="no device '28-000000000000'"):
        await sensor.read_celsius()
    with pytest.raises(registry.BackendRefused, match=r"EVSE 1: temperature\.device is missing"):
        registry.open_temperature(1, {"backend": "sysfs", "source": "w1"}, tmp_path)


# --- the running kernel's sysfs behaves as its stand-in


def test_the_kernels_files_are_read_written_and_listed(tmp_path: Path) -> None:
    files = KernelSysfs()
    (tmp_path / "raw").write_text("12\n")
    (tmp_path / "link").symlink_to(tmp_path / "raw")
    assert files.names(tmp_path) == ("link", "raw")
    assert files.names(tmp_path / "nothing") == files.names(tmp_path / "raw") == ()
    assert files.read(tmp_path / "link") == "12"
    assert files.resolve(tmp_path / "link") == (tmp_path / "raw").resolve()
    assert files.exists(tmp_path / "raw")
    assert not files.exists(tmp_path / "nothing")
    assert files.is_writable(tmp_path / "raw")
    kept = files.open(tmp_path / "raw")
    assert kept.read() == "12"
    files.write(tmp_path / "raw", "34")
    assert kept.read() == "34"
    kept.close()
    with pytest.raises(FileNotFoundError):
        files.write(tmp_path / "nothing", "1")
    assert not (tmp_path / "nothing").exists()
