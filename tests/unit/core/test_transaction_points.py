from dataclasses import replace
from itertools import product

import pytest

from agent.core.session_state import SessionPolicy
from agent.core.snapshot import EvseSnapshot
from agent.core.transaction_points import holding, starts, stops
from agent.core.vocabulary import TxPoint
from tests.unit.core.session_rig import points

PLUGGED_IN = EvseSnapshot(plugged_in=True)
AUTHORIZED = EvseSnapshot(authorized=True)
BOTH = EvseSnapshot(plugged_in=True, authorized=True)
FLOWING = replace(BOTH, ev_ready=True, power_path_closed=True)
SITUATIONS = {"idle": EvseSnapshot(), "plug": PLUGGED_IN, "id": AUTHORIZED, "both": BOTH}


@pytest.mark.requirement("E01.FR.02", "E01.FR.03", "E01.FR.04", "E01.FR.05", "E01.FR.06")
@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (EvseSnapshot(), ()),
        (PLUGGED_IN, ("EVConnected",)),
        (AUTHORIZED, ("Authorized",)),
        (BOTH, ("EVConnected", "Authorized", "PowerPathClosed", "DataSigned")),
        (
            FLOWING,
            ("EVConnected", "Authorized", "PowerPathClosed", "DataSigned", "EnergyTransfer"),
        ),
        (replace(FLOWING, authorized=False), ("EVConnected",)),
        (
            replace(FLOWING, ev_ready=False),
            ("EVConnected", "Authorized", "PowerPathClosed", "DataSigned"),
        ),
    ],
)
def test_each_condition_holds_when_the_standard_says(
    snapshot: EvseSnapshot, expected: tuple[str, ...]
) -> None:
    assert holding(snapshot) == points(*expected)


def test_a_start_point_that_holds_starts() -> None:
    for snapshot, point in product((*SITUATIONS.values(), FLOWING), TxPoint):
        policy = SessionPolicy(start_points=frozenset({point}))
        assert starts(snapshot, policy) == (point in holding(snapshot))


def test_the_first_of_several_start_points_starts() -> None:
    policy = SessionPolicy(start_points=points("EnergyTransfer", "Authorized"))

    assert starts(AUTHORIZED, policy)
    assert not starts(PLUGGED_IN, policy)


@pytest.mark.requirement("G03.FR.06")
@pytest.mark.parametrize(
    "unusable", [{"operative": False}, {"faults": frozenset({"over_temperature"})}]
)
def test_an_unusable_evse_starts_only_what_flows_already(unusable: dict[str, object]) -> None:
    policy = SessionPolicy(start_points=frozenset(TxPoint))

    assert not starts(replace(BOTH, **unusable), policy)  # type: ignore[arg-type]
    assert starts(replace(FLOWING, **unusable), policy)  # type: ignore[arg-type]


def test_a_cable_left_in_starts_nothing_without_a_new_authorization() -> None:
    policy = SessionPolicy(start_points=points("EVConnected"))

    assert not starts(replace(PLUGGED_IN, transaction_ended=True), policy)
    assert starts(replace(BOTH, transaction_ended=True), policy)


@pytest.mark.requirement("E06.FR.02", "E06.FR.03", "E06.FR.06", "E06.FR.07")
@pytest.mark.parametrize(
    ("before", "after", "stop_points"),
    [
        (BOTH, AUTHORIZED, ("EVConnected", "PowerPathClosed")),
        (BOTH, PLUGGED_IN, ("Authorized", "PowerPathClosed")),
        (FLOWING, BOTH, ("EnergyTransfer",)),
        (FLOWING, FLOWING, ()),
        (PLUGGED_IN, BOTH, ()),
    ],
)
def test_a_stop_point_that_is_lost_stops(
    before: EvseSnapshot, after: EvseSnapshot, stop_points: tuple[str, ...]
) -> None:
    for point in set(TxPoint) - {TxPoint.DATA_SIGNED}:
        policy = SessionPolicy(stop_points=frozenset({point}))
        assert stops(before, after, policy) == (point in points(*stop_points))


@pytest.mark.requirement("E06.FR.05")
def test_signed_data_is_no_stop_point() -> None:
    assert not stops(BOTH, AUTHORIZED, SessionPolicy(stop_points=points("DataSigned")))


@pytest.mark.requirement("E03.FR.05", "E03.FR.15")
def test_with_nothing_left_the_transaction_is_over_unless_a_bay_keeps_it() -> None:
    nothing = EvseSnapshot()
    for point in set(TxPoint) - {TxPoint.PARKING_BAY_OCCUPANCY}:
        assert stops(nothing, nothing, SessionPolicy(stop_points=frozenset({point})))

    bay = SessionPolicy(stop_points=points("ParkingBayOccupancy"))
    assert not stops(AUTHORIZED, nothing, bay)
    also = SessionPolicy(stop_points=points("ParkingBayOccupancy", "Authorized"))
    assert stops(AUTHORIZED, nothing, also)


@pytest.mark.requirement("S16-TXN-08")
def test_an_authorized_ev_that_may_come_back_stops_nothing() -> None:
    policy = SessionPolicy(stop_points=frozenset(TxPoint), stop_on_ev_side_disconnect=False)

    assert not stops(FLOWING, AUTHORIZED, policy)
    assert stops(FLOWING, EvseSnapshot(), policy)
