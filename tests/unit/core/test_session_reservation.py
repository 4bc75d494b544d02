"""A session at an EVSE that reservations concern."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.reservation import Hold, Reservation
from agent.core.session_state import (
    HoldChanged,
    RemoteStarted,
    SessionPolicy,
    TokenJudged,
    TokenPresented,
)
from agent.core.snapshot import connector_status
from agent.core.vocabulary import AuthorizedBy, ConnectorStatus, IdToken, TokenType, TxPoint
from tests.unit.core.session_rig import (
    BEGIN_AT,
    DRIVER,
    FAMILY,
    OTHERS,
    PARTNER,
    STRANGER,
    Rig,
    accepted,
)

EXPIRES_AT = BEGIN_AT + timedelta(hours=1)


def claim(number: int = 5, token: IdToken = DRIVER, group: IdToken | None = None) -> Reservation:
    return Reservation(id=number, expires_at=EXPIRES_AT, token=token, group=group)


def held(*claims: Reservation) -> HoldChanged:
    return HoldChanged(Hold(held=True, claims=claims or (claim(),)))


def status(rig: Rig) -> ConnectorStatus:
    return connector_status(rig.state.snapshot)


@pytest.mark.requirement("H03.FR.01", "H03.FR.09", "H01.FR.15", "E01.FR.13", "E02.FR.03")
def test_only_the_tokens_of_the_reservation_are_let_in() -> None:
    rig = Rig()
    rig.do(held())
    rig.plug(ready=True)

    refused = rig.tap(STRANGER)
    assert refused.judge is None, "no group could help: nobody needs to be asked"
    assert refused.refused == STRANGER
    assert status(rig) is ConnectorStatus.RESERVED
    assert rig.events == []

    rig.tap(DRIVER)
    assert rig.events[0].reservation_id == 5
    assert status(rig) is ConnectorStatus.OCCUPIED
    rig.run(120)
    assert [e.reservation_id for e in rig.events].count(5) == 1


@pytest.mark.requirement("H03.FR.04", "H03.FR.07", "H03.FR.08")
@pytest.mark.parametrize("by", [AuthorizedBy.CSMS, AuthorizedBy.LOCAL_LIST, AuthorizedBy.CACHE])
def test_a_token_is_judged_first_where_its_group_may_have_the_reservation(
    by: AuthorizedBy,
) -> None:
    rig = Rig()
    rig.do(held(claim(group=FAMILY)))
    rig.plug(ready=True)

    assert rig.tap(STRANGER, by=by).refused == STRANGER
    assert rig.state.authorization is None
    rig.tap(PARTNER, by=by)
    assert rig.state.authorization is not None
    assert rig.events[0].reservation_id == 5


@pytest.mark.requirement("H03.FR.09", "H03.FR.03")
def test_a_reservation_is_used_up_also_where_the_evse_is_not_held() -> None:
    rig = Rig()
    rig.do(HoldChanged(Hold(claims=(claim(),))))
    rig.plug(ready=True)
    rig.tap(DRIVER)
    assert rig.events[0].reservation_id == 5


@pytest.mark.requirement("F01.FR.21", "F01.FR.22")
def test_a_reservation_made_after_the_answer_still_keeps_others_out() -> None:
    rig = Rig()
    rig.plug(ready=True)
    rig.do(held(claim(group=FAMILY)))
    assert rig.do(RemoteStarted(STRANGER, OTHERS, 1)).refused == STRANGER
    assert rig.do(RemoteStarted(STRANGER, None, 2)).refused == STRANGER
    assert rig.state.authorization is None
    rig.do(RemoteStarted(PARTNER, FAMILY, 3))
    assert rig.events[0].reservation_id == 5


def test_a_reservation_that_comes_while_a_token_is_judged_keeps_it_out() -> None:
    rig = Rig()
    rig.plug(ready=True)
    step = rig.do(TokenPresented(STRANGER))
    assert step.judge == STRANGER
    rig.do(held())
    assert rig.do(TokenJudged(STRANGER, accepted(STRANGER), AuthorizedBy.CSMS)).refused == STRANGER
    assert rig.state.authorization is None


def test_free_charging_spares_a_reserved_evse() -> None:
    rig = Rig(policy=SessionPolicy(authorization_required=False))
    rig.do(held())
    rig.plug(ready=True)
    assert rig.state.authorization is None
    rig.do(HoldChanged(Hold()))
    assert rig.state.authorization is not None
    assert rig.state.authorization.token.type == TokenType.NO_AUTHORIZATION


@pytest.mark.requirement("G01.FR.09")
def test_a_reservation_shows_again_when_its_token_gives_up() -> None:
    rig = Rig(policy=SessionPolicy(connection_timeout_s=20))
    rig.do(held())
    rig.tap(DRIVER)
    assert status(rig) is ConnectorStatus.AVAILABLE
    rig.run(30)
    assert rig.state.authorization is None
    assert status(rig) is ConnectorStatus.RESERVED
    rig.do(HoldChanged(Hold()))
    assert status(rig) is ConnectorStatus.AVAILABLE


@pytest.mark.requirement("B11.FR.05")
def test_a_restart_forgets_no_reservation() -> None:
    rig = Rig()
    rig.do(held())
    rig.restart(power_was_lost=True)
    assert status(rig) is ConnectorStatus.RESERVED
    rig.plug(ready=True)
    assert rig.tap(STRANGER).refused == STRANGER


STEPS: Mapping[str, Callable[[Rig, int], object]] = {
    "held": lambda rig, number: rig.do(held(claim(number))),
    "shared": lambda rig, number: rig.do(held(claim(number, group=FAMILY))),
    "claimed": lambda rig, number: rig.do(HoldChanged(Hold(claims=(claim(number),)))),
    "free": lambda rig, _: rig.do(HoldChanged(Hold())),
    "plug": lambda rig, _: rig.lines.plugged_in or rig.plug(ready=True),
    "unplug": lambda rig, _: rig.unplug(),
    "driver": lambda rig, _: rig.tap(DRIVER),
    "partner": lambda rig, _: rig.tap(PARTNER),
    "stranger": lambda rig, _: rig.tap(STRANGER),
    "remote": lambda rig, number: rig.start_remotely(PARTNER, number),
    "fault": lambda rig, _: rig.fault("over_temperature"),
    "repair": lambda rig, _: rig.fault(),
    "wait": lambda rig, _: rig.run(30),
}
stimuli = st.lists(st.sampled_from(sorted(STEPS)), max_size=25)


@pytest.mark.requirement("H03.FR.01", "H03.FR.04", "E01.FR.13")
@given(stimuli, st.sampled_from([TxPoint.EV_CONNECTED, TxPoint.AUTHORIZED, None]))
def test_nobody_charges_in_anothers_place_and_each_use_is_told_once(
    steps: list[str], start: TxPoint | None
) -> None:
    policy = SessionPolicy(connection_timeout_s=20)
    rig = Rig(policy=policy if start is None else replace(policy, start_points=frozenset({start})))
    for number, step in enumerate(steps, 1):
        before, events = rig.state, len(rig.events)
        STEPS[step](rig, number)
        granted = rig.state.authorization
        if granted is not None and before.authorization is None and before.hold is not None:
            ids = [one.id for one in before.hold.claims]
            assert granted.reservation_id in (ids if before.hold.held else [*ids, None])
        if granted is not None and granted.reservation_id is not None:
            rig.do(HoldChanged(Hold()))
        told = [e.reservation_id for e in rig.events[events:] if e.reservation_id is not None]
        assert set(told) <= {granted.reservation_id if granted else None}
    ids_told = [e.reservation_id for e in rig.events if e.reservation_id is not None]
    assert len(ids_told) == len(set(ids_told))
