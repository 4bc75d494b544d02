"""Two slots for versions of the product, whoever provides them: what an update needs of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from agent.core.records import dataclass


class ImageRefused(Exception):
    """A firmware image is not to be installed here: the message says why; another must be sent."""


class InstallationFailed(Exception):
    """An image could not be written or activated: no room, a broken disk, a service that refused.

    The slot that runs is untouched.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotStanding:
    """Which version runs, and whether it is on trial.

    `version` is what BootNotification tells. `trial_failed` says that the version installed last
    was tried and fallen back from, `failure` why, as far as it is known.
    """

    version: str
    on_trial: bool = False
    trial_failed: bool = False
    failure: str = ""


class Slots(Protocol):
    """Two places for a version of the product, of which one runs; the other may be written.

    Whatever ends the process or the machine in the middle of any of these leaves a slot that
    starts. Each may be asked for again after a restart.
    """

    async def standing(self) -> SlotStanding:
        """Return what runs; raises `InstallationFailed` if the slots cannot be asked."""

    async def running(self) -> str:
        """Return the name of the slot that runs, '' if nobody can tell.

        It is asked around a switch, where the version proves nothing: both slots may hold the same.
        Raises `InstallationFailed` if the slots cannot be asked.
        """

    async def install(self, image: Path, progress: Callable[[int], None]) -> None:
        """Verify an image and write it into the slot that does not run; `progress` is in percent.

        Raises `ImageRefused`, `InstallationFailed`. It may be cancelled.
        """

    async def activate(self) -> None:
        """Have the written slot started, on trial; raises `InstallationFailed`.

        The process, or the machine, is restarted soon after this returns, or before.
        """

    async def confirm(self) -> None:
        """Keep the running version, once it has proven healthy; without a trial nothing happens."""

    async def give_up(self) -> None:
        """Go back to the version before; the process or the machine is restarted soon."""
