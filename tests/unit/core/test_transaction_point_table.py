"""What exactly is told where a transaction starts and stops, point by point (E01, E06).

The tables are those of the standard's use cases in the words of this station: phase,
trigger reason, charging state, and the reason of the end.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files

import pytest

from agent.core.session_state import (
    AlignedDue,
    Cause,
    EventTriggered,
    LimitChanged,
    SessionPolicy,
    StopOrdered,
)
from agent.core.vocabulary import StoppedReason, TransactionPhase, TriggerReason
from tests.unit.core.session_rig import Rig, assert_well_told, points

REMOTE_STOP = StopOrdered(Cause(TriggerReason.REMOTE_STOP, StoppedReason.REMOTE))
RESET = StopOrdered(Cause(TriggerReason.RESET_COMMAND, StoppedReason.IMMEDIATE_RESET), final=True)
UNLOCK = StopOrdered(Cause(TriggerReason.UNLOCK_COMMAND), final=True)
Row = tuple[str, str, str]
End = tuple[str, str, str, str | None]


def told(rig: Rig) -> list[Row]:
    return [
        (str(e.phase), str(e.trigger), str(e.charging_state and e.charging_state.value))
        for e in rig.events
    ]


def cable_first(rig: Rig) -> None:
    rig.plug()
    rig.tap()
    rig.see(ev_ready=True)


def id_first(rig: Rig) -> None:
    rig.tap()
    rig.plug()
    rig.see(ev_ready=True)


def id_first_at_a_shared_reader(rig: Rig) -> None:
    rig.arrive()
    rig.see(ev_ready=True)


AUTHORIZED = ("Started", "Authorized", "SuspendedEV")
PLUGGED_IN = ("Started", "CablePluggedIn", "SuspendedEV")
SIGNED = ("Started", "SignedDataReceived", "SuspendedEV")
READY = ("Updated", "ChargingStateChanged", "EVConnected")
CHARGING = ("Updated", "ChargingStateChanged", "Charging")
WITH_ENERGY = ("Started", "ChargingStateChanged", "Charging")
BEGINNINGS: list[tuple[str, Callable[[Rig], None], list[Row]]] = [
    (
        "EVConnected",
        cable_first,
        [
            ("Started", "CablePluggedIn", "EVConnected"),
            ("Updated", "Authorized", "SuspendedEV"),
            READY,
            CHARGING,
        ],
    ),
    ("Authorized", cable_first, [AUTHORIZED, READY, CHARGING]),
    ("PowerPathClosed", cable_first, [AUTHORIZED, READY, CHARGING]),
    ("DataSigned", cable_first, [SIGNED, READY, CHARGING]),
    ("EnergyTransfer", cable_first, [WITH_ENERGY]),
    ("EVConnected", id_first, [PLUGGED_IN, READY, CHARGING]),
    (
        "Authorized",
        id_first,
        [
            ("Started", "Authorized", "Idle"),
            ("Updated", "CablePluggedIn", "SuspendedEV"),
            READY,
            CHARGING,
        ],
    ),
    ("PowerPathClosed", id_first, [PLUGGED_IN, READY, CHARGING]),
    ("DataSigned", id_first, [SIGNED, READY, CHARGING]),
    ("EnergyTransfer", id_first, [WITH_ENERGY]),
    ("EVConnected", id_first_at_a_shared_reader, [PLUGGED_IN, READY, CHARGING]),
    (
        "Authorized",
        id_first_at_a_shared_reader,
        [
            ("Started", "Authorized", "Idle"),
            ("Updated", "CablePluggedIn", "SuspendedEV"),
            READY,
            CHARGING,
        ],
    ),
    ("PowerPathClosed", id_first_at_a_shared_reader, [PLUGGED_IN, READY, CHARGING]),
    ("DataSigned", id_first_at_a_shared_reader, [SIGNED, READY, CHARGING]),
    ("EnergyTransfer", id_first_at_a_shared_reader, [WITH_ENERGY]),
]
SETS: list[tuple[tuple[str, ...], Callable[[Rig], None], Row]] = [
    (
        ("EVConnected", "Authorized"),
        cable_first,
        ("Started", "CablePluggedIn", "EVConnected"),
    ),
    (("EVConnected", "Authorized"), id_first, ("Started", "Authorized", "Idle")),
    (("DataSigned", "PowerPathClosed"), cable_first, AUTHORIZED),
    (("DataSigned", "PowerPathClosed"), id_first, PLUGGED_IN),
    (("DataSigned", "EnergyTransfer"), cable_first, SIGNED),
    (("PowerPathClosed", "EnergyTransfer"), cable_first, AUTHORIZED),
    (("Authorized", "EnergyTransfer"), id_first, ("Started", "Authorized", "Idle")),
]


@pytest.mark.requirement(
    *("E01.FR.02", "E01.FR.03", "E01.FR.04", "E01.FR.05", "E01.FR.06", "E01.FR.15", "E01.FR.18"),
    *("E02.FR.01", "E02.FR.06", "E02.FR.13", "E03.FR.01"),
)
@pytest.mark.parametrize(("start", "begin", "expected"), BEGINNINGS)
def test_each_start_point_starts_with_its_own_event(
    start: str, begin: Callable[[Rig], None], expected: list[Row]
) -> None:
    rig = Rig(SessionPolicy(start_points=points(start)))

    begin(rig)

    assert told(rig) == expected
    assert_well_told(rig.told)


@pytest.mark.requirement("E01.FR.02", "E01.FR.03", "E01.FR.04", "E01.FR.05", "E01.FR.06")
@pytest.mark.parametrize(("starts", "begin", "expected"), SETS)
def test_of_several_start_points_the_first_that_comes_true_starts(
    starts: tuple[str, ...], begin: Callable[[Rig], None], expected: Row
) -> None:
    rig = Rig(SessionPolicy(start_points=points(*starts)))

    begin(rig)

    assert told(rig)[0] == expected
    assert [phase for phase, _, _ in told(rig)].count("Started") == 1


@pytest.mark.requirement("E01.FR.04")
def test_signed_data_starts_nothing_while_readings_are_not_signed() -> None:
    policy = SessionPolicy(start_points=points("DataSigned"))
    rig = Rig(replace(policy, signing=replace(policy.signing, sampled=False)))

    cable_first(rig)

    assert rig.events == []
    assert not rig.lines.power_path_closed, "energy is never given away"


def tap(rig: Rig) -> None:
    rig.tap()


def remote(rig: Rig) -> None:
    rig.stop(REMOTE_STOP)


def unplug(rig: Rig) -> None:
    rig.unplug()


def pause(rig: Rig) -> None:
    rig.see(ev_ready=False, closed=False)


def revoke(rig: Rig) -> None:
    rig.revoke()


def fault(rig: Rig) -> None:
    rig.fault("rcd")


def reset(rig: Rig) -> None:
    rig.stop(RESET)


EARLY = ("Authorized", "PowerPathClosed", "EnergyTransfer")
GOES_ON = "Updated"
ENDINGS: list[tuple[Callable[[Rig], None], str, End]] = [
    *((tap, stop, ("Ended", "StopAuthorized", "EVConnected", "Local")) for stop in EARLY),
    (tap, "EVConnected", (GOES_ON, "StopAuthorized", "EVConnected", None)),
    *((remote, stop, ("Ended", "RemoteStop", "EVConnected", "Remote")) for stop in EARLY),
    (remote, "EVConnected", (GOES_ON, "RemoteStop", "EVConnected", None)),
    *((revoke, stop, ("Ended", "Deauthorized", "EVConnected", "DeAuthorized")) for stop in EARLY),
    (revoke, "EVConnected", (GOES_ON, "Deauthorized", "EVConnected", None)),
    *(
        (fault, stop, ("Ended", "AbnormalCondition", "EVConnected", "GroundFault"))
        for stop in EARLY
    ),
    (fault, "EVConnected", (GOES_ON, "AbnormalCondition", "EVConnected", None)),
    *(
        (unplug, stop, ("Ended", "EVCommunicationLost", "Idle", "EVDisconnected"))
        for stop in (*EARLY, "EVConnected")
    ),
    *(
        (reset, stop, ("Ended", "ResetCommand", "EVConnected", "ImmediateReset"))
        for stop in (*EARLY, "EVConnected")
    ),
    (pause, "EnergyTransfer", ("Ended", "ChargingStateChanged", "SuspendedEV", "StoppedByEV")),
    *(
        (pause, stop, (GOES_ON, "ChargingStateChanged", "SuspendedEV", None))
        for stop in ("EVConnected", "Authorized", "PowerPathClosed")
    ),
]


@pytest.mark.requirement(
    *("E06.FR.02", "E06.FR.03", "E06.FR.04", "E06.FR.06", "E06.FR.07", "E06.FR.08", "E06.FR.15"),
    *("E06.FR.16", "E07.FR.02", "E07.FR.05", "E07.FR.06", "E05.FR.09", "E05.FR.10", "F03.FR.02"),
)
@pytest.mark.parametrize("start", ["EVConnected", "PowerPathClosed", "EnergyTransfer"])
@pytest.mark.parametrize(("stop", "stop_point", "expected"), ENDINGS)
def test_each_stop_point_ends_with_the_reason_of_its_own(
    start: str, stop: Callable[[Rig], None], stop_point: str, expected: End
) -> None:
    rig = Rig(SessionPolicy(start_points=points(start), stop_points=points(stop_point)))
    rig.charge()
    rig.run(10)
    count = len(rig.events)

    stop(rig)

    phase, trigger, state, reason = expected
    assert {p for p, _, _ in told(rig)[count:-1]} <= {"Updated"}
    assert trigger in [t for _, t, _ in told(rig)[count:]]
    assert (rig.events[-1].phase, told(rig)[-1][2]) == (phase, state)
    if phase == "Ended":
        assert (rig.ended.trigger, rig.ended.stopped_reason) == (trigger, reason)
    assert_well_told(rig.told)


CONCLUDED = [(tap, "Local"), (remote, "Remote"), (revoke, "DeAuthorized"), (fault, "GroundFault")]


@pytest.mark.requirement("E06.FR.02", "E07.FR.06", "F04.FR.03")
@pytest.mark.parametrize(("stop", "reason"), CONCLUDED)
def test_where_only_unplugging_ends_it_keeps_the_reason_of_the_stop(
    stop: Callable[[Rig], None], reason: str
) -> None:
    rig = Rig(SessionPolicy(stop_points=points("EVConnected")))
    rig.charge()
    stop(rig)

    rig.unplug()

    assert told(rig)[-1] == ("Ended", "EVCommunicationLost", "Idle")
    assert rig.ended.stopped_reason == reason


# --- Every trigger reason of the standard: when this station tells it, or why it never does.


def _limit(rig: Rig) -> None:
    rig.do(LimitChanged(rig.state.limit_a / 2))


def _timeout(rig: Rig) -> None:
    rig.unplug()
    rig.run(120)


def _unlock(rig: Rig) -> None:
    rig.stop(UNLOCK)


SUSPENDING = {"stop_on_ev_side_disconnect": False}
WHILE_CHARGING: dict[TriggerReason, tuple[Callable[[Rig], None], dict[str, object]]] = {
    TriggerReason.ABNORMAL_CONDITION: (fault, {}),
    TriggerReason.CHARGING_RATE_CHANGED: (_limit, {}),
    TriggerReason.CHARGING_STATE_CHANGED: (pause, {}),
    TriggerReason.DEAUTHORIZED: (revoke, {}),
    TriggerReason.EV_COMMUNICATION_LOST: (unplug, {}),
    TriggerReason.EV_CONNECT_TIMEOUT: (_timeout, SUSPENDING),
    TriggerReason.METER_VALUE_CLOCK: (lambda rig: rig.do(AlignedDue()) and None, {}),
    TriggerReason.METER_VALUE_PERIODIC: (lambda rig: rig.run(61), {}),
    TriggerReason.REMOTE_STOP: (remote, {}),
    TriggerReason.RESET_COMMAND: (reset, {}),
    TriggerReason.STOP_AUTHORIZED: (tap, {}),
    TriggerReason.TRIGGER: (lambda rig: rig.do(EventTriggered()) and None, {}),
    TriggerReason.UNLOCK_COMMAND: (_unlock, {}),
}
AT_THE_BEGINNING: dict[TriggerReason, tuple[Callable[[Rig], object], str]] = {
    TriggerReason.AUTHORIZED: (cable_first, "PowerPathClosed"),
    TriggerReason.CABLE_PLUGGED_IN: (id_first, "PowerPathClosed"),
    TriggerReason.REMOTE_START: (lambda rig: rig.start_remotely(), "Authorized"),
    TriggerReason.SIGNED_DATA_RECEIVED: (cable_first, "DataSigned"),
}
NEVER = {
    "EVDeparted": "there is no parking bay sensor",
    "EVDetected": "there is no parking bay sensor",
    "EnergyLimitReached": "energy is limited after a refusal only, which suspends (E05.FR.02)",
    "TimeLimitReached": "no time limit can be set in 2.0.1",
    "CostLimitReached": "transaction limits (E16)",
    "LimitSet": "transaction limits (E16)",
    "SoCLimitReached": "transaction limits (E16)",
    "TxResumed": "transactions go on over a restart without interruption (E17)",
    "OperationModeChanged": "bidirectional charging",
    "RunningCost": "tariffs and costs",
    "TariffChanged": "tariffs and costs",
    "TariffNotAccepted": "tariffs and costs",
}


@pytest.mark.requirement("E02.FR.16", "E02.FR.17", "E02.FR.15", "E03.FR.12")
@pytest.mark.parametrize("begin", [cable_first, id_first])
@pytest.mark.parametrize("trigger", WHILE_CHARGING)
def test_each_trigger_in_a_transaction_is_told_by_its_own_reason(
    trigger: TriggerReason, begin: Callable[[Rig], None]
) -> None:
    happens, rules = WHILE_CHARGING[trigger]
    rig = Rig(replace(SessionPolicy(), **rules))  # type: ignore[arg-type]
    begin(rig)
    count = len(rig.events)

    happens(rig)

    assert trigger in [event.trigger for event in rig.events[count:]]
    assert_well_told(rig.told)


@pytest.mark.requirement("E02.FR.17", "E03.FR.12", "E01.FR.15")
@pytest.mark.parametrize("trigger", AT_THE_BEGINNING)
def test_each_way_to_begin_is_told_by_its_own_reason(trigger: TriggerReason) -> None:
    begins, start = AT_THE_BEGINNING[trigger]
    rig = Rig(SessionPolicy(start_points=points(start)))

    begins(rig)

    assert (rig.events[0].phase, rig.events[0].trigger) == (TransactionPhase.STARTED, trigger)


@pytest.mark.parametrize("folder", ["v201", "v21"])
def test_no_trigger_reason_of_the_standard_is_forgotten(folder: str) -> None:
    schema = files("ocpp") / folder / "schemas" / "TransactionEventRequest.json"
    definitions = json.loads(schema.read_text(encoding="utf-8-sig"))["definitions"]
    standard = set(definitions["TriggerReasonEnumType"]["enum"])

    told_here = {str(trigger) for trigger in (*WHILE_CHARGING, *AT_THE_BEGINNING)}
    assert not told_here & NEVER.keys()
    assert standard <= told_here | NEVER.keys()
    assert told_here <= standard
