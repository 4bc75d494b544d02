"""Contract certificates for vehicles: requests go to the CSMS, answers to them (M01, M02)."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from agent.core.vehicle_certificates import (
    VehicleCertificateAsked,
    VehicleCertificateTold,
    certificate_asked,
    goes_on,
)
from agent.ports import Csms, CsmsRefused, CsmsUnavailable
from agent.services.evse import EvseService
from agent.services.tasks import Spawn
from hal.api import CertificateAnswer, CertificateRequest, HardwareError, VehicleLink

AGAIN_S: Final = 5.0

log = logging.getLogger(__name__)


class NoCertificate(Exception):
    """There is no certificate for the vehicle; the message says why."""


class VehicleCertificateService:
    """Answers each vehicle's request in time, with a certificate or with why there is none.

    `enabled` tells whether the station passes such requests on. `begins` is called whenever a
    conversation with vehicles begins anew.
    """

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        csms: Csms,
        enabled: Callable[[], bool],
        spawn: Spawn,
    ) -> None:
        self._evses = evses
        self._csms = csms
        self._enabled = enabled
        self._spawn = spawn
        self._busy: set[int] = set()
        self.begins: Callable[[], None] = lambda: None

    async def listen(self, link: VehicleLink) -> None:
        """Hear vehicles for ever; a broken conversation is taken up again."""
        while True:
            self.begins()
            try:
                async for request in link.certificate_requests():
                    self._heard(link, request)
            except HardwareError as error:
                log.warning("no vehicle is heard: %s", error)
            await asyncio.sleep(AGAIN_S)

    def _heard(self, link: VehicleLink, request: CertificateRequest) -> None:
        """Serve one request of a vehicle at a time; it must not ask before it is answered."""
        if not self._is_there(request.evse) or request.evse in self._busy:
            log.warning("a vehicle's request at EVSE %d is out of place", request.evse)
            return
        self._busy.add(request.evse)
        self._spawn(self._serve(link, request))

    async def _serve(self, link: VehicleLink, request: CertificateRequest) -> None:
        try:
            await self._answer(link, request)
        except HardwareError as error:
            log.warning("the vehicle at EVSE %d gets no answer: %s", request.evse, error)
        finally:
            self._busy.discard(request.evse)

    async def _answer(self, link: VehicleLink, request: CertificateRequest) -> None:
        """Fetch one chain after the other as long as there are any (M01.FR.05, M01.FR.06)."""
        asked = certificate_asked(
            request.schema, request.exi, updates=request.updates, max_chains=request.max_chains
        )
        left, fetched, more = None, 0, True
        while more and self._is_there(request.evse):
            try:
                told = await self._ask(asked, request.answer_within_s)
            except NoCertificate as problem:
                log.warning("no certificate for the vehicle at EVSE %d: %s", request.evse, problem)
                await link.answer_certificate(request.evse, CertificateAnswer(problem=str(problem)))
                return
            fetched += 1
            more = goes_on(left, told, fetched)
            left = told.remaining
            await link.answer_certificate(request.evse, _answer_to_vehicle(told))

    async def _ask(self, asked: VehicleCertificateAsked, within_s: float) -> VehicleCertificateTold:
        if not self._enabled():
            raise NoCertificate("the station is set not to install contract certificates")
        try:
            async with asyncio.timeout(within_s):
                fact = await self._csms.ask(asked)
        except TimeoutError:
            raise NoCertificate(f"the CSMS gave no answer within {within_s:g} s") from None
        except CsmsUnavailable as error:
            raise NoCertificate("the CSMS cannot be reached") from error
        except CsmsRefused as refusal:
            raise NoCertificate(str(refusal)) from refusal
        if not isinstance(fact, VehicleCertificateTold):
            raise NoCertificate("the request is too long for this version of OCPP")
        if not fact.accepted and not fact.exi:
            raise NoCertificate("the CSMS has none")
        return fact

    def _is_there(self, number: int) -> bool:
        evse = self._evses.get(number)
        return evse is not None and evse.state.snapshot.plugged_in


def _answer_to_vehicle(told: VehicleCertificateTold) -> CertificateAnswer:
    problem = "" if told.accepted else "the CSMS has none"
    return CertificateAnswer(told.exi, told.remaining, problem)
