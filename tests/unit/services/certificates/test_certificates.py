"""The service for the station's certificates with its real store; the CSMS alone is a double."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.core.certificates import (
    CertificateHashData,
    CertificateSigned,
    CertificateUse,
    RootUse,
    SigningAnswered,
    SigningAsked,
    Subject,
)
from agent.core.commands import ACCEPTED, Verdict
from agent.core.security_events import SecurityEventKind
from agent.pki.hash_data import certificate_hash_data
from agent.pki.identities import StationIdentities
from agent.pki.trust_anchors import InstalledRoots
from agent.ports import CsmsUnavailable
from agent.services.certificates import (
    CertificatePorts,
    CertificateService,
    CertificateSettings,
)
from tests.papers import Papers
from tests.throw_away_ca import DAY, Issued, Recipe, issue, sign_request
from tests.virtual_time import START, VirtualClock, utc_now

ROOT = issue("Root", recipe=Recipe(ca=True, start=START - DAY, days=3650))


@dataclass
class Office:
    """A CSMS that answers as the test says."""

    online: bool = True
    accepts: bool = True
    asked: list[SigningAsked] = field(default_factory=list)

    async def ask(self, event: Any, *, asked_for: bool = False) -> SigningAnswered:
        if not self.online:
            raise CsmsUnavailable("away")
        self.asked.append(event)
        return SigningAnswered(self.accepts)

    def publish(self, event: Any, *, asked_for: bool = False) -> None:
        raise AssertionError("nothing is published")


@dataclass
class Rig:
    service: CertificateService
    store: StationIdentities
    office: Office
    told: list[SecurityEventKind]
    reconnects: list[bool]

    async def asks(self, count: int = 1) -> SigningAsked:
        for _ in range(1000):
            if len(self.office.asked) >= count:
                return self.office.asked[count - 1]
            await asyncio.sleep(1)
        raise AssertionError(f"{len(self.office.asked)} requests")

    async def gets(self, use: CertificateUse = CertificateUse.CHARGING_STATION) -> Issued:
        """Go through one renewal; return the certificate."""
        count = len(self.office.asked) + 1
        assert self.service.trigger(use) == ACCEPTED
        request = await self.asks(count)
        certificate = signed(request)
        assert await self.service.signed(CertificateSigned(certificate.pem, use)) == ACCEPTED
        await asyncio.sleep(1)
        return certificate


def signed(request: SigningAsked) -> Issued:
    return sign_request(request.csr, ROOT, Recipe(start=utc_now() - DAY))


@contextlib.asynccontextmanager
async def rigged(
    tmp_path: Path, identities: type[StationIdentities] = StationIdentities
) -> AsyncIterator[Rig]:
    roots = InstalledRoots(tmp_path / "pki" / "roots")
    roots.install(RootUse.CSMS, ROOT.pem, utc_now())
    roots.install(RootUse.V2G, ROOT.pem, utc_now())
    factory = issue("0001", ROOT, Recipe(start=utc_now() - DAY), tmp_path)
    pair = (factory.certificate_file, factory.key_file)
    store = identities(tmp_path / "pki", roots, factory=pair)
    office, told, reconnects = Office(), list[SecurityEventKind](), list[bool]()
    tasks: list[asyncio.Task[None]] = []

    async def reconnect() -> None:
        reconnects.append(True)

    def spawn(work: Coroutine[Any, Any, None]) -> None:
        tasks.append(asyncio.create_task(work))

    service = CertificateService(
        CertificatePorts(
            identities=store,
            roots=roots,
            csms=office,
            documents=Papers(),
            clock=VirtualClock(),
            tell=lambda kind, _info: told.append(kind),
            reconnect=reconnect,
            spawn=spawn,
        ),
        CertificateSettings(
            subject=lambda _use: Subject("Example", "0001"),
            wait_minimum_s=lambda: 30,
            repeat_times=lambda: 3,
            max_chain_size=lambda: 10_000,
            uses_client_certificate=lambda: True,
        ),
    )
    running = asyncio.create_task(service.run())
    yield Rig(service, store, office, told, reconnects)
    running.cancel()
    await asyncio.gather(running, *tasks, return_exceptions=True)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rigged(tmp_path) as rig:
        yield rig


def texts(rig: Rig) -> Sequence[str]:
    return [pair.certificate_file.read_text() for pair in rig.service.usable()]


@pytest.mark.requirement("A02.FR.08", "A02.FR.10", "A03.FR.08", "A03.FR.10")
async def test_the_old_pair_is_kept_until_the_new_one_has_worked(rig: Rig) -> None:
    (old,) = rig.service.usable()
    new = await rig.gets()
    assert rig.reconnects == [True]
    assert texts(rig)[0] == new.pem
    assert rig.service.usable()[1] == old
    await rig.service.worked(rig.service.usable()[0])
    assert texts(rig) == [new.pem]
    assert SecurityEventKind.DISCARDED_RENEWED_CLIENT_CERTIFICATE not in rig.told
    await rig.service.worked(rig.service.usable()[0])
    assert texts(rig) == [new.pem]


@pytest.mark.requirement("A02.FR.10", "A02.FR.29", "A03.FR.10", "A03.FR.25")
async def test_a_new_pair_that_did_not_connect_is_discarded_and_that_is_told(rig: Rig) -> None:
    (old,) = rig.service.usable()
    await rig.gets()
    await rig.service.worked(old)
    assert rig.service.usable() == (old,)
    assert rig.told.count(SecurityEventKind.DISCARDED_RENEWED_CLIENT_CERTIFICATE) == 1


@pytest.mark.requirement("A02.FR.13", "A02.FR.22", "A02.FR.23", "A02.FR.27", "A03.FR.23")
@pytest.mark.parametrize("use", [CertificateUse.V2G, CertificateUse.V2G_20])
async def test_a_v2g_certificate_is_asked_for_with_the_root_that_it_should_come_from(
    rig: Rig, use: CertificateUse
) -> None:
    assert rig.service.trigger(use) == ACCEPTED
    request = await rig.asks()
    assert request.use is use
    root: CertificateHashData = certificate_hash_data(ROOT.certificate, ROOT.certificate)
    assert request.root == root
    pairs = rig.service.usable()
    assert await rig.service.signed(CertificateSigned(signed(request).pem, use)) == ACCEPTED
    assert rig.service.usable() == pairs, "it is not for the link to the CSMS"
    assert rig.reconnects == []
    assert len(rig.store.v2g_chains(utc_now(), root.algorithm)) == 1


async def test_one_certificate_for_every_use_comes_without_a_use(rig: Rig) -> None:
    assert rig.service.trigger(CertificateUse.COMBINED) == ACCEPTED
    request = await rig.asks()
    assert await rig.service.signed(CertificateSigned(signed(request).pem)) == ACCEPTED
    assert len(rig.service.usable()) == 2


@pytest.mark.requirement("A02.FR.26", "A03.FR.22")
async def test_a_requestid_that_is_not_outstanding_is_rejected_without_blame(rig: Rig) -> None:
    rig.service.trigger(CertificateUse.CHARGING_STATION)
    request = await rig.asks()
    pem = signed(request).pem
    wrong = CertificateSigned(pem, request.use, request.request_id + 1)
    assert (await rig.service.signed(wrong)).verdict is Verdict.REJECTED
    assert rig.told == []
    right = CertificateSigned(pem, request.use, request.request_id)
    assert await rig.service.signed(right) == ACCEPTED


class ClearsAfterAKeyWasMade(StationIdentities):
    """Takes its time with clearing keys away, so that one is made meanwhile if that is possible."""

    def __init__(self, folder: Path, roots: InstalledRoots, **factory: Any) -> None:
        super().__init__(folder, roots, **factory)
        self._made = threading.Event()

    def make_key(self) -> str:  # type: ignore[explicit-override]
        name = super().make_key()
        self._made.set()
        return name

    def forget_keys(self, keep: Collection[str]) -> None:  # type: ignore[explicit-override]
        self._made.wait(0.1)
        super().forget_keys(keep)


async def test_a_key_that_is_made_while_others_are_cleared_away_stays(tmp_path: Path) -> None:
    async with rigged(tmp_path, ClearsAfterAKeyWasMade) as rig:
        await asyncio.sleep(0)
        new = await rig.gets()
        assert texts(rig)[0] == new.pem


class LooksForLong(StationIdentities):
    """Tells when the certificate of before expires, once the test has seen the next one taken."""

    def __init__(self, folder: Path, roots: InstalledRoots, **factory: Any) -> None:
        super().__init__(folder, roots, **factory)
        self.taken = threading.Event()

    def expires_at(self) -> datetime | None:  # type: ignore[explicit-override]
        seen = super().expires_at()
        self.taken.wait(5)
        return seen


async def test_a_certificate_that_comes_while_the_last_one_is_looked_at_is_renewed_in_time(
    tmp_path: Path,
) -> None:
    async with rigged(tmp_path, LooksForLong) as rig:
        rig.office.online = False
        await asyncio.sleep(1)
        rig.office.online = True
        assert rig.service.trigger(CertificateUse.CHARGING_STATION) == ACCEPTED
        while not rig.office.asked:  # noqa: ASYNC110 - time stands still while somebody looks
            await asyncio.sleep(0)
        short = sign_request(rig.office.asked[0].csr, ROOT, Recipe(start=utc_now() - DAY, days=31))
        taken = CertificateSigned(short.pem, CertificateUse.CHARGING_STATION)
        assert await rig.service.signed(taken) == ACCEPTED
        assert isinstance(rig.store, LooksForLong)
        rig.store.taken.set()
        await asyncio.sleep(20)
        assert [asked.request_id for asked in rig.office.asked] == [1, 2]


async def test_without_connection_the_request_waits(rig: Rig) -> None:
    rig.office.online = False
    rig.service.trigger(CertificateUse.CHARGING_STATION)
    await asyncio.sleep(3600)
    assert rig.office.asked == []
    rig.office.online = True
    await rig.asks()
    assert len(rig.office.asked) == 1


@pytest.mark.requirement("A03.FR.02", "A03.FR.03")
async def test_a_renewal_that_the_csms_rejects_is_tried_again_the_next_day(rig: Rig) -> None:
    rig.office.accepts = False
    end = rig.store.expires_at()
    assert end is not None
    await asyncio.sleep((end - utc_now()).total_seconds() - 30 * 86_400 + 60)
    await asyncio.sleep(3 * 86_400)
    assert 2 <= len(rig.office.asked) <= 4
    assert len({request.request_id for request in rig.office.asked}) == len(rig.office.asked)


@pytest.mark.requirement("A02.FR.07", "A02.FR.20", "A03.FR.20")
async def test_nothing_is_asked_after_an_invalid_certificate_until_it_is_triggered(
    rig: Rig,
) -> None:
    rig.service.trigger(CertificateUse.CHARGING_STATION)
    await rig.asks()
    outcome = await rig.service.signed(CertificateSigned("garbage"))
    assert outcome.verdict is Verdict.REJECTED
    assert rig.told == [SecurityEventKind.INVALID_CHARGING_STATION_CERTIFICATE]
    await asyncio.sleep(200 * 86_400)
    assert len(rig.office.asked) == 1, "not even for the renewal"
    rig.service.trigger(CertificateUse.CHARGING_STATION)
    await rig.asks(2)


async def test_a_refused_renewal_of_what_vehicles_are_shown_rests_until_the_next_boot(
    rig: Rig,
) -> None:
    await rig.gets(CertificateUse.V2G)
    rig.office.accepts = False

    def refused() -> int:
        return sum(request.use is CertificateUse.V2G for request in rig.office.asked) - 1

    await asyncio.sleep(58 * 86_400)
    assert refused() == 0
    await asyncio.sleep(5 * 86_400)
    assert refused() == 1
    again = asyncio.create_task(CertificateService(rig.service._ports, rig.service._settings).run())
    await asyncio.sleep(86_400)
    assert refused() == 2
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
