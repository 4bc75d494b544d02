from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from agent.core.events import EvseChanged, StationChanged
from agent.core.fault_taxonomy import FAULTS, MREC_VENDOR
from agent.core.metering import Reading
from agent.core.session import Session, idle_state
from agent.core.session_state import (
    AvailabilityChanged,
    Elapsed,
    LimitChanged,
    LinesChanged,
    Moment,
    SessionPolicy,
    Stimulus,
    TokenJudged,
    TokenPresented,
)
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import AuthorizationStatus, AuthorizedBy, IdTokenInfo
from agent.ocpp.v16.error_codes import ERROR_CODES
from agent.ocpp.v16.status import charge_point_status
from tests.unit.ocpp.v16.instances import NOW, SENT_NOW, TOKEN, TRANSACTION_ID, silent, told

IDLE = EvseSnapshot()
PLUGGED_IN = EvseSnapshot(plugged_in=True)
RUNNING = EvseSnapshot(plugged_in=True, authorized=True, in_transaction=True, offered=True)
CHARGING = replace(RUNNING, ev_ready=True, power_path_closed=True)
ENDING = replace(RUNNING, authorized=False, offered=False)


def changed(before: EvseSnapshot | None, after: EvseSnapshot, **more: Any) -> EvseChanged:
    return EvseChanged(at=NOW, evse=2, before=before, after=after, **more)


def status_of(snapshot: EvseSnapshot) -> str:
    _, payload = told(changed(None, snapshot))
    return str(payload["status"])


# --- The table.


@pytest.mark.parametrize(
    ("snapshot", "status"),
    [
        (IDLE, "Available"),
        (EvseSnapshot(reserved=True), "Reserved"),
        (EvseSnapshot(operative=False), "Unavailable"),
        (EvseSnapshot(operative=False, reserved=True), "Unavailable"),
        (EvseSnapshot(operative=False, plugged_in=True), "Unavailable"),
        (EvseSnapshot(operative=False, authorized=True), "Unavailable"),
        (PLUGGED_IN, "Preparing"),
        (EvseSnapshot(authorized=True, awaiting_ev=True), "Preparing"),
        (replace(PLUGGED_IN, reserved=True), "Preparing"),
        (replace(PLUGGED_IN, transaction_ended=True), "Finishing"),
        (replace(PLUGGED_IN, transaction_ended=True, authorized=True), "Preparing"),
        (CHARGING, "Charging"),
        (replace(CHARGING, operative=False), "Charging"),
        (replace(CHARGING, offered=False), "Charging"),
        (replace(CHARGING, offered=False, authorized=False), "Charging"),
        (RUNNING, "SuspendedEV"),
        (replace(RUNNING, power_path_closed=True), "SuspendedEV"),
        (replace(RUNNING, ev_ready=True), "SuspendedEV"),
        (replace(RUNNING, offered=False), "SuspendedEVSE"),
        (replace(RUNNING, offered=False, ev_ready=True), "SuspendedEVSE"),
        (replace(RUNNING, plugged_in=False, offered=False, awaiting_ev=True), "SuspendedEV"),
        (replace(ENDING, plugged_in=False), "Finishing"),
        (replace(ENDING, power_path_closed=True), "Finishing"),
        (ENDING, "Preparing"),
        (EvseSnapshot(faults=frozenset({"rcd"})), "Faulted"),
        (replace(CHARGING, faults=frozenset({"over_temperature"})), "Faulted"),
        (EvseSnapshot(operative=False, faults=frozenset({"estop"})), "Faulted"),
        (EvseSnapshot(faults=frozenset({"reader_lost"})), "Available"),
    ],
)
def test_facts_decide_the_status(snapshot: EvseSnapshot, status: str) -> None:
    assert status_of(snapshot) == status


def all_snapshots() -> Iterator[EvseSnapshot]:
    flags = [field.name for field in fields(EvseSnapshot) if field.name != "faults"]
    for faults in (frozenset[str](), frozenset({"lock"}), frozenset({"reader_lost"})):
        for values in product((False, True), repeat=len(flags)):
            yield EvseSnapshot(faults=faults, **dict(zip(flags, values, strict=True)))


