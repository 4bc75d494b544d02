"""The steps that a stimulus hides."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agent.core.plug_ins import parts, unplugged
from agent.core.session_state import Elapsed, LinesChanged, Resumed, Stimulus
from tests.unit.core.session_rig import GUARD, OTHER_GUARD, Rig

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
UNPLUGGED = LinesChanged(plugged_in=False, ev_ready=False, power_path_closed=False)
PLUGGED_IN = replace(UNPLUGGED, plugged_in=True, ev_ready=True, connection=GUARD + 1)
SWAPPED = replace(PLUGGED_IN, connection=GUARD + 2)


def plugged_in() -> Rig:
    rig = Rig(obedient=False)
    rig.see(plugged_in=True, ev_ready=True, connection=GUARD + 1)
    return rig


@pytest.mark.parametrize(
    "stimulus",
    [
        Elapsed(),
        PLUGGED_IN,
        UNPLUGGED,
        replace(PLUGGED_IN, connection=0),
        replace(PLUGGED_IN, connection=OTHER_GUARD + 1),
        Resumed(PLUGGED_IN, power_was_lost=False),
        Resumed(UNPLUGGED, power_was_lost=True),
        Resumed(replace(PLUGGED_IN, connection=OTHER_GUARD + 1), power_was_lost=True),
    ],
)
def test_most_stimuli_hide_nothing(stimulus: Stimulus) -> None:
    assert parts(plugged_in().state, stimulus) == (stimulus,)


def test_a_swap_hides_an_unplugging() -> None:
    gone, back = parts(plugged_in().state, SWAPPED)

    assert isinstance(gone, LinesChanged)
    assert (gone.plugged_in, gone.ev_ready, gone.power_path_closed) == (False, False, False)
    assert back == SWAPPED


@pytest.mark.parametrize("power_was_lost", [False, True])
def test_a_swap_during_a_restart_hides_an_unplugging_too(*, power_was_lost: bool) -> None:
    resumed, back = parts(plugged_in().state, Resumed(SWAPPED, power_was_lost))

    assert isinstance(resumed, Resumed)
    assert resumed.power_was_lost == power_was_lost
    assert not resumed.lines.plugged_in
    assert back == SWAPPED


def test_a_first_cable_is_no_swap() -> None:
    assert parts(Rig().state, SWAPPED) == (SWAPPED,)


def stays() -> Rig:
    """Return an EVSE whose transaction has ended and whose EV is still there."""
    rig = Rig()
    rig.charge()
    rig.tap()
    rig.wait(5)
    assert rig.state.transaction is None
    assert rig.state.snapshot.plugged_in
    return rig


def test_an_ev_that_stays_after_its_transaction_leaves_once() -> None:
    rig = stays()
    before = rig.state
    rig.wait(600)
    assert unplugged(before, rig.state, NOON) == ()
    rig.unplug()
    assert before.ended is not None
    (told,) = unplugged(before, rig.state, NOON)
    assert (told.at, told.transaction_id) == (NOON, before.ended)
    assert unplugged(rig.state, rig.state, NOON) == ()


def test_an_ev_that_goes_on_charging_has_not_left() -> None:
    rig = stays()
    before = rig.state
    rig.tap()
    rig.wait(5)
    assert rig.state.transaction is not None
    assert rig.state.ended is None
    assert unplugged(before, rig.state, NOON) == ()


def test_a_transaction_that_ends_with_its_cable_leaves_nobody() -> None:
    rig = Rig()
    rig.charge()
    before = rig.state
    rig.unplug()
    rig.wait(5)
    assert rig.state.transaction is None
    assert rig.state.ended is None
    assert unplugged(before, rig.state, NOON) == ()
