"""What a device-model variable is: its address, its characteristics and the form of its text.

OCPP 2.x part 1 chapter 4 (device model) and part 2 ComponentType, VariableType,
VariableCharacteristicsType. Values travel as text; this module says which text is well-formed,
other modules say whose value it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from agent.core.basic_auth_password import is_escaped_octet
from agent.core.local_time import offset_of
from agent.core.records import dataclass

CONFIGURATION_VALUE_SIZE = 1000
"""Characters that a settable value may have: OCPP 2.0.1's limit in SetVariables."""

_MAX_INTEGER_DIGITS = 20
_IDENTIFIER_EXTRAS = frozenset("*-_=:+|@.")


class DataType(StrEnum):
    """DataEnumType."""

    STRING = "string"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE_TIME = "dateTime"
    BOOLEAN = "boolean"
    OPTION_LIST = "OptionList"
    SEQUENCE_LIST = "SequenceList"
    MEMBER_LIST = "MemberList"


LIST_TYPES = frozenset({DataType.SEQUENCE_LIST, DataType.MEMBER_LIST})
NUMBER_TYPES = frozenset({DataType.INTEGER, DataType.DECIMAL})


class Mutability(StrEnum):
    """MutabilityEnumType."""

    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    READ_WRITE = "ReadWrite"


class AttributeType(StrEnum):
    """AttributeEnumType."""

    ACTUAL = "Actual"
    TARGET = "Target"
    MIN_SET = "MinSet"
    MAX_SET = "MaxSet"


class TextFormat(StrEnum):
    """What the text of a `string` variable may consist of."""

    PLAIN = "plain"
    IDENTIFIER = "identifierString"
    PASSWORD = "passwordString"  # noqa: S105 - the name of OCPP's primitive type, no secret
    TIME_OFFSET = "timeOffset"


class ReasonCode(StrEnum):
    """The values of StatusInfoType.reasonCode that a device model gives."""

    INVALID_VALUE = "InvalidValue"
    VALUE_TOO_HIGH = "ValueTooHigh"
    VALUE_TOO_LOW = "ValueTooLow"
    TOO_LARGE_ELEMENT = "TooLargeElement"
    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    NOT_FOUND = "NotFound"
    UNSUPPORTED_PARAM = "UnsupportedParam"


@dataclass(frozen=True, slots=True)
class ComponentKey:
    """The address of a component: ComponentType with its EVSE and connector number."""

    name: str
    instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None

    @property
    def notation(self) -> str:
        """Name[instance]@evse:connector, as written in configuration files."""
        evse = "" if self.evse_id is None else f"@{self.evse_id}"
        connector = "" if self.connector_id is None else f":{self.connector_id}"
        return f"{_with_instance(self.name, self.instance)}{evse}{connector}"

    def folded(self) -> "ComponentKey":
        """Return the address in lower case: component names are case-insensitive on the wire."""
        return ComponentKey(
            self.name.lower(), _lowered(self.instance), self.evse_id, self.connector_id
        )


@dataclass(frozen=True, slots=True)
class VariableKey:
    """The address of a variable inside its component: VariableType."""

    name: str
    instance: str | None = None

    @property
    def notation(self) -> str:
        """Name[instance], as written in configuration files."""
        return _with_instance(self.name, self.instance)

    def folded(self) -> "VariableKey":
        """Return the address in lower case: variable names are case-insensitive on the wire."""
        return VariableKey(self.name.lower(), _lowered(self.instance))


@dataclass(frozen=True, slots=True)
class ComponentVariable:
    """The full address of a variable."""

    component: ComponentKey
    variable: VariableKey

    @property
    def notation(self) -> str:
        """Component[instance]@evse:connector.Variable[instance], as in configuration files."""
        return f"{self.component.notation}.{self.variable.notation}"


@dataclass(frozen=True, slots=True)
class ValueFault:
    """Why a text is no value of a variable.

    The detail never repeats the text: it may be a secret.
    """

    reason_code: ReasonCode
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableDefinition:
    """One variable of the station with its characteristics.

    `max_length` and `min_length` count characters of the text; `min_limit` and `max_limit` bound
    numbers, and on a ReadOnly counter `max_limit` is the capacity. `live` values are computed when
    read and never stored. A `guarded` variable can be changed only while a rule judges it.
    `configurable` says whether the configuration file may set it. An `optional` value may be empty.
    """

    component: ComponentKey
    variable: VariableKey
    data_type: DataType
    mutability: Mutability = Mutability.READ_ONLY
    unit: str | None = None
    min_limit: Decimal | None = None
    max_limit: Decimal | None = None
    min_length: int = 0
    max_length: int = CONFIGURATION_VALUE_SIZE
    values_list: tuple[str, ...] = ()
    text_format: TextFormat = TextFormat.PLAIN
    default: str = ""
    attributes: tuple[AttributeType, ...] = (AttributeType.ACTUAL,)
    live: bool = False
    configurable: bool = False
    persistent: bool = True
    reboot_required: bool = False
    guarded: bool = False
    optional: bool = False
    supports_monitoring: bool = False
    key: ComponentVariable = field(init=False)

    def __post_init__(self) -> None:
        """Refuse what could never work. Raises ValueError."""
        object.__setattr__(self, "key", ComponentVariable(self.component, self.variable))
        if self.live and self.mutability is not Mutability.READ_ONLY:
            raise ValueError(f"{self.key.notation}: a computed variable cannot be written")
        if self.live and self.configurable:
            raise ValueError(f"{self.key.notation}: a computed variable cannot be configured")
        fault = check_value(self, self.default) if self.default else None
        if fault is not None:
            raise ValueError(f"{self.key.notation}: the default is no valid value: {fault.detail}")


