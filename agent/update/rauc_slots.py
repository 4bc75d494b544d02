"""Whole-system slots through RAUC's service on the system bus; needs the extra `rauc`.

RAUC verifies a bundle, writes the other system and talks to the boot loader. Whether a system that
was booted is still on trial it does not tell, so that is noted here: which slot was left, and which
one is to prove itself. The note lies in the state directory, which both systems share.

The system's `system.conf` has `activate-installed=false`, so that a system is only booted when that
is asked for, and the boot loader counts the tries.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent import __version__
from agent.core.records import dataclass
from agent.ports import ImageRefused, InstallationFailed, SlotStanding
from agent.update.durable import remove_file, replace_file

if TYPE_CHECKING:
    from dbus_fast.aio import MessageBus

SERVICE: Final = "de.pengutronix.rauc"
INSTALLER: Final = "de.pengutronix.rauc.Installer"
NOTE: Final = "rauc-trial.json"
SILENCE_S: Final = 900.0
_POLL_S: Final = 0.5
# RAUC tells what went wrong as text alone; these are the words for a bundle that it does not take.
_REFUSALS: Final = re.compile(
    r"signature|verif|certificate|compatible|unsuitable|manifest|invalid bundle|not a RAUC bundle"
    r"|identifier|payload|too small|no such file|bundle format",
    re.IGNORECASE,
)


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Which boot slot was left for which, in which boot of the machine, and what became of that."""

    left: str
    tried: str
    booted: bool = False
    boot_id: str = ""


