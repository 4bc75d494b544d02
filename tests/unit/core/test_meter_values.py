from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from agent.core.meter_values import UNITS, MeterValue, SampledValue, with_signed
from agent.core.signed_values import SignedValue
from agent.core.vocabulary import Measurand, ReadingContext

AT = datetime(2025, 5, 17, 6, 30, tzinfo=UTC)
SIGNED = SignedValue("OCMF|{}|{}")
BEGIN, END = ReadingContext.TRANSACTION_BEGIN, ReadingContext.TRANSACTION_END


def register(context: ReadingContext, energy_wh: int = 1) -> SampledValue:
    return SampledValue(Decimal(energy_wh), context=context)


@pytest.mark.requirement("E02.FR.14", "E07.FR.12", "J02.FR.21")
def test_a_signed_record_goes_to_the_register_of_its_context() -> None:
    power = SampledValue(Decimal(1), Measurand.POWER_ACTIVE_IMPORT, END)
    values = (
        MeterValue(AT, (register(BEGIN),)),
        MeterValue(AT, (power, register(END), register(END, 2))),
    )

    begin, end = with_signed(values, AT, Decimal(9), END, SIGNED)

    assert begin == values[0]
    assert end.samples == (power, replace(register(END), signed=SIGNED), register(END, 2))


@pytest.mark.requirement("E02.FR.14")
@pytest.mark.parametrize(
    "values",
    [
        (),
        (MeterValue(AT, (register(BEGIN),)),),
        (MeterValue(AT, (SampledValue(Decimal(1), Measurand.VOLTAGE, END),)),),
    ],
)
def test_a_register_that_is_not_there_is_added_for_its_record(
    values: tuple[MeterValue, ...],
) -> None:
    later = AT + timedelta(seconds=5)

    found = with_signed(values, later, Decimal("12340.5"), END, SIGNED)

    assert found[:-1] == values
    added = SampledValue(Decimal("12340.5"), context=END, signed=SIGNED)
    assert found[-1] == MeterValue(later, (added,))


def test_every_measurand_has_its_unit() -> None:
    assert set(UNITS) == set(Measurand)


@pytest.mark.requirement("J01.FR.05")
def test_a_register_joins_the_value_of_its_instant() -> None:
    volts = SampledValue(Decimal(230), Measurand.VOLTAGE, BEGIN)

    (found,) = with_signed((MeterValue(AT, (volts,)),), AT, Decimal(7), BEGIN, SIGNED)

    added = SampledValue(Decimal(7), context=BEGIN, signed=SIGNED)
    assert found == MeterValue(AT, (volts, added))
