"""What the log tells of each EVSE."""

import logging
from dataclasses import replace

import pytest

from hal.api import Fault, GuardStatus, Hindrance, LeaseState, PilotState
from hal.guard.journal import Journal

IDLE = GuardStatus(
    evse=2,
    pilot_state=PilotState.A,
    duty=1.0,
    offered_a=0.0,
    contactor_commanded=False,
    contactor_closed=False,
    lease=LeaseState.NONE,
    hindrances=frozenset({Hindrance.NO_VEHICLE}),
)


def told(caplog: pytest.LogCaptureFixture, *statuses: GuardStatus) -> list[str]:
    caplog.set_level(logging.INFO)
    journal = Journal()
    for status in statuses:
        journal.note({2: status})
    return caplog.messages


def test_what_is_new_at_the_start_is_no_change(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, replace(IDLE, tampered=True), replace(IDLE, tampered=True)) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"contactor_commanded": True}, "EVSE 2: contactor told to close"),
        ({"lease": LeaseState.LIVE}, "EVSE 2: lease is Live"),
        ({"tampered": True}, "EVSE 2: housing open"),
        ({"phases": 1}, "EVSE 2: fed by L1 alone from now on"),
        ({"phases": 1, "phase": 3}, "EVSE 2: fed by L3 alone from now on"),
        (
            {"hindrances": frozenset({Hindrance.WAKE_UP})},
            "EVSE 2: the vehicle does not answer, waking it up",
        ),
        ({"faults": frozenset({Fault.OTHER})}, "EVSE 2: faults: other"),
        (
            {"faults": frozenset({Fault.DIODE, Fault.RCD, Fault.PROTECTIVE_EARTH})},
            "EVSE 2: faults: pe, rcd, diode",
        ),
    ],
)
def test_a_change_is_told_once(
    caplog: pytest.LogCaptureFixture, changes: dict[str, object], line: str
) -> None:
    changed = replace(IDLE, **changes)  # type: ignore[arg-type]
    assert told(caplog, IDLE, changed, replace(changed), changed) == [line]


def test_a_tripped_shut_off_is_told_with_its_remedy(caplog: pytest.LogCaptureFixture) -> None:
    (line,) = told(caplog, IDLE, replace(IDLE, shut_off=True))
    assert "replace the contactor" in line
    assert "stationd-guard reset" in line


def test_the_end_of_all_faults_is_told(caplog: pytest.LogCaptureFixture) -> None:
    faulty = replace(IDLE, faults=frozenset({Fault.OTHER}))
    assert told(caplog, faulty, IDLE) == ["EVSE 2: faults: none"]
