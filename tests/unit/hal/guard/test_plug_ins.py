"""Plug-ins are numbered, so that the services notice a car that was swapped unseen."""

from hal.api import Fault
from tests.unit.hal.guard.rig import Copper, Rig


def plugged(instance: int = 7) -> Rig:
    rig = Rig(Copper(), instance=instance)
    rig.copper.vehicle = "B"
    rig.run(0.5)
    return rig


def test_a_plug_in_keeps_its_number_through_a_whole_session() -> None:
    rig = plugged()
    number = rig.last.status.connection
    assert rig.charging().run(30.0).status.connection == number


def test_the_next_plug_in_has_another_number() -> None:
    rig = plugged()
    number = rig.last.status.connection
    rig.copper.vehicle = "A"
    rig.run(0.5)
    rig.copper.vehicle = "B"
    assert rig.run(0.5).status.connection == number + 1


def test_another_guard_process_gives_other_numbers() -> None:
    assert plugged(1).last.status.connection != plugged(2).last.status.connection


def test_a_fault_that_shows_state_f_does_not_make_the_car_another_one() -> None:
    rig = plugged()
    number = rig.last.status.connection
    rig.charging()
    rig.copper.fault_inputs = {Fault.OVER_TEMPERATURE}
    rig.run(2.0)
    rig.copper.fault_inputs = set()
    assert rig.run(10.0).status.connection == number
