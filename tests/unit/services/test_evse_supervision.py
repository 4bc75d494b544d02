import asyncio
from decimal import Decimal
from typing import Any

import pytest

from agent.core.fault_taxonomy import INTERNAL
from agent.core.session_state import (
    Cause,
    CeilingChanged,
    EventTriggered,
    LimitChanged,
    SessionPolicy,
    SessionState,
    StopOrdered,
    TokenPresented,
)
from agent.core.vocabulary import AuthorizedBy, IdToken, IdTokenInfo, StoppedReason, TriggerReason
from hal.api import PilotMode, PilotState
from tests.unit.services.evse_rig import TOKEN, Rig, running


class FaultyPolicy:
    """A policy whose every rule is a bug, or only some of them."""

    def __init__(self, good: SessionPolicy, *bad: str) -> None:
        self._good = good
        self._bad = bad
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        if not self._bad or name in self._bad:
            self.calls += 1
            raise ZeroDivisionError(f"no {name}")
        return getattr(self._good, name)


def break_session(rig: Rig, *bad: str) -> FaultyPolicy:
    faulty = FaultyPolicy(rig.session.policy, *bad)
    rig.session.policy = faulty  # type: ignore[assignment]
    return faulty


async def test_one_failure_costs_one_stimulus_and_no_energy(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running() as rig:
        await rig.charges()
        before, good = rig.service.state, rig.session.policy
        faulty = break_session(rig)
        rig.service.post(EventTriggered())
        await rig.until(lambda: faulty.calls)
        rig.session.policy = good
        rig.service.post(LimitChanged(Decimal(16)))
        await rig.until(lambda: rig.guard.leases[-1].limit_a == 16.0)
        assert all(lease.mode is PilotMode.OFFER for lease in rig.guard.leases[-3:])
        assert rig.service.state.transaction is not None
        assert before.transaction is not None
        assert rig.service.state.transaction.id == before.transaction.id
        assert "could not deal with EventTriggered" in caplog.text
        assert "ZeroDivisionError" in caplog.text


async def test_a_session_that_fails_again_and_again_delivers_no_energy() -> None:
    async with running() as rig:
        await rig.charges()
        break_session(rig)
        rig.service.post(EventTriggered())
        await rig.until(lambda: not rig.guard.offers)
        await rig.until(lambda: INTERNAL in rig.csms.faults)
        await asyncio.sleep(0.6)
        # Two renewals later it is still so.
        assert not rig.guard.offers
        assert rig.service.state.transaction is not None


async def test_a_session_that_works_again_goes_on_where_it_was() -> None:
    async with running() as rig:
        await rig.charges()
        transaction, good = rig.service.state.transaction, rig.session.policy
        assert transaction is not None
        break_session(rig)
        rig.service.post(EventTriggered())
        await rig.until(lambda: INTERNAL in rig.csms.faults)
        rig.session.policy = good
        await rig.until(lambda: rig.guard.offers)
        assert rig.csms.faults == frozenset()
        assert rig.service.state.transaction is not None
        assert rig.service.state.transaction.id == transaction.id


async def test_a_plug_out_that_met_a_bug_is_noticed_afterwards() -> None:
    async with running() as rig:
        await rig.charges()
        good = rig.session.policy
        faulty = break_session(rig)
        rig.shows(PilotState.A)
        await rig.until(lambda: faulty.calls >= 3)
        rig.session.policy = good
        await rig.until(lambda: rig.service.state.transaction is None)
        assert not rig.service.state.snapshot.plugged_in


async def test_an_order_to_stop_is_never_given_up() -> None:
    async with running() as rig:
        await rig.charges()
        good = rig.session.policy
        break_session(rig)
        cause = Cause(TriggerReason.REMOTE_STOP, StoppedReason.REMOTE)
        rig.service.post(StopOrdered(cause, final=True))
        await rig.until(lambda: not rig.guard.offers)
        rig.session.policy = good
        rig.shows(PilotState.B)
        await rig.until(lambda: rig.service.state.transaction is None)
        assert not rig.guard.offers


@pytest.mark.parametrize("kind", [LimitChanged, CeilingChanged])
async def test_a_limit_that_met_a_bug_holds_afterwards(
    kind: type[LimitChanged | CeilingChanged],
) -> None:
    async with running() as rig:
        await rig.charges()
        record, failed = rig.journal.record, asyncio.Event()

        async def failing(*arguments: Any, **more: Any) -> None:
            if not failed.is_set():
                failed.set()
                raise ZeroDivisionError
            await record(*arguments, **more)

        rig.journal.record = failing  # type: ignore[method-assign]
        rig.service.post(kind(Decimal(10)))
        await rig.until(failed.is_set)
        await asyncio.sleep(1.0)
        rig.service.post(EventTriggered())
        await asyncio.sleep(1.0)
        assert rig.guard.leases[-1].limit_a == 10.0


async def test_a_failing_session_does_not_spin() -> None:
    async with running() as rig:
        await rig.charges()
        faulty = break_session(rig)
        rig.service.post(EventTriggered())
        await asyncio.sleep(0.7)
        assert 3 <= faulty.calls < 10


async def test_a_start_that_fails_is_tried_again() -> None:
    async with running() as rig:
        good = rig.session.policy
        faulty = break_session(rig)
        rig.shows(PilotState.B)
        await rig.until(lambda: faulty.calls >= 2)
        rig.session.policy = good
        await rig.until(lambda: rig.service.state.snapshot.plugged_in)


async def test_an_observer_that_fails_concerns_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[SessionState] = []

    def broken(before: SessionState, after: SessionState) -> None:
        raise ZeroDivisionError

    async with running() as rig:
        rig.service.observers += [broken, lambda _before, after: seen.append(after)]
        await rig.charges()
        assert rig.guard.offers
    assert seen
    assert "broken failed" in caplog.text


async def test_a_token_that_cannot_be_judged_is_not_accepted_and_may_come_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(token: IdToken, evse: int) -> tuple[IdTokenInfo, AuthorizedBy]:
        raise ZeroDivisionError

    async with running() as rig:
        good, rig.judge = rig.judge, broken
        rig.shows(PilotState.B)
        rig.service.post(LimitChanged(Decimal(32)))
        rig.service.post(TokenPresented(TOKEN))
        await rig.until(lambda: "could not be judged" in caplog.text)
        await rig.until(lambda: rig.service.state.pending is None)
        assert not rig.service.state.snapshot.authorized
        rig.judge = good
        rig.service.post(TokenPresented(TOKEN))
        await rig.until(lambda: rig.guard.offers)
