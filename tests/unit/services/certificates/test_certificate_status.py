"""The status of V2G certificates over weeks, with real files; CSMS and vehicles are doubles."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from agent.core.certificate_status import CertificateStatusAsked, CertificateStatusTold
from agent.core.certificates import CertificateUse, Expectation, HashAlgorithm, RootUse, Subject
from agent.pki.identities import StationIdentities
from agent.pki.ocsp import read_ocsp_response
from agent.pki.trust_anchors import InstalledRoots
from agent.ports import CsmsRefused, CsmsUnavailable
from agent.services.certificate_status import CertificateStatusService, StatusPorts
from hal.api import HardwareLost
from tests.contract_chains import Holder, Operator
from tests.ocsp_answers import in_base64, ocsp_response, unsuccessful
from tests.papers import Papers
from tests.virtual_time import VirtualClock, utc_now

CPO = Operator.new("CPO")
SUBJECT = Subject("Operator", "SECC1")
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
Answer = Callable[[str], str | None]


def leaf_for(store: StationIdentities) -> tuple[str, x509.Certificate]:
    """Make a key in the store and a certificate for it; return the key's name as well."""
    key = store.make_key()
    request = x509.load_pem_x509_csr(store.request(key, SUBJECT).encode())
    location = x509.UniformResourceIdentifier("http://ocsp.example/cpo")
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(CPO.sub_2.certificate.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - timedelta(days=1))
        .not_valid_after(utc_now() + timedelta(days=300))
        .add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        .sign(CPO.sub_2.key, hashes.SHA256())
    )
    return key, leaf


@dataclass
class World:
    """A station with a V2G certificate below two sub-CAs."""

    folder: Path
    papers: Papers = field(default_factory=Papers)
    online: bool = True
    enabled: bool = True
    days: float | None = 30
    wrong: Answer | None = None
    asked: list[str] = field(default_factory=list)
    shown: list[tuple[bytes, ...]] = field(default_factory=list)
    is_deaf: bool = False

    def __post_init__(self) -> None:
        roots = InstalledRoots(self.folder / "roots", None)
        roots.install(RootUse.V2G, CPO.root.pem, utc_now())
        self.store = StationIdentities(self.folder, roots)
        self.clock = VirtualClock()
        key, self.leaf = leaf_for(self.store)
        chain = Holder(self.leaf, CPO.sub_2.key).pem + CPO.sub_2.pem + CPO.sub_1.pem
        expectation = Expectation(use=CertificateUse.V2G, subject=SUBJECT, now=utc_now())
        assert self.store.add(chain, key, expectation)

    def service(self) -> CertificateStatusService:
        ports = StatusPorts(
            identities=self.store,
            csms=self,  # type: ignore[arg-type] # what is used of it
            documents=self.papers,
            clock=self.clock,
            vehicles=self,  # type: ignore[arg-type] # what is used of it
            examine=read_ocsp_response,
            enabled=lambda: self.enabled,
        )
        return CertificateStatusService(ports)

    @property
    def chain(self) -> list[x509.Certificate]:
        return [self.leaf, CPO.sub_2.certificate, CPO.sub_1.certificate]

    async def ask(
        self, event: CertificateStatusAsked, *, asked_for: bool = False
    ) -> CertificateStatusTold:
        if not self.online:
            raise CsmsUnavailable("there is no connection")
        serial = event.request.hash_data.serial_number
        self.asked.append(serial)
        return CertificateStatusTold(
            self.right(serial) if self.wrong is None else self.wrong(serial)
        )

    def right(self, serial: str, **options: bool) -> str:
        issuers = [CPO.sub_2, CPO.sub_1, CPO.root]
        (pair,) = [
            pair
            for pair in zip(self.chain, issuers, strict=True)
            if f"{pair[0].serial_number:x}" == serial
        ]
        return in_base64(ocsp_response(*pair, utc_now(), days=self.days, **options))

    async def staple(self, statuses: tuple[bytes, ...]) -> None:
        if self.is_deaf:
            raise HardwareLost("nobody hears")
        self.shown.append(statuses)

    def serials_shown(self) -> list[str]:
        found = [ocsp.load_der_ocsp_response(der).serial_number for der in self.shown[-1]]
        return [f"{serial:x}" for serial in found]

    def serials(self) -> list[str]:
        return [f"{certificate.serial_number:x}" for certificate in self.chain]


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return World(tmp_path / "pki")


@pytest.fixture
async def service(world: World) -> AsyncIterator[CertificateStatusService]:
    service = world.service()
    task = asyncio.create_task(service.run())
    yield service
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.requirement("M06.FR.06", "M06.FR.10")
async def test_each_certificate_is_asked_for_once_a_week(
    world: World, service: CertificateStatusService
) -> None:
    await asyncio.sleep(60)
    assert world.asked == world.serials() == world.serials_shown()
    await asyncio.sleep(5.9 * DAY_S)
    assert len(world.asked) == 3
    await asyncio.sleep(0.2 * DAY_S)
    assert world.asked == world.serials() * 2
    await asyncio.sleep(70 * DAY_S)
    assert len(world.asked) >= 3 * 10


async def test_a_response_that_is_outdated_sooner_is_asked_for_sooner_yet_not_all_the_time(
    world: World, service: CertificateStatusService
) -> None:
    world.days = 2
    await asyncio.sleep(60)
    await asyncio.sleep(1.9 * DAY_S)
    assert len(world.asked) == 3
    await asyncio.sleep(0.2 * DAY_S)
    assert len(world.asked) == 6
    world.days = 0.0001
    await asyncio.sleep(2 * DAY_S)
    before = len(world.asked)
    await asyncio.sleep(10 * HOUR_S)
    assert 3 * 8 <= len(world.asked) - before <= 3 * 11


