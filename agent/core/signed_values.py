"""A signed meter value as it travels through the station, and when it carries the public key.

The signed text is opaque here: it was made once, by the meter or by the station's signing
component, and every byte of it is covered by the signature. Codecs wrap it in their version's
structure and apply the Base64 that the structure asks for.
"""

from __future__ import annotations

from enum import StrEnum

from agent.core.records import dataclass
from agent.core.vocabulary import ReadingContext, TransactionPhase


class PublicKeyPolicy(StrEnum):
    """`OCPPCommCtrlr.PublicKeyWithSignedMeterValue`: which signed values carry the public key."""

    NEVER = "Never"
    ONCE_PER_TRANSACTION = "OncePerTransaction"
    EVERY_METER_VALUE = "EveryMeterValue"


@dataclass(frozen=True, slots=True)
class SignedValue:
    """One signed reading, before any version's encoding.

    `record` is the signed text exactly as it was made; bytes that are no UTF-8 are in it as
    Python's surrogate escapes, so that none is lost. `signing_method` is empty when the record
    names its algorithm itself, as OCMF does. `public_key` is the SubjectPublicKeyInfo in
    hexadecimal, empty when this value does not carry the key; codecs send it as Base64 of
    `oca:base16:asn1:` followed by that hexadecimal text (OCA application note "Signed Meter
    Values in OCPP"). `repeats_key`: the key came with an earlier message of the transaction, in a
    version whose first message can carry it; None is no.
    """

    record: str
    signing_method: str = ""
    encoding_method: str = "OCMF"
    public_key: str = ""
    repeats_key: bool | None = None

    def __post_init__(self) -> None:
        if not self.record:
            raise ValueError("a signed value needs its record; leave the value unsigned instead")
        if not self.encoding_method:
            raise ValueError("a signed value must name its encoding method, such as OCMF")


def record_octets(record: str) -> bytes:
    """Return a signed record byte for byte as its signer made it."""
    return record.encode("utf-8", "surrogateescape")


def is_text(record: str) -> bool:
    """Tell whether a signed record may be written as text without losing a byte."""
    return not any("\ud800" <= character <= "\udfff" for character in record)


def attaches_public_key(
    policy: PublicKeyPolicy, *, in_transaction: bool, already_sent: bool
) -> bool:
    """Whether the next signed value carries the public key.

    `already_sent` tells that an earlier value of the same transaction carried it. A value outside
    every transaction has nothing to be the first of, so only EveryMeterValue attaches the key.
    """
    if policy is PublicKeyPolicy.ONCE_PER_TRANSACTION:
        return in_transaction and not already_sent
    return policy is PublicKeyPolicy.EVERY_METER_VALUE


_SAMPLED_IN_BETWEEN = frozenset({ReadingContext.SAMPLE_PERIODIC, ReadingContext.TRIGGER})
_IDLE = frozenset({ReadingContext.SAMPLE_CLOCK, ReadingContext.TRIGGER})


@dataclass(frozen=True, slots=True)
class SigningRules:
    """Which readings are signed: `Sign…Readings` of SampledDataCtrlr and of AlignedDataCtrlr.

    `sampled` and `aligned` are the master switches. `started` tells the signed begin value at the
    start already (the end repeats it), the two `updated` ones sign what is told in between.
    `key_once`: the public key is told once in a transaction.
    """

    sampled: bool = True
    started: bool = True
    updated: bool = False
    aligned: bool = False
    aligned_updated: bool = False
    key_once: bool = False

    def signs(self, phase: TransactionPhase, context: ReadingContext) -> bool:
        """Tell whether the register of a transaction event is signed (E02.FR.14, J02.FR.21)."""
        if phase is not TransactionPhase.UPDATED:
            return self.sampled
        if context is ReadingContext.TRANSACTION_BEGIN:
            return self.sampled and self.started
        if context in _SAMPLED_IN_BETWEEN:
            return self.sampled and self.updated
        return context is ReadingContext.SAMPLE_CLOCK and self.aligned and self.aligned_updated

    def signs_idle(self, context: ReadingContext) -> bool:
        """Tell whether the register of an EVSE without transaction is signed (J01.FR.21)."""
        return context in _IDLE and self.aligned
