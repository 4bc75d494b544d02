"""`[diagnostics]`: where the CSMS may have logs sent to, and how large they may be."""

from agent.config.table import Table
from agent.config.transfer_keys import TransferKeys, read_transfer_keys
from agent.core.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosticsSection(TransferKeys):
    """`[diagnostics]`; TLS trusts the roots of the CSMS, those of the machine, and `ca_file`."""

    max_size_kib: int = 4096


def read_diagnostics(table: Table) -> DiagnosticsSection:
    """Read the section; what is wrong is noted in the table."""
    keys = read_transfer_keys(table, may_be_off=True)
    section = DiagnosticsSection(
        schemes=keys.schemes,
        ports=keys.ports,
        private_addresses=keys.private_addresses,
        ca_file=keys.ca_file,
        max_size_kib=table.integer("max_size_kib", 4096, low=64, high=65_536),
    )
    table.finish()
    return section
