"""Contactors are not closed where a dead guard would leave them closed."""

import pytest

from hal.gpio.arming import problems
from tests.unit.hal.fake_sysfs import SYS, FakeSysfs, Node
from tests.unit.hal.gpio.desk import CONTACTOR, HEART, PILOT, Table, line

UPSTREAM, RASPBERRY_PI_OS = "6.1.0-50-arm64", "6.6.31+rpt-rpi-v8"
MONOSTABLE = CONTACTOR | {"monostable": line(HEART)}


def found(
    parameter: str | None,
    release: str,
    *contactors: Table,
    module: str = "pinctrl_bcm2835",
) -> tuple[str, ...]:
    sysfs = FakeSysfs()
    sysfs.text(SYS / "module" / "pinctrl_other" / "parameters" / "debug", "Y")
    if parameter is not None:
        sysfs.text(SYS / "module" / module / "parameters" / "persist_gpio_outputs", parameter)
    tables = {
        number: {"pilot": PILOT, "contactor": contactor}
        for number, contactor in enumerate(contactors or (CONTACTOR,), start=1)
    }
    return problems(tables, sysfs, lambda: release)


@pytest.mark.parametrize("module", ["pinctrl_bcm2835", "pinctrl_rp1"])
@pytest.mark.parametrize("parameter", ["Y", "1"])
def test_a_kernel_that_keeps_outputs_is_refused_with_the_remedy(
    parameter: str, module: str
) -> None:
    (problem,) = found(parameter, RASPBERRY_PI_OS, module=module)
    assert "keeps GPIO outputs that nobody holds" in problem
    assert f"{module}/parameters/persist_gpio_outputs is Y" in problem
    assert "dtparam=strict_gpiod" in problem
    assert "contactor.monostable" in problem


@pytest.mark.parametrize("parameter", ["N", "0"])
def test_a_kernel_that_lets_go_is_accepted(parameter: str) -> None:
    assert found(parameter, RASPBERRY_PI_OS) == ()


def test_a_monostable_makes_any_kernel_acceptable() -> None:
    assert found("Y", RASPBERRY_PI_OS, MONOSTABLE) == ()


def test_each_evse_needs_its_monostable() -> None:
    (problem,) = found("Y", RASPBERRY_PI_OS, MONOSTABLE, CONTACTOR)
    assert problem.startswith("EVSE 2: ")


@pytest.mark.parametrize(
    "release",
    [
        *("6.1.21-v8+", "5.10.103-v7l+", "5.15.84-v7+", "6.6.20-v8-16k+", "4.19.66-v7"),
        *("6.6.31+rpt-rpi-v8", "6.12.25+rpt-rpi-2712", "6.1.0-rpi7-rpi-v8", "5.15.0-1008-raspi"),
    ],
)
def test_an_own_kernel_of_the_raspberry_pi_without_the_parameter_is_not_trusted(
    release: str,
) -> None:
    (problem,) = found(None, release)
    assert "too old to tell" in problem


@pytest.mark.parametrize("release", [UPSTREAM, "6.18.44-fc-v657", "6.12.9-v80-acme", "6.9.0-v8s"])
def test_an_upstream_kernel_without_the_parameter_lets_go(release: str) -> None:
    assert found(None, release) == ()


def test_a_parameter_that_cannot_be_read_counts_as_set() -> None:
    sysfs = FakeSysfs()
    path = SYS / "module" / "pinctrl_rp1" / "parameters" / "persist_gpio_outputs"
    sysfs.add(path, Node(None))
    assert problems({1: {"pilot": PILOT, "contactor": CONTACTOR}}, sysfs, lambda: UPSTREAM)
