from dataclasses import replace

import pytest

from agent.core.session_state import CableReleased, Cause, SessionPolicy, StopOrdered
from agent.core.vocabulary import (
    AuthorizationStatus,
    IdTokenInfo,
    StoppedReason,
    TriggerReason,
)
from tests.unit.core.session_rig import DRIVER, PARTNER, STRANGER, Rig, assert_well_told, points

KEEPING = SessionPolicy(unlock_on_ev_side_disconnect=False)
SUSPENDING = SessionPolicy(stop_on_ev_side_disconnect=False)
REMOTE_STOP = StopOrdered(Cause(TriggerReason.REMOTE_STOP, StoppedReason.REMOTE))


def unplugged_at_the_ev(policy: SessionPolicy) -> Rig:
    rig = Rig(policy)
    rig.charge()
    rig.run(30)
    rig.unplug_at_the_ev()
    return rig


def kept(rig: Rig) -> bool:
    assert bool(rig.state.snapshot.cable_kept) == (rig.state.cable_keeper is not None)
    return rig.state.cable_keeper is not None


@pytest.mark.requirement("E09.FR.01", "E09.FR.02")
def test_a_cable_unplugged_at_the_ev_is_free_where_the_operator_wants_it_so() -> None:
    rig = unplugged_at_the_ev(SessionPolicy())

    assert rig.ended.stopped_reason is StoppedReason.EV_DISCONNECTED
    assert not kept(rig)


@pytest.mark.requirement("E09.FR.01", "E09.FR.03", "E09.FR.04")
@pytest.mark.parametrize("token", [DRIVER, PARTNER])
def test_a_cable_unplugged_at_the_ev_waits_for_its_driver_or_the_group(token: object) -> None:
    rig = unplugged_at_the_ev(KEEPING)
    assert rig.ended.trigger is TriggerReason.EV_COMMUNICATION_LOST
    assert kept(rig)
    rig.run(3600)
    assert kept(rig)
    told = len(rig.events)

    rig.tap(STRANGER)
    assert kept(rig)
    assert rig.last.refused == STRANGER
    rig.tap(DRIVER if token is DRIVER else PARTNER)

    assert not kept(rig)
    assert rig.state.authorization is None
    assert len(rig.events) == told
    assert_well_told(rig.told)


@pytest.mark.requirement("E09.FR.03")
def test_a_partner_whose_token_is_refused_does_not_get_the_cable() -> None:
    rig = unplugged_at_the_ev(KEEPING)

    rig.tap(PARTNER, IdTokenInfo(AuthorizationStatus.BLOCKED))

    assert kept(rig)


@pytest.mark.requirement("E10.FR.01", "E10.FR.03")
@pytest.mark.parametrize("unlocks", [True, False])
def test_a_suspended_transaction_keeps_the_cable_until_its_token_comes(unlocks: bool) -> None:
    rig = unplugged_at_the_ev(replace(SUSPENDING, unlock_on_ev_side_disconnect=unlocks))
    assert rig.state.transaction is not None
    assert kept(rig)

    rig.tap()

    assert not kept(rig)
    assert rig.ended.trigger is TriggerReason.STOP_AUTHORIZED
    assert_well_told(rig.told)


@pytest.mark.requirement("E10.FR.01")
def test_the_cable_outlasts_the_time_in_which_the_ev_may_come_back() -> None:
    rig = unplugged_at_the_ev(SUSPENDING)
    rig.run(120)
    assert rig.ended.trigger is TriggerReason.EV_CONNECT_TIMEOUT
    assert kept(rig)

    rig.tap()

    assert not kept(rig)


def test_an_ev_that_comes_back_uses_the_cable_again() -> None:
    rig = unplugged_at_the_ev(SUSPENDING)

    rig.plug(ready=True)

    assert not kept(rig)
    assert rig.lines.power_path_closed


@pytest.mark.requirement("E10.FR.02")
def test_an_attached_cable_is_kept_for_nobody() -> None:
    for policy in (KEEPING, SUSPENDING):
        rig = Rig(policy)
        rig.charge()
        rig.unplug()
        assert not kept(rig)


@pytest.mark.requirement("E09.FR.03")
def test_a_driver_who_stopped_before_unplugging_has_the_cable() -> None:
    rig = Rig(replace(KEEPING, stop_points=points("EVConnected")))
    rig.charge()
    rig.tap()

    rig.unplug_at_the_ev()

    assert rig.state.transaction is None
    assert not kept(rig)


@pytest.mark.requirement("C02.FR.01")
def test_a_cable_of_nobody_is_not_kept() -> None:
    rig = Rig(replace(KEEPING, authorization_required=False))
    rig.plug(ready=True)
    assert rig.lines.power_path_closed

    rig.unplug_at_the_ev()

    assert not kept(rig)


@pytest.mark.requirement("E05.FR.11", "E05.FR.10")
def test_after_a_refusal_the_cable_waits_for_its_owner() -> None:
    rig = Rig()
    rig.charge()
    rig.see(cable_max_a=20)
    rig.revoke()
    assert rig.ended.stopped_reason is StoppedReason.DE_AUTHORIZED
    assert kept(rig)

    rig.tap(STRANGER)
    assert kept(rig)
    assert rig.state.authorization is None
    rig.tap()
    assert not kept(rig)
    assert rig.last.judge is None

    rig.tap()
    assert rig.last.judge is None
    assert rig.state.authorization is not None


@pytest.mark.parametrize("order", [CableReleased(), REMOTE_STOP])
def test_the_csms_can_free_a_cable(order: CableReleased | StopOrdered) -> None:
    rig = unplugged_at_the_ev(KEEPING)

    rig.do(order)

    assert not kept(rig)


def test_a_cable_that_is_gone_is_kept_no_more() -> None:
    rig = unplugged_at_the_ev(KEEPING)

    rig.see(cable_max_a=None)

    assert not kept(rig)


def test_a_kept_cable_is_kept_over_a_restart() -> None:
    rig = unplugged_at_the_ev(KEEPING)

    rig.restart()

    assert kept(rig)
