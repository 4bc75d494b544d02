"""The station's own certificates: having them signed, renewing them, letting go of them (A02, A03).

The wishes for certificates lie on the disk, so that a certificate that comes after a restart still
finds the key that it belongs to.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from agent.core.certificate_signing import (
    RENEWAL_BEFORE_EXPIRY,
    Phase,
    Signing,
    answered,
    invalid_came,
    renewal_is_due,
    unanswered,
    wait_s,
)
from agent.core.certificates import (
    CertificateProblem,
    CertificateSigned,
    CertificateUse,
    Expectation,
    HashAlgorithm,
    RootUse,
    SigningAnswered,
    SigningAsked,
    Subject,
)
from agent.core.commands import ACCEPTED, Outcome, Verdict, rejected
from agent.core.documents import UnreadableDocument, read, written
from agent.core.records import dataclass
from agent.core.security_events import SecurityEventKind
from agent.ports import (
    ClientIdentity,
    Clock,
    Csms,
    CsmsRefused,
    CsmsUnavailable,
    IdentityStore,
    RootStore,
    Settings,
)
from agent.services.tasks import Spawn

SIGNINGS: Final = "certificate_signing"
REQUEST_IDS: Final = "certificate_request"
LAST: Final = "last"
OFFLINE_RETRY_S: Final = 10.0
RENEWAL_CHECK_S: Final = 3600.0
REFUSED_RETRY_S: Final = 86_400.0
LINK_USES: Final = frozenset({CertificateUse.CHARGING_STATION, CertificateUse.COMBINED})
V2G_USES: Final = frozenset({CertificateUse.V2G, CertificateUse.V2G_20})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """What the device model says, asked when it is needed.

    `subject` is None for a use that this station has no certificate for.
    """

    subject: Callable[[CertificateUse], Subject | None]
    wait_minimum_s: Callable[[], int]
    repeat_times: Callable[[], int]
    max_chain_size: Callable[[], int]
    uses_client_certificate: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class CertificatePorts:
    """Whom the service works with; `reconnect` ends the connection so that it is made anew.

    `v2g_renewed` hears that there is a new certificate to show to vehicles.
    """

    identities: IdentityStore
    roots: RootStore
    csms: Csms
    documents: Settings
    clock: Clock
    tell: Callable[[SecurityEventKind, str], None]
    reconnect: Callable[[], Awaitable[None]]
    spawn: Spawn
    v2g_renewed: Callable[[], None] = lambda: None


class CertificateService:
    """Asks for certificates, takes them in, and serves as `ClientIdentities`."""

    def __init__(self, ports: CertificatePorts, settings: CertificateSettings) -> None:
        self._ports = ports
        self._settings = settings
        self._signings = dict(_restored(ports.documents))
        self._asked_for: set[CertificateUse] = set()
        self._due_at_s: dict[CertificateUse, float] = {}
        self._renewal_check_at_s = 0.0
        self._wake = asyncio.Event()
        self._taking = asyncio.Lock()
        self._key_files = asyncio.Lock()
        """Held from making a key until its wish is kept: nobody may clear keys away in between."""

    # --- Orders of the CSMS.

    def trigger(self, use: CertificateUse) -> Outcome:
        """Promise a SignCertificate (A02.FR.02); a use that the station has not is none of its."""
        if self._settings.subject(use) is None:
            return Outcome(Verdict.NOT_IMPLEMENTED)
        self._ports.spawn(self._begin(use, asked_for=True))
        return ACCEPTED

    async def signed(self, command: CertificateSigned) -> Outcome:
        """Take a certificate in, or reject and discard it (A02.FR.06-08, A03.FR.06-08)."""
        async with self._taking:
            signing = self._wish_for(command)
            if command.request_id is not None and signing is None:
                return rejected("InvalidValue", "no request with this requestId is outstanding")
            use = signing.use if signing else command.use or CertificateUse.CHARGING_STATION
            try:
                is_new = await self._take(command, use, signing)
            except CertificateProblem as problem:
                return await self._reject(problem, signing)
            except OSError as error:
                log.error("a certificate cannot be kept: %s", error)
                return rejected("OutOfStorage", "the certificate cannot be stored")
            if is_new:
                await self._took(use)
            return ACCEPTED

    async def _take(
        self, command: CertificateSigned, use: CertificateUse, signing: Signing | None
    ) -> bool:
        subject = self._settings.subject(use)
        if subject is None:
            raise CertificateProblem("UnsupportedParam", f"no {use} is used here")
        if len(command.chain) > self._settings.max_chain_size():
            raise CertificateProblem("TooLargeElement", "longer than MaxCertificateChainSize")
        expectation = Expectation(use=use, subject=subject, now=self._ports.clock.now())
        key = signing.key if signing else None
        return await asyncio.to_thread(self._ports.identities.add, command.chain, key, expectation)

    async def _took(self, use: CertificateUse) -> None:
        """Use the new certificate; the old one is kept until the new one has worked."""
        await self._forget(use)
        self._renewal_check_at_s = 0.0
        self._wake.set()
        kind = SecurityEventKind.RECONFIGURATION_OF_SECURITY_PARAMETERS
        self._ports.tell(kind, f"a new {use} was installed")
        if use is not CertificateUse.CHARGING_STATION:
            self._ports.v2g_renewed()
        if use in LINK_USES and self._settings.uses_client_certificate():
            self._ports.spawn(self._reconnect())

    async def _reconnect(self) -> None:
        await self._ports.reconnect()

    async def _reject(self, problem: CertificateProblem, signing: Signing | None) -> Outcome:
        """Say why, and do not ask again unless triggered (A02.FR.07, A02.FR.20)."""
        kind = SecurityEventKind.INVALID_CHARGING_STATION_CERTIFICATE
        self._ports.tell(kind, problem.info)
        if signing is not None:
            await self._put(invalid_came(signing))
        return rejected(problem.reason_code, problem.info)

    def _wish_for(self, command: CertificateSigned) -> Signing | None:
        """Return the wish that a certificate fulfils, by requestId, else by use (A02.FR.26).

        A CSMS that leaves the use out may mean the only certificate that was asked for.
        """
        outstanding = [s for s in self._signings.values() if s.is_outstanding]
        if command.request_id is not None:
            outstanding = [s for s in outstanding if s.request_id == command.request_id]
        if command.use is not None:
            outstanding = [s for s in outstanding if s.use is command.use]
        combined = [s for s in outstanding if s.use is CertificateUse.COMBINED]
        return next(iter(combined or outstanding), None)

    # --- The link's view: ClientIdentities.

    def usable(self) -> tuple[ClientIdentity, ...]:
        """Return the pairs to try, newest first; also expired ones (A00.FR.430)."""
        return self._ports.identities.usable()

    async def worked(self, identity: ClientIdentity) -> None:
        """Delete all other pairs, now that the CSMS accepted this one (A02.FR.10, A02.FR.29)."""
        pairs = self._ports.identities.usable()
        names = [pair.fingerprint for pair in pairs]
        if identity.fingerprint not in names:
            return
        for pair in pairs:
            if pair.fingerprint != identity.fingerprint:
                await self._remove(pair)
        if names[0] != identity.fingerprint:
            kind = SecurityEventKind.DISCARDED_RENEWED_CLIENT_CERTIFICATE
            self._ports.tell(kind, "the CSMS accepted only the earlier certificate")

    async def _remove(self, pair: ClientIdentity) -> None:
        try:
            await asyncio.to_thread(self._ports.identities.remove, pair)
        except OSError as error:
            # It is removed after the next connection.
            log.error("the certificate %s cannot be removed: %s", pair.fingerprint, error)

    # --- Asking.

    async def run(self) -> None:
        """Ask, ask again, and renew, for ever."""
        await self._forget_keys()
        while True:
            self._wake.clear()
            for signing in tuple(self._signings.values()):
                await self._advance(signing)
            await self._renew_if_due()
            await self._sleep()

    async def _begin(self, use: CertificateUse, *, asked_for: bool) -> None:
        """Make a new key pair and ask for its certificate (A02.FR.02, A03.FR.02)."""
        try:
            async with self._key_files:
                key = await asyncio.to_thread(self._ports.identities.make_key)
                signing = Signing(use=use, request_id=await self._next_request_id(), key=key)
                if asked_for:
                    self._asked_for.add(use)
                await self._put(signing)
        except OSError as error:
            log.error("no key pair for a %s can be made: %s", use, error)
            return
        await self._forget_keys()
        self._due_at_s.pop(use, None)
        self._wake.set()

    async def _advance(self, signing: Signing) -> None:
        """Do what is due about one wish."""
        if signing.phase not in (Phase.ASKING, Phase.AWAITING):
            return
        now_s = self._ports.clock.monotonic_s()
        if signing.phase is Phase.AWAITING:
            # After a restart the CSMS gets the whole time again.
            wait = wait_s(signing, self._settings.wait_minimum_s())
            due_at_s = self._due_at_s.setdefault(signing.use, now_s + wait)
            if now_s < due_at_s:
                return
            signing = unanswered(signing, self._settings.repeat_times())
            await self._put(signing)
        elif now_s < self._due_at_s.get(signing.use, now_s):
            return
        if signing.phase is Phase.ASKING:
            await self._ask(signing)

    async def _ask(self, signing: Signing) -> None:
        """Send SignCertificate; without connection, try again soon."""
        try:
            event = await self._worded(signing)
        except (OSError, ValueError) as error:
            log.error("no request for a %s can be made: %s", signing.use, error)
            await self._forget(signing.use)
            return
        use = signing.use
        try:
            fact = await self._ports.csms.ask(event, asked_for=use in self._asked_for)
            accepted = isinstance(fact, SigningAnswered) and fact.accepted
        except CsmsUnavailable:
            self._due_at_s[use] = self._ports.clock.monotonic_s() + OFFLINE_RETRY_S
            return
        except CsmsRefused as refusal:
            log.warning("the CSMS does not take a request for a certificate: %s", refusal)
            accepted = False
        if self._signings.get(use) != signing:
            # Meanwhile the certificate came, or another one was asked for.
            return
        waiting = answered(signing, accepted=accepted)
        wait = wait_s(waiting, self._settings.wait_minimum_s()) if accepted else REFUSED_RETRY_S
        self._due_at_s[use] = self._ports.clock.monotonic_s() + wait
        await self._put(waiting)

    async def _worded(self, signing: Signing) -> SigningAsked:
        subject = self._settings.subject(signing.use)
        if subject is None:
            raise ValueError("the station has no such certificate any more")
        identities, roots = self._ports.identities, self._ports.roots
        csr = await asyncio.to_thread(identities.request, signing.key, subject)
        wanted = None
        if signing.use in V2G_USES:
            found = await asyncio.to_thread(roots.installed, HashAlgorithm.SHA256)
            named = [root.hash_data for root in found if root.use == RootUse.V2G]
            wanted = named[-1] if named else None
        return SigningAsked(csr=csr, use=signing.use, request_id=signing.request_id, root=wanted)

    async def _renew_if_due(self) -> None:
        """Ask of its own accord one month before the certificate expires (A03.FR.02).

        Only while online, for then the CSMS has told the time.
        """
        now_s, now = self._ports.clock.monotonic_s(), self._ports.clock.now()
        if now_s < self._renewal_check_at_s or not self._ports.csms.online:
            return
        self._renewal_check_at_s = now_s + RENEWAL_CHECK_S
        ends = await asyncio.to_thread(self._ends, now)
        until_due_s = min(_until_renewal_s(expires_at, now) for expires_at in ends.values())
        # A certificate that came meanwhile wants another look, and gets it.
        self._renewal_check_at_s = min(self._renewal_check_at_s, now_s + until_due_s)
        for use, expires_at in ends.items():
            signing = self._signings.get(use)
            lately = now_s < self._due_at_s.get(use, 0.0)
            phase = signing.phase if signing else None
            # A refusal of what vehicles are shown holds until the next boot (A02.FR.21).
            refused = lately or use in V2G_USES
            if renewal_is_due(expires_at, now, phase, refused_lately=refused):
                log.info("the %s expires at %s: asking for another", use, expires_at)
                await self._begin(use, asked_for=False)

    def _ends(self, now: datetime) -> dict[CertificateUse, datetime | None]:
        """Return when the certificates that the station renews expire."""
        identities = self._ports.identities
        ends: dict[CertificateUse, datetime | None] = {
            CertificateUse.CHARGING_STATION: identities.expires_at()
        }
        of_vehicles = identities.v2g_expires_at(now)
        wanted = {use: end for use, end in of_vehicles.items() if self._settings.subject(use)}
        return ends | wanted

    async def _sleep(self) -> None:
        """Wait for the next thing to do."""
        now_s = self._ports.clock.monotonic_s()
        moments = [
            self._due_at_s.get(use, now_s)
            for use, signing in self._signings.items()
            if signing.phase in (Phase.ASKING, Phase.AWAITING)
        ]
        soonest = min([*moments, max(self._renewal_check_at_s, now_s + OFFLINE_RETRY_S)])
        try:
            async with asyncio.timeout(max(0.0, soonest - now_s)):
                await self._wake.wait()
        except TimeoutError:
            return

    # --- Memory.

    async def _forget_keys(self) -> None:
        """Remove the keys that neither a certificate nor a wish needs."""
        async with self._key_files:
            keep = frozenset(signing.key for signing in self._signings.values())
            await asyncio.to_thread(self._ports.identities.forget_keys, keep)

    async def _put(self, signing: Signing) -> None:
        self._signings[signing.use] = signing
        await self._ports.documents.put(SIGNINGS, signing.use, json.dumps(written(signing)))

    async def _forget(self, use: CertificateUse) -> None:
        self._signings.pop(use, None)
        self._due_at_s.pop(use, None)
        await self._ports.documents.delete(SIGNINGS, use)

    async def _next_request_id(self) -> int:
        """Return a number that no earlier request had (A02.FR.24)."""
        text = self._ports.documents.get(REQUEST_IDS, LAST) or "0"
        number = 1 + (int(text) if text.isdecimal() else 0)
        await self._ports.documents.put(REQUEST_IDS, LAST, str(number))
        return number


def _until_renewal_s(expires_at: datetime | None, now: datetime) -> float:
    """Return how long until the renewal is due; RENEWAL_CHECK_S if it is already, or never."""
    if expires_at is None:
        return RENEWAL_CHECK_S
    seconds = (expires_at - RENEWAL_BEFORE_EXPIRY - now).total_seconds()
    return seconds if seconds > 0 else RENEWAL_CHECK_S


def _restored(documents: Settings) -> dict[CertificateUse, Signing]:
    """Return the wishes of before the restart, those that can be read."""
    found = {}
    for key, text in documents.items(SIGNINGS).items():
        try:
            signing = read(Signing, json.loads(text))
        except (UnreadableDocument, ValueError) as error:
            log.error("a wish for a certificate is forgotten: %s: %s", key, error)
        else:
            if signing.use not in V2G_USES or signing.phase is not Phase.REFUSED:
                found[signing.use] = signing
    return found
