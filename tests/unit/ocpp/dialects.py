"""Two made-up dialects at the extremes of what versions differ in."""

from types import MappingProxyType

from agent.ocpp.dialect import Dialect, RpcErrorCode

QUIET = Dialect(
    answers_unreadable_frames=False,
    rejects_unknown_message_types=False,
    error_spelling=MappingProxyType(
        {
            RpcErrorCode.FORMAT_VIOLATION: "FormationViolation",
            RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
            RpcErrorCode.RPC_FRAMEWORK_ERROR: "FormationViolation",
            RpcErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "NotSupported",
        }
    ),
)
TALKATIVE = Dialect(
    answers_unreadable_frames=True,
    rejects_unknown_message_types=True,
    has_call_result_error=True,
    has_send=True,
)
