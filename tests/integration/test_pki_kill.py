"""The certificate store is killed in the middle of its work, again and again."""

import random
import signal
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.core.certificates import RootUse
from agent.pki.identities import StationIdentities
from agent.pki.trust_anchors import InstalledRoots
from tests.throw_away_ca import issue

RENEWALS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from agent.core.certificates import CertificateUse, Expectation, Subject
from agent.pki.identities import StationIdentities
from agent.pki.trust_anchors import InstalledRoots
from tests.throw_away_ca import Issued, sign_request

folder = Path(sys.argv[1])
key = load_pem_private_key((folder / "CA.key").read_bytes(), None)
ca = Issued(x509.load_pem_x509_certificate((folder / "CA.crt").read_bytes()), key)
subject = Subject("Example", "0001")
store = StationIdentities(folder / "pki", InstalledRoots(folder / "pki" / "roots"))
while True:
    name = store.make_key()
    certificate = sign_request(store.request(name, subject), ca)
    wanted = Expectation(
        use=CertificateUse.CHARGING_STATION, subject=subject, now=datetime.now(UTC)
    )
    store.add(certificate.pem, name, wanted)
    newest, *others = store.usable()
    print(newest.fingerprint, flush=True)
    for other in others:
        store.remove(other)
    store.forget_keys(())
"""


@pytest.mark.requirement("A02.FR.08", "A02.FR.10")
def test_after_a_kill_every_certificate_has_its_key_and_the_newest_is_there(
    tmp_path: Path,
) -> None:
    ca = issue("CA", folder=tmp_path)
    roots = InstalledRoots(tmp_path / "pki" / "roots")
    roots.install(RootUse.CSMS, ca.pem, datetime.now(UTC))
    dice = random.Random(7)  # noqa: S311 - moments to kill at
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", RENEWALS, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        told = [process.stdout.readline().strip()]
        time.sleep(dice.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        told += process.stdout.read().split()
        process.wait()
        process.stdout.close()
        pairs = StationIdentities(tmp_path / "pki", roots).usable()
        assert pairs[0].fingerprint >= told[-1]
        for pair in pairs:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_cert_chain(pair.certificate_file, pair.key_file)
