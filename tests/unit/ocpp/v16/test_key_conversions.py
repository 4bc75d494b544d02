import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.basic_auth_password import password_octets
from agent.ocpp.v16.key_conversions import (
    RATE_UNITS,
    WHOLE,
    MeasurandSelection,
    measurands_of,
    password_from_hex,
    password_from_text,
    phase_rotation,
    selections,
)


@pytest.mark.requirement("A00.FR.205 (1.6)")
@given(st.binary(min_size=16, max_size=20))
def test_any_16_to_20_octets_make_an_authorization_key(octets: bytes) -> None:
    for text in (octets.hex(), octets.hex().upper()):
        password = password_from_hex(text)
        assert password is not None
        assert password_octets(password) == octets


@pytest.mark.parametrize("text", ["", "00" * 15, "00" * 21, "0" * 33, "zz" * 16, "00 " * 13])
def test_other_texts_make_no_authorization_key(text: str) -> None:
    assert password_from_hex(text) is None


def test_a_back_end_may_write_the_text_itself() -> None:
    assert password_from_text("correct-horse-battery") == "correct-horse-battery"
    assert password_from_text("too-short") is None
    assert password_from_text("x" * 41) is None
    assert password_from_text("ä" * 20) is None


def test_measurands_may_name_a_phase() -> None:
    items = selections("Voltage.L1-N, Power.Factor,Current.Import.L3,Voltage")
    assert items == (
        MeasurandSelection("Voltage", "L1-N"),
        MeasurandSelection("Power.Factor"),
        MeasurandSelection("Current.Import", "L3"),
        MeasurandSelection("Voltage"),
    )
    assert measurands_of(items) == ("Voltage", "Power.Factor", "Current.Import")


def test_rate_units_have_other_names_in_16() -> None:
    assert RATE_UNITS.to_key("A,W") == "Current,Power"
    assert RATE_UNITS.to_variable("Power") == "W"


@pytest.mark.parametrize("text", ["0.RST,1.RST", "1.NotApplicable", "0.Unknown, 1.TSR"])
def test_phase_rotations_name_known_connectors(text: str) -> None:
    assert phase_rotation(text, connectors=1) == text


@pytest.mark.parametrize("text", ["", "RST", "2.RST", "1.rst", "1.RST,1.RST", "-1.RST", "1.RST,"])
def test_other_phase_rotations_are_refused(text: str) -> None:
    assert phase_rotation(text, connectors=1) is None


@pytest.mark.parametrize(("value", "shown"), [("0", "0"), ("100", "100"), ("33.3", "34")])
def test_a_decimal_number_is_shown_as_a_whole_one(value: str, shown: str) -> None:
    assert WHOLE.to_key(value) == shown


@pytest.mark.parametrize("text", ["", "1.5", "-1", "+1", "1e1", " 1", "\u0661"])
def test_a_key_for_a_whole_number_takes_no_other(text: str) -> None:
    assert WHOLE.to_variable(text) is None
    assert WHOLE.to_variable("42") == "42"
