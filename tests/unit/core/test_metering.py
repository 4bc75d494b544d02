from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.meter_values import MeterValue, SampledValue
from agent.core.metering import (
    Offer,
    Reading,
    bounded,
    meter_value,
    next_aligned,
    supported,
    thinned,
)
from agent.core.vocabulary import Measurand, ReadingContext

AT = datetime(2025, 5, 17, 6, 30, tzinfo=UTC)
CLOCK = ReadingContext.SAMPLE_CLOCK
READING = Reading(
    Decimal("12340.5"),
    Decimal(11_000),
    voltage_v=(Decimal(230), Decimal(231), Decimal(229)),
    current_a=(Decimal(16), Decimal("15.9"), Decimal("16.1")),
    frequency_hz=Decimal("50.02"),
)


def measured(
    *measurands: Measurand, reading: Reading = READING
) -> list[tuple[str | None, Decimal]]:
    value = meter_value(AT, reading, Offer(Decimal(16)), measurands, CLOCK)
    return [] if value is None else [(s.phase, s.value) for s in value.samples]


@pytest.mark.requirement("J01.FR.05", "J01.FR.06", "J01.FR.07", "J01.FR.08", "J02.FR.02")
def test_the_values_of_one_instant_share_its_time_and_context() -> None:
    value = meter_value(AT, READING, Offer(), tuple(Measurand), CLOCK)

    assert value is not None
    assert value.at == AT
    assert {s.context for s in value.samples} == {CLOCK}
    assert {s.measurand for s in value.samples} == set(Measurand)


@pytest.mark.requirement("J01.FR.10", "J02.FR.06", "S16-MV-06")
def test_every_phase_that_the_meter_offers_is_reported() -> None:
    assert measured(Measurand.CURRENT_IMPORT) == [
        ("L1", Decimal(16)),
        ("L2", Decimal("15.9")),
        ("L3", Decimal("16.1")),
    ]
    assert [phase for phase, _ in measured(Measurand.VOLTAGE)] == ["L1-N", "L2-N", "L3-N"]
    single = Reading(Decimal(1), current_a=(Decimal(6),))
    assert measured(Measurand.CURRENT_IMPORT, reading=single) == [("L1", Decimal(6))]


@pytest.mark.requirement("J02.FR.17", "S16-MV-09")
def test_the_register_is_told_as_read() -> None:
    assert measured(Measurand.ENERGY_ACTIVE_IMPORT_REGISTER) == [(None, Decimal("12340.5"))]


def test_what_is_offered_follows_from_the_limit() -> None:
    assert measured(Measurand.CURRENT_OFFERED, Measurand.POWER_OFFERED) == [
        (None, Decimal(16)),
        (None, Decimal(11_040)),
    ]
    assert Offer(Decimal(16), phases=1).power_w == 3680


def test_what_the_meter_does_not_measure_is_not_invented() -> None:
    bare = Reading(Decimal(1))

    assert measured(Measurand.FREQUENCY, Measurand.VOLTAGE, reading=bare) == []
    assert meter_value(AT, bare, Offer(), (), CLOCK) is None
    assert measured(Measurand.FREQUENCY) == [(None, Decimal("50.02"))]


def test_values_come_in_the_order_of_the_measurands() -> None:
    found = measured(Measurand.FREQUENCY, Measurand.POWER_ACTIVE_IMPORT)

    assert [value for _, value in found] == [Decimal("50.02"), Decimal(11_000)]


@pytest.mark.requirement("S16-MV-05")
def test_only_known_measurands_are_supported() -> None:
    assert supported(m.value for m in Measurand)
    assert supported([])
    assert not supported(["Voltage", "SoC"])


# --- Aligned instants.


