"""The TLS client side of the link to the CSMS: what it offers, whom it trusts, how it can fail.

Everything is checked before the first byte of HTTP is sent, so that no credential reaches a server
that failed a check. There is no weaker second attempt.
"""

import ssl
from typing import Any, Final

from agent.core.cipher_suites import OPENSSL_CIPHERS, TLS_1_2_SUITES, TLS_1_3_SUITES
from agent.ocpp.connect_failures import CredentialsUnusable, TlsFault
from agent.ocpp.endpoint import Endpoint, SecurityProfile


def client_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Return what the station does as a TLS client (A00.FR.308-321, A00.FR.411-424).

    At least TLS 1.2, no compression, no renegotiation; keys and signatures of at least 112 bits
    (OpenSSL's security level 2: RSA 2048, EC 224, no SHA-1); as trust anchors the endpoint's alone.
    Reads files. Raises CredentialsUnusable.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(OPENSSL_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.sslobject_class = (
        _Checked if endpoint.allow_wildcard_certificate else _CheckedWithoutWildcards
    )
    _trust(context, endpoint)
    if endpoint.security_profile == SecurityProfile.TLS_CLIENT_CERTIFICATE:
        _load_client_certificate(context, endpoint)
    return context


def tls_error_in(error: BaseException | None) -> ssl.SSLError | None:
    """Return the TLS error behind a failed attempt, if there is one."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__
    return error


def tls_fault(error: ssl.SSLError) -> TlsFault:
    """Tell which security event a failed handshake is a matter of."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return TlsFault.SERVER_CERTIFICATE
    reason = error.reason or ""
    return next(
        (fault for words, fault in _FAULTS if any(word in reason for word in words)), TlsFault.OTHER
    )


def os_reason(error: OSError) -> str:
    """Return a short reason for the log."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return getattr(error, "verify_message", "") or str(error)
    return error.strerror or str(error) or type(error).__name__


_FAULTS: Final = (
    (("UNSUPPORTED_PROTOCOL", "ALERT_PROTOCOL_VERSION", "WRONG_SSL_VERSION"), TlsFault.VERSION),
    # What the server says of the station's certificate, by alerts of their own.
    (
        (
            *("ALERT_UNKNOWN_CA", "ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE_REVOKED"),
            *("ALERT_CERTIFICATE_EXPIRED", "ALERT_CERTIFICATE_UNKNOWN", "CERTIFICATE_REQUIRED"),
            *("ALERT_UNSUPPORTED_CERTIFICATE", "ALERT_ACCESS_DENIED"),
        ),
        TlsFault.CLIENT_CERTIFICATE,
    ),
    # A handshake failure without further reason: mostly no common suite.
    (("CIPHER", "HANDSHAKE_FAILURE", "INSUFFICIENT_SECURITY"), TlsFault.CIPHER_SUITE),
)


class _Checked(ssl.SSLObject):
    """Looks at what was negotiated, and ends the connection unless it is what was offered."""

    def do_handshake(self) -> None:  # type: ignore[explicit-override]
        super().do_handshake()
        check_negotiated(self.version(), self.cipher(), self.compression())


class _CheckedWithoutWildcards(_Checked):
    """Refuses a server certificate for a wildcard before anything is sent to that server."""

    def do_handshake(self) -> None:  # type: ignore[explicit-override]
        super().do_handshake()
        names = _names(self.getpeercert() or {})
        is_exact = (self.server_hostname or "").lower() in names
        if not is_exact and any("*" in name for name in names):
            raise ssl.SSLCertVerificationError("wildcard certificates are not accepted")


def check_negotiated(
    version: str | None, cipher: tuple[str, str, int] | None, compression: str | None
) -> None:
    """Raise SSLError unless version, suite and compression are allowed (A00.FR.314, A00.FR.417)."""
    if version not in {"TLSv1.2", "TLSv1.3"}:
        raise _refusal("UNSUPPORTED_PROTOCOL", f"{version} was negotiated")
    allowed = TLS_1_3_SUITES if version == "TLSv1.3" else TLS_1_2_SUITES
    if cipher is None or cipher[0] not in allowed:
        raise _refusal("WRONG_CIPHER_RETURNED", f"{cipher and cipher[0]} was negotiated")
    if compression is not None:
        raise _refusal("COMPRESSION", f"{compression} compression was negotiated")


def _refusal(reason: str, text: str) -> ssl.SSLError:
    error = ssl.SSLError(1, text)
    error.reason = reason
    return error


def _names(certificate: Any) -> set[str]:
    """Return the names in a certificate as the standard library presents it."""
    subject = [pair for rdn in certificate.get("subject", ()) for pair in rdn]
    common_names = [value for key, value in subject if key == "commonName"]
    alternatives = [value for _kind, value in certificate.get("subjectAltName", ())]
    return {name.lower() for name in alternatives or common_names}


def _trust(context: ssl.SSLContext, endpoint: Endpoint) -> None:
    """Take over the endpoint's anchors: its file, unless it can tell more than the file holds."""
    if endpoint.csms_roots is None:
        try:
            context.load_verify_locations(cafile=endpoint.ca_file)
        except OSError as error:
            raise CredentialsUnusable(f"{endpoint.ca_file}: {os_reason(error)}") from error
        return
    if endpoint.trusts_cross_signed:
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    roots = endpoint.csms_roots()
    try:
        context.load_verify_locations(cadata=roots)
    except (OSError, ValueError) as error:
        raise CredentialsUnusable(f"the root certificates of the CSMS: {error}") from error


def _load_client_certificate(context: ssl.SSLContext, endpoint: Endpoint) -> None:
    # An empty password makes an encrypted key an error instead of a prompt.
    certificate, key = endpoint.client_certificate_file, endpoint.client_key_file
    try:
        context.load_cert_chain(certificate or "", key, password="")
    except OSError as error:
        raise CredentialsUnusable(f"{certificate}, {key}: {os_reason(error)}") from error
