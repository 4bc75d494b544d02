"""Self tests of residual-current monitors as tables over time, and a monitor on the desk."""

import logging

import pytest

from hal.gpio.self_test import SelfTest, SelfTestPlan, generic_plan, rdc_dd_plan
from tests.unit.hal.gpio.desk import RCM, TEST, TRIP, Desk, line

Edges = tuple[tuple[float, str, bool], ...]
GENERIC = generic_plan(0.25, 1.0, 3.0)
PASSING: Edges = ((0.10, "fault", True), (0.40, "fault", False))
RDC_PASSING: Edges = (
    (0.74, "x6", True),
    (1.40, "x30", True),
    (2.00, "x6", False),
    (2.50, "x30", False),
)


def played(plan: SelfTestPlan, edges: Edges, before: Edges = ()) -> tuple[SelfTest, float]:
    """Play a monitor's outputs in steps of 10 ms; return the end and when it came."""
    levels = {each.output: False for each in plan.expectations}
    levels |= {output: on for _, output, on in before}
    test = SelfTest(plan).start(levels, 0.0)
    for step in range(600):
        now_s = step / 100
        levels |= {output: on for at_s, output, on in edges if at_s <= now_s}
        test = test.observe(levels, now_s)
        if test.verdict is not None:
            return test, now_s
    return test, 6.0


@pytest.mark.parametrize(
    ("plan", "edges", "after_s"),
    [
        (GENERIC, PASSING, 0.40),
        (GENERIC, ((0.99, "fault", True), (2.99, "fault", False)), 2.99),
        (GENERIC, ((0.02, "fault", True), (0.05, "fault", False)), 0.25),  # not before the pulse
        (rdc_dd_plan(), RDC_PASSING, 2.50),
    ],
)
def test_a_monitor_that_answers_in_time_passes(
    plan: SelfTestPlan, edges: Edges, after_s: float
) -> None:
    test, ended_s = played(plan, edges)
    assert test.verdict is True
    assert test.failure == ""
    assert ended_s == pytest.approx(after_s, abs=0.011)


@pytest.mark.parametrize(
    ("plan", "edges", "failure", "after_s"),
    [
        (GENERIC, (), "fault is not on after 1000 ms", 1.01),
        (GENERIC, ((1.1, "fault", True),), "fault is not on after 1000 ms", 1.01),
        (GENERIC, ((0.1, "fault", True),), "fault is not off after 3000 ms", 3.01),
        (rdc_dd_plan(), (), "x6 is not on after 1000 ms", 1.01),
        (rdc_dd_plan(), RDC_PASSING[:1], "x30 is not on after 1660 ms", 1.67),
        (rdc_dd_plan(), RDC_PASSING[1:], "x6 is not on after 1000 ms", 1.01),
        (rdc_dd_plan(), RDC_PASSING[:2], "x6 is not off after 3000 ms", 3.01),
        (rdc_dd_plan(), RDC_PASSING[:3], "x30 is not off after 3000 ms", 3.01),
    ],
)
def test_a_monitor_that_misses_an_answer_fails_with_its_name(
    plan: SelfTestPlan, edges: Edges, failure: str, after_s: float
) -> None:
    test, ended_s = played(plan, edges)
    assert test.verdict is False
    assert test.failure == failure
    assert ended_s == pytest.approx(after_s, abs=0.011)


def test_a_monitor_that_has_tripped_before_the_test_fails_it() -> None:
    test, _ = played(GENERIC, PASSING, before=((0.0, "fault", True),))
    assert test.verdict is False
    assert test.failure == "fault is on before the test"
    assert not test.pulse_is_on(0.1)


def test_every_plan_ends_before_the_guard_loses_patience() -> None:
    """The guard gives a test 5 s."""
    for plan in (GENERIC, rdc_dd_plan()):
        assert max(each.by_s for each in plan.expectations) < 5.0


def test_the_pulse_has_its_length_and_never_comes_back() -> None:
    test = SelfTest(GENERIC)
    assert not test.pulse_is_on(0.0)
    test = test.start({"fault": False}, 10.0)
    levels = [test.pulse_is_on(10.0 + ms / 1000) for ms in (0, 100, 249, 251, 900)]
    assert levels == [True, True, True, False, False]


def test_a_test_that_runs_knows_when_it_goes_on() -> None:
    test = SelfTest(GENERIC)
    assert test.due_s(0.0) is None
    test = test.start({"fault": False}, 10.0)
    assert test.due_s(10.1) == pytest.approx(10.25)
    assert test.due_s(10.3) == pytest.approx(11.0)
    passed, _ = played(GENERIC, PASSING)
    assert passed.due_s(0.5) is None


# --- on the desk


@pytest.mark.parametrize("works", [True, False])
def test_a_monitor_is_tested_and_answers(works: bool) -> None:
    desk = Desk(monitor_works=works)
    board = desk.board(rcm=RCM)
    monitor = board.evses[1].residual_current
    assert monitor is not None
    desk.run(0.04, board)
    assert monitor.self_test_passed() is None
    monitor.start_self_test()
    board.flush()
    assert desk.high(TEST)
    desk.run(0.15, board)
    assert monitor.tripped() is works
    assert monitor.self_test_passed() is None
    desk.run(1.2, board)
    assert not desk.high(TEST)
    assert monitor.self_test_passed() is works
    board.close()


def test_each_test_gives_a_verdict_of_its_own_and_says_once_what_it_missed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    board = desk.board(rcm=RCM)
    monitor = board.evses[1].residual_current
    assert monitor is not None
    desk.run(0.04, board)
    for _ in range(2):
        monitor.start_self_test()
        assert monitor.self_test_passed() is None
        desk.run(0.7, board)
        assert monitor.self_test_passed() is True
    desk.monitor_works = False
    monitor.start_self_test()
    with caplog.at_level(logging.ERROR):
        desk.run(1.2, board)
    assert monitor.self_test_passed() is False
    (said,) = caplog.messages
    assert said.endswith("failed: fault is not on after 1000 ms")
    board.close()


def test_either_output_of_an_rdc_dd_is_a_trip() -> None:
    desk = Desk()
    table = {
        "backend": "gpio",
        "kind": "rdc_dd",
        "x6": line(TRIP),
        "x30": line(14),
        "test": line(5),
    }
    board = desk.board(rcm=table)
    monitor = board.evses[1].residual_current
    assert monitor is not None
    for offset in (TRIP, 14):
        desk.chip.set_outside(offset, high=True)
        board.refresh()
        assert monitor.tripped()
        desk.chip.set_outside(offset, high=False)
        board.refresh()
        board.refresh()
        assert not monitor.tripped()
    board.close()
