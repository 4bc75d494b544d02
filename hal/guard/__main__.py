"""The command `stationd-guard`: run the guard, or drive all lines safe and leave."""

import argparse
import sys
from pathlib import Path

from hal.api import HardwareError, SafetyBoard
from hal.guard import process
from hal.guard.exit_codes import ALREADY_RUNNING, FAILED, WRONG_USAGE
from hal.guard.log_output import log_to_standard_error
from hal.guard.settings import GuardSettings, SettingsError, load


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 ok, 1 failed, 2 usage, 3 another guard is running."""
    chosen = _parser().parse_args(arguments)
    log_to_standard_error()
    try:
        settings = load(chosen.config)
        if chosen.command == "safe":
            process.drive_safe(settings, lambda: _open_board(settings))
        else:
            _check_arming(settings)
            process.run(settings, lambda: _open_board(settings), chosen.exit_when_orphaned)
    except SettingsError as error:
        return _complain(error, WRONG_USAGE)
    except process.AlreadyRunning as error:
        return _complain(error, ALREADY_RUNNING)
    except (HardwareError, OSError) as error:
        return _complain(error, FAILED)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stationd-guard", description="The safety guard of a charging station."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="guard the station until stopped")
    safe = commands.add_parser("safe", help="open all contactors, show state F and leave")
    for command in (run, safe):
        command.add_argument("--config", type=Path, required=True, metavar="FILE")
    run.add_argument(
        "--exit-when-orphaned",
        type=float,
        metavar="SECONDS",
        help="leave when no services were connected for the grace time and so many seconds",
    )
    return parser


def _open_board(settings: GuardSettings) -> SafetyBoard:
    from hal import registry  # noqa: PLC0415 -- backends are loaded only when lines are opened

    return registry.open_safety_board(settings.evse_tables, settings.state_dir)


def _check_arming(settings: GuardSettings) -> None:
    """Refuse to guard contactors that would stay closed after the guard's death."""
    from hal import registry  # noqa: PLC0415 -- backends are loaded only when lines are opened

    found = registry.arming_problems(settings.evse_tables)
    if found:
        raise HardwareError("; ".join(found))


def _complain(error: Exception, code: int) -> int:
    sys.stderr.write(f"stationd-guard: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
