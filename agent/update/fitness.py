"""Whether a bundle is for this station, and not a step back."""

from agent.core.records import dataclass
from agent.update.manifest import Manifest, version_key


class Unfit(Exception):
    """A bundle is genuine but not for this station as it is; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFacts:
    """What a bundle is compared with. `version` is the one that is confirmed and runs."""

    product: str
    hardware: str
    machine: str
    python: str
    version: str
    rollback_index: int


def check_fits(manifest: Manifest, station: StationFacts) -> None:
    """Raise `Unfit` unless this bundle may be installed here.

    The same version again is no step back: it repairs a slot.
    """
    for problem in _problems(manifest, station):
        raise Unfit(problem)


def _problems(manifest: Manifest, station: StationFacts) -> list[str]:
    version = version_key(station.version)
    found = {
        f"is for the product {manifest.product}": manifest.product != station.product,
        f"is not for {station.hardware}": station.hardware not in manifest.hardware,
        f"is for {manifest.machine} processors": manifest.machine != station.machine,
        f"is for Python {manifest.python}, here is {station.python}": (
            manifest.python != station.python
        ),
        f"is older than {station.version}, which is installed": (
            version_key(manifest.version) < version
        ),
        f"needs at least version {manifest.minimum_version} before it": (
            version_key(manifest.minimum_version) > version
        ),
        f"has rollback index {manifest.rollback_index}, {station.rollback_index} is the least": (
            manifest.rollback_index < station.rollback_index
        ),
        f"contains the changes to version {manifest.base_version} only": (
            manifest.base_version not in (None, station.version)
        ),
    }
    return [f"version {manifest.version} {text}" for text, is_so in found.items() if is_so]
