"""The keys that say which servers files may be fetched from or sent to."""

from enum import StrEnum
from pathlib import Path
from typing import Final

from agent.config.table import Table
from agent.core.records import dataclass

_PORTS: Final = (80, 443, 8080, 8443)


class TransferScheme(StrEnum):
    """How a file may go."""

    HTTP = "http"
    HTTPS = "https"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferKeys:
    """What the sections that have files go over the network share.

    Files go by `schemes` and `ports`, with `private_addresses` also within networks of the site and
    this machine. Servers may have a certificate by a root in `ca_file`.
    """

    schemes: tuple[TransferScheme, ...] = (TransferScheme.HTTPS,)
    ports: tuple[int, ...] = _PORTS
    private_addresses: bool = False
    ca_file: Path | None = None


def read_transfer_keys(table: Table, *, may_be_off: bool) -> TransferKeys:
    """Read the keys; no scheme at all is for what `may_be_off`. The table notes what is wrong."""
    return TransferKeys(
        schemes=_schemes(table, may_be_off=may_be_off),
        ports=table.integers("ports", _PORTS, low=1, high=65_535),
        private_addresses=table.boolean("private_addresses", default=False),
        ca_file=table.optional_path("ca_file"),
    )


def _schemes(table: Table, *, may_be_off: bool) -> tuple[TransferScheme, ...]:
    known = tuple(scheme.value for scheme in TransferScheme)
    told = table.texts("schemes", (TransferScheme.HTTPS.value,))
    if any(scheme not in known for scheme in told) or not (told or may_be_off):
        table.note_first("schemes", f"must name some of {', '.join(known)}")
        return ()
    return tuple(TransferScheme(scheme) for scheme in dict.fromkeys(told))
