"""Converters: through the kernel's driver, and over SPI through gpiozero."""

import sys
from errno import EIO
from typing import Any

import pytest
from gpiozero import Device, GPIOZeroError
from gpiozero.pins.mock import MockFactory, MockSPIDevice

from hal.api import HardwareError, HardwareLost
from hal.gpio import iio
from hal.gpio.adc import Calibration, IioPlace, SpiPlace
from hal.gpio.spi_adc import SpiBus
from tests.unit.hal.fake_sysfs import SYS, FakeIioDevice, FakeSysfs


@pytest.fixture
def sysfs() -> FakeSysfs:
    sysfs = FakeSysfs()
    FakeIioDevice(sysfs, 0, "rpi_voltmon", lambda _: 0.0, device="soc/voltmon")
    return sysfs


@pytest.mark.parametrize("wanted", ["mcp3208", "spi0.0", "*/spi0.0/*"])
def test_a_converter_is_found_by_name_or_by_the_hardware_behind_it(
    sysfs: FakeSysfs, wanted: str
) -> None:
    FakeIioDevice(sysfs, 3, "mcp3208", lambda channel: channel * 0.25)
    opened = iio.open_channel(sysfs, IioPlace(wanted, 4))
    assert opened.read_v() == pytest.approx(1.0, abs=0.001)
    opened.close()


def test_offset_and_scale_of_the_channel_count(sysfs: FakeSysfs) -> None:
    FakeIioDevice(sysfs, 3, "ads1015", lambda _: 1.65)
    folder = SYS / "bus" / "iio" / "devices" / "iio:device3"
    sysfs.text(folder / "in_voltage2_scale", "2.0")
    sysfs.text(folder / "in_voltage2_offset", "-48")
    assert iio.open_channel(sysfs, IioPlace("ads1015", 2)).read_v() == pytest.approx(4.0)


def test_a_driver_that_knows_no_reference_needs_the_scale(sysfs: FakeSysfs) -> None:
    FakeIioDevice(sysfs, 3, "mcp3208", lambda _: 1.65, scale=False)
    with pytest.raises(HardwareError, match="give scale_mv, millivolts per step"):
        iio.open_channel(sysfs, IioPlace("mcp3208", 0))
    given = iio.open_channel(sysfs, IioPlace("mcp3208", 0, scale_mv=3300 / 4096))
    assert given.read_v() == pytest.approx(1.65, abs=0.001)


def test_a_missing_converter_is_told_with_those_that_exist(sysfs: FakeSysfs) -> None:
    with pytest.raises(HardwareLost, match=r"no device 'mcp3208'; the kernel has rpi_voltmon"):
        iio.open_channel(sysfs, IioPlace("mcp3208", 0))


def test_a_missing_channel_is_told_with_those_that_exist(sysfs: FakeSysfs) -> None:
    FakeIioDevice(sysfs, 3, "mcp3204", lambda _: 0.0, channels=(0, 1, 2, 3))
    with pytest.raises(HardwareError, match=r"channel 4: there is no such channel; it has 0, 1, 2"):
        iio.open_channel(sysfs, IioPlace("mcp3204", 4))


def test_a_converter_that_fails_is_lost_hardware(sysfs: FakeSysfs) -> None:
    device = FakeIioDevice(sysfs, 3, "mcp3208", lambda _: 0.0)
    opened = iio.open_channel(sysfs, IioPlace("mcp3208", 0))
    device.fault = EIO
    with pytest.raises(HardwareLost, match="converter mcp3208, channel 0: cannot be read"):
        opened.read_v()


def test_two_measured_points_make_a_straight_line() -> None:
    divider = Calibration((0.3, -12.0), (2.7, 12.0))
    assert divider.volts(0.3) == -12.0
    assert divider.volts(2.7) == 12.0
    assert divider.volts(1.5) == pytest.approx(0.0)
    inverting = Calibration((2.7, -12.0), (0.3, 12.0))
    assert inverting.volts(2.4) == pytest.approx(-9.0)


# --- SPI


class FakeMcp3208(MockSPIDevice):  # type: ignore[misc]
    """The chip's side of the bus: start bit, mode, channel; then a null bit and 12 bits."""

    def __init__(self, volts: dict[int, float], factory: Any) -> None:
        super().__init__(11, 10, 9, 8, pin_factory=factory)
        self.volts = volts

    def on_bit(self) -> None:
        if self.rx_bit == 10:
            command = self.rx_word()
            assert command >> 3 == 0b11  # start, single-ended
            self.tx_word(round(self.volts[command & 7] / 3.3 * 4095), 14)


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = MockFactory()
    # gpiozero's stand-in for the bus is made of its own devices, which ask for the default.
    monkeypatch.setattr(Device, "pin_factory", made)
    return made


def test_channels_of_one_converter_are_read_over_the_same_bus(factory: Any) -> None:
    FakeMcp3208({0: 1.65, 5: 3.0}, factory)
    bus = SpiBus(factory)
    first, second = (bus.open_channel(SpiPlace("mcp3208", channel)) for channel in (0, 5))
    for _ in range(2):
        assert first.read_v() == pytest.approx(1.65, abs=0.001)
        assert second.read_v() == pytest.approx(3.0, abs=0.001)
    first.close()
    second.close()
    bus.close()


def test_a_bus_that_fails_is_lost_hardware(factory: Any) -> None:
    chip = FakeMcp3208({0: 1.65}, factory)

    def fail() -> None:
        raise GPIOZeroError("the bus is gone")

    bus = SpiBus(factory)
    channel = bus.open_channel(SpiPlace("mcp3208", 0))
    chip.on_bit = fail
    with pytest.raises(
        HardwareLost, match=r"mcp3208 on SPI 0.0, channel 0: cannot be read: the bus"
    ):
        channel.read_v()
    bus.close()


def test_bits_made_in_software_are_no_way_to_a_converter() -> None:
    class Falling(MockFactory):  # type: ignore[misc]
        def _get_spi_class(self, shared: bool, hardware: bool) -> Any:
            if hardware:
                raise OSError("/dev/spidev0.0 is missing")
            return super()._get_spi_class(shared, hardware)

    with pytest.raises(HardwareLost, match=r"SPI bus cannot be had: .*spidev0.0.*dtparam=spi=on"):
        SpiBus(Falling()).open_channel(SpiPlace("mcp3208", 0))


def test_a_missing_library_is_told_with_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lgpio", None)
    with pytest.raises(HardwareError, match=r"stationd\[spi\].*python3-lgpio.*dtoverlay=mcp3208"):
        SpiBus().open_channel(SpiPlace("mcp3208", 0))


def test_a_bus_that_was_closed_is_opened_anew(factory: Any) -> None:
    bus = SpiBus(factory)
    bus.close()
    bus.close()
