"""CALLs of the CSMS: checked, decoded, handed on, answered.

The order of checks is that of the standard: is the action known, is it offered, is the payload
valid, may it be served before the station is accepted.
"""

from collections.abc import Awaitable, Callable

from agent.core.commands import (
    Command,
    CommandOutcome,
    RequestStart,
    RequestStop,
    StartOutcome,
    rejected,
)
from agent.core.provisioning import Registration
from agent.core.vocabulary import RegistrationStatus
from agent.ocpp.bounds import Bounds, check_bound, unbounded
from agent.ocpp.codec import Answer, CallRejected, Codec, CodecContext, Payload, WhileRejected
from agent.ocpp.dialect import RpcErrorCode
from agent.ocpp.schemas import Schemas, SchemaViolation

CommandHandler = Callable[[Command], Awaitable[CommandOutcome]]


class IncomingCalls:
    """Serves the CALLs of one connection in the words of its codec."""

    def __init__(
        self,
        codec: Codec,
        schemas: Schemas,
        context: Callable[[], CodecContext],
        registration: Callable[[], Registration],
        handler: CommandHandler,
        bounds: Bounds = unbounded,
    ) -> None:
        self._codec = codec
        self._schemas = schemas
        self._context = context
        self._registration = registration
        self._handler = handler
        self._bounds = bounds

    async def serve(self, action: str, payload: Payload) -> Payload | None:
        """Return the reply, or None for silence; raises `CallRejected` for a CALLERROR."""
        if self._registration().status is RegistrationStatus.REJECTED:
            self._refuse_while_rejected()
            return None
        self._check(action, payload)
        command = self._codec.decode(action, payload, self._context())
        if isinstance(command, Answer):
            return command.payload
        outcome = self._refusal_before_acceptance(command) or await self._handler(command)
        return self._codec.encode_outcome(action, outcome, payload, self._context())

    def _refuse_while_rejected(self) -> None:
        """B03.FR.08 wants an error, 1.6 wants silence (S16-BOOT-07)."""
        if self._codec.rules.while_rejected is WhileRejected.SILENCE:
            return
        raise CallRejected(RpcErrorCode.SECURITY_ERROR, "the station is not accepted")

    def _check(self, action: str, payload: Payload) -> None:
        validate = self._schemas.request(action)
        if validate is None:
            raise CallRejected(RpcErrorCode.NOT_IMPLEMENTED, "this action is unknown")
        if not self._codec.handles(action):
            raise CallRejected(RpcErrorCode.NOT_SUPPORTED, "this station does not offer the action")
        try:
            validate(payload)
        except SchemaViolation as violation:
            code = self._codec.dialect.schema_errors[violation.rule]
            raise CallRejected(code, str(violation)) from violation
        bound = self._bounds(action)
        if bound is not None:
            check_bound(bound, action, payload)

    def _refusal_before_acceptance(self, command: Command) -> CommandOutcome | None:
        """Refuse remote start and stop until accepted (B02.FR.05, S16-BOOT-11)."""
        if self._registration().accepted:
            return None
        match command:
            case RequestStart():
                return StartOutcome(rejected("NotEnabled", "the station is not accepted yet"))
            case RequestStop():
                return rejected("NotEnabled", "the station is not accepted yet")
            case _:
                return None
