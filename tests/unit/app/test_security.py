"""Which faults of connection and storage are security events."""

import pytest

from agent.app.security import SecurityWatch
from agent.core.security_events import SecurityEventKind
from agent.ocpp.dialing import (
    ConnectFailed,
    CredentialsRefused,
    TlsFault,
    TlsRejected,
    UnknownIdentity,
    Unreachable,
)
from agent.ocpp.framing import Flaw
from agent.services.security import SecurityService
from agent.store.errors import Reason, StoreUnavailable


class Told(SecurityService):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def tell(self, kind: SecurityEventKind, info: str = "") -> None:
        self.kinds.append(kind.value)

    def tell_seldom(self, kind: SecurityEventKind, info: str = "") -> None:
        self.kinds.append(kind.value)


@pytest.mark.parametrize(
    ("failure", "kinds"),
    [
        (CredentialsRefused("401"), ["FailedToAuthenticateAtCsms"]),
        (
            TlsRejected(TlsFault.SERVER_CERTIFICATE, "expired"),
            ["InvalidCsmsCertificate", "CsmsFailedToAuthenticate"],
        ),
        (TlsRejected(TlsFault.VERSION, "1.1"), ["InvalidTLSVersion"]),
        (TlsRejected(TlsFault.CIPHER_SUITE, "none"), ["InvalidTLSCipherSuite"]),
        (TlsRejected(TlsFault.CLIENT_CERTIFICATE, "?"), ["FailedToAuthenticateAtCsms"]),
        (TlsRejected(TlsFault.OTHER, "?"), []),
        (Unreachable("away"), []),
        (UnknownIdentity("404"), []),
    ],
)
def test_a_failed_connection_is_told_once_until_one_succeeds(
    failure: ConnectFailed, kinds: list[str]
) -> None:
    told = Told()
    watch = SecurityWatch(told)
    for _ in range(3):
        watch.connect_failed(failure)
    assert told.kinds == kinds
    watch.connected()
    watch.connect_failed(failure)
    assert told.kinds == kinds * 2


@pytest.mark.parametrize(
    ("flaw", "kind"),
    [
        (Flaw.NOT_JSON, "InvalidMessages"),
        (Flaw.BAD_CALL, "InvalidMessages"),
        (Flaw.REUSED_MESSAGE_ID, "AttemptedReplayAttacks"),
    ],
)
def test_a_message_id_for_another_message_is_taken_for_a_replay(flaw: Flaw, kind: str) -> None:
    told = Told()
    SecurityWatch(told).violated(flaw)
    assert told.kinds == [kind]


def test_a_full_disk_is_told_as_exhausted_memory() -> None:
    told = Told()
    watch = SecurityWatch(told)
    watch.store_refuses(StoreUnavailable(Reason.FULL, ""))
    watch.store_refuses(StoreUnavailable(Reason.READ_ONLY, ""))
    assert told.kinds == ["MemoryExhaustion", "StorageFailure"]