@pytest.mark.requirement("M06.FR.07")
async def test_after_a_renewal_all_are_asked_for_once_more_even_if_it_was_offline(
    world: World, service: CertificateStatusService
) -> None:
    await asyncio.sleep(60)
    world.online = False
    service.certificate_renewed()
    await asyncio.sleep(60)
    world.online = True
    await asyncio.sleep(60)
    assert world.asked == world.serials() * 2
    await asyncio.sleep(DAY_S)
    assert len(world.asked) == 6


@pytest.mark.requirement("M06.FR.09", "TC_M_25_CS")
@pytest.mark.parametrize(
    "wrong",
    [
        lambda world, serial: None,
        lambda world, serial: "no base64!",
        lambda world, serial: "AAAA",
        lambda world, serial: in_base64(unsuccessful()),
        lambda world, serial: world.right(next(s for s in world.serials() if s != serial)),
        lambda world, serial: in_base64(
            ocsp_response(CPO.sub_1.certificate, CPO.root, utc_now(), days=-1)
        ),
    ],
    ids=["none", "no base64", "no OCSP", "try later", "another's", "outdated"],
)
async def test_what_is_no_status_of_the_certificate_is_not_kept_and_asked_for_again_in_an_hour(
    world: World, wrong: Callable[[World, str], str | None]
) -> None:
    world.wrong = lambda serial: wrong(world, serial)
    service = world.service()
    task = asyncio.create_task(service.run())
    await asyncio.sleep(0.9 * HOUR_S)
    assert len(world.asked) == 3
    assert world.shown[-1] == ()
    assert world.papers.items("certificate_status") == {}
    world.wrong = None
    await asyncio.sleep(0.2 * HOUR_S)
    assert world.serials_shown() == world.serials()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_revoked_certificate_is_told_and_its_status_shown(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.wrong = lambda serial: world.right(serial, revoked=True)
    task = asyncio.create_task(world.service().run())
    await asyncio.sleep(60)
    assert "is revoked" in caplog.text
    assert world.serials_shown() == world.serials()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_csms_that_refuses_is_asked_again_in_an_hour_and_old_answers_end_with_their_time(
    world: World, service: CertificateStatusService
) -> None:
    world.days = 7
    await asyncio.sleep(60)

    def refuse(serial: str) -> str | None:
        raise CsmsRefused("NotImplemented", "")

    world.wrong = refuse
    await asyncio.sleep(6.5 * DAY_S)
    assert world.serials_shown() == world.serials()
    assert len(world.asked) <= 3 + 3 * 14
    await asyncio.sleep(0.6 * DAY_S)
    assert world.serials_shown() == []


async def test_a_restart_asks_nobody_and_a_broken_document_is_asked_for_anew(
    world: World, service: CertificateStatusService
) -> None:
    await asyncio.sleep(60)
    kind = "certificate_status"
    broken = next(iter(world.papers.items(kind)))
    await world.papers.put(kind, broken, "{}")
    await world.papers.put(kind, "of a certificate that is gone", '{"no": "document"}')
    again = asyncio.create_task(world.service().run())
    await asyncio.sleep(60)
    assert world.asked == [*world.serials(), world.serials()[0]]
    assert world.serials_shown() == world.serials()
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)


async def test_offline_or_switched_off_nobody_is_asked(
    world: World, service: CertificateStatusService
) -> None:
    await asyncio.sleep(60)
    world.enabled = False
    service.look_again()
    await asyncio.sleep(60)
    assert world.shown[-1] == ()
    await asyncio.sleep(10 * DAY_S)
    assert len(world.asked) == 3
    world.enabled, world.online = True, False
    service.look_again()
    await asyncio.sleep(60)
    assert len(world.asked) == 3
    world.online = True
    await asyncio.sleep(60)
    assert len(world.asked) == 6


async def test_what_could_not_be_shown_is_shown_when_somebody_listens_again(
    world: World, service: CertificateStatusService
) -> None:
    world.is_deaf = True
    service.show_again()
    await asyncio.sleep(60)
    world.is_deaf = False
    service.show_again()
    await asyncio.sleep(1)
    assert world.serials_shown() == world.serials()


async def test_a_deleted_certificate_is_not_asked_for_any_more(
    world: World, service: CertificateStatusService
) -> None:
    await asyncio.sleep(60)
    (chain,) = world.store.v2g_chains(utc_now(), HashAlgorithm.SHA256)
    assert world.store.remove_v2g(chain.hash_data)
    service.look_again()
    await asyncio.sleep(60)
    assert world.shown[-1] == ()
    assert world.papers.items("certificate_status") == {}


@pytest.mark.parametrize(
    "algorithm",
    [hashes.SHA1(), hashes.SHA256(), hashes.SHA512()],  # noqa: S303 - responders still use it
)
async def test_a_responder_may_name_the_certificate_by_another_hash(
    world: World, algorithm: hashes.HashAlgorithm
) -> None:
    (request, *_) = world.store.v2g_status_requests(utc_now())
    der = ocsp_response(world.leaf, CPO.sub_2, utc_now(), algorithm=algorithm)
    read = read_ocsp_response(in_base64(der), request.hash_data, utc_now())
    assert (read.der, read.status) == (der, "good")
