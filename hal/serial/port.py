"""A serial port on the event loop: opened for this process alone, read and written without waiting.

pyserial opens and sets the line; the bytes are read from its descriptor, which the loop watches.
"""

import asyncio
import errno
import grp
import logging
import os
import pwd
import termios
from pathlib import Path
from typing import TYPE_CHECKING

from hal.serial.events import Trouble

if TYPE_CHECKING:
    import serial

CHUNK_BYTES = 4096
BY_ID = Path("/dev/serial/by-id")
_UNSTABLE = ("ttyUSB", "ttyACM")

log = logging.getLogger(__name__)


class PortFailed(Exception):
    """A port cannot be opened or is gone; `group` is whose members may open it."""

    def __init__(self, trouble: Trouble, group: str = "") -> None:
        super().__init__(trouble.value)
        self.trouble = trouble
        self.group = group


class SerialPort:
    """An open port. One task reads at a time."""

    def __init__(self, device: "serial.Serial") -> None:
        """Not for callers: use `open_port`."""
        self._device: serial.Serial | None = device
        self._fileno: int = device.fileno()
        self._reading: asyncio.Future[None] | None = None

    async def read(self, timeout_s: float | None) -> bytes:
        """Return what arrives next, b"" after the time-out; raises `PortFailed`."""
        if self._device is None:
            raise PortFailed(Trouble.UNPLUGGED)
        is_ready = await self._readable(timeout_s)
        # What came while a busy computer kept this process waiting is no silence of the device.
        try:
            data = os.read(self._fileno, CHUNK_BYTES) if self._device is not None else b""
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if is_ready and not data:
            raise PortFailed(Trouble.UNPLUGGED)
        return data

    def write(self, data: bytes) -> None:
        """Send; raises `PortFailed`. What a full buffer does not take is lost as on a dead line."""
        if self._device is None:
            raise PortFailed(Trouble.UNPLUGGED)
        try:
            os.write(self._fileno, data)
        except BlockingIOError:
            return
        except OSError:
            raise PortFailed(Trouble.UNPLUGGED) from None

    def close(self) -> None:
        """Let the port go; a task that reads hears that it is gone."""
        device, self._device = self._device, None
        if device is None:
            return
        if self._reading is not None:
            asyncio.get_running_loop().remove_reader(self._fileno)
            _wake(self._reading)
        device.close()

    async def _readable(self, timeout_s: float | None) -> bool:
        loop = asyncio.get_running_loop()
        self._reading = loop.create_future()
        loop.add_reader(self._fileno, _wake, self._reading)
        try:
            async with asyncio.timeout(timeout_s):
                await self._reading
        except TimeoutError:
            return False
        finally:
            self._reading = None
            if self._device is not None:
                loop.remove_reader(self._fileno)
        return True


def open_port(path: str, baudrate: int) -> SerialPort:
    """Open a port for this process alone, 8N1; raises `PortFailed`.

    What waited in it is thrown away: a card that was held before belongs to nobody here.
    """
    import serial  # noqa: PLC0415 - only stations with a serial reader need it

    try:
        device = serial.Serial(path, baudrate, timeout=0, exclusive=True)
    except (OSError, ValueError, termios.error) as error:
        raise PortFailed(_trouble(path, error), _group_of(path)) from None
    os.set_blocking(device.fileno(), False)
    _advise(path)
    return SerialPort(device)


def plugged_in() -> tuple[str, ...]:
    """Return the ports that are there under names that last."""
    try:
        return tuple(sorted(str(link) for link in BY_ID.iterdir()))
    except OSError:
        return ()


def this_user() -> str:
    """Return the name of the user that this process runs as."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _trouble(path: str, error: Exception) -> Trouble:
    match getattr(error, "errno", None):
        case errno.ENOENT | errno.ENXIO | errno.ENODEV | errno.EIO:
            return Trouble.MISSING
        case errno.EACCES:
            return Trouble.DENIED
        case errno.EPERM:
            return Trouble.FORBIDDEN
        case errno.EBUSY | errno.EAGAIN:
            return Trouble.BUSY
        case _:
            return Trouble.NO_SERIAL_PORT if os.path.lexists(path) else Trouble.MISSING


def _group_of(path: str) -> str:
    """Return the group that may open a device, as far as it can be told."""
    try:
        return grp.getgrgid(Path(path).stat().st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"


def _advise(path: str) -> None:
    """Warn of a name that the next start may give to another device."""
    if not Path(path).name.startswith(_UNSTABLE):
        return
    lasting = next((name for name in plugged_in() if _is_same(name, path)), None)
    if lasting is not None:
        log.warning("%s may be another device after a restart: set port to %s", path, lasting)


def _is_same(one: str, other: str) -> bool:
    try:
        return Path(one).stat().st_rdev == Path(other).stat().st_rdev
    except OSError:
        return False


def _wake(reading: asyncio.Future[None]) -> None:
    if not reading.done():
        reading.set_result(None)
