"""The download of firmware over the network, as the configuration allows it."""

import ssl
from collections.abc import Callable

from agent.config.update_section import UpdateSection
from agent.ocpp.tls import TLS_1_2_SUITES
from agent.update.address_rules import AddressRules
from agent.update.download import DownloadLimits, HttpDownload

_MIB = 1024 * 1024


def network_download(update: UpdateSection, csms_roots: Callable[[], str]) -> HttpDownload:
    """Return what fetches images; TLS trusts the roots of the CSMS and the configured ones."""
    rules = AddressRules(
        schemes=frozenset(scheme.value for scheme in update.schemes),
        ports=frozenset(update.ports),
        private=update.private_addresses,
    )
    limits = DownloadLimits(max_bytes=update.max_size_mib * _MIB)
    return HttpDownload(rules, limits, lambda: _context(update, csms_roots()))


def _context(update: UpdateSection, roots: str) -> ssl.SSLContext:
    """Return the TLS context of one attempt. Raises OSError, ValueError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(TLS_1_2_SUITES) + ":@SECLEVEL=2")
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if roots:
        context.load_verify_locations(cadata=roots)
    if update.ca_file is not None:
        context.load_verify_locations(cafile=update.ca_file)
    return context
