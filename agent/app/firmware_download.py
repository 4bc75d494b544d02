"""The download of firmware over the network, as the configuration allows it."""

from collections.abc import Callable

from agent.app.transfer_rules import address_rules
from agent.config.update_section import UpdateSection
from agent.transfer.tls import client_context
from agent.update.download import DownloadLimits, HttpDownload

_MIB = 1024 * 1024


def network_download(
    update: UpdateSection,
    csms_roots: Callable[[], str],
    trusts_cross_signed: Callable[[], bool] = lambda: False,
) -> HttpDownload:
    """Return what fetches images; TLS trusts the roots of the CSMS and the configured ones."""
    return HttpDownload(
        address_rules(update),
        DownloadLimits(max_bytes=update.max_size_mib * _MIB),
        lambda: client_context(
            csms_roots(),
            update.ca_file,
            with_usual_roots=False,
            trusts_cross_signed=trusts_cross_signed(),
        ),
    )
