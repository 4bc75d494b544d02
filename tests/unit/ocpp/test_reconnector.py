from collections.abc import Iterable

import pytest

from agent.ocpp.dialing import ConnectFailed, HandshakeRefused, Unreachable
from agent.ocpp.endpoint import InvalidEndpoint
from agent.ocpp.reconnector import Reconnector
from agent.ocpp.retry_back_off import RetryBackOff

BACK_OFF = RetryBackOff(wait_minimum_s=10, repeat_times=2, random_range_s=4)


class Script:
    """Dials that succeed ("up") or fail as scripted, and the waits before each."""

    def __init__(self, results: Iterable[str | Exception]) -> None:
        self.results = list(results)
        self.slept: list[float] = []
        self.failures: list[tuple[ConnectFailed, float]] = []

    async def dial(self) -> str:
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def reconnector(self, back_off: RetryBackOff = BACK_OFF) -> Reconnector[str]:
        return Reconnector(
            self.dial,
            back_off,
            on_failure=lambda failure, wait_s: self.failures.append((failure, wait_s)),
            sleep=self.sleep,
            random_part=lambda: 0.5,
        )


async def test_the_first_attempt_comes_at_once() -> None:
    script = Script(["up"])
    assert await script.reconnector().connection() == "up"
    assert script.slept == []


@pytest.mark.requirement("B10.FR.09", "S16-CONN-03")
async def test_failed_attempts_are_repeated_with_growing_waits_without_end() -> None:
    script = Script([*[Unreachable("down")] * 6, "up"])
    assert await script.reconnector().connection() == "up"
    assert script.slept == [12, 22, 42, 42, 42, 42]
    assert [wait_s for _, wait_s in script.failures] == script.slept


async def test_a_connection_that_proved_itself_starts_the_waits_again() -> None:
    script = Script([Unreachable("down"), Unreachable("down"), "first", "second"])
    reconnector = script.reconnector()
    await reconnector.connection()
    reconnector.proved_itself()
    assert await reconnector.connection() == "second"
    assert script.slept == [12, 22, 12]


async def test_a_server_that_accepts_and_hangs_up_is_not_hammered() -> None:
    script = Script(["zombie"] * 5)
    reconnector = script.reconnector()
    for _ in range(5):
        await reconnector.connection()
    assert script.slept == [12, 22, 42, 42]


async def test_no_reconnect_comes_within_a_second() -> None:
    script = Script(["up", "up"])
    reconnector = script.reconnector(RetryBackOff(0, 0, 0))
    for _ in range(2):
        await reconnector.connection()
        reconnector.proved_itself()
    assert script.slept == [1.0]


async def test_a_server_may_wish_for_a_longer_wait_but_not_for_a_shorter_one() -> None:
    script = Script([HandshakeRefused(503, 90.0), HandshakeRefused(429, 1.0), "up"])
    await script.reconnector().connection()
    assert script.slept == [90.0, 22.0]


async def test_changed_settings_apply_to_the_next_wait() -> None:
    script = Script(["up", "up"])
    reconnector = script.reconnector()
    await reconnector.connection()
    reconnector.back_off = RetryBackOff(30, 0, 0)
    await reconnector.connection()
    assert script.slept == [30]


async def test_a_fault_that_waiting_cannot_cure_is_not_repeated() -> None:
    script = Script([InvalidEndpoint("url"), "never"])
    with pytest.raises(InvalidEndpoint):
        await script.reconnector().connection()


async def test_defaults_need_nobody_to_listen() -> None:
    results = iter([Unreachable("down")])

    async def dial() -> str:
        for failure in results:
            raise failure
        return "up"

    async def no_sleep(_seconds: float) -> None:
        pass

    assert await Reconnector(dial, BACK_OFF, sleep=no_sleep).connection() == "up"