@dataclass(frozen=True, slots=True)
class RaucSlots:
    """The two systems of this machine; implements `Slots`.

    `address` names another bus than the system's. `reboot` restarts the machine, `boot_id` tells
    one boot of it from the next.
    """

    state_dir: Path = Path("/var/lib/stationd")
    address: str | None = None
    reboot: Callable[[], Awaitable[None]] | None = None
    boot_id: Callable[[], str] = _boot_id

    async def standing(self) -> SlotStanding:
        """Return what runs; raises `InstallationFailed` if RAUC does not answer."""
        note = self._read_note()
        if note is None:
            return SlotStanding(version=__version__)
        async with self._installer() as installer:
            booted = await installer.get("BootSlot")
        if booted == note.tried:
            if not note.booted:
                self._write_note(replace(note, booted=True))
            return SlotStanding(version=__version__, on_trial=True)
        if booted == note.left and note.boot_id == self.boot_id():
            # The software was restarted before the machine was: the trial is still to come.
            return SlotStanding(version=__version__)
        failure = f"the system in {note.tried} was not kept; {booted} was booted"
        return SlotStanding(version=__version__, trial_failed=True, failure=failure)

    async def running(self) -> str:
        """Return the boot slot; raises `InstallationFailed` if RAUC does not answer."""
        async with self._installer() as installer:
            return str(await installer.get("BootSlot"))

    async def install(self, image: Path, progress: Callable[[int], None]) -> None:
        """Have RAUC verify and write a bundle; raises `ImageRefused`, `InstallationFailed`.

        What RAUC has begun cannot be stopped; a cancelled installation goes on unheard.
        """
        self._forget()
        async with self._installer() as installer:
            await installer.listen()
            completed = installer.completion()
            await installer.call("InstallBundle", "sa{sv}", [str(image), {}])
            result = await _awaited(installer, completed, progress)
            if result != 0:
                error = str(await installer.get("LastError"))
                raise (ImageRefused if _REFUSALS.search(error) else InstallationFailed)(error)

    async def activate(self) -> None:
        """Boot the other system, on trial; raises `InstallationFailed`.

        Where the machine may not be restarted the boot loader is told to keep this system:
        otherwise the next boot would bring what was told as failed.
        """
        async with self._installer() as installer:
            left = str(await installer.get("BootSlot"))
            tried = await installer.other_boot_slot(left)
            self._write_note(Trial(left=left, tried=tried, boot_id=self.boot_id()))
            await installer.call("Mark", "ss", ["active", "other"])
        try:
            await self._reboot()
        except InstallationFailed:
            async with self._installer() as installer:
                await installer.call("Mark", "ss", ["active", "booted"])
            self._forget()
            raise

    async def confirm(self) -> None:
        """Tell the boot loader that this system is good; raises `InstallationFailed`."""
        if self._read_note() is None:
            return
        async with self._installer() as installer:
            await installer.call("Mark", "ss", ["good", "booted"])
        self._forget()

    async def give_up(self) -> None:
        """Boot the system before again; raises `InstallationFailed`."""
        if self._read_note() is None:
            return
        async with self._installer() as installer:
            await installer.call("Mark", "ss", ["active", "other"])
            await installer.call("Mark", "ss", ["bad", "booted"])
        await self._reboot()

    @contextlib.asynccontextmanager
    async def _installer(self) -> "AsyncIterator[_Installer]":
        from dbus_fast import BusType  # noqa: PLC0415 - an extra that few stations have
        from dbus_fast.aio import MessageBus  # noqa: PLC0415
        from dbus_fast.errors import AuthError, DBusError  # noqa: PLC0415

        bus = None
        try:
            bus = MessageBus(self.address, bus_type=BusType.SYSTEM)
            await bus.connect()
            yield _Installer(bus)
        except (DBusError, AuthError, OSError, EOFError) as error:
            raise InstallationFailed(f"RAUC's service cannot be used: {error}") from error
        finally:
            if bus is not None and bus.connected:
                bus.disconnect()

    async def _reboot(self) -> None:
        await (self.reboot or self._reboot_by_login)()

    async def _reboot_by_login(self) -> None:
        """Ask the system's login service, which lets the agent's user by a rule of polkit."""
        async with self._installer() as installer:
            await installer.call(
                "Reboot", "b", [False],
                destination="org.freedesktop.login1",
                path="/org/freedesktop/login1",
                interface="org.freedesktop.login1.Manager",
            )  # fmt: skip

    @property
    def _note(self) -> Path:
        return self.state_dir / NOTE

    def _read_note(self) -> Trial | None:
        try:
            found = json.loads(self._note.read_text("utf-8"))
            return Trial(
                left=str(found["left"]),
                tried=str(found["tried"]),
                booted=bool(found["booted"]),
                boot_id=str(found.get("boot_id", "")),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InstallationFailed(f"{self._note} cannot be read: {error}") from error

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


class _Installer:
    """RAUC's object on one connection."""

    def __init__(self, bus: "MessageBus") -> None:
        self._bus = bus

    async def call(
        self,
        member: str,
        signature: str,
        body: list[Any],
        destination: str = SERVICE,
        path: str = "/",
        interface: str = INSTALLER,
    ) -> list[Any]:
        """Call a method and return what it answers; raises `InstallationFailed`."""
        from dbus_fast import Message, MessageType  # noqa: PLC0415

        call = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body,
        )
        reply = await self._bus.call(call)
        if reply.message_type is MessageType.ERROR:
            raise InstallationFailed(f"{member}: {reply.body[0] if reply.body else 'refused'}")
        return list(reply.body)

    async def get(self, name: str) -> Any:
        """Return a property."""
        interface = "org.freedesktop.DBus.Properties"
        (variant,) = await self.call("Get", "ss", [INSTALLER, name], interface=interface)
        return variant.value

    async def other_boot_slot(self, booted: str) -> str:
        """Return the boot name of the system that does not run; raises `InstallationFailed`."""
        (slots,) = await self.call("GetSlotStatus", "", [])
        for _, facts in slots:
            name = _text(facts, "bootname")
            if name and name != booted:
                return name
        raise InstallationFailed("RAUC knows no second system that could be booted")

    def completion(self) -> "asyncio.Future[int]":
        """Return what becomes done with the next `Completed` signal."""
        from dbus_fast import Message, MessageType  # noqa: PLC0415

        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def heard(message: Message) -> None:
            is_it = message.message_type is MessageType.SIGNAL and message.member == "Completed"
            if is_it and message.interface == INSTALLER and not future.done():
                future.set_result(int(message.body[0]))

        self._bus.add_message_handler(heard)
        return future

    async def listen(self) -> None:
        """Have the bus deliver RAUC's signals."""
        rule = f"type='signal',sender='{SERVICE}',interface='{INSTALLER}'"
        bus = "org.freedesktop.DBus"
        await self.call("AddMatch", "s", [rule], bus, "/org/freedesktop/DBus", bus)


async def _awaited(
    installer: _Installer, completed: "asyncio.Future[int]", progress: Callable[[int], None]
) -> int:
    """Wait for the end of an installation as long as something moves."""
    clock = asyncio.get_running_loop()
    told, patience_ends = -1, clock.time() + SILENCE_S
    while clock.time() < patience_ends:
        done, _ = await asyncio.wait({completed}, timeout=_POLL_S)
        if done:
            return completed.result()
        percent = int((await installer.get("Progress"))[0])
        if percent != told:
            told, patience_ends = percent, clock.time() + SILENCE_S
            progress(percent)
    raise InstallationFailed(f"RAUC has shown no progress for {SILENCE_S:g} s")


def _text(facts: Mapping[str, Any], key: str) -> str:
    found = facts.get(key)
    return "" if found is None else str(found.value)
