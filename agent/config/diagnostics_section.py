"""`[diagnostics]`: where the CSMS may have logs sent to, and how large they may be."""

from enum import StrEnum
from pathlib import Path

from agent.config.table import Table
from agent.core.records import dataclass


class UploadScheme(StrEnum):
    """How a log may be sent."""

    HTTPS = "https"
    HTTP = "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosticsSection:
    """`[diagnostics]`.

    Logs are sent by `schemes` to `ports`, with `private_addresses` also into networks of the site
    and to this machine. TLS trusts the roots of the CSMS, those of the machine, and `ca_file`.
    """

    schemes: tuple[UploadScheme, ...] = (UploadScheme.HTTPS,)
    ports: tuple[int, ...] = (80, 443, 8080, 8443)
    private_addresses: bool = False
    ca_file: Path | None = None
    max_size_kib: int = 4096


def read_diagnostics(table: Table) -> DiagnosticsSection:
    """Read the section; what is wrong is noted in the table."""
    section = DiagnosticsSection(
        schemes=_schemes(table),
        ports=table.integers("ports", (80, 443, 8080, 8443), low=1, high=65_535),
        private_addresses=table.boolean("private_addresses", default=False),
        ca_file=table.optional_path("ca_file"),
        max_size_kib=table.integer("max_size_kib", 4096, low=64, high=65_536),
    )
    table.finish()
    return section


def _schemes(table: Table) -> tuple[UploadScheme, ...]:
    known = tuple(scheme.value for scheme in UploadScheme)
    told = table.texts("schemes", (UploadScheme.HTTPS.value,))
    if any(scheme not in known for scheme in told):
        table.note_first("schemes", f"must name some of {', '.join(known)}")
        return ()
    return tuple(UploadScheme(scheme) for scheme in dict.fromkeys(told))
