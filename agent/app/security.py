"""What the parts of the station notice, as security events; a series of the same is told once."""

from typing import TYPE_CHECKING

from agent.core.security_events import SecurityEventKind as Kind
from agent.ocpp.dialing import ConnectFailed, CredentialsRefused, TlsFault, TlsRejected
from agent.ocpp.framing import Flaw
from agent.services.security import SecurityService
from agent.store.errors import Reason, StoreUnavailable

if TYPE_CHECKING:
    from agent.store.recovery import RecoveryReport

_TLS_EVENTS = {
    TlsFault.SERVER_CERTIFICATE: (Kind.INVALID_CSMS_CERTIFICATE, Kind.CSMS_FAILED_TO_AUTHENTICATE),
    TlsFault.VERSION: (Kind.INVALID_TLS_VERSION,),
    TlsFault.CIPHER_SUITE: (Kind.INVALID_TLS_CIPHER_SUITE,),
    TlsFault.CLIENT_CERTIFICATE: (Kind.FAILED_TO_AUTHENTICATE_AT_CSMS,),
}


class SecurityWatch:
    """Words the faults of connection and storage for the security service."""

    def __init__(self, service: SecurityService) -> None:
        self._service = service
        self._failing: set[Kind] = set()

    def store_recovered(self, report: "RecoveryReport | None") -> None:
        """Tell that the database was found damaged, and what came of it."""
        if report is not None:
            found = "everything" if report.is_complete else "not everything"
            info = f"{report.damage}: {found} was recovered, {report.rows} rows"
            self._service.tell(Kind.STORAGE_RECOVERED, info)

    def store_refuses(self, error: StoreUnavailable) -> None:
        """Tell that the storage refuses writes; the event itself waits in RAM."""
        full = error.reason is Reason.FULL
        kind = Kind.MEMORY_EXHAUSTION if full else Kind.STORAGE_FAILURE
        self._service.tell(kind, f"storage {error.reason}")

    def connect_failed(self, failure: ConnectFailed) -> None:
        """Tell why the CSMS cannot be reached, if that is a matter of security."""
        for kind in _events_of(failure):
            if kind not in self._failing:
                self._failing.add(kind)
                self._service.tell(kind, str(failure))

    def connected(self) -> None:
        """End the series of failures."""
        self._failing.clear()

    def violated(self, flaw: Flaw) -> None:
        """Tell of malformed messages, and of an old message id under another message."""
        replayed = flaw is Flaw.REUSED_MESSAGE_ID
        kind = Kind.ATTEMPTED_REPLAY_ATTACKS if replayed else Kind.INVALID_MESSAGES
        self._service.tell_seldom(kind, flaw.value)


def _events_of(failure: ConnectFailed) -> tuple[Kind, ...]:
    match failure:
        case CredentialsRefused():
            return (Kind.FAILED_TO_AUTHENTICATE_AT_CSMS,)
        case TlsRejected():
            return _TLS_EVENTS.get(failure.fault, ())
        case _:
            return ()
