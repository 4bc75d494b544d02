"""RAUC's service on the system bus; needs the extra `rauc`. No call lasts for ever.

Which system runs is asked by the states of the slots: the property `BootSlot` is whatever the
kernel's command line says, the name of a slot or the device of the root.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from agent.core.records import dataclass
from agent.ports import InstallationFailed

if TYPE_CHECKING:
    from dbus_fast.aio import MessageBus

SERVICE: Final = "de.pengutronix.rauc"
INSTALLER: Final = "de.pengutronix.rauc.Installer"
CALL_S: Final = 20.0
"""How long an answer may take: RAUC runs the boot loader's tools meanwhile."""
SILENCE_S: Final = 900.0
"""How long an installation may be without any progress."""
_POLL_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Systems:
    """The boot loader's names of the system that runs and of the other one."""

    booted: str
    other: str


class RaucService:
    """RAUC's object on one connection. Everything raises `InstallationFailed`."""

    def __init__(self, bus: "MessageBus") -> None:
        self._bus = bus

    async def systems(self) -> Systems:
        """Return which system runs, and which one of the same class does not."""
        (slots,) = await self.call("GetSlotStatus", "", [])
        systems = [facts for _, facts in slots if _text(facts, "bootname")]
        for booted in systems:
            if _text(booted, "state") == "booted":
                break
        else:
            raise InstallationFailed("RAUC does not know which system was booted")
        for facts in systems:
            if facts is not booted and _text(facts, "class") == _text(booted, "class"):
                return Systems(booted=_text(booted, "bootname"), other=_text(facts, "bootname"))
        raise InstallationFailed("RAUC knows no second system that could be booted")

    async def boot_slot(self) -> str:
        """Return what the kernel was told of the system that runs; the other one has another."""
        return str(await self._get("BootSlot"))

    async def mark(self, state: str, which: str) -> None:
        """Tell the boot loader that the `booted` or `other` system is `good`, `bad` or `active`."""
        await self.call("Mark", "ss", [state, which])

    async def install(self, image: str, progress: Callable[[int], None]) -> str:
        """Have a bundle verified and written; return what is wrong with it, '' if it is done.

        What RAUC has begun cannot be stopped; a cancelled installation goes on unheard.
        """
        await self._listen()
        completed = self._completion()
        await self.call("InstallBundle", "sa{sv}", [image, {}])
        if await self._awaited(completed, progress) == 0:
            return ""
        return str(await self._get("LastError")) or "RAUC does not tell what is wrong"

    async def becomes_idle(self) -> None:
        """Wait for the end of what RAUC was asked for before, by whomever."""
        patience = _Patience()
        while await self._get("Operation") != "idle":
            patience.note((await self._get("Progress"))[0])
            await asyncio.sleep(_POLL_S)

    async def restart_machine(self) -> None:
        """Ask the system's login service, which lets the agent's user by a rule of polkit."""
        await self.call(
            "Reboot", "b", [False],
            destination="org.freedesktop.login1",
            path="/org/freedesktop/login1",
            interface="org.freedesktop.login1.Manager",
        )  # fmt: skip

    async def call(
        self,
        member: str,
        signature: str,
        body: list[Any],
        destination: str = SERVICE,
        path: str = "/",
        interface: str = INSTALLER,
    ) -> list[Any]:
        """Call a method and return what it answers."""
        from dbus_fast import Message, MessageType  # noqa: PLC0415

        call = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body,
        )
        try:
            reply = await asyncio.wait_for(self._bus.call(call), CALL_S)
        except TimeoutError as error:
            raise InstallationFailed(f"{member}: {destination} does not answer") from error
        if reply.message_type is MessageType.ERROR:
            raise InstallationFailed(f"{member}: {reply.body[0] if reply.body else 'refused'}")
        return list(reply.body)

    async def _get(self, name: str) -> Any:
        interface = "org.freedesktop.DBus.Properties"
        (variant,) = await self.call("Get", "ss", [INSTALLER, name], interface=interface)
        return variant.value

    async def _listen(self) -> None:
        """Have the bus deliver RAUC's signals."""
        rule = f"type='signal',sender='{SERVICE}',interface='{INSTALLER}'"
        bus = "org.freedesktop.DBus"
        await self.call("AddMatch", "s", [rule], bus, "/org/freedesktop/DBus", bus)

    def _completion(self) -> "asyncio.Future[int]":
        """Return what becomes done with the next `Completed` signal."""
        from dbus_fast import Message, MessageType  # noqa: PLC0415

        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def heard(message: Message) -> None:
            is_it = message.message_type is MessageType.SIGNAL and message.member == "Completed"
            if is_it and message.interface == INSTALLER and not future.done():
                future.set_result(int(message.body[0]))

        self._bus.add_message_handler(heard)
        return future

    async def _awaited(
        self, completed: "asyncio.Future[int]", progress: Callable[[int], None]
    ) -> int:
        """Wait for the end of an installation as long as something moves.

        RAUC tells that it is done before it is idle; an idle one that told nothing is another.
        """
        patience = _Patience()
        while True:
            done, _ = await asyncio.wait({completed}, timeout=_POLL_S)
            is_idle = not done and await self._get("Operation") == "idle"
            if completed.done():
                return completed.result()
            if is_idle:
                raise InstallationFailed("RAUC's service ended in the middle of the installation")
            percent = int((await self._get("Progress"))[0])
            if patience.note(percent):
                progress(percent)


class _Patience:
    """Ends when nothing has moved for too long."""

    def __init__(self) -> None:
        self._noted: object = None
        self._ends_s = 0.0

    def note(self, progress: object) -> bool:
        """Return whether something has moved; raises `InstallationFailed` after a long silence."""
        now_s = asyncio.get_running_loop().time()
        if progress != self._noted:
            self._noted, self._ends_s = progress, now_s + SILENCE_S
            return True
        if now_s >= self._ends_s:
            raise InstallationFailed(f"RAUC has shown no progress for {SILENCE_S:g} s")
        return False


@contextlib.asynccontextmanager
async def rauc_service(address: str | None) -> AsyncIterator[RaucService]:
    """Connect to a bus, the system's without an address; raises `InstallationFailed`."""
    from dbus_fast import BusType  # noqa: PLC0415 - an extra that few stations have
    from dbus_fast.aio import MessageBus  # noqa: PLC0415
    from dbus_fast.errors import AuthError, DBusError  # noqa: PLC0415

    bus = None
    try:
        bus = MessageBus(address, bus_type=BusType.SYSTEM)
        await asyncio.wait_for(bus.connect(), CALL_S)
        yield RaucService(bus)
    except TimeoutError as error:
        raise InstallationFailed("the system bus does not answer") from error
    except (DBusError, AuthError, OSError, EOFError) as error:
        raise InstallationFailed(f"RAUC's service cannot be used: {error}") from error
    finally:
        if bus is not None and bus.connected:
            bus.disconnect()


def _text(facts: Mapping[str, Any], key: str) -> str:
    found = facts.get(key)
    return "" if found is None else str(found.value)
