"""Contract chains as vehicles present them: is each one signed by the next, valid, and rooted here.

A chain is untrusted input: its size and length are bounded before anything is parsed.
"""

# ruff: noqa: PLC0415 - cryptography is slow to import and the first OCPP frame does not need it

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from agent.core.contracts import Contract, ContractFinding, StatusRequest, emaid_of
from agent.pki.hash_data import certificate_hash_data, ocsp_responder_url

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

MOST_BYTES = 20_000
MOST_CERTIFICATES = 4
"""Contract, two sub-CAs of the mobility operator, and perhaps its root (ISO 15118-2)."""

log = logging.getLogger(__name__)


def examine_contract(
    chain: str, emaid: str, roots: Sequence[Certificate], at: datetime
) -> Contract:
    """Examine a chain in PEM, leaf first, for an eMAID at an instant (C07.FR.02, C07.FR.08).

    `roots` are the mobility operators' roots that are installed.
    """
    certificates = _parsed(chain)
    if not certificates or not _is_sound(certificates, emaid, at):
        return Contract(ContractFinding.INVALID, chain)
    below_root = [c for c in certificates if not _is_self_issued(c)] or certificates[:1]
    root = _root_of(below_root[-1], roots, at)
    issuers = [*below_root[1:], *([] if root is None else [root])]
    requests = tuple(
        StatusRequest(
            certificate_hash_data(certificate, issuer), ocsp_responder_url(certificate) or ""
        )
        for certificate, issuer in zip(below_root, issuers, strict=False)
    )
    finding = ContractFinding.ROOT_UNKNOWN if root is None else ContractFinding.VALID
    return Contract(finding, _pem(below_root), requests)


def _pem(certificates: Sequence[Certificate]) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = [c.public_bytes(Encoding.PEM).decode("ascii") for c in certificates]
    return "".join(pem)


def _parsed(chain: str) -> list[Certificate]:
    from cryptography import x509

    if len(chain) > MOST_BYTES:
        log.warning("a contract chain of %d characters is refused", len(chain))
        return []
    try:
        certificates = x509.load_pem_x509_certificates(chain.encode("ascii"))
    except ValueError as error:
        log.warning("a contract chain cannot be read: %s", error)
        return []
    return certificates if len(certificates) <= MOST_CERTIFICATES else []


def _is_sound(certificates: Sequence[Certificate], emaid: str, at: datetime) -> bool:
    """Tell whether the leaf names the eMAID, and each is in its time and signed by the next."""
    leaf, *authorities = certificates
    if _is_authority(leaf) or emaid_of(emaid) not in _names(leaf):
        return False
    if not all(_is_authority(authority) for authority in authorities):
        return False
    if not all(_holds(certificate, at) for certificate in certificates):
        return False
    pairs = zip(certificates, authorities, strict=False)
    return all(_is_signed_by(certificate, issuer) for certificate, issuer in pairs)


def _root_of(
    certificate: Certificate, roots: Sequence[Certificate], at: datetime
) -> Certificate | None:
    for root in roots:
        if _holds(root, at) and _is_signed_by(certificate, root):
            return root
    return None


def _is_signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _is_self_issued(certificate: Certificate) -> bool:
    return certificate.issuer == certificate.subject


def _is_authority(certificate: Certificate) -> bool:
    from cryptography import x509

    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return constraints.value.ca


def _holds(certificate: Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _names(leaf: Certificate) -> set[str]:
    from cryptography.x509.oid import NameOID

    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return {emaid_of(str(name.value)) for name in names}
