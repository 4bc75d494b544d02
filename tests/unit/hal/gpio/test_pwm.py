"""The pilot's generator: one channel of a kernel PWM, with the kernel's rules behind its files."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.api import HardwareError, HardwareLost
from hal.gpio.pwm import PERIOD_NS, PwmChannel, PwmPlace, duty_ns
from tests.unit.hal.fake_sysfs import SYS, FakePwmChip, FakeSysfs, PwmState

DEVICE = "axi/1000120000.pcie/1f00098000.pwm"


@pytest.fixture
def sysfs() -> FakeSysfs:
    return FakeSysfs()


@pytest.fixture
def chip(sysfs: FakeSysfs) -> FakePwmChip:
    FakePwmChip(sysfs, 0, "axi/1000120000.pcie/1f0009c000.pwm")
    return FakePwmChip(sysfs, 2, DEVICE)


def channel(
    sysfs: FakeSysfs,
    place: PwmPlace | None = None,
    sleep: Callable[[float], None] = lambda _: None,
) -> PwmChannel:
    opened = PwmChannel(sysfs, place or PwmPlace("1f00098000.pwm"), sleep)
    opened.open()
    return opened


def test_the_chip_is_found_by_the_hardware_behind_it_and_not_by_its_number(
    sysfs: FakeSysfs, chip: FakePwmChip
) -> None:
    channel(sysfs).drive(0.5)
    assert chip.channels[0] == PwmState(PERIOD_NS, 500_000, 1)


@pytest.mark.parametrize(
    "device",
    [
        "1f00098000.pwm",
        "1f00098*",
        f"platform/{DEVICE}",
        f"/sys/devices/platform/{DEVICE}",
        "*98000*",
    ],
)
def test_the_hardware_may_be_given_as_a_part_a_pattern_or_the_whole_path(
    sysfs: FakeSysfs, chip: FakePwmChip, device: str
) -> None:
    channel(sysfs, PwmPlace(device))
    assert chip.channels[0].enable == 1


def test_a_chip_that_is_not_there_is_refused_with_those_that_are(
    sysfs: FakeSysfs, chip: FakePwmChip
) -> None:
    with pytest.raises(HardwareLost, match=r"no device 'fe20c000.pwm'.*1f0009c000.*1f00098000"):
        channel(sysfs, PwmPlace("fe20c000.pwm"))


def test_a_chip_is_never_found_by_its_number(sysfs: FakeSysfs, chip: FakePwmChip) -> None:
    with pytest.raises(HardwareLost, match=r"no device 'pwmchip2'.*1f00098000"):
        channel(sysfs, PwmPlace("pwmchip2"))
    alone = SYS / "devices" / "virtual" / "pwm" / "pwmchip7"
    sysfs.link(SYS / "class" / "pwm" / "pwmchip7", alone)
    sysfs.text(alone / "npwm", "1")
    with pytest.raises(HardwareLost, match="no device 'pwmchip7'"):
        channel(sysfs, PwmPlace("pwmchip7"))


def test_a_description_of_several_chips_is_refused(sysfs: FakeSysfs, chip: FakePwmChip) -> None:
    with pytest.raises(HardwareError, match=r"several devices: pwmchip0.*pwmchip2"):
        channel(sysfs, PwmPlace("1f000*.pwm"))


def test_a_machine_without_any_pwm_says_so(sysfs: FakeSysfs) -> None:
    with pytest.raises(HardwareLost, match=r"shows none in /sys/class/pwm"):
        channel(sysfs)


def test_software_pwm_is_refused_with_the_reason(sysfs: FakeSysfs) -> None:
    FakePwmChip(sysfs, 0, "pwm-gpio-0", driver="pwm-gpio")
    with pytest.raises(HardwareError, match=r"pwm-gpio makes the pulses in software.*hardware PWM"):
        channel(sysfs, PwmPlace("pwm-gpio-0"))


def test_a_channel_beyond_the_chip_is_refused(sysfs: FakeSysfs, chip: FakePwmChip) -> None:
    with pytest.raises(HardwareError, match=r"channel 4: the chip has 4 channels, numbered from 0"):
        channel(sysfs, PwmPlace("1f00098000.pwm", channel=4))


def test_a_channel_that_a_driver_of_the_kernel_uses_is_busy(
    sysfs: FakeSysfs, chip: FakePwmChip
) -> None:
    chip.taken.add(1)
    with pytest.raises(HardwareLost, match=r"in use by a driver of the kernel"):
        channel(sysfs, PwmPlace("1f00098000.pwm", channel=1))


def test_missing_rights_are_told_with_the_remedy(sysfs: FakeSysfs, chip: FakePwmChip) -> None:
    sysfs.protect(chip.folder / "export")
    with pytest.raises(HardwareLost, match=r"may not write .*export; install the udev rules"):
        channel(sysfs)


def test_rights_that_udev_gives_a_little_later_are_awaited(
    sysfs: FakeSysfs, chip: FakePwmChip
) -> None:
    chip.late_rights = True
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            chip.grant_rights(0)

    channel(sysfs, sleep=nap)
    assert len(naps) == 3
    assert chip.channels[0].enable == 1


def test_rights_that_never_come_are_not_awaited_for_ever(
    sysfs: FakeSysfs, chip: FakePwmChip
) -> None:
    chip.late_rights = True
    naps: list[float] = []
    with pytest.raises(HardwareLost, match=r"may not write .*duty_cycle"):
        channel(sysfs, sleep=naps.append)
    assert sum(naps) == pytest.approx(1.0, abs=0.02)


def test_period_comes_before_duty_and_the_channel_stays_enabled(
    sysfs: FakeSysfs, chip: FakePwmChip
) -> None:
    pilot = channel(sysfs)
    for fraction in (1.0, 16 / 60, 0.0, 1.0):
        pilot.drive(fraction)
    assert sysfs.writes == [
        ("export", "0"),
        ("period", "1000000"),
        ("enable", "1"),
        ("duty_cycle", "1000000"),
        ("duty_cycle", "266667"),
        ("duty_cycle", "0"),
        ("duty_cycle", "1000000"),
    ]


def test_only_changes_are_written(sysfs: FakeSysfs, chip: FakePwmChip) -> None:
    pilot = channel(sysfs)
    before = len(sysfs.writes)
    for _ in range(3):
        pilot.drive(0.5)
    assert len(sysfs.writes) == before + 1
    assert pilot.driven == 0.5


def test_what_already_runs_goes_on_undisturbed(sysfs: FakeSysfs, chip: FakePwmChip) -> None:
    channel(sysfs).drive(0.25)
    sysfs.writes.clear()
    again = channel(sysfs)
    assert sysfs.writes == []
    assert again.driven is None
    assert again.read_back() == 0.25


def test_another_period_is_corrected_though_its_duty_would_not_fit(
    sysfs: FakeSysfs, chip: FakePwmChip
) -> None:
    channel(sysfs)
    chip.channels[0] = PwmState(period=20_000_000, duty_cycle=15_000_000, enable=1)
    channel(sysfs).drive(1.0)
    assert chip.channels[0] == PwmState(PERIOD_NS, PERIOD_NS, 1)


def test_the_polarity_changes_only_while_the_channel_is_off(
    sysfs: FakeSysfs, chip: FakePwmChip
) -> None:
    channel(sysfs).drive(0.5)
    channel(sysfs, PwmPlace("1f00098000.pwm", polarity="inversed"))
    assert chip.channels[0] == PwmState(PERIOD_NS, 500_000, 1, "inversed")


def test_a_chip_that_cannot_invert_says_what_to_do(sysfs: FakeSysfs, chip: FakePwmChip) -> None:
    chip.inverts = False
    with pytest.raises(HardwareError, match=r"cannot be inversed.*driver stage"):
        channel(sysfs, PwmPlace("1f00098000.pwm", polarity="inversed"))


def test_a_chip_that_cannot_do_1_khz_is_told(sysfs: FakeSysfs, chip: FakePwmChip) -> None:
    chip.shortest_period_ns = 2_000_000
    with pytest.raises(HardwareLost, match=r"refuses period: the chip cannot do 1 kHz"):
        channel(sysfs)


def test_a_chip_that_goes_away_is_lost_hardware(sysfs: FakeSysfs, chip: FakePwmChip) -> None:
    pilot = channel(sysfs)
    pilot.drive(1.0)
    chip.gone = True
    with pytest.raises(HardwareLost, match=r"duty_cycle: No such device"):
        pilot.drive(0.0)
    assert pilot.driven == 1.0
    with pytest.raises(HardwareLost, match="cannot be read back"):
        pilot.read_back()


@pytest.mark.parametrize(
    ("amperes", "nanoseconds"),
    [(6, 100_000), (10, 166_667), (13, 216_667), (16, 266_667), (20, 333_333), (32, 533_333)],
)
def test_the_duty_of_an_offer_is_exact_to_the_nanosecond(amperes: int, nanoseconds: int) -> None:
    assert duty_ns(amperes / 60) == nanoseconds


@pytest.mark.parametrize("fraction", [-0.001, 1.001, float("nan")])
def test_a_duty_outside_of_0_to_1_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"within 0\.\.1"):
        duty_ns(fraction)


@given(st.floats(0.0, 1.0))
def test_rounding_never_leaves_the_period_and_never_exceeds_half_a_nanosecond(
    fraction: float,
) -> None:
    assert 0 <= duty_ns(fraction) <= PERIOD_NS
    assert abs(duty_ns(fraction) - fraction * PERIOD_NS) <= 0.5
