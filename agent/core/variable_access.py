"""How device-model variables are read and written: verdicts, changes, and rules that judge them."""

from collections.abc import Callable
from dataclasses import field
from enum import StrEnum
from typing import Protocol

from agent.core.records import dataclass
from agent.core.variable_definition import AttributeType, ComponentVariable, ReasonCode


class GetStatus(StrEnum):
    """GetVariableStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"


class SetStatus(StrEnum):
    """SetVariableStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"
    REBOOT_REQUIRED = "RebootRequired"


class ValueOrigin(StrEnum):
    """Where the value in force comes from."""

    DEFAULT = "default"
    CONFIGURED = "configured"
    CHANGED = "changed"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class GetOutcome:
    """The answer to one element of GetVariables; a refusal has no value (B06.FR.06-09)."""

    status: GetStatus
    value: str | None = None
    reason_code: ReasonCode | None = None


@dataclass(frozen=True, slots=True)
class SetOutcome:
    """The verdict on one element of SetVariables, with a reason that never repeats the value."""

    status: SetStatus
    reason_code: ReasonCode | None = None
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the value is to be stored: RebootRequired is a success too."""
        return self.status in {SetStatus.ACCEPTED, SetStatus.REBOOT_REQUIRED}


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value for a variable. The value stays out of the representation: it may be a secret."""

    key: ComponentVariable
    value: str = field(repr=False)
    attribute: AttributeType = AttributeType.ACTUAL


@dataclass(frozen=True, slots=True)
class VariableChange:
    """What `apply` did; the values stay out of the representation, they may be secret."""

    key: ComponentVariable
    attribute: AttributeType
    old_value: str = field(repr=False)
    new_value: str = field(repr=False)
    persistent: bool
    reboot_required: bool


@dataclass(frozen=True, slots=True)
class ValueProblem:
    """An initial or stored value that cannot be used, and why."""

    key: ComponentVariable
    reason: str


class UnknownVariableError(LookupError):
    """The program asked for a variable that this station lacks: give a default or add it."""


class ValueReader(Protocol):
    """How a rule reads values: as they would be after the change that it judges."""

    def __call__(self, key: ComponentVariable) -> str | None:
        """Return the value, or None if the station does not have the variable."""


@dataclass(frozen=True, slots=True)
class VariableRule:
    """A rule that looks at more than one value or outside the model.

    It is asked when one of `concerns` is set. `objection` gets the values in force and the values
    as they would be, and returns the reason to refuse, or None.
    """

    concerns: frozenset[ComponentVariable]
    objection: Callable[[ValueReader, ValueReader], str | None]
