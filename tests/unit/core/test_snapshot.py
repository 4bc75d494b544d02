from itertools import product

import pytest

from agent.core.snapshot import EvseSnapshot, charging_state, connector_status
from agent.core.vocabulary import ChargingState, ConnectorStatus

EVERY_SNAPSHOT = [
    EvseSnapshot(
        operative=operative,
        faults=frozenset(faults),
        reserved=reserved,
        plugged_in=plugged_in,
        ev_ready=ev_ready,
        authorized=authorized,
        offered=offered,
        power_path_closed=closed,
        in_transaction=in_transaction,
    )
    for (
        operative,
        faults,
        reserved,
        plugged_in,
        ev_ready,
        authorized,
        offered,
        closed,
        in_transaction,
    ) in product((True, False), ((), ("rcd",), ("reader_lost",)), *([(False, True)] * 7))
]


@pytest.mark.requirement("G01.FR.01", "G01.FR.03", "G01.FR.04", "E02.FR.05")
@pytest.mark.parametrize(
    ("snapshot", "status"),
    [
        (EvseSnapshot(), ConnectorStatus.AVAILABLE),
        (EvseSnapshot(plugged_in=True), ConnectorStatus.OCCUPIED),
        (EvseSnapshot(in_transaction=True), ConnectorStatus.OCCUPIED),
        (EvseSnapshot(plugged_in=True, transaction_ended=True), ConnectorStatus.OCCUPIED),
        (EvseSnapshot(authorized=True, awaiting_ev=True), ConnectorStatus.AVAILABLE),
        (EvseSnapshot(faults=frozenset({"rcd"})), ConnectorStatus.FAULTED),
        (EvseSnapshot(faults=frozenset({"reader_lost"})), ConnectorStatus.AVAILABLE),
    ],
)
def test_a_connector_shows_what_a_new_driver_would_meet(
    snapshot: EvseSnapshot, status: ConnectorStatus
) -> None:
    assert connector_status(snapshot) is status


@pytest.mark.requirement("G01.FR.05", "G03.FR.06", "G04.FR.07")
@pytest.mark.parametrize("plugged_in", [False, True])
def test_an_inoperative_connector_is_unavailable_once_its_transaction_is_over(
    *, plugged_in: bool
) -> None:
    running = EvseSnapshot(operative=False, plugged_in=plugged_in, in_transaction=True)
    free = EvseSnapshot(operative=False, plugged_in=plugged_in)

    assert connector_status(running) is ConnectorStatus.OCCUPIED
    assert connector_status(free) is ConnectorStatus.UNAVAILABLE


@pytest.mark.requirement("G01.FR.06", "G01.FR.09", "G03.FR.09")
def test_a_reserved_connector_stays_reserved_until_its_token_and_its_ev_are_there() -> None:
    reserved = EvseSnapshot(reserved=True)
    plugged_in = EvseSnapshot(reserved=True, plugged_in=True)
    running = EvseSnapshot(reserved=True, plugged_in=True, in_transaction=True)
    authorized = EvseSnapshot(reserved=True, plugged_in=True, authorized=True)

    assert connector_status(reserved) is ConnectorStatus.RESERVED
    assert connector_status(plugged_in) is ConnectorStatus.RESERVED
    assert connector_status(running) is ConnectorStatus.RESERVED
    assert connector_status(authorized) is ConnectorStatus.OCCUPIED


@pytest.mark.requirement("E01.FR.19")
@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, ChargingState.IDLE),
        ({"authorized": True, "ev_ready": True}, ChargingState.IDLE),
        ({"plugged_in": True}, ChargingState.EV_CONNECTED),
        (
            {"plugged_in": True, "ev_ready": True, "power_path_closed": True},
            ChargingState.EV_CONNECTED,
        ),
        ({"plugged_in": True, "authorized": True}, ChargingState.SUSPENDED_EVSE),
        (
            {"plugged_in": True, "authorized": True, "ev_ready": True},
            ChargingState.SUSPENDED_EVSE,
        ),
        ({"plugged_in": True, "authorized": True, "offered": True}, ChargingState.SUSPENDED_EV),
        (
            {"plugged_in": True, "authorized": True, "offered": True, "ev_ready": True},
            ChargingState.EV_CONNECTED,
        ),
        (
            {
                "plugged_in": True,
                "authorized": True,
                "offered": True,
                "ev_ready": True,
                "power_path_closed": True,
            },
            ChargingState.CHARGING,
        ),
        (
            {
                "plugged_in": True,
                "authorized": True,
                "ev_ready": True,
                "power_path_closed": True,
            },
            ChargingState.CHARGING,
        ),
        (
            {
                "plugged_in": True,
                "authorized": True,
                "offered": True,
                "power_path_closed": True,
            },
            ChargingState.SUSPENDED_EV,
        ),
    ],
)
def test_the_charging_state_follows_from_the_facts(
    facts: dict[str, bool], state: ChargingState
) -> None:
    assert charging_state(EvseSnapshot(**facts)) is state  # type: ignore[arg-type]


def test_charging_is_shown_exactly_while_an_authorized_ev_gets_energy() -> None:
    for snapshot in EVERY_SNAPSHOT:
        charging = snapshot.plugged_in and snapshot.authorized and snapshot.energy_flows
        assert (charging_state(snapshot) is ChargingState.CHARGING) == charging


def test_a_fault_is_shown_whatever_else_is_true() -> None:
    for snapshot in EVERY_SNAPSHOT:
        faulted = connector_status(snapshot) is ConnectorStatus.FAULTED
        assert faulted == ("rcd" in snapshot.faults)


@pytest.mark.requirement("S16-STAT-03", "S16-STAT-04")
def test_where_both_sides_suspend_the_evse_is_the_one_told() -> None:
    both = EvseSnapshot(plugged_in=True, authorized=True, offered=False, ev_ready=False)

    assert charging_state(both) is ChargingState.SUSPENDED_EVSE


@pytest.mark.requirement("E09.FR.03")
def test_a_cable_that_is_kept_occupies_its_connector() -> None:
    assert connector_status(EvseSnapshot(cable_kept=True)) is ConnectorStatus.OCCUPIED