@pytest.mark.requirement("S16-STAT-03", "S16-STAT-04")
def test_of_all_states_there_are_only_those_that_the_facts_bear_out() -> None:
    for snapshot in all_snapshots():
        status = charge_point_status(snapshot).value
        healthy = not snapshot.faulted
        running = snapshot.in_transaction and healthy
        idle = not snapshot.in_transaction and healthy
        flows = snapshot.power_path_closed and snapshot.ev_ready
        taken = snapshot.plugged_in or snapshot.authorized or snapshot.cable_kept
        suspended = running and snapshot.authorized and not flows
        withheld = suspended and snapshot.plugged_in and not snapshot.offered
        assert (status == "Faulted") is snapshot.faulted
        assert (status == "Charging") is (running and flows)
        assert (status == "SuspendedEVSE") is withheld
        assert (status == "SuspendedEV") is (suspended and not withheld)
        assert (status == "Unavailable") is (idle and not snapshot.operative)
        free = idle and snapshot.operative and not taken
        assert (status == "Reserved") is (free and snapshot.reserved)
        assert (status == "Available") is (free and not snapshot.reserved)


# --- What is told.


@pytest.mark.requirement("S16-STAT-01")
def test_a_change_of_status_is_told_with_its_time_and_connector() -> None:
    assert told(changed(IDLE, PLUGGED_IN)) == (
        "StatusNotification",
        {
            "connectorId": 2,
            "errorCode": "NoError",
            "status": "Preparing",
            "timestamp": SENT_NOW,
        },
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (RUNNING, replace(RUNNING, ev_ready=True)),
        (CHARGING, replace(CHARGING, offered=False)),
        (IDLE, replace(IDLE, transaction_ended=True)),
    ],
)
def test_what_the_status_does_not_show_is_no_news(
    before: EvseSnapshot, after: EvseSnapshot
) -> None:
    assert silent(changed(before, after))


def test_without_a_before_the_present_state_is_told() -> None:
    assert status_of(IDLE) == "Available"


def test_every_error_code_is_that_of_a_fault_that_exists() -> None:
    assert set(ERROR_CODES) <= {kind.name for kind in FAULTS}


@pytest.mark.requirement("S16-STAT-01")
@pytest.mark.parametrize("fault", [kind.name for kind in FAULTS])
def test_every_fault_is_told_in_legal_words(fault: str) -> None:
    _, payload = told(changed(IDLE, replace(IDLE, faults=frozenset({fault}))))

    assert payload["errorCode"] != "NoError"


@pytest.mark.requirement("S16-STAT-08")
@pytest.mark.parametrize(
    ("fault", "error_code", "vendor_error_code"),
    [
        ("rcd", "GroundFailure", "CX002"),
        ("pe", "GroundFailure", None),
        ("diode", "OtherError", "CX014"),
        ("cp_short", "OtherError", "CX014"),
        ("cp_negative", "OtherError", "CX014"),
        ("over_temperature", "HighTemperature", "CX003"),
        ("over_current", "OverCurrentFailure", "CX004"),
        ("contactor_welded", "PowerSwitchFailure", "CX017"),
        ("contactor_stuck_open", "PowerSwitchFailure", "CX017"),
        ("lock", "ConnectorLockFailure", "CX001"),
        ("estop", "OtherError", "CX008"),
        ("meter_lost", "PowerMeterFailure", None),
        ("under_voltage", "UnderVoltage", "CX006"),
        ("ventilation", "OtherError", None),
        ("other", "OtherError", None),
        ("lines_lost", "InternalError", None),
        ("guard_lost", "InternalError", None),
        ("internal", "InternalError", None),
        ("never_heard_of", "OtherError", None),
    ],
)
def test_a_fault_is_told_with_its_code_and_under_whose_code_there_is(
    fault: str, error_code: str, vendor_error_code: str | None
) -> None:
    _, payload = told(changed(IDLE, replace(IDLE, faults=frozenset({fault}))))

    assert payload["status"] == "Faulted"
    assert payload["errorCode"] == error_code
    assert payload["vendorErrorCode"] == (vendor_error_code or fault)
    assert payload.get("vendorId") == (MREC_VENDOR if vendor_error_code else None)
    assert payload["info"] == fault


def test_a_lost_reader_is_an_error_of_an_available_connector() -> None:
    _, payload = told(changed(IDLE, replace(IDLE, faults=frozenset({"reader_lost"}))))

    assert (payload["status"], payload["errorCode"]) == ("Available", "ReaderFailure")


