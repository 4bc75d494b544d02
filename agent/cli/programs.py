"""The programs that the command line can start and that it must not know."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How to run the demo: the OCPP subprotocol, what to divide the dwell times by, raw frames."""

    version: str
    speed: float = 1.0
    show_frames: bool = False


@dataclass(frozen=True, slots=True)
class CsmsOptions:
    """Where the demo CSMS listens and which OCPP subprotocols it speaks."""

    host: str
    port: int
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HardwareFinding:
    """One device of one EVSE (None: of the station), whether it is well, and what was seen."""

    evse: int | None
    device: str
    ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class Programs:
    """What stands behind the commands; those that run something return an exit code.

    `run_station` takes the configuration file and whether to start the guard. `check_config`
    returns the settings in force, one `key = value` each, and raises ConfigError.
    `check_hardware` takes the configuration file and a board that overrides the file's; it yields
    findings as they are made and raises ConfigError.
    """

    run_station: Callable[[Path, bool], int]
    run_demo: Callable[[DemoOptions], int]
    run_csms: Callable[[CsmsOptions], int]
    check_config: Callable[[Path], tuple[str, ...]]
    check_hardware: Callable[[Path, str | None], Iterator[HardwareFinding]]
