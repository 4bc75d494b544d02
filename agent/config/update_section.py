"""`[update]`: where the software is installed, whom it may come from, how it proves itself."""

from dataclasses import field
from enum import StrEnum
from pathlib import Path

from agent.config.table import Table
from agent.core.records import dataclass

_MAKER_DIR = "/etc/stationd/maker"


class SlotBackend(StrEnum):
    """Who provides the two slots that versions of the software are installed into."""

    NONE = "none"
    APPLICATION = "application"
    RAUC = "rauc"


class TransferScheme(StrEnum):
    """The schemes that files are fetched by."""

    HTTP = "http"
    HTTPS = "https"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSection:
    """`[update]`.

    Files are fetched by `schemes` from `ports`, with `private_addresses` also from networks of the
    site. TLS trusts the roots of the CSMS and those in `ca_file`. `maker_dir` holds roots (*.pem)
    and revocation lists (*.crl) of whoever may sign firmware.
    """

    backend: SlotBackend = SlotBackend.NONE
    root: Path = Path("/")
    schemes: tuple[TransferScheme, ...] = (TransferScheme.HTTPS,)
    ports: tuple[int, ...] = (80, 443, 8080, 8443)
    private_addresses: bool = False
    ca_file: Path | None = None
    maker_dir: Path = field(default_factory=lambda: Path(_MAKER_DIR))
    max_size_mib: int = 512
    allow_unsigned: bool = False
    health_timeout_s: int = 300
    confirm_without_csms_s: int = 600

    @property
    def is_offered(self) -> bool:
        """Tell whether the CSMS can update the software of this station."""
        return self.backend is not SlotBackend.NONE


def read_update(table: Table) -> UpdateSection:
    """Read the section; what is wrong is noted in the table."""
    section = UpdateSection(
        backend=table.choice("backend", SlotBackend, SlotBackend.NONE),
        root=table.path("root", "/"),
        schemes=_schemes(table),
        ports=table.integers("ports", (80, 443, 8080, 8443), low=1, high=65_535),
        private_addresses=table.boolean("private_addresses", default=False),
        ca_file=table.optional_path("ca_file"),
        maker_dir=table.path("maker_dir", _MAKER_DIR),
        max_size_mib=table.integer("max_size_mib", 512, low=1, high=4096),
        allow_unsigned=table.boolean("allow_unsigned", default=False),
        health_timeout_s=table.integer("health_timeout_s", 300, low=30, high=3600),
        confirm_without_csms_s=table.integer("confirm_without_csms_s", 600, low=10, high=86_400),
    )
    table.finish()
    return section


def _schemes(table: Table) -> tuple[TransferScheme, ...]:
    known = tuple(scheme.value for scheme in TransferScheme)
    told = table.texts("schemes", (TransferScheme.HTTPS.value,))
    if not told or any(scheme not in known for scheme in told):
        table.note_first("schemes", f"must name some of {', '.join(known)}")
        return (TransferScheme.HTTPS,)
    return tuple(TransferScheme(scheme) for scheme in dict.fromkeys(told))
