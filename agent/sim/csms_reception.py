"""The desk at which a station's messages arrive: recorded, admitted, checked, then answered."""

from collections.abc import Sequence
from typing import Protocol

from agent.sim import csms_schemas
from agent.sim.csms_dialect import Dialect
from agent.sim.csms_model import FrameRecord, Rule, StationRecord, Version
from agent.sim.csms_office import BackOffice, CallRefused, Exchange
from agent.sim.csms_schemas import Kind, SchemaBreach
from agent.sim.csms_v2 import Dialect2
from agent.sim.csms_v16 import Dialect16
from agent.sim.frames import (
    Call,
    CallResult,
    Direction,
    MalformedFrame,
    Send,
    UnknownMessageType,
    error_text,
    result_text,
)
from agent.sim.misbehaviour import Misbehaviour, Plan

_MESSAGE_ID_LENGTH = 36
_ERROR_CODES = {
    "required": "OccurrenceConstraintViolation",
    "minItems": "OccurrenceConstraintViolation",
    "maxItems": "OccurrenceConstraintViolation",
    "type": "TypeConstraintViolation",
    "additionalProperties": "FormatViolation",
}
# OCPP-J 1.6 keeps two misspelled codes and has no RpcFrameworkError.
_CODES_OF_16 = {
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "FormatViolation": "FormationViolation",
    "RpcFrameworkError": "FormationViolation",
}


class Observer(Protocol):
    """Who wants to know about frames and changes."""

    def saw(self, record: FrameRecord) -> None:
        """Take notice of a frame in either direction."""
        ...

    def changed(self) -> None:
        """Take notice that something may have changed."""
        ...


def dialect_of(version: Version) -> Dialect:
    """Return the dialect that a version speaks."""
    return Dialect16() if version is Version.V16 else Dialect2(version)


class Reception:
    """Deals with what one station sends over one connection, in the version negotiated for it."""

    def __init__(
        self,
        station: StationRecord,
        office: BackOffice,
        version: Version,
        observer: Observer,
        misbehaviours: Sequence[Misbehaviour] = (),
        *,
        validate: bool = True,
    ) -> None:
        self._station = station
        self._office = office
        self._version = version
        self._observer = observer
        self._misbehaviours = misbehaviours
        self._validate = validate
        self.dialect = dialect_of(version)

    def open_exchange(self, text: str) -> Exchange:
        """Record a received frame."""
        now = self._office.now()
        self._observer.saw(FrameRecord(Direction.FROM_STATION, text, now))
        return Exchange(self._office, self._station, text, now)

    def record_sent(self, text: str) -> None:
        """Record a sent frame."""
        self._observer.saw(FrameRecord(Direction.TO_STATION, text, self._office.now()))

    def changed(self) -> None:
        """Tell those who wait that something has happened."""
        self._observer.changed()

    def plan(self, call: Call) -> Plan:
        """Ask every misbehaviour in turn what to do with a CALL."""
        plan = Plan()
        for misbehaviour in self._misbehaviours:
            plan = misbehaviour.on_call(call, plan)
        return plan

    def answer(self, exchange: Exchange, call: Call) -> str:
        """Admit, check and take over a CALL; returns the text of the answer."""
        self._check_message_id(exchange, call.message_id)
        try:
            self._admit(exchange, call.action)
            self._check_request(exchange, call.action, call.payload)
            return result_text(call.message_id, self.dialect.answer(exchange, call))
        except CallRefused as refusal:
            return error_text(call.message_id, self._code(refusal.code), str(refusal))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # Only a payload that no schema has checked can lead here.
            exchange.fault(Rule.SCHEMA, f"{call.action} cannot be read: {error!r}")
            return error_text(call.message_id, self._code("FormatViolation"))

    def note(self, exchange: Exchange, send: Send) -> None:
        """Take over a SEND, which gets no answer even if it is refused."""
        self._check_message_id(exchange, send.message_id)
        try:
            self._admit(exchange, send.action)
            self._check_request(exchange, send.action, send.payload)
        except CallRefused:
            return  # The fault is recorded.
        self.dialect.note(exchange, send)

    def refuse(self, error: MalformedFrame) -> str | None:
        """Return the CALLERROR for an unreadable frame; 1.6 ignores unknown message types."""
        if isinstance(error, UnknownMessageType):
            if self._version is Version.V16:
                return None
            return error_text(error.message_id or "-1", "MessageTypeNotSupported", str(error))
        code = self._code("RpcFrameworkError")
        return error_text(error.message_id or "-1", code, str(error))

    def check_answer(self, exchange: Exchange, command: str, result: CallResult) -> None:
        """Check a CALLRESULT of the station against its schema."""
        if not self._validate or not csms_schemas.is_known(self._version, command):
            return
        try:
            csms_schemas.check(self._version, command, Kind.RESPONSE, result.payload)
        except SchemaBreach as breach:
            exchange.fault(breach.rule, str(breach))

    def _admit(self, exchange: Exchange, action: str) -> None:
        """Let through only BootNotification, and what was asked for, before Accepted."""
        registration = self._station.registration
        if action == "BootNotification" or registration == "Accepted":
            return
        if registration == "Pending" and action in self._station.asked_for:
            return
        message = f"{action} while the registration is {registration or 'unknown'}"
        exchange.fault(Rule.BEFORE_BOOT, message)
        raise CallRefused("SecurityError", message)

    def _check_request(self, exchange: Exchange, action: str, payload: dict[str, object]) -> None:
        if not self._validate:
            return
        if not csms_schemas.is_known(self._version, action):
            exchange.fault(Rule.ACTION, f"{self._version} has no {action[:50]}")
            raise CallRefused("NotImplemented", f"unknown action {action[:50]}")
        try:
            csms_schemas.check(self._version, action, Kind.REQUEST, payload)
        except SchemaBreach as breach:
            exchange.fault(breach.rule, str(breach))
            code = _ERROR_CODES.get(breach.keyword, "PropertyConstraintViolation")
            raise CallRefused(code, str(breach)) from None

    def _check_message_id(self, exchange: Exchange, message_id: str) -> None:
        if not 0 < len(message_id) <= _MESSAGE_ID_LENGTH:
            message = f"a messageId of {len(message_id)} characters, not 1 to {_MESSAGE_ID_LENGTH}"
            exchange.fault(Rule.MESSAGE_ID, message)
        if message_id in self._station.message_ids:
            exchange.fault(Rule.MESSAGE_ID, f"messageId {message_id[:40]!r} was used before")
        self._station.message_ids.add(message_id)

    def _code(self, code: str) -> str:
        return _CODES_OF_16.get(code, code) if self._version is Version.V16 else code
