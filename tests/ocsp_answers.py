"""OCSP responses for tests, as a responder would sign them."""

import datetime as dt
from base64 import b64encode

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.contract_chains import Holder


def ocsp_response(
    certificate: x509.Certificate,
    issuer: Holder,
    now: dt.datetime,
    *,
    days: float | None = 7,
    revoked: bool = False,
    algorithm: hashes.HashAlgorithm | None = None,
) -> bytes:
    """Return a response in DER about a certificate, signed by its issuer."""
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=certificate,
        issuer=issuer.certificate,
        algorithm=algorithm or hashes.SHA256(),
        cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
        this_update=now,
        next_update=None if days is None else now + dt.timedelta(days=days),
        revocation_time=now if revoked else None,
        revocation_reason=None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.certificate)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def unsuccessful() -> bytes:
    """Return the response of a responder that has no time."""
    status = ocsp.OCSPResponseStatus.TRY_LATER
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)


def in_base64(der: bytes) -> str:
    """Return DER as a CSMS tells it."""
    return b64encode(der).decode()
