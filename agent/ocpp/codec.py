"""What an OCPP version is to this station: three tables, a few rules, and nothing else.

*Encoders* turn a domain event into calls, *commands* turn an action into a command and its outcome
into a reply, *facts* turn the CSMS's reply to one of our calls into a fact. A newer version starts
from an older one's tables. A version literal appears only in the version packages.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from agent.core.commands import Command, CommandOutcome
from agent.core.events import DomainEvent
from agent.core.facts import Fact
from agent.core.records import dataclass
from agent.core.vocabulary import TokenType
from agent.ocpp.rpc import CallRejected, Dialect

__all__ = ["Answer", "Call", "CallRejected", "Codec", "CodecContext", "Directory", "Rules"]

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One CALL to the CSMS."""

    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply that needs no service, for example to an unknown configuration key."""

    payload: Payload


class Directory(Protocol):
    """Names that one side knows and the other does not."""

    def connector_of(self, evse: int, connector: int) -> int:
        """Return 1.6's connector number of an EVSE's connector."""

    def place_of(self, connector: int) -> tuple[int, int] | None:
        """Return (EVSE, connector) of 1.6's connector number, None if there is none."""

    def connectors(self) -> tuple[int, ...]:
        """Return 1.6's connector numbers, without 0."""

    def csms_transaction(self, transaction_id: str) -> int | None:
        """Return the CSMS's number of our transaction, None while it has not told one."""

    def transaction_of(self, csms_id: int) -> str | None:
        """Return our transaction id for the CSMS's number."""


class SignedValueWrapper(StrEnum):
    """How 1.6 carries a signed value: the OCA's note, or what some back ends expect."""

    OCA = "oca"
    RAW = "raw"
    HAS_TO_BE = "hasToBe"


@dataclass(frozen=True, slots=True)
class CodecContext:
    """What a table entry may look at besides its argument.

    `offline` is true for a stored event that happened, or waited, without connection (E11).
    `tag_kind` is the kind of the tokens of the station's readers, for versions whose tokens have
    none.
    """

    directory: Directory
    offline: bool = False
    signed_value_wrapper: SignedValueWrapper = SignedValueWrapper.OCA
    tag_kind: str = TokenType.ISO14443


class WhileRejected(StrEnum):
    """How CALLs are answered while the CSMS rejects the station."""

    SECURITY_ERROR = "SecurityError"
    SILENCE = "Silence"


@dataclass(frozen=True, slots=True)
class Rules:
    """Differences between versions that are neither words nor framing, named by behaviour.

    `triggered_values_join_transaction`: values asked for while a transaction runs are told as part
    of it, else beside it. `keeps_last_csms_root`: the last root of the CSMS cannot be deleted, also
    where the link does not need it. `statuses_must_last`: a status is told only after it has lasted
    for a configured time. `tells_price_of_token`: the CSMS may tell the price of whom it lets in.
    """

    while_rejected: WhileRejected
    unlock_stops_transaction: bool
    triggered_values_join_transaction: bool = False
    set_variables_before_accepted: bool = True
    caches_listed_tokens: bool = True
    keeps_last_csms_root: bool = False
    statuses_must_last: bool = False
    tells_price_of_token: bool = False


E = TypeVar("E", bound=DomainEvent)
C = TypeVar("C", bound=Command)
O = TypeVar("O", bound=CommandOutcome)  # noqa: E741 - outcome, beside E and C

Encoder = Callable[[E, CodecContext], tuple[Call, ...]]
Decoder = Callable[[Payload, CodecContext], Command | Answer]
OutcomeEncoder = Callable[[O, Payload, CodecContext], Payload]
FactDecoder = Callable[[DomainEvent, Payload, CodecContext], Fact | None]


class Codec:
    """The tables of one version. `schemas` names the folder of its JSON schemas."""

    def __init__(self, subprotocol: str, schemas: str, dialect: Dialect, rules: Rules) -> None:
        self.subprotocol = subprotocol
        self.schemas = schemas
        self.dialect = dialect
        self.rules = rules
        self.encoders: dict[type, Encoder[Any]] = {}
        self.decoders: dict[str, Decoder] = {}
        self.outcomes: dict[str, OutcomeEncoder[Any]] = {}
        self.facts: dict[str, FactDecoder] = {}

    def extend(self, base: "Codec") -> None:
        """Start from another version's tables."""
        self.encoders.update(base.encoders)
        self.decoders.update(base.decoders)
        self.outcomes.update(base.outcomes)
        self.facts.update(base.facts)

    def encodes(self, event: type[E]) -> Callable[[Encoder[E]], Encoder[E]]:
        """Register how an event is told."""

        def register(encoder: Encoder[E]) -> Encoder[E]:
            self.encoders[event] = encoder
            return encoder

        return register

    def decodes(self, action: str) -> Callable[[Decoder], Decoder]:
        """Register how a CALL of the CSMS becomes a command (or an immediate answer)."""

        def register(decoder: Decoder) -> Decoder:
            self.decoders[action] = decoder
            return decoder

        return register

    def replies(self, action: str) -> Callable[[OutcomeEncoder[O]], OutcomeEncoder[O]]:
        """Register how a command's outcome becomes the reply; the request is at hand again."""

        def register(encoder: OutcomeEncoder[O]) -> OutcomeEncoder[O]:
            self.outcomes[action] = encoder
            return encoder

        return register

    def learns(self, action: str) -> Callable[[FactDecoder], FactDecoder]:
        """Register what the CSMS's reply to our call states."""

        def register(decoder: FactDecoder) -> FactDecoder:
            self.facts[action] = decoder
            return decoder

        return register

    def encode(self, event: DomainEvent, context: CodecContext) -> tuple[Call, ...]:
        """Tell an event in this version's words; () if it is no news in them."""
        encoder = self.encoders.get(type(event))
        return encoder(event, context) if encoder else ()

    def handles(self, action: str) -> bool:
        """Tell whether the station offers an action of the CSMS."""
        return action in self.decoders

    def decode(self, action: str, payload: Payload, context: CodecContext) -> Command | Answer:
        """Turn a schema-valid CALL into a command; raises `CallRejected`."""
        return self.decoders[action](payload, context)

    def encode_outcome(
        self, action: str, outcome: CommandOutcome, request: Payload, context: CodecContext
    ) -> Payload:
        """Turn a command's outcome into the reply payload."""
        return self.outcomes[action](outcome, request, context)

    def fact(
        self, call: Call, event: DomainEvent, reply: Payload, context: CodecContext
    ) -> Fact | None:
        """Turn a schema-valid reply to our call into what it states."""
        decoder = self.facts.get(call.action)
        return decoder(event, reply, context) if decoder else None
