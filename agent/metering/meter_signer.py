"""Meters with a signature unit: the meter, and not the station, signs begin and end.

A record passes byte for byte. A meter that refuses, or does not answer, ends nothing: the
transaction goes on and is told unsigned. Which transaction a meter measures is kept on the disk, so
that after a restart its end is asked for. A measurement that nobody ended is ended before the next
one begins: a meter with an unread record refuses to begin.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from agent.core.records import dataclass
from agent.core.signed_values import PublicKeyPolicy, SignedValue, attaches_public_key
from agent.core.vocabulary import ReadingContext
from agent.ports import SigningRequest
from hal.api import HardwareError, SignedRecord, SigningMeter

SIGNING_TIMEOUT_S = 30.0
"""As long as slow meters take to sign (OCA note "Signed Meter Values in OCPP")."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a meter measures; `told_key` tells that its begin record carried the public key."""

    transaction_id: str
    told_key: bool


class MeasurementMemory(Protocol):
    """What must be known of signing meters after a restart, by EVSE."""

    def measurement(self, evse: int) -> Measurement | None: ...

    async def remember(self, evse: int, measurement: Measurement | None) -> None: ...

    def public_key_hex(self, evse: int) -> str: ...

    async def remember_key(self, evse: int, public_key_hex: str) -> None: ...


class MeterOwnSigner:
    """Has the signing meters of a station sign the transactions at their EVSEs."""

    def __init__(
        self,
        meters: Mapping[int, SigningMeter],
        memory: MeasurementMemory,
        policy: Callable[[], PublicKeyPolicy],
    ) -> None:
        self._meters = meters
        self._memory = memory
        self._policy = policy
        self._problems: dict[int, str] = {}

    @property
    def evses(self) -> frozenset[int]:
        """The EVSEs whose meters sign."""
        return frozenset(self._meters)

    def public_key_hex(self, evse: int) -> str:
        """Return the key that the meter signed with last, '' before its first record."""
        return self._memory.public_key_hex(evse)

    def problem(self, evse: int) -> str | None:
        """Return why the transaction of an EVSE is told unsigned, None if it is not."""
        return self._problems.get(evse)

    async def sign(self, request: SigningRequest) -> SignedValue | None:
        """Return what the meter signs at this step, None for nothing; energy goes on."""
        try:
            async with asyncio.timeout(SIGNING_TIMEOUT_S):
                return await self._signed(request)
        except TimeoutError:
            self._failed(request, f"the meter has not signed within {SIGNING_TIMEOUT_S:g} s")
        except HardwareError as error:
            self._failed(request, str(error))
        except Exception as error:
            log.exception("the driver of EVSE %d's signing meter failed", request.evse)
            self._failed(request, f"its driver failed with {type(error).__name__}; see the log")
        return None

    async def _signed(self, request: SigningRequest) -> SignedValue | None:
        transaction_id = request.transaction_id
        match request.context:
            case ReadingContext.TRANSACTION_BEGIN if transaction_id is not None:
                return await self._begin(request, transaction_id)
            case ReadingContext.TRANSACTION_END if transaction_id is not None:
                return await self._end(request, transaction_id)
            case _:
                return None

    async def _begin(self, request: SigningRequest, transaction_id: str) -> SignedValue | None:
        evse, meter = request.evse, self._meters[request.evse]
        holder = request.authorization
        identification = "" if holder is None else holder.token.value
        if self._memory.measurement(evse) is not None:
            await self._discard(evse, meter)
        try:
            record = await meter.begin_signed(identification)
        except HardwareError as refusal:
            # It may still hold a measurement that was begun right before a crash.
            if not await self._discard(evse, meter):
                raise
            log.info("the meter of EVSE %d begins after a discarded one: %s", evse, refusal)
            record = await meter.begin_signed(identification)
        value = None if record is None else await self._value(evse, record, key_was_told=False)
        told_key = value is not None and bool(value.public_key)
        await self._memory.remember(evse, Measurement(transaction_id, told_key))
        self._problems.pop(evse, None)
        return value

    async def _end(self, request: SigningRequest, transaction_id: str) -> SignedValue | None:
        evse = request.evse
        begun = self._memory.measurement(evse)
        if begun is None or begun.transaction_id != transaction_id:
            log.error(
                "transaction %s has no signed end: the meter did not begin it", transaction_id
            )
            return None
        record = await self._meters[evse].end_signed()
        value = await self._value(evse, record, key_was_told=begun.told_key)
        await self._memory.remember(evse, None)
        if abs(record.register_wh - request.register_wh) > 1:
            log.warning(
                "the signed register of transaction %s is %s Wh, the one that was read %s Wh",
                *(transaction_id, record.register_wh, request.register_wh),
            )
        return value

    async def _discard(self, evse: int, meter: SigningMeter) -> bool:
        """End a measurement that nobody can be told of any more; return whether there was one."""
        try:
            await meter.end_signed()
        except HardwareError as error:
            log.info("the meter of EVSE %d had nothing to end: %s", evse, error)
            return False
        finally:
            await self._memory.remember(evse, None)
        log.warning("a signed measurement of EVSE %d was ended for nobody", evse)
        return True

    async def _value(self, evse: int, record: SignedRecord, *, key_was_told: bool) -> SignedValue:
        await self._note_key(evse, record.public_key_hex)
        with_key = attaches_public_key(
            self._policy(), in_transaction=True, already_sent=key_was_told
        )
        return SignedValue(
            record=record.data.decode("utf-8", "surrogateescape"),
            signing_method=_signing_method(record),
            encoding_method=record.encoding or record.format,
            public_key=self._memory.public_key_hex(evse) if with_key else "",
        )

    async def _note_key(self, evse: int, public_key_hex: str) -> None:
        known = self._memory.public_key_hex(evse)
        if not public_key_hex or public_key_hex == known:
            return
        if known:
            log.error("the meter of EVSE %d signs with another key than before", evse)
        await self._memory.remember_key(evse, public_key_hex)

    def _failed(self, request: SigningRequest, sentence: str) -> None:
        self._problems[request.evse] = sentence
        log.error("transaction %s has no signed value: %s", request.transaction_id, sentence)


def _signing_method(record: SignedRecord) -> str:
    """Return OCPP's signingMethod: '' where the record names its algorithm itself, as OCMF does."""
    return "" if record.format in ("OCMF", record.encoding) else record.format
