"""The tables of the `gpio` backend: what they may say, and how a mistake is named."""

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.gpio.adc import IioPlace, SpiPlace
from hal.gpio.read_wiring import problems, read_evse
from hal.gpio.wiring import PeakWiring, SampledWiring
from tests.unit.hal.gpio.desk import (
    CALIBRATION,
    CONTACTOR,
    EXCLUSIVE,
    LOCK,
    PILOT,
    PILOT_ADC,
    PROXIMITY,
    PWM,
    RCM,
    SERIES,
    SHUT_OFF,
    Table,
    line,
)

SPI = {"kind": "mcp3208", "channel": 0, "calibration": CALIBRATION}
PEAK = {"high": SPI, "low": SPI | {"channel": 1}, "reset": line(3)}


def without(table: Table, key: str) -> Table:
    return {name: value for name, value in table.items() if name != key}


@pytest.mark.parametrize(
    ("port", "table"),
    [
        ("pilot", PILOT),
        ("pilot", {"backend": "gpio", "pwm": PWM, "adc": SPI, "disconnect": line(1)}),
        ("pilot", {"backend": "gpio", "pwm": PWM, "peak": PEAK}),
        ("contactor", CONTACTOR),
        ("contactor", CONTACTOR | {"monostable": line(9, interval_ms=20)}),
        ("contactor", SERIES),
        ("contactor", EXCLUSIVE),
        ("proximity", PROXIMITY),
        ("rcm", RCM),
        ("residual_current", RCM | {"kind": "generic", "test_ms": 100, "trip_ms": 200}),
        (
            "rcm",
            {"backend": "gpio", "kind": "rdc_dd", "x6": line(1), "x30": line(2), "test": line(3)},
        ),
        ("lock", LOCK | {"pulse_ms": 300, "attempts": 1, "ready": line(3)}),
        ("emergency_stop", {"backend": "gpio", **line(1, bias="pull_up", debounce_ms=2)}),
        ("fault_inputs", {"backend": "gpio", "pe": line(1), "other": line(2, edges=False)}),
        ("shut_off", SHUT_OFF | {"pulse_ms": 100}),
        ("shut_off", {"backend": "gpio", "kind": "series_relay", "output": line(1)}),
        ("tamper", {"backend": "gpio", **line("LID")}),
    ],
)
def test_a_table_that_is_right_has_no_problems(port: str, table: Table) -> None:
    assert problems(port, table) == ()


