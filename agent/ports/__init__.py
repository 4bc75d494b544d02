"""What the services need from the outside, in the core's words.

The composition root hands in implementations: SQLite for the journal, a dispatcher for the CSMS,
the system for the clock.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from agent.core.certificates import (
    CertificateHashData,
    CertificateUse,
    Expectation,
    HashAlgorithm,
    InstalledCertificate,
    RootUse,
    Subject,
)
from agent.core.contracts import Contract, StatusRequest
from agent.core.events import DomainEvent, PassingEvent, StoredEvent
from agent.core.facts import Fact
from agent.core.provisioning import Registration
from agent.core.records import dataclass
from agent.core.session_state import Authorization, SessionState
from agent.core.signed_values import SignedValue
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import ReadingContext
from agent.ports.slots import ImageRefused as ImageRefused
from agent.ports.slots import InstallationFailed as InstallationFailed
from agent.ports.slots import Slots as Slots
from agent.ports.slots import SlotStanding as SlotStanding
from agent.ports.slots import TooEarly as TooEarly


class Clock(Protocol):
    """Wall time and monotonic time."""

    def now(self) -> datetime:
        """Return the time in UTC, as far as it is known."""

    def monotonic_s(self) -> float:
        """Return seconds that never jump; they go on while the machine sleeps."""

    @property
    def learned(self) -> timedelta | None:
        """By how much the time moved when it became known; None until then."""

    def synchronize(self, told: datetime) -> float:
        """Take over the CSMS's time; return by how many seconds the wall clock moved."""


class CsmsError(Exception):
    """The CSMS could not be asked, or did not give an answer."""


class CsmsUnavailable(CsmsError):
    """There is no usable connection, or the station is not accepted; try again later."""


class CsmsRefused(CsmsError):
    """The CSMS answered with an error; `code` is its CALLERROR code."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"the CSMS answered {code}: {description}")
        self.code = code


class Csms(Protocol):
    """The CSMS as the services see it."""

    @property
    def online(self) -> bool:
        """Tell whether the station is connected and accepted."""

    async def ask(self, event: DomainEvent, *, asked_for: bool = False) -> Fact | None:
        """Tell an event and return what the answer states; raises `CsmsError`."""

    def publish(self, event: PassingEvent, *, asked_for: bool = False) -> None:
        """Tell an event that is worth nothing later; dropped while offline."""


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """A stored event that awaits its acknowledgement; `boot_id` and `monotonic_s` date it.

    `clock_known` tells that the CSMS had told the time when it was stored.
    """

    row_id: int
    event: StoredEvent
    boot_id: str
    monotonic_s: float
    clock_known: bool = True


class EventQueue(Protocol):
    """The outbox as its reader sees it: strictly in order."""

    def __len__(self) -> int: ...

    def head(self) -> QueuedEvent | None:
        """Return the oldest unacknowledged event."""

    async def wait_not_empty(self) -> None:
        """Return when there is a head."""

    async def holds_transaction(self, transaction_id: str | None) -> bool:
        """Tell whether an event of this transaction, of any one for None, is unacknowledged."""

    async def acknowledge(self, row_id: int) -> None:
        """Forget the head: the CSMS has it, or no version of OCPP has a word for it."""

    async def drop(self, row_id: int, reason: str) -> None:
        """Give the head up for good and keep a note of it."""


class Journal(Protocol):
    """The durable memory of sessions and of what must be told."""

    async def record(
        self, state: SessionState | None, events: Sequence[StoredEvent], *, before_effect: bool
    ) -> None:
        """Commit a session's state together with its events.

        With `before_effect` both are on the disk when this returns; without, within seconds.
        """

    def sessions(self) -> Mapping[int, SessionState]:
        """Return the state of every EVSE at the last restart."""


class Settings(Protocol):
    """Small durable documents by kind and key."""

    def get(self, kind: str, key: str) -> str | None: ...

    def items(self, kind: str) -> Mapping[str, str]: ...

    async def put(self, kind: str, key: str, text: str) -> None: ...

    async def put_many(self, kind: str, texts: Mapping[str, str]) -> None: ...

    async def delete(self, kind: str, key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class SecurityLogEntry:
    """One line of the security log as it was written; `digest` seals it and the one before it."""

    number: int
    at: str
    kind: str
    critical: bool
    technical_info: str
    digest: str


class SecurityLog(Protocol):
    """The station's own record of security events (A04.FR.04): appended, never changed."""

    @property
    def loss(self) -> str | None:
        """What was missing or changed when the log was opened, None if it is whole."""

    async def append(
        self,
        at: datetime,
        kind: str,
        technical_info: str,
        *,
        critical: bool,
    ) -> None:
        """Add an entry; the oldest makes room when the log is full."""

    async def entries(self) -> tuple[SecurityLogEntry, ...]:
        """Return what the log holds, oldest first."""


