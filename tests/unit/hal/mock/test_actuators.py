"""Parts that follow late."""

from hal.mock.actuators import DelayedLine, SelfTest


def test_a_contact_arrives_after_its_delay_and_not_before() -> None:
    line = DelayedLine(25, 15)
    line.command(100, on=True)
    line.advance(124)
    assert not line.is_on
    line.advance(125)
    assert line.is_on
    assert line.due_ns is None


def test_a_contact_opens_with_its_own_delay() -> None:
    line = DelayedLine(25, 15)
    line.command(0, on=True)
    line.advance(25)
    line.command(30, on=False)
    assert line.due_ns == 45


def test_a_command_taken_back_in_time_moves_nothing() -> None:
    line = DelayedLine(25, 15)
    line.command(0, on=True)
    line.command(10, on=False)
    line.advance(1_000)
    assert not line.is_on
    assert line.due_ns is None


def test_a_repeated_command_does_not_start_the_delay_again() -> None:
    line = DelayedLine(25, 15)
    line.command(0, on=True)
    line.command(20, on=True)
    assert line.due_ns == 25


def test_a_self_test_gives_its_verdict_when_it_is_done() -> None:
    test = SelfTest(250)
    test.request(1, 0)
    test.advance(249, healthy=True)
    assert test.passed is None
    test.advance(250, healthy=True)
    assert test.passed is True


def test_a_broken_monitor_fails_its_self_test() -> None:
    test = SelfTest(250)
    test.request(1, 0)
    test.advance(250, healthy=False)
    assert test.passed is False


def test_each_request_starts_a_new_test_and_a_repetition_none() -> None:
    test = SelfTest(250)
    test.request(1, 0)
    test.advance(250, healthy=True)
    test.request(1, 300)
    assert test.passed is True
    test.request(2, 400)
    assert test.passed is None
    assert test.due_ns == 650


def test_request_zero_forgets_the_last_test() -> None:
    test = SelfTest(250)
    test.request(7, 0)
    test.advance(250, healthy=True)
    test.request(0, 300)
    assert test.passed is None
    assert test.due_ns is None
