"""What is told of the physical side: every change once, nothing twice."""

import itertools
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sim.demo_bench import BoardFacts
from agent.sim.demo_board_words import BoardWords

IDLE = BoardFacts(
    plugged=False,
    pilot_state="A",
    duty=Decimal(1),
    offered_a=Decimal(0),
    contactor_closed=False,
    lock_engaged=False,
    current_a=Decimal(0),
    power_w=Decimal(0),
    energy_wh=Decimal("1234567.000"),
)
CHARGING = replace(
    IDLE,
    plugged=True,
    pilot_state="C",
    duty=Decimal(32) / 60,
    offered_a=Decimal(32),
    contactor_closed=True,
    lock_engaged=True,
)


def flowing(current_a: str, energy_wh: str) -> BoardFacts:
    current = Decimal(current_a)
    return replace(CHARGING, current_a=current, power_w=current * 690, energy_wh=Decimal(energy_wh))


def test_the_first_look_tells_where_things_stand() -> None:
    assert BoardWords().news(IDLE) == (
        "pilot A (no car), steady +12 V, no offer",
        "contactor open",
        "meter 1234.567000 kWh",
    )


def test_a_second_look_at_the_same_tells_nothing() -> None:
    words = BoardWords()
    words.news(IDLE)
    assert words.news(IDLE) == ()


def test_every_switch_is_told() -> None:
    words = BoardWords()
    words.news(IDLE)
    assert words.news(CHARGING) == (
        "plug inserted",
        "plug locked",
        "pilot C (car asks for energy), duty 53.3 % offers 32.0 A",
        "contactor closed",
    )
    assert words.news(IDLE) == (
        "plug pulled out",
        "plug unlocked",
        "pilot A (no car), steady +12 V, no offer",
        "contactor open",
    )


@pytest.mark.parametrize(
    ("state", "duty", "line"),
    [
        ("E", None, "pilot E (no pilot signal), not driven"),
        ("F", Decimal(0), "pilot F (station not available), steady -12 V, no offer"),
        ("B", Decimal(1), "pilot B (car connected), steady +12 V, no offer"),
        ("?", Decimal(1), "pilot ? (unknown), steady +12 V, no offer"),
    ],
)
def test_the_pilot_is_told_in_words(state: str, duty: Decimal | None, line: str) -> None:
    words = BoardWords()
    words.news(IDLE)
    lines = words.news(replace(IDLE, pilot_state=state, duty=duty))
    assert lines == (line,)


def test_faults_are_told_when_they_come_and_go() -> None:
    words = BoardWords()
    words.news(IDLE)
    assert words.news(replace(IDLE, faults=("rcd", "estop"))) == ("faults: rcd, estop",)
    assert words.news(IDLE) == ("faults: none",)


def test_a_ramp_of_the_current_is_one_line_when_it_has_settled() -> None:
    words = BoardWords()
    words.news(CHARGING)
    assert words.news(flowing("4.0", "1234567.100")) == ()
    assert words.news(flowing("16.0", "1234567.500")) == ()
    assert words.news(flowing("16.0", "1234568.000")) == (
        "car takes 16.0 A, 11.04 kW, meter 1234.568000 kWh (+1.000 Wh)",
    )


def test_progress_is_told_every_ten_watt_hours() -> None:
    words = BoardWords()
    words.news(flowing("16.0", "1234567"))
    told = [line for wh in range(1, 36) for line in words.news(flowing("16.0", str(1234567 + wh)))]
    assert [line.partition("(")[2] for line in told] == [
        "+1.000 Wh)",
        "+11.000 Wh)",
        "+21.000 Wh)",
        "+31.000 Wh)",
    ]


@given(st.lists(st.sampled_from([IDLE, CHARGING, flowing("16", "1234568")]), min_size=1))
def test_no_change_of_the_contactor_is_ever_missed(seen: list[BoardFacts]) -> None:
    words = BoardWords()
    told = [line for facts in seen for line in words.news(facts) if line.startswith("contactor")]
    states = [facts.contactor_closed for facts in seen]
    changes = sum(a is not b for a, b in itertools.pairwise(states))
    assert len(told) == 1 + changes
