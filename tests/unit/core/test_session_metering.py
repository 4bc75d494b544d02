"""What a session tells of its meter: which values when, and clocks and registers that misbehave."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from agent.core.metering import Reading, phases_in_use
from agent.core.session_state import (
    AlignedDue,
    Elapsed,
    EventTriggered,
    LimitChanged,
    SessionPolicy,
)
from agent.core.vocabulary import Measurand, ReadingContext, TransactionPhase, TriggerReason
from tests.unit.core.session_rig import FIRST_WH, Rig, assert_well_told, points

UPDATED = TransactionPhase.UPDATED
ENERGY, POWER = Measurand.ENERGY_ACTIVE_IMPORT_REGISTER, Measurand.POWER_ACTIVE_IMPORT
PERIODIC = TriggerReason.METER_VALUE_PERIODIC
SAMPLED = SessionPolicy(updated_interval_s=60, updated_measurands=(ENERGY, POWER))


def samples(rig: Rig) -> list[float]:
    """The monotonic instants of the periodic samples, from the start of the transaction on."""
    start_s = rig.told[0].now_s
    return [t.now_s - start_s for t in rig.told if t.event.trigger is PERIODIC]


# --- Sampled values.


@pytest.mark.requirement(
    "J02.FR.11", "E02.FR.10", "E03.FR.08", "J02.FR.10", "J02.FR.03", "J02.FR.04", "S16-MV-01"
)
def test_samples_are_told_at_each_interval_from_the_start_of_the_transaction() -> None:
    rig = Rig(SAMPLED)
    rig.wait(17)
    rig.charge()

    rig.run(185)

    assert samples(rig) == [60, 120, 180]
    sampled = [e for e in rig.events if e.trigger is PERIODIC]
    assert [[s.measurand for v in e.meter_values for s in v.samples] for e in sampled] == [
        [ENERGY, POWER]
    ] * 3
    assert {s.context for e in sampled for v in e.meter_values for s in v.samples} == {
        ReadingContext.SAMPLE_PERIODIC
    }
    assert sampled[0].meter_values[0].samples[0].value == sampled[0].register_wh


@pytest.mark.requirement("J02.FR.11")
def test_samples_missed_in_a_long_pause_are_not_made_up_for() -> None:
    rig = Rig(SAMPLED)
    rig.charge()

    rig.wait(1000)
    for _ in range(5):
        rig.do(Elapsed())
    rig.run(60)

    assert samples(rig) == [1000, 1020]


@pytest.mark.requirement("J02.FR.11", "S16-MV-01")
def test_a_sample_is_not_lost_when_something_else_comes_first() -> None:
    rig = Rig(SAMPLED)
    rig.charge()
    rig.wait(60.5)

    rig.do(LimitChanged(Decimal(10)))
    assert samples(rig) == []
    rig.do(Elapsed())

    assert samples(rig) == [60.5]
    rig.run(59.5)
    assert samples(rig) == [60.5, 120]


@pytest.mark.requirement("S16-MV-01")
def test_interval_zero_switches_samples_off_and_on_again() -> None:
    rig = Rig(SAMPLED)
    rig.charge()
    rig.wait(61)
    rig.session.policy = replace(SAMPLED, updated_interval_s=0)
    rig.see()
    rig.run(300)
    assert samples(rig) == []

    rig.session.policy = SAMPLED
    rig.see()
    rig.run(60)

    assert len(samples(rig)) == 1


def test_a_shorter_interval_holds_at_once() -> None:
    rig = Rig(replace(SAMPLED, updated_interval_s=3600))
    rig.charge()
    rig.session.policy = replace(SAMPLED, updated_interval_s=10)
    rig.see()

    rig.run(31)

    assert samples(rig) == [10, 20, 30]


@pytest.mark.requirement("E02.FR.10")
def test_without_measurands_there_is_nothing_to_sample() -> None:
    rig = Rig(replace(SAMPLED, updated_measurands=(), aligned_measurands=()))
    rig.charge()
    before = len(rig.events)

    rig.run(600)
    rig.do(AlignedDue())

    assert len(rig.events) == before
    assert rig.state.deadlines.sample_s is not None
    assert rig.state.deadlines.sample_s > rig.now_s


@pytest.mark.requirement("J01.FR.22", "J01.FR.08")
def test_an_aligned_instant_in_a_transaction_is_told_by_it() -> None:
    rig = Rig(replace(SAMPLED, aligned_measurands=(POWER,)))
    rig.charge()

    rig.do(AlignedDue())

    event = rig.events[-1]
    assert (event.phase, event.trigger) == (UPDATED, TriggerReason.METER_VALUE_CLOCK)
    ((sample,),) = (value.samples for value in event.meter_values)
    assert (sample.measurand, sample.context) == (POWER, ReadingContext.SAMPLE_CLOCK)


@pytest.mark.requirement("E06.FR.11")
def test_aligned_instants_may_be_kept_for_the_end() -> None:
    rig = Rig(replace(SAMPLED, aligned_ended_measurands=(ENERGY, POWER), updated_interval_s=0))
    rig.charge()
    told = len(rig.events)

    for _ in range(3):
        rig.wait(60)
        rig.do(AlignedDue(tell=False, keep=True))
    assert len(rig.events) == told
    rig.tap()

    begin, *kept, end = rig.ended.meter_values
    assert [[s.measurand for s in value.samples] for value in kept] == [[ENERGY, POWER]] * 3
    assert {s.context for value in kept for s in value.samples} == {ReadingContext.SAMPLE_CLOCK}
    registers = [value.samples[0].value for value in (begin, *kept, end)]
    assert registers == sorted(registers)
    assert len(set(registers)) == 4


def test_an_aligned_instant_without_measurands_for_the_end_keeps_nothing() -> None:
    rig = Rig(SAMPLED)
    rig.charge()
    rig.do(AlignedDue(tell=False, keep=True))
    assert rig.transaction.series == ()


@pytest.mark.requirement("E02.FR.18", "E02.FR.19", "E03.FR.13", "E03.FR.14")
def test_the_phases_in_use_are_counted_and_a_change_is_in_the_next_event() -> None:
    rig = Rig(replace(SAMPLED, updated_measurands=(ENERGY,)))
    told = []
    for currents in (("0", "0.3", "0"), ("16", "0.2", "0"), ("16", "15.8", "16"), ("6", "6", "0")):
        rig.current_a = tuple(map(Decimal, currents))
        if rig.state.transaction is None:
            rig.charge()
        else:
            rig.run(60)
        told.append(rig.events[-1].phases_used)

    assert told == [None, 1, 3, 2]


@pytest.mark.requirement("E02.FR.18")
def test_a_meter_that_is_lost_tells_no_phases() -> None:
    assert phases_in_use(Reading(FIRST_WH), 3) == 3
    assert phases_in_use(Reading(FIRST_WH, fresh=False), 3) is None


@pytest.mark.requirement("J01.FR.22")
def test_an_aligned_instant_without_transaction_is_nobodys() -> None:
    rig = Rig()
    before = rig.state.snapshot

    rig.do(AlignedDue())
    rig.do(EventTriggered())

    assert rig.events == []
    assert rig.state.snapshot == before


@pytest.mark.requirement("F06.FR.07")
@pytest.mark.parametrize("measurands", [(), (ENERGY,)])
def test_a_triggered_event_tells_state_and_values(measurands: tuple[Measurand, ...]) -> None:
    rig = Rig(replace(SAMPLED, updated_measurands=measurands))
    rig.charge()

    rig.do(EventTriggered())

    event = rig.events[-1]
    assert event.trigger is TriggerReason.TRIGGER
    assert event.charging_state is not None
    contexts = [s.context for v in event.meter_values for s in v.samples]
    assert contexts == [ReadingContext.TRIGGER] * len(measurands)


@pytest.mark.requirement("K01.FR.61")
def test_a_changed_limit_is_told_and_an_unchanged_one_is_not() -> None:
    rig = Rig()
    rig.charge()

    rig.do(LimitChanged(Decimal(10)))
    rig.do(LimitChanged(Decimal(10)))

    assert [e.trigger for e in rig.events].count(TriggerReason.CHARGING_RATE_CHANGED) == 1


def test_what_is_offered_is_nothing_while_the_evse_withholds_energy() -> None:
    offered = (Measurand.CURRENT_OFFERED,)
    rig = Rig(replace(SAMPLED, updated_measurands=offered))
    rig.charge()
    rig.do(EventTriggered())
    rig.do(LimitChanged(Decimal("5.9")))
    rig.do(EventTriggered())

    told = [e for e in rig.events if e.trigger is TriggerReason.TRIGGER]
    assert [v.samples[0].value for e in told for v in e.meter_values] == [16, 0]


# --- The end.


@pytest.mark.requirement(
    "E06.FR.11", "E07.FR.08", "E08.FR.09", "E09.FR.05", "E10.FR.04", "S16-MV-03", "S16-MV-04"
)
def test_the_end_holds_begin_series_and_end() -> None:
    rig = Rig(SessionPolicy(ended_measurands=(ENERGY,), ended_interval_s=100))
    rig.charge()
    rig.run(250)

    rig.tap()

    values = rig.ended.meter_values
    assert [value.samples[0].context for value in values] == [
        ReadingContext.TRANSACTION_BEGIN,
        ReadingContext.SAMPLE_PERIODIC,
        ReadingContext.SAMPLE_PERIODIC,
        ReadingContext.TRANSACTION_END,
    ]
    assert values[0].samples[0].value == FIRST_WH
    assert values[-1].samples[0].value == rig.ended.register_wh
    assert [v.at - values[0].at for v in values] == [
        timedelta(seconds=s) for s in (0, 100, 200, 250)
    ]


@pytest.mark.requirement("S16-MV-03")
def test_without_ended_measurands_the_end_holds_no_values() -> None:
    rig = Rig(SessionPolicy(ended_measurands=(), ended_interval_s=100))
    rig.charge()
    rig.run(250)

    rig.tap()

    assert rig.ended.meter_values == ()


@pytest.mark.requirement("E06.FR.13", "E07.FR.10", "J02.FR.20", "S16-TXN-12")
def test_a_long_series_is_thinned_between_begin_and_end() -> None:
    rig = Rig(SessionPolicy(ended_interval_s=10, ended_values_at_most=8))
    rig.charge()
    rig.run(1000)

    rig.tap()

    values = rig.ended.meter_values
    assert 4 <= len(values) <= 8
    assert values[0].at == rig.events[0].at
    assert values[-1].at == rig.ended.at


def test_the_series_samples_at_the_first_occasion_after_its_instant() -> None:
    rig = Rig(SessionPolicy(ended_interval_s=10))
    rig.charge()

    rig.wait(35)
    rig.see()
    rig.see()

    assert len(rig.transaction.series) == 1
    assert rig.state.deadlines.ended_sample_s == rig.told[0].now_s + 40


# --- Time spent charging.


def test_the_time_spent_charging_leaves_pauses_out() -> None:
    rig = Rig()
    rig.charge()
    rig.run(100)
    rig.see(ev_ready=False)
    rig.run(50)
    rig.see(ev_ready=True)
    rig.run(25)

    rig.tap()

    assert rig.ended.time_spent_charging_s == 125


@pytest.mark.parametrize("jump_s", [86_400 * 365 * 55, -86_400])
def test_the_time_spent_charging_ignores_a_clock_that_is_set(jump_s: int) -> None:
    rig = Rig()
    rig.charge()
    rig.wait(100, jump_s=jump_s)

    rig.tap()

    assert rig.ended.time_spent_charging_s == 100


def test_the_time_until_the_contactor_opens_counts_as_charging() -> None:
    rig = Rig()
    rig.charge()
    rig.obedient = False
    rig.wait(10)
    rig.tap()
    rig.wait(5)

    rig.see(ev_ready=False, closed=False)

    assert rig.ended.time_spent_charging_s == 15


# --- Clocks and registers that step back.


@pytest.mark.requirement("J02.FR.18")
def test_no_event_is_dated_before_an_earlier_one_of_its_transaction() -> None:
    rig = Rig(SessionPolicy(ended_interval_s=100))
    rig.charge()
    rig.run(250)
    rig.wait(1, jump_s=-3600)
    rig.do(EventTriggered())
    rig.run(100)
    rig.tap()
    first, last = rig.events[0], rig.ended
    assert last.at == first.at + timedelta(seconds=240)

    rig.tap()

    assert rig.events[-1].at < last.at, "the next transaction has the time of the clock as set"
    assert_well_told(rig.told)


def test_a_clock_set_back_for_good_leaves_the_values_dated_with_their_event() -> None:
    rig = Rig(SessionPolicy(start_points=points("EVConnected")))
    rig.plug(ready=True)
    rig.at -= timedelta(days=400)

    rig.tap()
    rig.do(EventTriggered())

    (value,) = rig.events[-1].meter_values
    assert value.at == rig.events[-1].at == rig.events[0].at


@pytest.mark.requirement("J02.FR.16", "S16-MV-09", "S16-TXN-11")
def test_a_meter_lost_at_the_end_ends_with_the_last_register_told() -> None:
    rig = Rig(SAMPLED)
    rig.charge()
    rig.run(125)
    sampled_wh = rig.events[-1].register_wh
    rig.fresh, rig.register_wh = False, Decimal(0)

    rig.tap()

    assert rig.ended.register_wh == sampled_wh > FIRST_WH
    assert rig.ended.meter_values[-1].samples[0].value == sampled_wh


def test_an_event_says_whether_its_register_was_read_or_stands_in_for_a_lost_meter() -> None:
    rig = Rig(SAMPLED)
    rig.charge()
    rig.run(125)
    assert not any(event.stands_in for event in rig.events)
    rig.fresh = False

    rig.tap()

    assert rig.ended.stands_in


def test_the_register_before_the_contactor_closed_was_read() -> None:
    rig = Rig(SessionPolicy(start_points=points("EnergyTransfer")))
    rig.charge()

    assert rig.events[0].register_wh == FIRST_WH
    assert not rig.events[0].stands_in


@pytest.mark.requirement("J02.FR.17", "J02.FR.16", "S16-TXN-01", "S16-MV-09")
def test_registers_are_told_as_read_and_follow_on_each_other() -> None:
    rig = Rig()
    rig.charge()
    rig.run(60)
    rig.tap()
    rig.run(60)
    rig.tap()

    first_end = next(e for e in rig.events if e.phase is TransactionPhase.ENDED)
    second_begin = [e for e in rig.events if e.phase is TransactionPhase.STARTED][1]
    assert rig.events[0].register_wh == FIRST_WH
    assert second_begin.register_wh == first_end.register_wh


def test_the_reading_at_rest_is_kept_while_the_contactor_is_closed() -> None:
    rig = Rig()
    rig.charge()
    rig.run(60)
    rig.see()

    assert rig.state.rest == Reading(FIRST_WH)
    rig.fresh = False
    rig.see(ev_ready=False)
    assert rig.state.rest == Reading(FIRST_WH)


@pytest.mark.requirement("E06.FR.11")
def test_the_signed_begin_is_kept_for_the_end_of_its_own_transaction_only() -> None:
    rig = Rig()
    rig.charge()
    begin = rig.transaction.begin
    assert begin is not None
    signed = replace(rig.transaction, begin=replace(begin, at=begin.at + timedelta(seconds=1)))

    rig.session.remember_begin(replace(signed, id="another"))
    assert rig.transaction.begin == begin
    rig.session.remember_begin(signed)
    rig.tap()

    assert rig.ended.meter_values[0] == signed.begin
    rig.session.remember_begin(signed)
    assert rig.state.transaction is None
