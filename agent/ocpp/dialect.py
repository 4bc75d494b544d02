"""What an OCPP version decides about the RPC framework, as data.

The code that frames, correlates and validates messages is the same for every version. Where the
versions differ (spelling of error codes, treatment of unreadable frames, extra message types) it
asks a `Dialect`, which each version defines once.
"""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from types import MappingProxyType

from agent.core.records import dataclass


class RpcErrorCode(StrEnum):
    """The reasons for a CALLERROR, in the spelling of OCPP 2.x (OCPP-J part 4, table of codes)."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


class SchemaRule(StrEnum):
    """The kinds of JSON-schema rule that a payload can break."""

    TYPE = "type"
    REQUIRED = "required"
    UNKNOWN_PROPERTY = "additionalProperties"
    ENUM = "enum"
    FORMAT = "format"
    LENGTH = "length"
    RANGE = "range"
    ITEM_COUNT = "itemCount"
    OTHER = "other"


SCHEMA_ERRORS: Mapping[SchemaRule, RpcErrorCode] = MappingProxyType(
    {
        SchemaRule.TYPE: RpcErrorCode.TYPE_CONSTRAINT_VIOLATION,
        SchemaRule.REQUIRED: RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        SchemaRule.ITEM_COUNT: RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        SchemaRule.UNKNOWN_PROPERTY: RpcErrorCode.FORMAT_VIOLATION,
        SchemaRule.OTHER: RpcErrorCode.FORMAT_VIOLATION,
        SchemaRule.ENUM: RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        SchemaRule.FORMAT: RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        SchemaRule.LENGTH: RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        SchemaRule.RANGE: RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    }
)
"""The code that says what is wrong, by the codes' own definitions.

A field that is missing, or occurs too often or too rarely, violates its occurrence (cardinality).
A value of the right JSON type outside its set, range, length or text format is an invalid value
of a property. A property the message does not have makes the payload malformed.
"""

# Seen from peers that speak one version and spell errors as another one does.
_KNOWN_MISSPELLINGS: Mapping[str, RpcErrorCode] = MappingProxyType(
    {
        "FormationViolation": RpcErrorCode.FORMAT_VIOLATION,
        "OccurenceConstraintViolation": RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    }
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """The rules of one OCPP version for its RPC framework."""

    answers_unreadable_frames: bool
    """A frame without a readable message id is answered with a CALLERROR for id "-1"."""

    rejects_unknown_message_types: bool
    """An unknown message type is answered with MessageTypeNotSupported; otherwise ignored."""

    has_call_result_error: bool = False
    """Message type 5 exists: an answer that cannot be used is reported to its sender."""

    has_send: bool = False
    """Message type 6 exists: a message that has no answer."""

    error_spelling: Mapping[RpcErrorCode, str] = field(default_factory=dict)
    """Wire text of the codes that this version spells differently or replaces by another."""

    schema_errors: Mapping[SchemaRule, RpcErrorCode] = field(default_factory=lambda: SCHEMA_ERRORS)
    """The code with which a payload is refused that breaks a rule of its schema."""

    def spell(self, code: RpcErrorCode) -> str:
        """Return the wire text of `code` in this version."""
        return self.error_spelling.get(code, code.value)

    def read_error_code(self, text: str) -> RpcErrorCode:
        """Return the code meant by `text`, in any version's spelling; unknown is GenericError."""
        try:
            return RpcErrorCode(text)
        except ValueError:
            return _KNOWN_MISSPELLINGS.get(text, RpcErrorCode.GENERIC_ERROR)
