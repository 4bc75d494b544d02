"""Texts, numbers and instants as hypothesis makes them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st


def texts(longest: int = 80) -> st.SearchStrategy[str]:
    return st.text(max_size=longest) | st.sampled_from(["x" * 600, "ü" * 3000, "€" * 51])


zones = st.builds(
    timezone, st.timedeltas(min_value=timedelta(hours=-23), max_value=timedelta(hours=23))
)
instants = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC) | zones,
)
numbers = st.integers(min_value=0, max_value=2**40)
decimals = st.decimals(allow_nan=False) | st.decimals(min_value=0, max_value=10**9, places=3)
finite_decimals = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30
)


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy
