"""`[update]`: where the software is installed, whom it may come from, how it proves itself."""

from dataclasses import field
from enum import StrEnum
from pathlib import Path

from agent.config.table import Table
from agent.config.transfer_keys import TransferKeys, read_transfer_keys
from agent.core.records import dataclass

_MAKER_DIR = "/etc/stationd/maker"


class SlotBackend(StrEnum):
    """Who provides the two slots that versions of the software are installed into."""

    NONE = "none"
    APPLICATION = "application"
    RAUC = "rauc"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSection(TransferKeys):
    """`[update]`.

    TLS trusts the roots of the CSMS and those in `ca_file`. `maker_dir` holds roots (*.pem) and
    revocation lists (*.crl) of whoever may sign firmware.
    """

    backend: SlotBackend = SlotBackend.NONE
    root: Path = Path("/")
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
    keys = read_transfer_keys(table, may_be_off=False)
    section = UpdateSection(
        backend=table.choice("backend", SlotBackend, SlotBackend.NONE),
        root=table.path("root", "/"),
        schemes=keys.schemes,
        ports=keys.ports,
        private_addresses=keys.private_addresses,
        ca_file=keys.ca_file,
        maker_dir=table.path("maker_dir", _MAKER_DIR),
        max_size_mib=table.integer("max_size_mib", 512, low=1, high=4096),
        allow_unsigned=table.boolean("allow_unsigned", default=False),
        health_timeout_s=table.integer("health_timeout_s", 300, low=30, high=3600),
        confirm_without_csms_s=table.integer("confirm_without_csms_s", 600, low=10, high=86_400),
    )
    table.finish()
    return section
