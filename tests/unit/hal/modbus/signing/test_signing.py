"""What the procedures share: OCMF as far as it must be looked into, and waiting."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.modbus.signing import is_ocmf, last_register_wh

RECORD = b'OCMF|{"RD":[{"RV":1.5,"RU":"kWh"},{"RV":2.75}]}|{"SD":"00"}'


def test_the_register_is_that_of_the_last_reading() -> None:
    assert last_register_wh(RECORD) == 2750
    assert last_register_wh(RECORD.replace(b"2.75", b'"2.75"')) == 2750
    assert last_register_wh(RECORD.replace(b"kWh", b"Wh")) == Decimal("2.75")


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "[]",
        "{}",
        '{"RD":[]}',
        '{"RD":5}',
        '{"RD":[{"RV":"x","RU":"Wh"}]}',
        '{"RD":[{"RV":1}]}',
        '{"RD":[{"RV":NaN,"RU":"Wh"}]}',
        '{"RD":[{"RV":1,"RU":"mOhm"}]}',
    ],
)
def test_a_record_without_a_register_tells_none(payload: str) -> None:
    assert last_register_wh(b"OCMF|" + payload.encode() + b"|{}") is None


@given(st.binary(max_size=100))
def test_any_bytes_are_a_record_or_not(data: bytes) -> None:
    last_register_wh(data)
    assert not is_ocmf(data) or data.startswith(b"OCMF|{")


@pytest.mark.parametrize(
    "data", [RECORD[:-1], RECORD + b"\0", RECORD[5:], RECORD.replace(b'|{"SD', b'{"SD'), b""]
)
def test_what_is_cut_or_joined_is_no_record(data: bytes) -> None:
    assert is_ocmf(RECORD)
    assert not is_ocmf(data)
