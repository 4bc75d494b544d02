"""A meter that lies, is exchanged, or says nothing: what is believed, billed, and reported."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from decimal import Decimal

import pytest

from agent.core.metering import Reading
from agent.services.meter_reader import MeterReader
from hal.api import HardwareLost, MeterIdentity, MeterReading
from tests.virtual_time import VirtualTimeLoop

FIRST_WH = Decimal("12340.5")
ABSURD = (
    Decimal("NaN"),
    Decimal("Infinity"),
    Decimal(-1),
    Decimal(0),
    FIRST_WH / 1000,
    FIRST_WH + 10_000_000,
    Decimal(4_294_967_295),
)


class Meter:
    """A meter that says what the test wants; `lost` lets it say nothing."""

    def __init__(self) -> None:
        self.register_wh = FIRST_WH
        self.power_w = 11_000.0
        self.currents_a: tuple[float, ...] = (16.0, 16.0, 16.0)
        self.voltages_v: tuple[float, ...] = (230.0, 230.0, 230.0)
        self.frequency_hz: float | None = 50.0
        self.serial_number = "EM-1"
        self.lost = False

    async def identity(self) -> MeterIdentity:
        return MeterIdentity("Example", "M", self.serial_number)

    async def read(self) -> MeterReading:
        if self.lost:
            raise HardwareLost("the meter does not answer")
        return MeterReading(
            energy_import_wh=self.register_wh,
            power_w=self.power_w,
            voltage_v=self.voltages_v,
            current_a=self.currents_a,
            frequency_hz=self.frequency_hz,
        )

    async def close(self) -> None:
        return None


class Rig:
    """A reader at its meter, with or without somebody to bill."""

    def __init__(self, last: Reading | None = None) -> None:
        self.meter = Meter()
        self.bills = False
        self.reader = MeterReader(1, self.meter, last)
        self.reader.billing = lambda: self.bills

    async def reads(self, register_wh: Decimal | int, after_s: float = 1.0) -> Reading:
        await asyncio.sleep(after_s)
        self.meter.register_wh = Decimal(register_wh)
        return await self.reader.read()


@pytest.fixture
def run() -> Iterator[Callable[[Coroutine[None, None, None]], None]]:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        yield runner.run


Run = Callable[[Coroutine[None, None, None]], None]


@pytest.mark.requirement("J02.FR.16")
@pytest.mark.parametrize("absurd_wh", ABSURD, ids=str)
def test_an_absurd_register_is_never_billed(run: Run, absurd_wh: Decimal) -> None:
    async def story() -> None:
        rig = Rig()
        await rig.reads(FIRST_WH)
        rig.bills = True
        for _ in range(5):
            reading = await rig.reads(absurd_wh)
            assert (reading.register_wh, reading.fresh) == (FIRST_WH, False)
            assert rig.reader.lost
        reading = await rig.reads(FIRST_WH + 3)
        assert (reading.register_wh, reading.fresh) == (FIRST_WH + 3, True)
        assert not rig.reader.lost

    run(story())


@pytest.mark.requirement("J02.FR.16")
@pytest.mark.parametrize("other_wh", [Decimal(7), FIRST_WH + 10_000_000], ids=str)
def test_an_exchanged_meter_is_the_new_base_once_nobody_is_billed(
    run: Run, other_wh: Decimal, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        rig = Rig()
        await rig.reads(FIRST_WH)
        assert not (await rig.reads(other_wh)).fresh
        assert not rig.reader.lost
        assert (await rig.reads(other_wh + 1)).register_wh == other_wh + 1
        assert "was exchanged or reset" in caplog.text

    run(story())


def test_one_wrong_value_of_an_idle_meter_changes_nothing(run: Run) -> None:
    async def story() -> None:
        rig = Rig()
        await rig.reads(FIRST_WH)
        for absurd_wh in (0, 10**8, 5, 10**9):
            assert (await rig.reads(absurd_wh)).register_wh == FIRST_WH
        assert (await rig.reads(FIRST_WH)).fresh

    run(story())


@pytest.mark.requirement("J02.FR.16")
def test_another_meter_is_refused_until_the_session_is_over(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        rig = Rig()
        await rig.reads(FIRST_WH)
        rig.bills = rig.meter.lost = True
        await rig.reads(FIRST_WH)
        rig.meter.lost, rig.meter.serial_number = False, "EM-2"
        for _ in range(3):
            reading = await rig.reads(FIRST_WH + 1)
            assert (reading.register_wh, reading.fresh) == (FIRST_WH, False)
        rig.bills = False
        assert (await rig.reads(500)).register_wh == 500
        assert not rig.reader.lost

    run(story())


def test_the_same_meter_is_believed_when_it_answers_again(run: Run) -> None:
    async def story() -> None:
        rig = Rig()
        await rig.reads(FIRST_WH)
        rig.bills = rig.meter.lost = True
        stand_in = await rig.reads(FIRST_WH)
        assert stand_in == Reading(FIRST_WH, power_w=None, fresh=False)
        rig.meter.lost = False
        assert (await rig.reads(FIRST_WH + 2)).fresh

    run(story())


def test_a_meter_may_catch_up_after_it_was_away_for_hours(run: Run) -> None:
    async def story() -> None:
        rig = Rig()
        await rig.reads(FIRST_WH)
        rig.bills = True
        assert (await rig.reads(FIRST_WH + 200_000, after_s=36_000)).fresh

    run(story())


@pytest.mark.parametrize("after_restart", [True, False])
def test_the_first_reading_is_judged_by_what_was_told_before_a_restart(
    run: Run, after_restart: bool
) -> None:
    async def story() -> None:
        rig = Rig(Reading(FIRST_WH) if after_restart else None)
        rig.bills = True
        reading = await rig.reads(FIRST_WH + 10_000_000)
        assert reading.fresh is not after_restart
        assert (await rig.reads(FIRST_WH + 10_000_000)).fresh is not after_restart

    run(story())


def test_quantities_that_cannot_be_true_are_left_out(run: Run) -> None:
    async def story() -> None:
        rig = Rig()
        rig.meter.power_w, rig.meter.frequency_hz = float("nan"), float("inf")
        rig.meter.currents_a, rig.meter.voltages_v = (16.0, float("nan"), 1.0), (1e30, 230.0, 230.0)
        assert await rig.reads(FIRST_WH) == Reading(FIRST_WH, power_w=None)
        rig.meter.power_w, rig.meter.currents_a = -3.0, (-0.0, -0.4, 6.0)
        reading = await rig.reads(FIRST_WH)
        assert reading.power_w == 0
        assert reading.current_a == (0, 0, 6)

    run(story())


def test_two_who_read_at_once_do_not_make_a_register_fall(run: Run) -> None:
    async def story() -> None:
        rig = Rig()
        begun: list[int] = []
        read = rig.meter.read

        async def slow_then_fast() -> MeterReading:
            begun.append(1)
            measured = await read()
            await asyncio.sleep(0.5 if len(begun) == 1 else 0.0)
            return measured

        rig.meter.read = slow_then_fast  # type: ignore[method-assign]
        first = asyncio.create_task(rig.reader.read())
        await asyncio.sleep(0.1)
        rig.meter.register_wh += 1
        second = await rig.reader.read()
        assert (await first).fresh
        assert second.fresh
        assert not rig.reader.lost

    run(story())


def test_a_step_that_is_believed_but_odd_is_logged(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        rig = Rig()
        await rig.reads(FIRST_WH)
        rig.bills = True
        assert (await rig.reads(FIRST_WH + 1_500)).fresh
        assert caplog.text == ""
        assert (await rig.reads(FIRST_WH + 20_000)).fresh
        assert "is believed, but" in caplog.text

    run(story())