@pytest.mark.requirement("J01.FR.14", "S16-MV-02")
@pytest.mark.parametrize(
    ("clock", "interval_s", "expected"),
    [
        ("06:30:00", 900, "06:45:00"),
        ("06:44:59.999999", 900, "06:45:00"),
        ("06:45:00.000001", 900, "07:00:00"),
        ("23:59:59", 900, "00:00:00"),
        ("23:59:30", 7, "23:59:33"),
        ("23:59:58", 7, "00:00:00"),
        ("12:00:00", 86_400, "00:00:00"),
        ("12:00:00", 100_000, "00:00:00"),
    ],
)
def test_aligned_instants_count_from_midnight(clock: str, interval_s: int, expected: str) -> None:
    found = next_aligned(datetime.fromisoformat(f"2025-05-17T{clock}+00:00"), interval_s)

    assert f"{found:%H:%M:%S}" == expected
    assert found.day == (18 if expected == "00:00:00" else 17)


@pytest.mark.requirement("J01.FR.14")
def test_midnight_is_that_of_utc_wherever_the_clock_stands() -> None:
    local = AT.astimezone(timezone(timedelta(hours=5, minutes=45)))

    assert next_aligned(local, 3600) == datetime(2025, 5, 17, 7, tzinfo=UTC)


@pytest.mark.requirement("J01.FR.14", "S16-MV-02")
@given(st.integers(1, 90_000), st.datetimes(timezones=st.just(UTC), max_value=datetime(9000, 1, 1)))  # noqa: DTZ001 - hypothesis adds the zone
def test_aligned_instants_are_in_the_future_and_on_the_grid(interval_s: int, now: datetime) -> None:
    found = next_aligned(now, interval_s)

    assert timedelta(0) < found - now <= timedelta(seconds=min(interval_s, 86_400))
    second = found.hour * 3600 + found.minute * 60 + found.second
    assert second % interval_s == 0
    assert found.microsecond == 0


def test_over_days_every_instant_is_visited_once() -> None:
    instant, visited = AT, []
    while instant < AT + timedelta(days=3):
        instant = next_aligned(instant, 1000)
        visited.append(instant)

    assert len(visited) == len(set(visited))
    assert len(visited[:-1]) == 3 * 87
    assert [v for v in visited if v.hour == v.minute == v.second == 0] == [
        datetime(2025, 5, day, tzinfo=UTC) for day in (18, 19, 20)
    ]


# --- Thinning.


def series(length: int) -> list[MeterValue]:
    return [
        MeterValue(AT + timedelta(seconds=n), (SampledValue(Decimal(n)),)) for n in range(length)
    ]


@pytest.mark.requirement("E06.FR.13", "J02.FR.20", "S16-TXN-12")
def test_every_other_value_between_first_and_last_goes() -> None:
    values = series(9)

    assert thinned(values, 8) == (values[0], values[2], values[4], values[6], values[8])
    assert thinned(values, 9) == tuple(values)


@pytest.mark.requirement("E06.FR.13", "S16-TXN-12")
@given(st.integers(0, 400), st.integers(-1, 120))
def test_thinning_never_drops_first_or_last(length: int, most: int) -> None:
    values = series(length)

    kept = thinned(values, most)

    assert len(kept) <= max(most, 2)
    assert list(kept[:1]) == values[:1]
    assert list(kept[-1:]) == values[-1:]
    assert list(kept) == [value for value in values if value in kept]
    if len(kept) > 3:
        gaps = {(b.at - a.at) for a, b in pairwise(kept[:-1])}
        assert len(gaps) <= 2, "what is left is spread evenly"


@pytest.mark.requirement("J02.FR.20", "E06.FR.13")
@given(st.integers(0, 150), st.integers(1, 11), st.integers(2, 120), st.integers(2, 400))
def test_a_series_is_bounded_by_its_samples_too(
    length: int, width: int, most_values: int, most_samples: int
) -> None:
    values = [replace(value, samples=value.samples * width) for value in series(length)]

    kept = bounded(values, most_values, most_samples)

    assert len(kept) <= max(2, most_values)
    assert len(kept) <= 2 or len(kept) * width <= most_samples
    assert list(kept[:1]) == values[:1]
    assert list(kept[-1:]) == values[-1:]
    if length <= most_values and length * width <= most_samples:
        assert list(kept) == values
