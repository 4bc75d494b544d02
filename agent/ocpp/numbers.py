"""Decimal numbers as JSON numbers, without losing what a meter measured.

Python's JSON writer knows `int` and `float`, not `Decimal`. Converting a decimal to the nearest
double and writing the shortest text that reads back as that double (what `repr` and `json` do)
gives the same digits again for everything up to 15 significant digits. Texts such as
0.30000000000000004 come from binary arithmetic, which is why there is none here: sums and products
are made in `Decimal`, the double is only a carrier. Beyond 15 digits the double nearest to the
value goes out, which is closer than any rounding of our own could be.
"""

from decimal import ROUND_FLOOR, Decimal
from typing import Final

_LARGEST_EXPONENT: Final = 300
_LIMIT_STEP: Final = Decimal("0.1")
_LARGEST_STEPPED_EXPONENT: Final = 20


def json_number(value: Decimal) -> int | float:
    """Return `value` as a number that JSON writes with the same digits.

    Raises ValueError for what JSON cannot say: NaN, infinity, numbers beyond a double's range.
    """
    if not value.is_finite() or value.adjusted() > _LARGEST_EXPONENT:
        raise ValueError(f"{value} is not a number that JSON can carry")
    return int(value) if value == value.to_integral_value() else float(value)


def limit_number(limit: Decimal) -> int | float:
    """Return a charging limit with the one decimal that limits may have; never rounded up."""
    if not limit.is_finite() or limit.adjusted() > _LARGEST_STEPPED_EXPONENT:
        return json_number(limit)
    return json_number(limit.quantize(_LIMIT_STEP, rounding=ROUND_FLOOR))


def decimal_of(number: float | Decimal) -> Decimal:
    """Return a JSON number with the digits it had in the message."""
    return Decimal(str(number))
