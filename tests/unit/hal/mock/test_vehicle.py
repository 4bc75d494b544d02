"""When the car asks and how much it takes."""

from hal.mock.pilot_circuit import Load
from hal.mock.vehicle import LEAVE_NS, REACTION_NS, START_DELAY_NS, Vehicle

OFFER_UA = 16_000_000


def plugged_vehicle() -> Vehicle:
    vehicle = Vehicle()
    vehicle.plugged = True
    return vehicle


def asking_vehicle() -> Vehicle:
    vehicle = plugged_vehicle()
    vehicle.observe(OFFER_UA, 0, supplied=False)
    vehicle.observe(OFFER_UA, REACTION_NS, supplied=False)
    return vehicle


def test_a_car_without_an_offer_stays_connected_and_asks_for_nothing() -> None:
    vehicle = plugged_vehicle()
    vehicle.observe(0, 10**12, supplied=True)
    assert vehicle.load is Load.CONNECTED
    assert vehicle.due_ns is None


def test_a_car_asks_after_its_reaction_time() -> None:
    vehicle = plugged_vehicle()
    vehicle.observe(OFFER_UA, 0, supplied=False)
    assert vehicle.load is Load.CONNECTED
    assert vehicle.due_ns == REACTION_NS
    vehicle.observe(OFFER_UA, REACTION_NS, supplied=False)
    assert vehicle.load is Load.READY
    assert vehicle.due_ns is None


def test_a_car_that_is_not_there_reacts_to_nothing() -> None:
    vehicle = Vehicle()
    vehicle.observe(OFFER_UA, 0, supplied=True)
    vehicle.observe(OFFER_UA, 10**12, supplied=True)
    assert vehicle.load is Load.NONE
    assert vehicle.wanted_ua == 0


def test_the_reaction_time_counts_from_plugging_in() -> None:
    vehicle = Vehicle()
    vehicle.observe(OFFER_UA, 0, supplied=False)
    vehicle.plugged = True
    vehicle.observe(OFFER_UA, 10**12, supplied=False)
    assert vehicle.load is Load.CONNECTED
    assert vehicle.due_ns == 10**12 + REACTION_NS


def test_a_car_leaves_state_c_within_three_seconds_when_the_pwm_stops() -> None:
    vehicle = asking_vehicle()
    vehicle.observe(0, 10**9, supplied=False)
    assert vehicle.load is Load.READY
    assert vehicle.due_ns == 10**9 + LEAVE_NS
    assert LEAVE_NS < 3 * 10**9
    vehicle.observe(0, 10**9 + LEAVE_NS, supplied=False)
    assert vehicle.load is Load.CONNECTED


def test_current_stops_at_once_when_the_pwm_stops() -> None:
    vehicle = asking_vehicle()
    vehicle.observe(OFFER_UA, 10**9, supplied=True)
    vehicle.observe(OFFER_UA, 10**9 + START_DELAY_NS, supplied=True)
    assert vehicle.wanted_ua == OFFER_UA
    vehicle.observe(0, 2 * 10**9, supplied=True)
    assert vehicle.wanted_ua == 0


def test_a_car_draws_only_after_its_start_delay() -> None:
    vehicle = asking_vehicle()
    vehicle.observe(OFFER_UA, 10**9, supplied=True)
    assert vehicle.wanted_ua == 0
    assert vehicle.due_ns == 10**9 + START_DELAY_NS
    vehicle.observe(OFFER_UA, 10**9 + START_DELAY_NS, supplied=True)
    assert vehicle.wanted_ua == OFFER_UA


def test_the_start_delay_counts_anew_after_an_interruption() -> None:
    vehicle = asking_vehicle()
    vehicle.observe(OFFER_UA, 10**9, supplied=True)
    vehicle.observe(OFFER_UA, 10**9 + 1, supplied=False)
    vehicle.observe(OFFER_UA, 2 * 10**9, supplied=True)
    assert vehicle.due_ns == 2 * 10**9 + START_DELAY_NS


def test_a_car_takes_no_more_than_its_charger_can() -> None:
    vehicle = asking_vehicle()
    vehicle.max_a = 10.0
    vehicle.observe(OFFER_UA, 10**9, supplied=True)
    vehicle.observe(OFFER_UA, 2 * 10**9, supplied=True)
    assert vehicle.wanted_ua == 10_000_000


def test_a_paused_car_leaves_state_c_at_once_and_returns_at_once() -> None:
    vehicle = asking_vehicle()
    vehicle.wants = False
    vehicle.observe(OFFER_UA, 10**9, supplied=True)
    assert vehicle.load is Load.CONNECTED
    vehicle.wants = True
    vehicle.observe(OFFER_UA, 2 * 10**9, supplied=True)
    assert vehicle.load is Load.READY


def test_a_car_that_needs_ventilation_asks_for_state_d() -> None:
    vehicle = asking_vehicle()
    vehicle.needs_ventilation = True
    assert vehicle.load is Load.VENTILATION
