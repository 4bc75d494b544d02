"""CertificateHashDataType: how every version names a certificate on the wire."""

from collections.abc import Mapping
from typing import Any

from agent.core.certificates import CertificateHashData, HashAlgorithm


def hash_data(name: CertificateHashData) -> dict[str, Any]:
    """Return CertificateHashDataType."""
    return {
        "hashAlgorithm": name.algorithm.value,
        "issuerNameHash": name.issuer_name_hash,
        "issuerKeyHash": name.issuer_key_hash,
        "serialNumber": name.serial_number,
    }


def told_hash_data(payload: Mapping[str, Any]) -> CertificateHashData:
    """Read CertificateHashDataType."""
    return CertificateHashData(
        HashAlgorithm(payload["hashAlgorithm"]),
        payload["issuerNameHash"],
        payload["issuerKeyHash"],
        payload["serialNumber"],
    )
