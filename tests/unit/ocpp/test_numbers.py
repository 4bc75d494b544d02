import json
from decimal import ROUND_FLOOR, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ocpp.numbers import decimal_of, json_number, limit_number


def written(value: Decimal) -> str:
    return json.dumps(json_number(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.1", "0.1"),
        ("0.3", "0.3"),
        ("1234567.890", "1234567.89"),
        ("230", "230"),
        ("230.000", "230"),
        ("1E+3", "1000"),
        ("-0.0", "0"),
        ("123456789012345678901", "123456789012345678901"),
        ("99999999999.999", "99999999999.999"),
    ],
)
def test_a_number_is_written_with_its_digits(value: str, text: str) -> None:
    assert written(Decimal(value)) == text


def test_a_sum_of_decimals_has_no_binary_remainder() -> None:
    assert written(Decimal("0.1") + Decimal("0.2")) == "0.3"


@given(st.decimals(min_value=-(10**11), max_value=10**11, places=4))
def test_fifteen_digits_survive_exactly(value: Decimal) -> None:
    assert Decimal(written(value)) == value


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_more_digits_survive_to_a_quadrillionth(value: Decimal) -> None:
    assert abs(Decimal(written(value)) - value) <= abs(value) * Decimal("1e-15") + Decimal("1e-300")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_received_number_keeps_the_digits_of_its_message(number: float) -> None:
    assert str(decimal_of(number)) == str(Decimal(repr(number)))


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+400"])
def test_what_json_cannot_say_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_number(Decimal(value))


@given(st.decimals(min_value=0, max_value=10**25, allow_nan=False))
def test_a_limit_has_one_decimal_and_never_grows(limit: Decimal) -> None:
    told = Decimal(str(limit_number(limit)))

    if limit < 10**14:
        assert told == limit.quantize(Decimal("0.1"), rounding=ROUND_FLOOR)
    assert limit - Decimal("0.1") < told <= limit or limit >= 10**14
