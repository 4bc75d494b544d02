"""Events and running transactions that were dated before the time was known."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.event_dating import moved_event, moved_transaction
from agent.core.events import MeterValuesEvent, StoredEvent, TransactionEvent
from agent.core.progress import FirmwareProgress
from agent.core.session_state import Elapsed, SessionPolicy
from agent.core.vocabulary import StoppedReason
from tests.unit.core.event_strategies import stored_events
from tests.unit.core.session_rig import BEGIN_AT, Rig

BY = timedelta(days=20_000, seconds=7)


def instants(event: StoredEvent) -> list[float]:
    if isinstance(event, FirmwareProgress):
        return []
    told = isinstance(event, TransactionEvent | MeterValuesEvent)
    values = event.meter_values if told else ()
    return [moment.timestamp() for moment in (event.at, *(value.at for value in values))]


@given(stored_events, st.integers(-1000, 1000))
def test_all_instants_of_an_event_move_together_and_nothing_else_does(
    event: StoredEvent, seconds: int
) -> None:
    by = timedelta(seconds=seconds)
    if isinstance(event, TransactionEvent) and event.stopped_reason is StoppedReason.POWER_LOSS:
        event = replace(event, stopped_reason=StoppedReason.REBOOT)
    moved = moved_event(event, by)
    assert [at - seconds for at in instants(moved)] == pytest.approx(instants(event))
    assert type(moved) is type(event)
    assert moved_event(moved, -by) == event


@pytest.mark.requirement("B01.FR.06", "J02.FR.18")
@pytest.mark.parametrize("wrong_by", [-BY, timedelta(hours=3)])
def test_a_transaction_that_began_without_a_clock_is_dated_when_the_time_is_known(
    wrong_by: timedelta,
) -> None:
    rig = Rig(SessionPolicy(ended_interval_s=60), at=BEGIN_AT + wrong_by)
    rig.charge()
    rig.run(130)
    rig.at -= wrong_by
    rig.learned = -wrong_by
    rig.run(60)
    rig.do(Elapsed())
    rig.tap()
    told = [value.at for value in rig.ended.meter_values]
    assert told == sorted(told)
    assert BEGIN_AT <= told[0] < told[-1] == rig.ended.at
    assert rig.ended.at - told[0] < timedelta(seconds=200)


@pytest.mark.parametrize("wrong_by", [-BY, timedelta(hours=3)])
def test_what_is_dated_by_the_right_time_already_is_never_moved(wrong_by: timedelta) -> None:
    rig = Rig(SessionPolicy(ended_interval_s=60), at=BEGIN_AT + wrong_by)
    rig.plug(ready=True)
    rig.at, rig.learned = BEGIN_AT, -wrong_by
    rig.tap()
    rig.run(130)
    rig.tap()
    told = [value.at for value in rig.ended.meter_values]
    assert told == sorted(told)
    assert told[0] == rig.events[0].at == BEGIN_AT
    assert rig.ended.at - told[0] < timedelta(seconds=200)


def test_the_time_is_learned_once() -> None:
    rig = Rig()
    rig.charge()
    begun = rig.transaction
    rig.learned = BY
    rig.do(Elapsed())
    rig.do(Elapsed())
    assert rig.transaction.started_at == begun.started_at + BY


def test_of_a_transaction_that_ended_with_the_power_only_the_end_is_moved() -> None:
    rig = Rig(SessionPolicy(ended_interval_s=60))
    rig.charge()
    rig.run(130)
    rig.restart(power_was_lost=True)
    moved = moved_event(rig.ended, BY)
    assert isinstance(moved, TransactionEvent)
    assert moved.at == rig.ended.at + BY
    assert moved.meter_values[:-1] == rig.ended.meter_values[:-1]
    assert moved.meter_values[-1].at == moved.at


def test_a_station_without_transaction_has_nothing_to_date() -> None:
    rig = Rig()
    before = rig.state
    rig.learned = BY
    rig.do(Elapsed())
    assert replace(rig.state, deadlines=before.deadlines) == before


def test_moving_twice_is_moving_once_by_both() -> None:
    rig = Rig()
    rig.charge()
    transaction = rig.transaction
    assert moved_transaction(moved_transaction(transaction, BY), -BY) == transaction
