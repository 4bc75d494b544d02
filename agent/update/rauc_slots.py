"""Whole-system slots through RAUC's service on the system bus; needs the extra `rauc`.

RAUC verifies a bundle, writes the other system and talks to the boot loader. Whether a system that
was booted is still on trial it does not tell, so that is noted here: which system was left, and
which one is to prove itself. The note lies in the state directory, which both systems share.

The system's `system.conf` has `activate-installed=false`, so that a system is only booted when that
is asked for, and the boot loader counts the tries.
"""

import json
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from agent import __version__
from agent.core.records import dataclass
from agent.ports import ImageRefused, InstallationFailed, SlotStanding
from agent.update.durable import remove_file, replace_file
from agent.update.rauc_service import RaucService, rauc_service

NOTE: Final = "rauc-trial.json"
# RAUC tells what went wrong as text alone; these are the words for a bundle that it does not take.
_REFUSALS: Final = re.compile(
    r"signature|verif|certificate|compatible|unsuitable|manifest|invalid bundle|not a RAUC bundle"
    r"|identifier|payload|too small|no such file|bundle format",
    re.IGNORECASE,
)

_log = logging.getLogger(__name__)


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Which system was left for which, and in which boot of the machine that was decided."""

    left: str
    tried: str
    boot_id: str


@dataclass(frozen=True, slots=True)
class RaucSlots:
    """The two systems of this machine; implements `Slots`.

    `address` names another bus than the system's. `reboot` restarts the machine, `boot_id` tells
    one boot of it from the next.
    """

    state_dir: Path
    address: str | None = None
    reboot: Callable[[], Awaitable[None]] | None = None
    boot_id: Callable[[], str] = _boot_id

    async def standing(self) -> SlotStanding:
        """Return what runs; raises `InstallationFailed` if RAUC does not answer."""
        note = self._read_note()
        if note is None:
            return SlotStanding(version=__version__)
        async with self._service() as rauc:
            booted = (await rauc.systems()).booted
        if booted == note.tried:
            return SlotStanding(version=__version__, on_trial=True)
        if booted == note.left and note.boot_id == self.boot_id():
            # The software was restarted before the machine was: the trial is still to come.
            return SlotStanding(version=__version__)
        failure = f"the system in {note.tried} was not kept; {booted} was booted"
        return SlotStanding(version=__version__, trial_failed=True, failure=failure)

    async def running(self) -> str:
        """Return the boot slot; raises `InstallationFailed` if RAUC does not answer."""
        async with self._service() as rauc:
            return await rauc.boot_slot()

    async def install(self, image: Path, progress: Callable[[int], None]) -> None:
        """Have RAUC verify and write a bundle; raises `ImageRefused`, `InstallationFailed`.

        What RAUC has begun cannot be stopped; a cancelled installation goes on unheard.
        """
        note = self._read_note()
        async with self._service() as rauc:
            await rauc.becomes_idle()
            if note is not None and note.tried == (await rauc.systems()).booted:
                raise InstallationFailed(f"the system in {note.tried} is on trial")
            self._forget()
            problem = await rauc.install(str(image), progress)
        if problem:
            raise (ImageRefused if _REFUSALS.search(problem) else InstallationFailed)(problem)

    async def activate(self) -> None:
        """Boot the other system, on trial; raises `InstallationFailed`.

        Where the machine may not be restarted the boot loader is told to keep this system:
        otherwise the next boot would bring what was told as failed.
        """
        async with self._service() as rauc:
            systems = await rauc.systems()
        boot_id = self.boot_id()
        self._write_note(Trial(left=systems.booted, tried=systems.other, boot_id=boot_id))
        try:
            async with self._service() as rauc:
                await rauc.mark("active", "other")
            await self._restart()
        except InstallationFailed:
            await self._stay()
            raise

    async def confirm(self) -> None:
        """Tell the boot loader that this system is good; raises `InstallationFailed`."""
        async with self._service() as rauc:
            await rauc.mark("good", "booted")
        self._forget()

    async def give_up(self) -> None:
        """Boot the system before again; raises `InstallationFailed`.

        That this one is bad the boot loader need not take: it boots the other one anyway. Where the
        system before runs, the trial is only taken back.
        """
        note = self._read_note()
        if note is None:
            return
        async with self._service() as rauc:
            is_tried = note.tried == (await rauc.systems()).booted
        if not is_tried:
            await self._stay()
            return
        async with self._service() as rauc:
            await rauc.mark("active", "other")
            try:
                await rauc.mark("bad", "booted")
            except InstallationFailed as error:
                _log.warning("the system that is given up cannot be marked: %s", error)
        await self._restart()

    async def _stay(self) -> None:
        """Undo an activation; the note stays unless the boot loader has forgotten it as well."""
        async with self._service() as rauc:
            await rauc.mark("active", "booted")
        self._forget()

    def _service(self) -> AbstractAsyncContextManager[RaucService]:
        return rauc_service(self.address)

    async def _restart(self) -> None:
        if self.reboot is not None:
            await self.reboot()
            return
        async with self._service() as rauc:
            await rauc.restart_machine()

    @property
    def _note(self) -> Path:
        return self.state_dir / NOTE

    def _read_note(self) -> Trial | None:
        """Return the note; a damaged one says nothing, and the boot loader goes on counting."""
        try:
            found = json.loads(self._note.read_text("utf-8"))
            return Trial(
                left=str(found["left"]),
                tried=str(found["tried"]),
                boot_id=str(found.get("boot_id", "")),
            )
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InstallationFailed(f"{self._note} cannot be read: {error}") from error
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            _log.error("%s is damaged and passed over: %s", self._note, error)
            return None

    def _write_note(self, trial: Trial) -> None:
        try:
            replace_file(self._note, json.dumps(asdict(trial)).encode(), 0o600)
        except OSError as error:
            raise InstallationFailed(f"{self._note} cannot be written: {error}") from error

    def _forget(self) -> None:
        try:
            remove_file(self._note)
        except OSError as error:
            raise InstallationFailed(f"{self._note} cannot be removed: {error}") from error
