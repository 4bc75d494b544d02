"""The command `stationd-guard`: run the guard, drive all lines safe, or reset the shut-off."""

import argparse
import sys
from pathlib import Path

from hal.api import HardwareError, SafetyBoard
from hal.guard import process
from hal.guard.exit_codes import ALREADY_RUNNING, FAILED
from hal.guard.log_output import log_to_standard_error
from hal.guard.settings import GuardSettings, SettingsError, load


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 ok, 1 failed, 2 usage, 3 another guard is running."""
    chosen = _parser().parse_args(arguments)
    log_to_standard_error()
    try:
        settings = load(chosen.config)
        _perform(chosen, settings)
    except process.AlreadyRunning as error:
        return _complain(error, ALREADY_RUNNING)
    except (SettingsError, HardwareError, OSError) as error:
        return _complain(error, FAILED)
    return 0


def _perform(chosen: argparse.Namespace, settings: GuardSettings) -> None:
    def open_board() -> SafetyBoard:
        return _open_board(settings)

    match chosen.command:
        case "safe":
            process.drive_safe(settings, open_board)
        case "reset":
            released = sorted(process.reset_shut_off(settings, open_board))
            names = ", ".join(map(str, released)) or "none was tripped"
            sys.stdout.write(f"second shut-off released: {names}\n")
        case _:
            try:
                _check_arming(settings)
                process.run(settings, open_board, chosen.exit_when_orphaned)
            except HardwareError as error:
                process.leave_word(settings, error)
                raise


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stationd-guard", description="The safety guard of a charging station."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="guard the station until stopped")
    safe = commands.add_parser("safe", help="open all contactors, show state F and leave")
    reset = commands.add_parser(
        "reset", help="release the second shut-off after a welded contactor was replaced"
    )
    for command in (run, safe, reset):
        command.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the station's configuration"
        )
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