def test_the_most_serious_fault_gives_the_code_and_all_are_named() -> None:
    faults = frozenset({"reader_lost", "over_temperature", "rcd", "zzz"})

    _, payload = told(changed(IDLE, replace(IDLE, faults=faults)))

    assert payload["errorCode"] == "GroundFailure"
    assert payload["vendorErrorCode"] == "CX002"
    assert payload["info"] == "rcd,over_temperature,reader_lost,zzz"


def test_another_fault_is_news_though_the_status_stays() -> None:
    before = replace(IDLE, faults=frozenset({"over_temperature"}))
    after = replace(IDLE, faults=frozenset({"over_temperature", "rcd"}))

    assert told(changed(before, after))[1]["errorCode"] == "GroundFailure"
    assert silent(changed(after, replace(after, reserved=True)))


def test_the_vendors_own_words_replace_the_faults_names() -> None:
    after = replace(IDLE, faults=frozenset({"lock"}))

    _, payload = told(changed(IDLE, after, vendor_error="E" * 60))

    assert payload["vendorErrorCode"] == "E" * 50
    assert "vendorId" not in payload


@pytest.mark.requirement("S16-STAT-02")
@pytest.mark.parametrize(
    ("operative", "faults", "status", "error_code"),
    [
        (True, frozenset[str](), "Available", "NoError"),
        (False, frozenset[str](), "Unavailable", "NoError"),
        (False, frozenset({"estop"}), "Faulted", "OtherError"),
        (True, frozenset({"reader_lost"}), "Available", "ReaderFailure"),
    ],
)
def test_the_station_as_a_whole_is_connector_0(
    operative: bool, faults: frozenset[str], status: str, error_code: str
) -> None:
    _, payload = told(StationChanged(at=NOW, operative=operative, faults=faults))

    assert payload["connectorId"] == 0
    assert (payload["status"], payload["errorCode"]) == (status, error_code)


# --- Transitions, with the session that makes them.

PLUG = LinesChanged(plugged_in=True, ev_ready=False, power_path_closed=False)
READY = replace(PLUG, ev_ready=True)
CLOSED = replace(READY, power_path_closed=True)
UNPLUG = LinesChanged(plugged_in=False, ev_ready=False, power_path_closed=False)
TORN_OUT = replace(UNPLUG, power_path_closed=True)
TAP = TokenPresented(TOKEN)
YES = TokenJudged(TOKEN, IdTokenInfo(AuthorizationStatus.ACCEPTED), AuthorizedBy.CSMS)
CURRENT, NO_CURRENT = LimitChanged(Decimal(16)), LimitChanged(Decimal(0))
INOPERATIVE = AvailabilityChanged(operative=False)


def faulty(lines: LinesChanged, *faults: str) -> LinesChanged:
    return replace(lines, faults=frozenset(faults))


def notifications(
    *stimuli: Stimulus | float, policy: SessionPolicy | None = None
) -> list[dict[str, Any]]:
    """Play stimuli (a number lets seconds pass) and return the StatusNotifications."""
    session, now_s, sent = Session(idle_state(2), policy or SessionPolicy()), 0.0, []
    for stimulus in (CURRENT, *stimuli):
        now_s += stimulus if isinstance(stimulus, float) else 0.1
        moment = Moment(
            at=NOW + timedelta(seconds=now_s),
            now_s=now_s,
            reading=Reading(Decimal(1000)),
            fresh_id=TRANSACTION_ID,
        )
        before = session.state.snapshot
        session.handle(Elapsed() if isinstance(stimulus, float) else stimulus, moment)
        event = changed(before, session.state.snapshot)
        if before != session.state.snapshot and not silent(event):
            sent.append(told(event)[1])
    return sent


def statuses(*stimuli: Stimulus | float, policy: SessionPolicy | None = None) -> list[str]:
    return [sent["status"] for sent in notifications(*stimuli, policy=policy)]


@pytest.mark.requirement("S16-STAT-01", "S16-STAT-04")
def test_a_session_goes_through_the_states_of_a_session() -> None:
    assert statuses(PLUG, TAP, YES, READY, CLOSED, TAP, READY, UNPLUG) == [
        "Preparing",
        "SuspendedEV",
        "Charging",
        "Finishing",
        "Available",
    ]


