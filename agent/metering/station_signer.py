"""The station as signing component: registers of its meters become signed OCMF records.

The key is made, and the cryptography library loaded, when the first record is due or when
`prepare` is called: neither belongs before the first OCPP frame.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from agent.core.records import dataclass
from agent.core.session_state import Authorization
from agent.core.signed_values import PublicKeyPolicy, SignedValue, attaches_public_key
from agent.core.vocabulary import AuthorizedBy, ReadingContext
from agent.metering.identification import UNASSIGNED, Identification, identify
from agent.metering.ocmf import (
    ClockStatus,
    MeterReading,
    OcmfFieldError,
    ReadingReason,
    RecordTooLongError,
    SigningDevice,
)
from agent.metering.pagination import PaginationCounter, PaginationUnavailable
from agent.metering.signer import MeterSigner
from agent.metering.signing_key import SigningKey, SigningKeyError, load_or_create_signing_key
from agent.ports import SigningRequest

log = logging.getLogger(__name__)


class KeyMemory(Protocol):
    """Remembers the public key of the records already signed."""

    def known_public_key_hex(self) -> str: ...

    async def remember(self, public_key_hex: str) -> None: ...


class DeviceUnknown(Exception):
    """The meter does not say who it is: nothing can be signed for it now."""


class RegisterNotRead(Exception):
    """The meter is lost: what stands in for its register is no measurement to put a name to."""


class DeviceSource(Protocol):
    """Tells what a record says of meter and station; raises `DeviceUnknown`."""

    async def device(self, evse: int) -> SigningDevice: ...


@dataclass(frozen=True, slots=True)
class SigningPolicy:
    """What the device model says about signing now."""

    public_key: PublicKeyPolicy
    clock_status: ClockStatus
    over_tls: bool


class StationSigner:
    """Signs registers of all EVSEs with one key; `problem` says why the last one is unsigned.

    Records of transactions share one pagination, records outside of them another (OCMF, PG).
    """

    def __init__(
        self,
        key_file: Path,
        memory: KeyMemory,
        pagination: PaginationCounter,
        devices: DeviceSource,
        policy: Callable[[], SigningPolicy],
        fiscal_pagination: PaginationCounter | None = None,
    ) -> None:
        self._key_file = key_file
        self._memory = memory
        self._pagination = pagination
        self._fiscal_pagination = fiscal_pagination
        self._devices = devices
        self._policy = policy
        self._key: SigningKey | None = None
        self._preparing = asyncio.Lock()
        self.problem: str | None = None

    @property
    def public_key_hex(self) -> str:
        """The key that verifies the station's records; the last known one before `prepare`."""
        known = self._memory.known_public_key_hex()
        return self._key.public_key_hex if self._key is not None else known

    async def prepare(self) -> None:
        """Load the key, make it on the first start; raises `SigningKeyError`."""
        async with self._preparing:
            if self._key is not None:
                return
            known = self._memory.known_public_key_hex()
            self._key = await asyncio.to_thread(
                load_or_create_signing_key, self._key_file, known_public_key_hex=known
            )
            if not known:
                await self._memory.remember(self._key.public_key_hex)

    async def sign(self, request: SigningRequest) -> SignedValue | None:
        """Return the signed register, None if that is impossible; energy goes on."""
        try:
            await self.prepare()
            value = await self._signed(request, self._policy())
        except _OBSTACLES as error:
            self.problem = str(error)
            owner = request.transaction_id or f"outside transactions at EVSE {request.evse}"
            log.error("transaction %s has no signed value: %s", owner, error)
            return None
        self.problem = None
        return value

    async def _signed(self, request: SigningRequest, policy: SigningPolicy) -> SignedValue | None:
        in_transaction = request.transaction_id is not None
        pagination = self._pagination if in_transaction else self._fiscal_pagination
        if self._key is None or pagination is None:
            return None
        if request.stands_in:
            raise RegisterNotRead(
                "its register was not read from the meter, the last one stands in"
            )
        device = await self._devices.device(request.evse)
        reading = MeterReading(
            energy_wh=request.register_wh,
            taken_at=request.at,
            clock_status=policy.clock_status,
            reason=_REASONS.get(request.context, ReadingReason.CHARGING)
            if in_transaction
            else None,
            identification=_identification(request.authorization, over_tls=policy.over_tls),
        )
        record = await MeterSigner(device, self._key, pagination).sign(reading)
        begins = request.context is ReadingContext.TRANSACTION_BEGIN
        with_key = attaches_public_key(
            policy.public_key, in_transaction=in_transaction, already_sent=not begins
        )
        return SignedValue(record.text, public_key=self._key.public_key_hex if with_key else "")


_OBSTACLES = (
    SigningKeyError,
    OcmfFieldError,
    RecordTooLongError,
    PaginationUnavailable,
    DeviceUnknown,
    RegisterNotRead,
    OSError,
)
_REASONS: Mapping[ReadingContext, ReadingReason] = {
    ReadingContext.TRANSACTION_BEGIN: ReadingReason.BEGIN,
    ReadingContext.TRANSACTION_END: ReadingReason.END,
}


def _identification(authorization: Authorization | None, *, over_tls: bool) -> Identification:
    if authorization is None or authorization.by is AuthorizedBy.NOBODY:
        return UNASSIGNED
    token = authorization.token
    return identify(token.value, token.type, authorization.by, over_tls=over_tls)
