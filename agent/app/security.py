"""Security events of the station itself: noticed here, stored, and sent by the queue (A04)."""

import logging

from agent.core.events import SecurityEvent
from agent.core.vocabulary import BootReason
from agent.ocpp.dialing import (
    ConnectFailed,
    CredentialsRefused,
    TlsFault,
    TlsRejected,
)
from agent.ocpp.framing import Flaw
from agent.ports import Clock, Journal
from agent.services.tasks import Spawn
from agent.store.errors import Reason, StoreUnavailable
from agent.store.recovery import RecoveryReport

INVALID_MESSAGES_EACH_S = 60.0

log = logging.getLogger(__name__)

_TLS_EVENTS = {
    TlsFault.SERVER_CERTIFICATE: "InvalidCsmsCertificate",
    TlsFault.VERSION: "InvalidTLSVersion",
    TlsFault.CIPHER_SUITE: "InvalidTLSCipherSuite",
}


class SecurityEvents:
    """Turns what the parts notice into security events; a series of the same is told once."""

    def __init__(self, journal: Journal, clock: Clock, spawn: Spawn) -> None:
        self._journal = journal
        self._clock = clock
        self._spawn = spawn
        self._failing: set[str] = set()
        self._invalid_at_s: float | None = None

    def tell(self, kind: str, info: str | None = None) -> None:
        """Store an event; it is sent once the station is accepted."""
        log.warning("security event %s%s", kind, f": {info}" if info else "")
        event = SecurityEvent(at=self._clock.now(), kind=kind, technical_info=info)
        self._spawn(self._journal.record(None, [event], before_effect=True))

    def started(self, reason: BootReason) -> None:
        """Tell that the station started, and why."""
        self.tell("StartupOfTheDevice", reason.value)

    def store_recovered(self, report: RecoveryReport | None) -> None:
        """Tell that the database was found damaged, and what came of it."""
        if report is not None:
            found = "everything" if report.is_complete else "not everything"
            info = f"{report.damage}: {found} was recovered, {report.rows} rows"
            self.tell("StorageRecovered", info)

    def store_refuses(self, error: StoreUnavailable) -> None:
        """Tell that the storage refuses writes; the event itself waits in RAM."""
        kind = "MemoryExhaustion" if error.reason is Reason.FULL else "StorageFailure"
        self.tell(kind, f"storage {error.reason}")

    def connect_failed(self, failure: ConnectFailed) -> None:
        """Tell why the CSMS cannot be reached, if that is a matter of security."""
        kind = _event_of(failure)
        if kind is not None and kind not in self._failing:
            self._failing.add(kind)
            self.tell(kind, str(failure))

    def connected(self) -> None:
        """End the series of failures."""
        self._failing.clear()

    def violated(self, flaw: Flaw) -> None:
        """Tell of malformed messages, once a minute at most."""
        now_s = self._clock.monotonic_s()
        recently = self._invalid_at_s is not None and (
            now_s - self._invalid_at_s < INVALID_MESSAGES_EACH_S
        )
        if not recently:
            self._invalid_at_s = now_s
            self.tell("InvalidMessages", str(flaw))


def _event_of(failure: ConnectFailed) -> str | None:
    match failure:
        case CredentialsRefused():
            return "FailedToAuthenticateAtCsms"
        case TlsRejected():
            return _TLS_EVENTS.get(failure.fault)
        case _:
            return None
