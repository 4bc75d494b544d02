"""Whom a line to a server of files trusts, and which ciphers it takes."""

import ssl
from pathlib import Path

from agent.core.cipher_suites import OPENSSL_CIPHERS


def client_context(
    csms_roots_pem: str,
    ca_file: Path | None,
    *,
    with_usual_roots: bool,
    trusts_cross_signed: bool = False,
) -> ssl.SSLContext:
    """Return a context with the roots of the CSMS, those of `ca_file` and the machine's, if wanted.

    Ciphers, keys and signatures are those of the link to the CSMS. Without any root nobody is
    trusted; one that another has signed counts with `trusts_cross_signed`. Raises OSError,
    ValueError for roots that cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(OPENSSL_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if trusts_cross_signed:
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    if with_usual_roots:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if csms_roots_pem:
        context.load_verify_locations(cadata=csms_roots_pem)
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context
