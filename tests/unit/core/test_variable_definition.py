from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.variable_definition import (
    ComponentKey,
    ComponentVariable,
    DataType,
    Mutability,
    ReasonCode,
    TextFormat,
    VariableDefinition,
    VariableKey,
    check_value,
    list_members,
    parsed_instant,
    value_text,
)


def definition(data_type: DataType = DataType.STRING, **fields: object) -> VariableDefinition:
    return VariableDefinition(
        component=ComponentKey("AnyCtrlr"),
        variable=VariableKey("Any"),
        data_type=data_type,
        mutability=Mutability.READ_WRITE,
        **fields,  # type: ignore[arg-type]
    )


INTEGER = definition(DataType.INTEGER, min_limit=Decimal(0), max_limit=Decimal(86400))
LIST = definition(DataType.MEMBER_LIST, values_list=("Voltage", "Frequency"))
OPTION = definition(DataType.OPTION_LIST, values_list=("Never", "Always"))


@pytest.mark.requirement("B05.FR.07")
@pytest.mark.parametrize(
    ("of", "text"),
    [
        *((INTEGER, text) for text in ("", " 60", "60 ", "+60", "060", "6e1", "60.0", "-", "٦٠")),
        *((INTEGER, text) for text in ("1" * 21, "0x10", "1_000", "NaN", "Infinity", "-0.5")),
        *((definition(DataType.DECIMAL), t) for t in ("", ".5", "5.", "1e3", "NaN", "1,5", "--1")),
        *((definition(DataType.BOOLEAN), text) for text in ("", "True", "TRUE", "1", "yes")),
        *((definition(DataType.DATE_TIME), t) for t in ("", "2024-01-01", "2024-01-01T00:00:00")),
        *((definition(DataType.DATE_TIME), t) for t in ("2024-13-01T00:00:00Z", "noon")),
        (LIST, "Voltage,SoC"),
        (LIST, "Voltage,,Frequency"),
        (LIST, "Voltage,Voltage"),
        (OPTION, ""),
        (OPTION, "never"),
        (definition(), "line\nbreak"),
        (definition(), "x" * 1001),
        (definition(min_length=1), ""),
        (definition(text_format=TextFormat.IDENTIFIER), "a b"),
        (definition(text_format=TextFormat.IDENTIFIER), "é"),
        (definition(text_format=TextFormat.PASSWORD, min_length=16), "tab\tin-the-password"),
        *((definition(text_format=TextFormat.TIME_OFFSET), t) for t in ("", "1", "+15:00", "UTC")),
        (definition(text_format=TextFormat.TIME_OFFSET, optional=True), " "),
        (definition(DataType.DATE_TIME, optional=True), "noon"),
    ],
)
def test_malformed_values_are_refused(of: VariableDefinition, text: str) -> None:
    assert check_value(of, text) is not None


@pytest.mark.parametrize(
    ("of", "text"),
    [
        *((INTEGER, text) for text in ("0", "60", "86400")),
        *((definition(DataType.INTEGER), text) for text in ("-5", "9" * 20)),
        *((definition(DataType.DECIMAL), text) for text in ("0", "-1.50", "100.0")),
        *((definition(DataType.BOOLEAN), text) for text in ("true", "false")),
        *(
            (definition(DataType.DATE_TIME), text)
            for text in ("2024-01-01T00:00:00Z", "2024-01-01T02:00:00.123+02:00")
        ),
        *((LIST, text) for text in ("", "Voltage", "Frequency, Voltage")),
        (OPTION, "Always"),
        (definition(), "Übung"),
        (definition(text_format=TextFormat.IDENTIFIER), "A-z0_9*=:+|@."),
        *((definition(text_format=TextFormat.TIME_OFFSET), t) for t in ("Z", "-02:30", "+14:00")),
        (definition(text_format=TextFormat.TIME_OFFSET, optional=True), ""),
        (definition(DataType.DATE_TIME, optional=True), ""),
    ],
)
def test_well_formed_values_are_taken(of: VariableDefinition, text: str) -> None:
    assert check_value(of, text) is None


@pytest.mark.requirement("B05.FR.08")
def test_numbers_outside_their_limits_are_refused_with_the_side_they_miss() -> None:
    low, high = check_value(INTEGER, "-1"), check_value(INTEGER, "86401")
    assert low is not None
    assert low.reason_code is ReasonCode.VALUE_TOO_LOW
    assert high is not None
    assert high.reason_code is ReasonCode.VALUE_TOO_HIGH


def test_a_refusal_of_a_password_never_repeats_it() -> None:
    of = definition(text_format=TextFormat.PASSWORD, min_length=16, max_length=20)
    for password in ("hunter2", "hunter2-hunter2-hunter2", "hunter2-hunter2\x07"):
        fault = check_value(of, password)
        assert fault is not None
        assert "hunter2" not in fault.detail


@given(st.text(max_size=30))
def test_an_accepted_integer_reads_as_the_number_it_spells(text: str) -> None:
    if check_value(definition(DataType.INTEGER), text) is None:
        assert str(int(text)) == text or text == "-0"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9)))
def test_decimals_are_written_without_exponent(number: Decimal) -> None:
    text = value_text(number)
    assert Decimal(text) == number
    assert "E" not in text.upper()


def test_values_have_the_text_of_ocpp() -> None:
    instant = datetime(2024, 5, 1, 12, 0, 0, 123456, timezone(timedelta(hours=2)))
    assert [value_text(v) for v in (True, False, 7, "text")] == ["true", "false", "7", "text"]
    assert value_text(instant) == "2024-05-01T10:00:00.123Z"
    with pytest.raises(ValueError, match="time zone"):
        value_text(instant.replace(tzinfo=None))


def test_instants_need_a_zone() -> None:
    assert parsed_instant("2024-05-01T10:00:00Z") == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert parsed_instant("2024-05-01T10:00:00") is None


def test_lists_are_read_without_the_blanks_around_their_members() -> None:
    assert list_members(" a, b ,c") == ("a", "b", "c")
    assert list_members("  ") == ()


def test_addresses_are_written_as_in_the_configuration_file() -> None:
    key = ComponentVariable(ComponentKey("Lock", "left", 1, 2), VariableKey("Tries", "open"))
    assert key.notation == "Lock[left]@1:2.Tries[open]"
    assert ComponentKey("Lock", "LEFT").folded() == ComponentKey("lock", "left")
    assert VariableKey("Tries", "OPEN").folded() == VariableKey("tries", "open")


def test_definitions_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="default"):
        definition(DataType.INTEGER, default="many")
    with pytest.raises(ValueError, match="cannot be written"):
        definition(live=True)
    with pytest.raises(ValueError, match="cannot be configured"):
        VariableDefinition(
            component=ComponentKey("A"),
            variable=VariableKey("B"),
            data_type=DataType.STRING,
            live=True,
            configurable=True,
        )
