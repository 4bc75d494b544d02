from itertools import product

import pytest

from agent.core.indication import Indication, indication
from agent.core.snapshot import EvseSnapshot

PLUGGED = {"plugged_in": True}
HELD = {**PLUGGED, "authorized": True, "in_transaction": True}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, Indication.AVAILABLE),
        ({"faults": frozenset({"reader_lost"})}, Indication.AVAILABLE),
        ({"faults": frozenset({"rcd"}), **HELD}, Indication.FAULTED),
        ({"operative": False}, Indication.UNAVAILABLE),
        ({"operative": False, **HELD, "offered": True}, Indication.SUSPENDED_EV),
        ({"reserved": True}, Indication.RESERVED),
        ({"reserved": True, **PLUGGED}, Indication.PREPARING),
        (PLUGGED, Indication.PREPARING),
        ({**PLUGGED, "transaction_ended": True}, Indication.FINISHED),
        ({"cable_kept": True}, Indication.PREPARING),
        ({"authorized": True, "awaiting_ev": True}, Indication.AUTHORIZED),
        (HELD, Indication.SUSPENDED_EVSE),
        ({**HELD, "offered": True}, Indication.SUSPENDED_EV),
        (
            {**HELD, "offered": True, "ev_ready": True, "power_path_closed": True},
            Indication.CHARGING,
        ),
    ],
    ids=str,
)
def test_a_light_says_the_most_important_thing(
    facts: dict[str, bool], expected: Indication
) -> None:
    assert indication(EvseSnapshot(**facts)) is expected  # type: ignore[arg-type]


def test_the_connection_matters_only_to_whom_it_might_keep_from_charging() -> None:
    assert indication(EvseSnapshot(), online=False) is Indication.OFFLINE
    plugged_in = EvseSnapshot(plugged_in=True)
    assert indication(plugged_in, online=False) is Indication.PREPARING


def test_an_update_is_shown_unless_there_is_a_fault() -> None:
    assert indication(EvseSnapshot(), updating=True) is Indication.UPDATING
    faulted = EvseSnapshot(faults=frozenset({"estop"}))
    assert indication(faulted, updating=True) is Indication.FAULTED


def test_red_and_only_red_means_that_nobody_can_charge_here() -> None:
    names = ("operative", "plugged_in", "authorized", "offered", "in_transaction", "reserved")
    for values in product((False, True), repeat=len(names)):
        snapshot = EvseSnapshot(**dict(zip(names, values, strict=True)))
        said = indication(snapshot)
        assert said is not Indication.FAULTED
        assert (said is Indication.UNAVAILABLE) == (
            not snapshot.operative and not snapshot.in_transaction
        )