def check_value(definition: VariableDefinition, text: str) -> ValueFault | None:
    """Return why `text` cannot be a value of the variable, or None (B05.FR.07, B05.FR.08)."""
    if len(text) > definition.max_length:
        detail = f"longer than {definition.max_length} characters"
        return ValueFault(ReasonCode.TOO_LARGE_ELEMENT, detail)
    if definition.optional and not text:
        return None
    if len(text) < definition.min_length:
        detail = f"shorter than {definition.min_length} characters"
        return ValueFault(ReasonCode.INVALID_VALUE, detail)
    return _CHECKS[definition.data_type](definition, text)


def list_members(text: str) -> tuple[str, ...]:
    """Return the members of a comma-separated value without the blanks around them."""
    return tuple(member.strip() for member in text.split(",")) if text.strip() else ()


def value_text(value: bool | int | Decimal | datetime | str) -> str:  # noqa: FBT001 - a value
    """Return OCPP's text for a value: true/false, plain decimals, UTC with milliseconds and Z."""
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case datetime():
            return _instant_text(value)
        case _:
            return str(value)


def parsed_instant(text: str) -> datetime | None:
    """Return the instant an RFC 3339 text with zone names, or None if it names none."""
    if "T" not in text[:11].upper():
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None


def _instant_text(instant: datetime) -> str:
    offset = instant.utcoffset()
    if offset is None:
        raise ValueError("an instant needs a time zone")
    utc = instant.replace(tzinfo=None) - offset
    return f"{utc.isoformat(timespec='milliseconds')}Z"


def _with_instance(name: str, instance: str | None) -> str:
    return name if instance is None else f"{name}[{instance}]"


def _lowered(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _integer_fault(definition: VariableDefinition, text: str) -> ValueFault | None:
    digits = text.removeprefix("-")
    if not _is_canonical_integer(digits) or len(digits) > _MAX_INTEGER_DIGITS:
        return ValueFault(ReasonCode.INVALID_VALUE, "not an integer")
    return _range_fault(definition, Decimal(text))


def _decimal_fault(definition: VariableDefinition, text: str) -> ValueFault | None:
    whole, dot, fraction = text.removeprefix("-").partition(".")
    well_formed = _is_canonical_integer(whole) and (not dot or _is_digits(fraction))
    if not well_formed or len(text) > _MAX_INTEGER_DIGITS:
        return ValueFault(ReasonCode.INVALID_VALUE, "not a decimal number with a dot")
    return _range_fault(definition, Decimal(text))


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_canonical_integer(text: str) -> bool:
    return _is_digits(text) and (text == "0" or not text.startswith("0"))


def _range_fault(definition: VariableDefinition, number: Decimal) -> ValueFault | None:
    if definition.min_limit is not None and number < definition.min_limit:
        return ValueFault(ReasonCode.VALUE_TOO_LOW, f"below the minimum {definition.min_limit}")
    if definition.max_limit is not None and number > definition.max_limit:
        return ValueFault(ReasonCode.VALUE_TOO_HIGH, f"above the maximum {definition.max_limit}")
    return None


def _boolean_fault(_: VariableDefinition, text: str) -> ValueFault | None:
    if text in {"true", "false"}:
        return None
    return ValueFault(ReasonCode.INVALID_VALUE, "not true or false")


def _date_time_fault(_: VariableDefinition, text: str) -> ValueFault | None:
    if parsed_instant(text) is not None:
        return None
    return ValueFault(ReasonCode.INVALID_VALUE, "not an RFC 3339 time with a zone")


def _option_fault(definition: VariableDefinition, text: str) -> ValueFault | None:
    if text in definition.values_list:
        return None
    allowed = ", ".join(definition.values_list)
    return ValueFault(ReasonCode.INVALID_VALUE, f"not one of {allowed}")


def _list_fault(definition: VariableDefinition, text: str) -> ValueFault | None:
    members = list_members(text)
    unsupported = sorted(set(members).difference(definition.values_list))
    if unsupported:
        detail = f"not supported: {', '.join(unsupported)}"[:CONFIGURATION_VALUE_SIZE]
        return ValueFault(ReasonCode.INVALID_VALUE, detail)
    if len(set(members)) < len(members):
        return ValueFault(ReasonCode.INVALID_VALUE, "a member is named twice")
    return None


def _text_fault(definition: VariableDefinition, text: str) -> ValueFault | None:
    if _TEXT_CHECKS[definition.text_format](text):
        return None
    detail = f"is no {definition.text_format}, or holds characters that it cannot have"
    return ValueFault(ReasonCode.INVALID_VALUE, detail)


def _is_identifier(text: str) -> bool:
    return all(c.isascii() and (c.isalnum() or c in _IDENTIFIER_EXTRAS) for c in text)


def _is_time_offset(text: str) -> bool:
    return offset_of(text) is not None


def _is_password(text: str) -> bool:
    return all(c.isprintable() or is_escaped_octet(c) for c in text)


_TEXT_CHECKS: Mapping[TextFormat, Callable[[str], bool]] = {
    TextFormat.PLAIN: str.isprintable,
    TextFormat.IDENTIFIER: _is_identifier,
    TextFormat.PASSWORD: _is_password,
    TextFormat.TIME_OFFSET: _is_time_offset,
}

_CHECKS: Mapping[DataType, Callable[[VariableDefinition, str], ValueFault | None]] = {
    DataType.STRING: _text_fault,
    DataType.DECIMAL: _decimal_fault,
    DataType.INTEGER: _integer_fault,
    DataType.DATE_TIME: _date_time_fault,
    DataType.BOOLEAN: _boolean_fault,
    DataType.OPTION_LIST: _option_fault,
    DataType.SEQUENCE_LIST: _list_fault,
    DataType.MEMBER_LIST: _list_fault,
}