class StorageRefused(Exception):
    """The storage cannot keep it now; nothing was changed."""


class LocalListStore(Protocol):
    """The local authorization list as it lies on the disk: texts by key, and their version."""

    @property
    def version(self) -> int:
        """Return the version, 0 while there is no list."""

    @property
    def size_bytes(self) -> int:
        """Return how much the entries take."""

    def keys(self) -> Collection[str]:
        """Return the keys of all entries."""

    def get(self, key: str) -> str | None:
        """Return an entry's text."""

    def learnt(self) -> Mapping[str, str]:
        """Return the texts of the cards that were learnt at the station, by key."""

    async def learn(self, put: Mapping[str, str], removed: Collection[str]) -> None:
        """Change the learnt cards, all or nothing; on the disk at return. `StorageRefused`."""

    async def change(
        self, version: int, put: Mapping[str, str], removed: Collection[str], *, replaces: bool
    ) -> None:
        """Change list and version, all or nothing; on the disk at return. `StorageRefused`.

        Learnt cards of which it says something are no longer learnt ones, of a whole list all.
        """


class ContractExaminer(Protocol):
    """Looks into the certificates of a contract."""

    def examine(self, chain: str, emaid: str, at: datetime) -> Contract:
        """Say what a chain in PEM is worth for an eMAID at an instant."""


class CacheStore(Protocol):
    """The authorization cache as it lies on the disk: texts by opaque key."""

    def load(self) -> Mapping[str, str]:
        """Return the entries found at the start."""

    def save(self, put: Mapping[str, str], removed: Collection[str]) -> None:
        """Write within seconds; what the storage refuses is written when it works again."""

    async def clear(self) -> None:
        """Delete every entry; on the disk at return. Raises `StorageRefused`."""


