"""The time that waits on the virtual bench are measured by."""

from hil.virtual.running_time import RunningTime


def test_it_goes_on_as_the_clock_does() -> None:
    time = RunningTime()
    assert [time.after(shown_ns) for shown_ns in (5, 5, 9)] == [5, 5, 9]


def test_a_reset_takes_nothing_back_and_adds_nothing() -> None:
    time = RunningTime()
    time.after(100)
    assert [time.after(shown_ns) for shown_ns in (3, 10)] == [103, 110]
