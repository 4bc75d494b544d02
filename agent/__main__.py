"""The command `stationd`: the command line, and the programs that it can start.

The command line itself knows neither the daemon nor the demo; they are handed to it here and
imported when they are asked for, because the daemon's start must not pay for anything else.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.cli.programs import CsmsOptions, DemoOptions, HardwareFinding, Programs

UNUSED_BY_THE_DAEMON = ("importlib.metadata", "urllib.request", "locale", "platform")
"""What websockets imports for its unreleased versions and to find a proxy, with 40 modules more.

And what `subprocess` and `uuid` import for cases that do not occur here.
"""

# ruff: noqa: PLC0415 - each program is imported when it is asked for, see above


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 ok, 1 failed, 2 usage."""
    given = sys.argv[1:] if arguments is None else arguments
    service = _service_command(given)
    if service is not None:
        return _run_station(*service)
    from agent.cli.parser import run_command

    return run_command(given, _programs())


def _service_command(given: Sequence[str]) -> tuple[Path, bool] | None:
    """Read the command line of the service, which needs no parser; None for any other.

    The parser and what it brings along would stay in the daemon's memory for good.
    """
    match given:
        case ["run", "--config", file, *rest] if rest in ([], ["--with-guard"]):
            return (Path(file), bool(rest)) if Path(file).is_file() else None
        case _:
            return None


def _run_station(config_file: Path, with_guard: bool) -> int:  # noqa: FBT001 - named by the caller
    from agent.late_imports import import_late

    import_late(*UNUSED_BY_THE_DAEMON)
    from agent.app import run_station

    return run_station(config_file, with_guard)


def _run_demo(options: "DemoOptions") -> int:
    from agent.sim.demo import run_demo

    return run_demo(options.version, options.speed, show_frames=options.show_frames)


def _run_csms(options: "CsmsOptions") -> int:
    from agent.sim.csms_command import run_csms

    return run_csms(options.port, options.versions, host=options.host)


def _check_config(file: Path) -> tuple[str, ...]:
    from agent import __version__
    from agent.app.hardware import backend_problems
    from agent.app.initial import device_model
    from agent.config.load import load

    config = load(file, check_backend=backend_problems)
    device_model(config, __version__)
    return config.describe()


def _check_hardware(file: Path, board: str | None) -> "Iterator[HardwareFinding]":
    from agent.app.hardware_check import check_hardware
    from agent.cli.programs import HardwareFinding

    for found in check_hardware(file, board):
        yield HardwareFinding(found.evse, found.device, found.ok, found.message)


def _programs() -> "Programs":
    from agent.cli.programs import Programs

    return Programs(
        run_station=_run_station,
        run_demo=_run_demo,
        run_csms=_run_csms,
        check_config=_check_config,
        check_hardware=_check_hardware,
    )


if __name__ == "__main__":
    sys.exit(main())