class TransactionNumbers(Protocol):
    """The numbers that a CSMS gives to transactions (1.6)."""

    def number_of(self, transaction_id: str) -> int | None: ...

    def transaction_of(self, number: int) -> str | None: ...

    async def remember(self, transaction_id: str, number: int) -> None: ...


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A register to be signed: whose, when, why, and for which token.

    Without `transaction_id` it belongs to no transaction and to no token. One that `stands_in` was
    not read now: it is what is known of a lost meter.
    """

    evse: int
    transaction_id: str | None
    at: datetime
    register_wh: Decimal
    context: ReadingContext
    authorization: Authorization | None = None
    stands_in: bool = False


class MeterSigner(Protocol):
    """Signs meter registers; keeps key and pagination."""

    async def sign(self, request: SigningRequest) -> SignedValue | None:
        """Return the signed record, None if it cannot be made (the reason is logged)."""


class CsmsLink(Csms, Protocol):
    """The connection as the provisioning service steers it."""

    registration: Registration

    async def wait_up(self) -> None:
        """Return when there is a connection."""

    async def wait_down(self) -> None:
        """Return when the connection is gone."""

    def open_queue(self) -> None:
        """Let stored events go out, now that the present state has been told."""

    def told_state(self, evse: int) -> EvseSnapshot | None:
        """Return the state of an EVSE that the CSMS has acknowledged last."""

    def silence_s(self) -> float:
        """Return how long nothing was sent."""


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """A certificate of the station with its key, as files in PEM; `fingerprint` names the pair."""

    certificate_file: Path
    key_file: Path
    fingerprint: str


class ClientIdentities(Protocol):
    """The certificates with which the station may authenticate itself to the CSMS."""

    def usable(self) -> tuple[ClientIdentity, ...]:
        """Return the pairs to try, newest first; also expired ones (A00.FR.430)."""

    async def worked(self, identity: ClientIdentity) -> None:
        """Delete all other pairs, now that the CSMS accepted this one (A02.FR.10, A02.FR.29)."""


class TrustAnchors(Protocol):
    """The root certificates that the station trusts."""

    def has_csms_root(self) -> bool:
        """Tell whether a certificate of a CSMS can be verified at all (A05)."""


class RootStore(TrustAnchors, Protocol):
    """The trust anchors as their service changes them; calls block for milliseconds.

    Raises OSError where the disk refuses.
    """

    def install(self, use: RootUse, pem: str, now: datetime, *, has_room: bool = True) -> bool:
        """Trust a root; False if it is trusted already. Raises CertificateProblem."""

    def find(self, hash_data: CertificateHashData) -> tuple[tuple[RootUse, str], ...]:
        """Return use and name of each root that some hash data name."""

    @property
    def untried(self) -> str | None:
        """The name of the CSMS root that is on trial; reads no file."""

    def prove(self, name: str) -> bool:
        """End the trial of a root that worked, remove all others; False if it is not on trial."""

    def proven_csms_roots(self) -> frozenset[str]:
        """Return the names of the CSMS roots that are not on trial."""

    def remove(self, use: RootUse, name: str) -> None:
        """Trust a root no more."""

    def installed(self, algorithm: HashAlgorithm) -> tuple[InstalledCertificate, ...]:
        """Return the names of all roots."""

    def entries(self) -> int:
        """Return how many roots there are."""


class IdentityStore(Protocol):
    """The station's own keys and certificates; calls block, an RSA key takes seconds.

    Raises OSError where the disk refuses.
    """

    def make_key(self) -> str:
        """Make and keep a key pair; return its name."""

    def request(self, key: str, subject: Subject) -> str:
        """Return a PKCS#10 request in PEM."""

    def forget_keys(self, keep: Collection[str]) -> None:
        """Remove every key pair without certificate, except some."""

    def add(self, pem: str, key: str | None, expectation: Expectation) -> bool:
        """Check and keep a signed certificate; False if it is here already.

        `key` is the pair that was sent to be signed, None for none. Raises CertificateProblem.
        """

    def usable(self) -> tuple[ClientIdentity, ...]:
        """Return the pairs for the link to the CSMS, newest first."""

    def remove(self, identity: ClientIdentity) -> None:
        """Remove a pair."""

    def expires_at(self) -> datetime | None:
        """Return when the newest pair's certificate expires."""

    def entries(self) -> int:
        """Return how many certificates of the station itself there are."""

    def is_station_certificate(self, hash_data: CertificateHashData) -> bool:
        """Tell whether some hash data name a certificate for the link to the CSMS."""

    def remove_v2g(self, hash_data: CertificateHashData) -> bool:
        """Remove a V2G certificate; False if there is no such one."""

    def v2g_chains(
        self, now: datetime, algorithm: HashAlgorithm
    ) -> tuple[InstalledCertificate, ...]:
        """Return the names of the V2G certificates in use."""

    def v2g_status_requests(self, now: datetime) -> tuple[StatusRequest, ...]:
        """Return what to ask of each V2G certificate in use and its sub-CAs."""

    def v2g_expires_at(self, now: datetime) -> Mapping[CertificateUse, datetime]:
        """Return when the V2G certificates in use expire, by their use."""