@pytest.mark.requirement("S16-STAT-03", "S16-STAT-04")
def test_pauses_of_the_station_and_of_the_ev_are_told_apart() -> None:
    charging = (PLUG, TAP, YES, READY, CLOSED)
    assert statuses(*charging, NO_CURRENT, READY, PLUG, CURRENT, READY, CLOSED)[2:] == [
        "Charging",
        "SuspendedEVSE",
        "SuspendedEV",
        "Charging",
    ]
    assert statuses(*charging, PLUG, READY, CLOSED)[2:] == ["Charging", "SuspendedEV", "Charging"]


def test_a_token_may_come_first() -> None:
    assert statuses(TAP, YES, PLUG, CLOSED) == ["Preparing", "SuspendedEV", "Charging"]


def test_a_token_without_ev_returns_to_available_in_time() -> None:
    assert statuses(TAP, YES, 61.0) == ["Preparing", "Available"]


@pytest.mark.requirement("S16-STAT-05")
def test_an_ev_without_token_ends_in_finishing() -> None:
    assert statuses(PLUG, 61.0, UNPLUG) == ["Preparing", "Finishing", "Available"]


def test_the_next_session_starts_from_finishing() -> None:
    assert statuses(PLUG, 61.0, TAP, YES, CLOSED)[1:] == ["Finishing", "SuspendedEV", "Charging"]


@pytest.mark.requirement("S16-STAT-07")
@pytest.mark.parametrize(
    ("stimuli", "lines", "status"),
    [
        ((), UNPLUG, "Available"),
        ((PLUG,), PLUG, "Preparing"),
        ((PLUG, TAP, YES), PLUG, "SuspendedEV"),
        ((PLUG, TAP, YES, NO_CURRENT), READY, "SuspendedEVSE"),
        ((PLUG, TAP, YES), CLOSED, "Charging"),
        ((PLUG, 61.0), PLUG, "Finishing"),
        ((INOPERATIVE,), UNPLUG, "Unavailable"),
    ],
)
def test_the_state_before_a_fault_returns_when_it_clears(
    stimuli: tuple[Stimulus | float, ...], lines: LinesChanged, status: str
) -> None:
    sent = statuses(*stimuli, lines, faulty(lines, "over_temperature"), lines)
    assert sent[-2:] == ["Faulted", status]


def test_a_fatal_fault_ends_the_transaction() -> None:
    assert statuses(PLUG, TAP, YES, CLOSED, faulty(READY, "rcd"), READY)[2:] == [
        "Charging",
        "Faulted",
        "Finishing",
    ]


@pytest.mark.requirement("S16-STAT-09")
def test_an_ev_that_leaves_is_told_whatever_the_setting() -> None:
    charging = (PLUG, TAP, YES, CLOSED)
    stays = SessionPolicy(stop_on_ev_side_disconnect=False)
    for policy, stimuli, status in (
        (SessionPolicy(), charging, "Finishing"),
        (stays, charging, "SuspendedEV"),
        (stays, (PLUG, TAP, YES), "SuspendedEV"),
    ):
        sent = notifications(*stimuli, TORN_OUT, policy=policy)[-1]
        assert (sent["status"], sent["errorCode"]) == (status, "NoError")
        assert sent["info"] == "EV side disconnected"


def test_after_the_disconnect_the_connector_is_available_or_the_ev_comes_back() -> None:
    charging = (PLUG, TAP, YES, CLOSED)
    stays = SessionPolicy(stop_on_ev_side_disconnect=False)
    assert statuses(*charging, TORN_OUT, UNPLUG)[-2:] == ["Finishing", "Available"]
    assert statuses(*charging, UNPLUG, PLUG, CLOSED, policy=stays)[-2:] == [
        "SuspendedEV",
        "Charging",
    ]


def test_an_inoperative_connector_is_unavailable_until_it_is_operative() -> None:
    operative = AvailabilityChanged(operative=True)
    assert statuses(INOPERATIVE, operative) == ["Unavailable", "Available"]
    assert statuses(PLUG, INOPERATIVE, operative) == ["Preparing", "Unavailable", "Preparing"]
    ending = (PLUG, TAP, YES, CLOSED, INOPERATIVE, TAP, READY)
    assert statuses(*ending)[2:] == ["Charging", "Unavailable"]
