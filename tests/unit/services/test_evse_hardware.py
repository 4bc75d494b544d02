"""What an EVSE's service makes of its hardware: phases, ceilings, slow signatures, troubles."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from agent.core.events import TransactionEvent
from agent.core.limits import LimitCause, LimitSource
from agent.core.session_state import EventTriggered, LimitChanged, TokenPresented
from agent.core.vocabulary import TriggerReason
from agent.services.evse_ports import EvseDescription
from hal.api import Fault, GuardGone, PilotState
from tests.unit.services.evse_rig import AT, TOKEN, Rig, running

SWITCHING = EvseDescription(1, phase_switching=True, usual_phases=3)
HOT = LimitSource(LimitCause.TEMPERATURE, Decimal(10))


def triggers(rig: Rig) -> list[TriggerReason]:
    return [event.trigger for event in rig.journal.events if isinstance(event, TransactionEvent)]


@pytest.mark.requirement("K01.FR.07")
async def test_phases_that_smart_charging_wants_reach_the_guard_and_are_told() -> None:
    async with running(SWITCHING) as rig:
        await rig.charges()
        assert rig.guard.leases[-1].phases == 3
        before = len(triggers(rig))
        rig.service.post(LimitChanged(Decimal(32), phases=1))
        await rig.until(lambda: rig.guard.leases[-1].phases == 1)
        assert rig.guard.offers
        assert triggers(rig)[before:] == [TriggerReason.CHARGING_RATE_CHANGED]
        rig.service.post(LimitChanged(Decimal(32)))
        await rig.until(lambda: rig.guard.leases[-1].phases == 3)


async def test_a_start_that_is_stored_once_the_time_is_known_has_the_right_date() -> None:
    async with running() as rig:
        rig.signer.takes_s = 0.2
        rig.shows(PilotState.A)
        rig.service.post(LimitChanged(Decimal(32)))
        rig.shows(PilotState.B)
        rig.service.post(TokenPresented(TOKEN))
        await rig.until(lambda: rig.service.state.transaction is not None)
        assert not rig.journal.events, "it is being signed"
        rig.clock.learned = timedelta(days=2)
        await rig.until(lambda: rig.guard.offers)
        started, begun = rig.journal.events[0], rig.service.state.transaction
        assert started.at == AT + timedelta(days=2)
        rig.service.post(EventTriggered())
        await rig.until(lambda: TriggerReason.TRIGGER in triggers(rig))
        assert begun is not None
        assert rig.service.state.transaction is not None
        assert rig.service.state.transaction.started_at == started.at
        assert {event.at for event in rig.journal.events} == {started.at}


def leased(rig: Rig) -> tuple[int, int]:
    lease = rig.guard.leases[-1]
    return lease.phases, lease.phase


@pytest.mark.requirement("K01.FR.46")
async def test_the_phase_that_smart_charging_chooses_reaches_the_guard_and_is_told() -> None:
    async with running(replace(SWITCHING, phase_choice=True)) as rig:
        await rig.charges()
        before = len(triggers(rig))
        for phase in (2, 3):
            rig.service.post(LimitChanged(Decimal(32), phases=1, phase=phase))
            await rig.until(lambda phase=phase: leased(rig) == (1, phase))
        assert rig.guard.offers
        assert triggers(rig)[before:] == [TriggerReason.CHARGING_RATE_CHANGED] * 2


async def test_the_phases_of_now_are_those_that_the_guard_has_connected() -> None:
    async with running(SWITCHING) as rig:
        await rig.charges()
        assert rig.service.phases == 3
        rig.shows(PilotState.C, closed=True, phases=1)
        assert rig.service.phases == 1


async def test_an_evse_that_cannot_switch_is_asked_for_all_its_phases() -> None:
    async with running() as rig:
        await rig.charges()
        rig.service.post(LimitChanged(Decimal(16), phases=1))
        await rig.until(lambda: rig.guard.leases[-1].limit_a == 16.0)
        assert rig.guard.leases[-1].phases == 3
        rig.shows(PilotState.C, closed=True, phases=1)
        assert rig.service.phases == 3


async def test_a_ceiling_holds_whoever_tells_what() -> None:
    async with running() as rig:
        await rig.charges()
        rig.service.set_ceiling("temperature", HOT)
        await rig.until(lambda: rig.guard.leases[-1].limit_a == 10.0)
        rig.service.post(LimitChanged(Decimal(20)))
        await asyncio.sleep(1)
        assert rig.guard.leases[-1].limit_a == 10.0
        rig.service.set_ceiling("temperature", None)
        await rig.until(lambda: rig.guard.leases[-1].limit_a == 20.0)


async def test_a_meter_that_signs_slowly_delays_the_offer_and_keeps_the_guards_trust() -> None:
    async with running() as rig:
        rig.signer.takes_s = 20.0
        rig.shows(PilotState.A)
        rig.service.post(LimitChanged(Decimal(32)))
        rig.shows(PilotState.B)
        rig.service.post(TokenPresented(TOKEN))
        await asyncio.sleep(18)
        assert not rig.guard.offers
        renewed = len(rig.guard.leases)
        await asyncio.sleep(1)
        assert len(rig.guard.leases) >= renewed + 3
        await rig.until(lambda: rig.guard.offers, within_s=5)


async def test_what_drivers_say_is_kept_until_it_is_over() -> None:
    async with running() as rig:
        assert rig.service.troubles[Fault.GUARD_LOST] == "the guard has not been heard yet"
        rig.shows(PilotState.A)
        assert rig.service.troubles == {}
        rig.service.instrument_fault(Fault.READER_LOST, on=True, sentence="no such port")
        rig.service.instrument_fault(Fault.READER_LOST, on=True)
        assert rig.service.troubles == {"reader_lost": "no such port"}
        rig.service.guard_told(GuardGone("it closed the connection"))
        assert rig.service.troubles[Fault.GUARD_LOST] == "it closed the connection"
        rig.service.instrument_fault(Fault.READER_LOST, on=False)
        rig.shows(PilotState.A)
        assert rig.service.troubles == {}