@pytest.mark.parametrize(
    ("port", "table", "problem"),
    [
        ("pilot", without(PILOT, "pwm"), "pilot.pwm is missing; give a table"),
        ("pilot", without(PILOT, "adc"), "pilot.adc is missing; give a table"),
        ("pilot", PILOT | {"peak": PEAK}, "pilot.adc and peak are two ways"),
        (
            "pilot",
            PILOT | {"duty": 1},
            "pilot.duty is unknown; known are adc, disconnect, peak, pwm",
        ),
        ("pilot", PILOT | {"pwm": {"pin": 12}}, "pilot.pwm.pin asks for pulses made in software"),
        ("pilot", PILOT | {"pwm": {"device": 5}}, "pilot.pwm.device must be a text, not 5"),
        (
            "pilot",
            PILOT | {"pwm": PWM | {"polarity": "inverted"}},
            "polarity is 'inverted', not one of normal, inversed, did you mean \"inversed\"?",
        ),
        (
            "pilot",
            PILOT | {"adc": without(PILOT_ADC, "calibration")},
            "must hold two measured points",
        ),
        (
            "pilot",
            PILOT | {"adc": PILOT_ADC | {"calibration": [[1, 2], [1, 3]]}},
            "same voltage at the converter twice",
        ),
        (
            "pilot",
            PILOT | {"adc": PILOT_ADC | {"calibration": [[1, "a"], [2, 3]]}},
            "pilot.adc.calibration must hold two numbers",
        ),
        (
            "pilot",
            PILOT | {"adc": PILOT_ADC | {"calibration": [[1, float("nan")], [2, 3]]}},
            "pilot.adc.calibration must hold two numbers",
        ),
        ("pilot", PILOT | {"adc": SPI | {"channel": 8}}, "the mcp3208 has 8 channels, from 0"),
        ("pilot", PILOT | {"adc": SPI | {"kind": "mcp3209"}}, 'did you mean "mcp320'),
        (
            "pilot",
            PILOT | {"adc": PILOT_ADC | {"budget_ms": 50}},
            "budget_ms is 50, not within 0.5",
        ),
        ("contactor", without(CONTACTOR, "mirror"), "contactor.mirror is missing"),
        ("contactor", CONTACTOR | {"mirror": []}, "contactor.mirror must be a table or an array"),
        ("contactor", CONTACTOR | {"strategy": "star"}, "strategy is 'star', not one of single"),
        ("contactor", SERIES | {"strategy": "single"}, "contactor.coil_l2_l3 is unknown"),
        ("contactor", without(EXCLUSIVE, "mirror_3ph"), "contactor.mirror_3ph is missing"),
        (
            "contactor",
            CONTACTOR | {"mirror": [line(1), line(2, contact="open")]},
            "contactor.mirror[2].contact is 'open'",
        ),
        (
            "contactor",
            CONTACTOR | {"coil": {"line": 5}},
            "contactor.coil.chip is missing; give the label",
        ),
        (
            "contactor",
            CONTACTOR | {"coil": line(-1)},
            "contactor.coil.line must be a name or a number",
        ),
        ("contactor", CONTACTOR | {"coil": line(1, active="low")}, "coil.active is unknown"),
        (
            "contactor",
            CONTACTOR | {"coil": line(1, active_low=1)},
            "active_low must be true or false",
        ),
        ("contactor", CONTACTOR | {"monostable": line(1, interval_ms=90)}, "not within 5 to 50"),
        ("proximity", without(PROXIMITY, "pull_up_v"), "proximity.pull_up_v is missing"),
        ("rcm", without(RCM, "test"), "rcm.test is missing"),
        ("rcm", RCM | {"clear_ms": 500}, "rcm.clear_ms must not be before test_ms and trip_ms"),
        ("rcm", RCM | {"kind": "rdc_dd"}, "rcm.x6 is missing"),
        ("lock", without(LOCK, "feedback"), "lock.feedback is missing"),
        ("lock", LOCK | {"pulse_ms": 5000}, "lock.pulse_ms is 5000, not within 1 to 4000"),
        ("lock", LOCK | {"attempts": 1.5}, "lock.attempts is 1.5, not a whole number"),
        (
            "lock",
            without(LOCK, "feedback") | {"feedback_adc": SPI | {"engaged_v": [2, 1]}},
            "must hold the lower voltage first",
        ),
        ("shut_off", without(SHUT_OFF, "kind"), "shut_off.kind is missing"),
        ("emergency_stop", {"backend": "gpio"}, "emergency_stop.chip is missing"),
        ("fault_inputs", {"backend": "gpio", "rcd": line(1)}, "fault_inputs.rcd is unknown"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_the_remedy(
    port: str, table: Table, problem: str
) -> None:
    assert any(problem in found for found in problems(port, table)), problems(port, table)


def test_all_mistakes_are_named_in_one_go() -> None:
    found = problems("pilot", {"backend": "gpio", "pwm": {}, "adc": {}, "x": 1})
    assert len(found) >= 4


def test_tables_may_come_frozen_from_the_configuration() -> None:
    points = tuple(tuple(point) for point in CALIBRATION)
    adc = MappingProxyType(PILOT_ADC | {"calibration": points})
    assert problems("pilot", MappingProxyType(PILOT | {"adc": adc})) == ()


def test_the_kinds_of_sampling_and_of_converters() -> None:
    sampled = read_evse(1, {"pilot": PILOT, "contactor": CONTACTOR}).pilot.sampler
    assert isinstance(sampled, SampledWiring)
    assert isinstance(sampled.adc.channel, IioPlace)
    assert sampled.adc.calibration.volts(1.5) == pytest.approx(0.0)
    pilot = {"backend": "gpio", "pwm": PWM, "peak": PEAK}
    peak = read_evse(1, {"pilot": pilot, "contactor": CONTACTOR}).pilot.sampler
    assert isinstance(peak, PeakWiring)
    assert peak.low.channel == SpiPlace("mcp3208", 1)
    assert peak.timing.reset_s == 0.0015


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
RIGHT: dict[str, Table] = {
    "pilot": PILOT | {"peak": PEAK},
    "contactor": SERIES | {"monostable": line(9)},
    "proximity": PROXIMITY,
    "rcm": RCM,
    "lock": LOCK | {"ready": line(3)},
    "fault_inputs": {"backend": "gpio", "pe": line(1)},
    "shut_off": SHUT_OFF,
    "tamper": {"backend": "gpio", **line(1)},
}


@given(port=st.sampled_from(sorted(RIGHT)), steps=st.lists(st.integers(0, 9)), value=ANYTHING)
def test_whatever_stands_in_a_table_is_judged_and_never_raises(
    port: str, steps: list[int], value: object
) -> None:
    for found in problems(port, _bent(RIGHT[port], steps, value)):
        assert found.startswith(port)


def _bent(table: Table, steps: list[int], value: object) -> Table:
    """Put a value at some place of a table, as deep as the steps lead."""
    key = sorted(table)[steps[0] % len(table)] if steps else "surplus"
    inner = table.get(key)
    if isinstance(inner, dict) and inner and len(steps) > 1:
        return table | {key: _bent(inner, steps[1:], value)}
    return table | {key: value}
