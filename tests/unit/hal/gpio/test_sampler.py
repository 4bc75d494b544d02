"""The pilot's samplers on the desk's circuit: right plateaus within their time."""

from errno import EIO

import pytest

from hal.api import HardwareLost, PilotSample
from hal.gpio.sampler import BUDGET_S, HOLD_S
from hal.mock.pilot_circuit import Load
from tests.unit.hal.gpio.desk import PEAK_PILOT, PILOT_ADC, PWM, RESET, Desk

LEVELS = {Load.NONE: 12.0, Load.CONNECTED: 9.0, Load.READY: 6.0, Load.VENTILATION: 2.93}


def sampled(desk: Desk, duty: float, **adc: object) -> PilotSample:
    pilot = {"backend": "gpio", "pwm": PWM, "adc": PILOT_ADC | adc}
    board = desk.board(pilot=pilot)
    board.evses[1].pilot.set_duty(duty)
    board.flush()
    board.refresh()
    sample = board.evses[1].pilot.sample()
    board.close()
    return sample


@pytest.mark.parametrize("load", LEVELS)
@pytest.mark.parametrize("duty", [0.1, 16 / 60, 0.533, 0.85, 0.96])
def test_a_pwm_shows_both_plateaus(load: Load, duty: float) -> None:
    # At 96 % a plateau of 20 us is left: only a long budget finds it for certain.
    sample = sampled(Desk(load=load), duty, budget_ms=5 if duty < 0.9 else 15)
    assert sample.high_v == pytest.approx(LEVELS[load], abs=0.3)
    assert sample.low_v == pytest.approx(-12.0, abs=0.3)


@pytest.mark.parametrize(("duty", "volts"), [(1.0, 9.0), (0.0, -12.0)])
def test_a_steady_level_shows_it_twice(duty: float, volts: float) -> None:
    sample = sampled(Desk(load=Load.CONNECTED), duty)
    assert sample.high_v == sample.low_v == pytest.approx(volts, abs=0.3)


def test_a_missing_diode_is_seen_in_the_negative_plateau() -> None:
    sample = sampled(Desk(load=Load.READY, diode_shorted=True), 0.5)
    assert sample.high_v + sample.low_v == pytest.approx(0.0, abs=0.3)


def test_a_short_circuit_shows_no_plateaus_at_all() -> None:
    sample = sampled(Desk(shorted=True), 0.5)
    assert sample.high_v == sample.low_v == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("conversion_s", [20e-6, 50e-6, 100e-6, 125e-6, 250e-6])
@pytest.mark.parametrize("duty", [0.1, 0.533])
def test_a_converter_in_step_with_the_pwm_still_meets_every_plateau(
    conversion_s: float, duty: float
) -> None:
    desk = Desk(load=Load.READY, conversion_s=conversion_s, noise_v=0.0)
    desk._dice.uniform = lambda low, high: 1.0  # type: ignore[method-assign,assignment] -- no jitter at all
    desk.clock.tick_s = 1e-8
    desk.clock.now_s = 2000.0005
    budget_ms = 15 if conversion_s > 100e-6 else 10
    sample = sampled(desk, duty, budget_ms=budget_ms)
    assert sample.high_v == pytest.approx(6.0, abs=0.3)
    assert sample.low_v == pytest.approx(-12.0, abs=0.3)


@pytest.mark.parametrize("duty", [0.0, 0.1, 0.5, 1.0])
def test_a_sample_keeps_to_its_budget_however_slow_the_converter(duty: float) -> None:
    desk = Desk(shorted=True, conversion_s=0.001)
    board = desk.board()
    board.evses[1].pilot.set_duty(duty)
    board.flush()
    before_s = desk.clock.now_s
    board.refresh()
    assert desk.clock.now_s - before_s <= BUDGET_S + 0.003
    board.close()


def test_a_proof_ends_the_sampling_early() -> None:
    desk = Desk(load=Load.READY)
    sampled(desk, 0.5)
    assert desk.converter.readings <= 32


def test_a_plateau_that_the_budget_was_too_short_for_holds_for_a_moment() -> None:
    desk = Desk(load=Load.READY)
    board = desk.board()
    pilot = board.evses[1].pilot
    pilot.set_duty(0.1)
    board.flush()
    board.refresh()
    assert pilot.sample().high_v == pytest.approx(6.0, abs=0.3)
    desk.conversion_s = 0.001  # whole periods: it always meets the same phase
    desk._dice.uniform = lambda low, high: 1.0  # type: ignore[method-assign,assignment]
    desk.clock.now_s = round(desk.clock.now_s, 3) + 0.0205
    board.refresh()
    assert pilot.sample().high_v == pytest.approx(6.0, abs=0.3)
    desk.clock.sleep(HOLD_S)
    board.refresh()  # the second one that was too short
    assert pilot.sample().high_v == pytest.approx(6.0, abs=0.3)
    desk.clock.sleep(HOLD_S)
    board.refresh()
    assert pilot.sample().high_v == pytest.approx(-12.0, abs=0.3)
    board.close()


def test_a_converter_that_fails_is_lost_hardware() -> None:
    desk = Desk()
    board = desk.board()
    desk.converter.fault = EIO
    with pytest.raises(HardwareLost, match=r"converter mcp3208, channel 0: cannot be read"):
        board.refresh()
    board.close()


# --- peak detectors


@pytest.mark.parametrize(
    ("duty", "expected"),
    [(0.1, (6.0, -12.0)), (0.96, (6.0, -12.0)), (1.0, (6.0, 6.0)), (0.0, (-12.0, -12.0))],
)
def test_peak_detectors_show_the_plateaus_with_two_readings(
    duty: float, expected: tuple[float, float]
) -> None:
    desk = Desk(load=Load.READY)
    board = desk.board(pilot=PEAK_PILOT)
    resets: list[float] = []
    desk.chip.watchers.append(
        lambda offset, high: resets.append(desk.clock.now_s) if offset == RESET else None
    )
    board.evses[1].pilot.set_duty(duty)
    board.flush()
    before_s = desk.clock.now_s
    board.refresh()
    sample = board.evses[1].pilot.sample()
    assert (sample.high_v, sample.low_v) == pytest.approx(expected, abs=0.2)
    on_s, off_s = resets
    assert off_s - on_s == pytest.approx(0.0015, abs=1e-4)
    assert desk.clock.now_s - before_s < 0.005
    assert desk.converter.readings <= 2
    board.close()
