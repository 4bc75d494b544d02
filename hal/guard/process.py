"""The guard as a process: one instance, one board, one loop; and what is done without a guard."""

import fcntl
import grp
import logging
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic

from hal.api import HardwareError, SafetyBoard
from hal.guard import dead_man, endpoint, real_time
from hal.guard.link import ServicesLink
from hal.guard.loop import Loop, Timing
from hal.guard.notify import ServiceManager
from hal.guard.settings import GuardSettings, SettingsError
from hal.guard.shut_off import ShutOffMemory
from hal.guard.station import Station, make_safe
from hal.guard.trouble import TroubleNote

# A guard that does not get through a tick for so long ends itself, so that its lines fall. Longer
# than a simulated board that is stopped takes to be given up twice.
HANG_LIMIT_S = 3.0

_log = logging.getLogger(__name__)

OpenBoard = Callable[[], SafetyBoard]


class AlreadyRunning(Exception):
    """Another guard owns the lines of this station; stop it first."""


def run(settings: GuardSettings, open_board: OpenBoard, orphaned_s: float | None = None) -> None:
    """Guard the station until SIGTERM or SIGINT; after SIGHUP, until no vehicle is there.

    With `orphaned_s` the guard also leaves when no services were connected for the grace time and
    that many seconds, or when its socket is gone. Raises `AlreadyRunning`, `SettingsError`.
    """
    group = _group_id(settings)
    with _single_instance(settings.socket):
        refused = real_time.enter_real_time()
        if refused is not None:
            _log.warning("the guard runs without real time, reactions may be late: %s", refused)
        instance = int.from_bytes(os.urandom(2))
        setups = tuple(
            replace(one, real_time=refused is None, instance=instance) for one in settings.setups
        )
        memory, note = ShutOffMemory(settings.guard_dir), TroubleNote(settings.socket, group)
        station = Station(setups, open_board, monotonic(), memory, note)
        manager = ServiceManager()
        try:
            station.open()
            station.step(monotonic())
            _guard(settings, station, manager, group, orphaned_s)
            note.forget()
        finally:
            station.close()
            manager.close()


def leave_word(settings: GuardSettings, error: HardwareError) -> None:
    """Tell whoever explains the station why no guard begins, unless another one lives."""
    with suppress(AlreadyRunning), _single_instance(settings.socket):
        TroubleNote(settings.socket, _group_id(settings)).tell(str(error))


def drive_safe(settings: GuardSettings, open_board: OpenBoard) -> None:
    """Open every contactor and show state F, then let go of the lines.

    A second shut-off that was tripped stays so.
    Raises `AlreadyRunning` while a guard lives, `HardwareError` if the lines cannot be driven.
    """
    with _single_instance(settings.socket):
        board = open_board()
        try:
            if not make_safe(board, ShutOffMemory(settings.guard_dir).tripped()):
                raise HardwareError("the outputs could not be driven; check the lines")
        finally:
            board.close()


def reset_shut_off(settings: GuardSettings, open_board: OpenBoard) -> frozenset[int]:
    """Release every second shut-off that was tripped, and return the EVSEs.

    Raises `AlreadyRunning` while a guard lives, `HardwareError` if a contactor still reads closed
    or the lines are out of reach, `OSError` if the mark cannot be removed.
    """
    with _single_instance(settings.socket):
        memory = ShutOffMemory(settings.guard_dir)
        tripped = memory.tripped()
        board = open_board()
        try:
            board.refresh()
            _require_open(board, tripped)
            for evse in tripped:
                _release(board, evse)
                memory.forget(evse)
        finally:
            board.close()
    return tripped


def _require_open(board: SafetyBoard, evses: frozenset[int]) -> None:
    for evse in evses & board.evses.keys():
        if board.evses[evse].contactor.is_closed():
            raise HardwareError(
                f"EVSE {evse}: the contactor still reads closed; replace it, then reset again"
            )


def _release(board: SafetyBoard, evse: int) -> None:
    lines = board.evses.get(evse)
    if lines is not None and lines.shut_off is not None:
        lines.shut_off.command(tripped=False)
        board.flush()


def _guard(
    settings: GuardSettings,
    station: Station,
    manager: ServiceManager,
    group: int | None,
    orphaned_s: float | None,
) -> None:
    poll = select.poll()
    listener = endpoint.listen(settings.socket, group)
    identity = _identity(settings.socket)
    link = ServicesLink(listener, poll, station.evses, group, monotonic())
    limit_s = None if orphaned_s is None else settings.grace_s + orphaned_s
    timing = Timing(settings.tick_s, limit_s, HANG_LIMIT_S)
    loop = Loop(station, link, poll, manager, timing)
    loop.is_wanted = lambda: _identity(settings.socket) == identity
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.stop())
    signal.signal(signal.SIGHUP, lambda *_: loop.renew())
    dead_man.tell_where_it_hung()
    real_time.calm_garbage_collection()
    try:
        loop.run()
    finally:
        link.close()
        if _identity(settings.socket) == identity:
            settings.socket.unlink()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _group_id(settings: GuardSettings) -> int | None:
    if settings.group is None:
        return None
    try:
        return grp.getgrnam(settings.group).gr_gid
    except KeyError as error:
        raise SettingsError(
            f"{settings.config}: [guard] group: there is no user group {settings.group!r}"
        ) from error


@contextmanager
def _single_instance(socket_path: Path) -> Iterator[None]:
    """Hold the lock beside the socket; it falls with the process, however that ends."""
    path = socket_path.with_name(socket_path.name + ".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(f"another guard runs for {socket_path}; stop it first") from error
        yield
    finally:
        os.close(descriptor)
