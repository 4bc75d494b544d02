"""The status of the station's V2G certificates: fetched through the CSMS, kept, shown (M06)."""

import asyncio
import json
import logging
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from agent.core.certificate_status import (
    CertificateStatusAsked,
    CertificateStatusTold,
    KeptStatus,
    OcspResponse,
    is_due,
)
from agent.core.certificates import CertificateHashData, CertificateProblem
from agent.core.contracts import StatusRequest
from agent.core.documents import UnreadableDocument, read, written
from agent.core.records import dataclass
from agent.ports import Clock, Csms, CsmsRefused, CsmsUnavailable, IdentityStore, Settings
from hal.api import HardwareError, VehicleLink

KIND: Final = "certificate_status"
OFFLINE_RETRY_S: Final = 10.0
FAILED_RETRY_S: Final = 3600.0
LOOK_EVERY_S: Final = 3600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StatusPorts:
    """Whom the service works with.

    `examine` reads an answer for a certificate at an instant; it raises `CertificateProblem`.
    `enabled` tells whether vehicles are shown certificates at all.
    """

    identities: IdentityStore
    csms: Csms
    documents: Settings
    clock: Clock
    vehicles: VehicleLink
    examine: Callable[[str, CertificateHashData, datetime], OcspResponse]
    enabled: Callable[[], bool]


class CertificateStatusService:
    """Has an OCSP response at hand for each of the station's V2G certificates and its sub-CAs."""

    def __init__(self, ports: StatusPorts) -> None:
        self._ports = ports
        self._kept = dict(_restored(ports.documents))
        self._not_before_s: dict[str, float] = {}
        self._renewed: set[str] | None = None
        self._shown: tuple[bytes, ...] | None = None
        self._wake = asyncio.Event()

    def certificate_renewed(self) -> None:
        """Ask anew for the certificate and those above it (M06.FR.07)."""
        self._renewed = set()
        self._not_before_s.clear()
        self._wake.set()

    def look_again(self) -> None:
        """Take note that certificates or settings have changed."""
        self._wake.set()

    def show_again(self) -> None:
        """Take note that who speaks with vehicles may have forgotten what was shown."""
        self._shown = None
        self._wake.set()

    async def run(self) -> None:
        """Ask when it is due, for ever."""
        while True:
            self._wake.clear()
            wait_s = await self._look()
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _look(self) -> float:
        """Fetch what is due and show what there is; return when to look again, in seconds."""
        requests = await self._requests()
        wait_s = LOOK_EVERY_S
        for request in requests:
            wait_s = min(wait_s, await self._refresh(request))
        await self._forget_others(requests)
        await self._show(requests)
        if self._renewed is not None and {_name(r.hash_data) for r in requests} <= self._renewed:
            self._renewed = None
        return wait_s

    async def _requests(self) -> tuple[StatusRequest, ...]:
        if not self._ports.enabled():
            return ()
        now = self._ports.clock.now()
        return await asyncio.to_thread(self._ports.identities.v2g_status_requests, now)

    async def _refresh(self, request: StatusRequest) -> float:
        """Ask for one certificate if it is due; return when to look at it again, in seconds."""
        name, now = _name(request.hash_data), self._ports.clock.now()
        kept = self._kept.get(name)
        asks_anew = self._renewed is not None and name not in self._renewed
        if kept is not None and not asks_anew and not is_due(kept, now):
            return max(1.0, (kept.due_at() - now).total_seconds())
        if not self._ports.csms.online:
            return OFFLINE_RETRY_S
        left_s = self._not_before_s.get(name, 0.0) - self._ports.clock.monotonic_s()
        if left_s > 0:
            return left_s
        try:
            await self._fetch(request)
        except CsmsUnavailable:
            return OFFLINE_RETRY_S
        except (CsmsRefused, CertificateProblem) as error:
            log.warning("the status of a V2G certificate is not known: %s", error)
            self._not_before_s[name] = self._ports.clock.monotonic_s() + FAILED_RETRY_S
            return FAILED_RETRY_S
        if self._renewed is not None:
            self._renewed.add(name)
        return LOOK_EVERY_S

    async def _fetch(self, request: StatusRequest) -> None:
        fact = await self._ports.csms.ask(CertificateStatusAsked(request))
        if not isinstance(fact, CertificateStatusTold) or fact.result is None:
            raise CertificateProblem("", "the CSMS has none")
        now = self._ports.clock.now()
        response = await asyncio.to_thread(self._ports.examine, fact.result, request.hash_data, now)
        if response.status != "good":
            log.error("a certificate that vehicles are shown is %s", response.status)
        der = b64encode(response.der).decode()
        kept = KeptStatus(der, response.status, now, response.next_update)
        name = _name(request.hash_data)
        self._kept[name] = kept
        await self._ports.documents.put(KIND, name, json.dumps(written(kept)))

    async def _forget_others(self, requests: Sequence[StatusRequest]) -> None:
        if not self._ports.enabled():
            return
        for name in self._kept.keys() - {_name(request.hash_data) for request in requests}:
            del self._kept[name]
            await self._ports.documents.delete(KIND, name)

    async def _show(self, requests: Sequence[StatusRequest]) -> None:
        """Show vehicles what they would take; after a failure the next look tries again."""
        now = self._ports.clock.now()
        kept = [self._kept.get(_name(request.hash_data)) for request in requests]
        current = tuple(b64decode(one.der) for one in kept if one and one.is_current(now))
        if current == self._shown:
            return
        try:
            await self._ports.vehicles.staple(current)
        except HardwareError as error:
            log.warning("vehicles cannot be shown a certificate's status: %s", error)
        else:
            self._shown = current


def _name(hash_data: CertificateHashData) -> str:
    return ":".join(hash_data.comparable)


def _restored(documents: Settings) -> dict[str, KeptStatus]:
    found = {}
    for name, text in documents.items(KIND).items():
        try:
            found[name] = read(KeptStatus, json.loads(text))
        except (UnreadableDocument, ValueError) as error:
            log.error("the status of a certificate is forgotten: %s", error)
    return found
