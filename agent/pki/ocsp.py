"""OCSP responses that the CSMS fetched: readable, successful, and about our certificate.

Who signed a response is for the vehicle to judge, which is shown it and knows its own roots; the
CSMS is trusted to have asked the responder. Source: RFC 6960, M06.FR.09.
"""

# ruff: noqa: PLC0415 - cryptography is slow to import and the first OCPP frame does not need it

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING

from agent.core.certificate_status import OcspResponse
from agent.core.certificates import CertificateHashData, CertificateProblem, HashAlgorithm
from agent.pki.verification import INVALID

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.x509 import ocsp


def read_ocsp_response(text: str, name: CertificateHashData, now: datetime) -> OcspResponse:
    """Read a response in base64 of DER for a certificate; raises `CertificateProblem`."""
    from cryptography.x509 import ocsp

    try:
        der = b64decode("".join(text.split()), validate=True)
        response = ocsp.load_der_ocsp_response(der)
    except (binascii.Error, ValueError) as error:
        raise CertificateProblem(INVALID, "no readable OCSP response in base64 of DER") from error
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise CertificateProblem(INVALID, f"the responder says {response.response_status.name}")
    if not _is_about(response, name):
        raise CertificateProblem(INVALID, "the response is about another certificate")
    next_update = response.next_update_utc
    if next_update is not None and next_update < now:
        raise CertificateProblem(INVALID, "the response is outdated")
    return OcspResponse(der, response.certificate_status.name.lower(), next_update)


def _is_about(response: ocsp.OCSPResponse, name: CertificateHashData) -> bool:
    """Compare serial numbers, and the issuer where it is named by the same kind of hash.

    Responders may name it by SHA-1 whatever they were asked with.
    """
    serial_number = f"{response.serial_number:x}"
    try:
        algorithm = HashAlgorithm(response.hash_algorithm.name.upper())
    except ValueError:
        algorithm = None
    if algorithm is not name.algorithm:
        return serial_number == name.serial_number.lower().lstrip("0")
    key_hash = response.issuer_key_hash.hex()
    told = CertificateHashData(algorithm, response.issuer_name_hash.hex(), key_hash, serial_number)
    return told.names_the_same_as(name)
