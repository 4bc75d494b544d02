"""A serial port as a wire: opened for us alone, and why it cannot be."""

import errno
import os
import select
from typing import Any

from hal.modbus.faults import FaultKind, MeterFault
from hal.modbus.profile import SerialSettings

_MOST_AT_ONCE = 4096
_WRITE_TIMEOUT_S = 1.0
_OPENING = {
    errno.ENOENT: (
        FaultKind.PORT_MISSING,
        "does not exist; plug the adapter in, and take its name from /dev/serial/by-id",
    ),
    errno.EACCES: (
        FaultKind.PERMISSION_DENIED,
        "may not be opened by this user; add the user to the group of the port, often dialout",
    ),
    errno.EBUSY: (
        FaultKind.PORT_BUSY,
        "is in use by another process; stop it (fuser names it), one program owns a bus",
    ),
    errno.ENOTTY: (
        FaultKind.PORT_UNUSABLE,
        "is no serial port; take its name from /dev/serial/by-id",
    ),
}
_SAME = {
    errno.ENXIO: errno.ENOENT,
    errno.ENODEV: errno.ENOENT,
    errno.EPERM: errno.EACCES,
    errno.EWOULDBLOCK: errno.EBUSY,
    errno.EISDIR: errno.ENOTTY,
}


class SerialWire:
    """An open port; raises `MeterFault` when it cannot be opened or breaks."""

    def __init__(self, port: str, settings: SerialSettings) -> None:
        """Open a port; other processes that lock ports are kept out."""
        self._port = port
        self._serial = _opened(port, settings)
        self._poll = select.poll()
        self._poll.register(self._serial.fileno(), select.POLLIN)

    @property
    def name(self) -> str:
        """Return the port as the configuration names it."""
        return self._port

    def send(self, data: bytes) -> None:
        """Hand bytes to the port."""
        try:
            self._serial.write(data)
        except OSError as error:
            raise self._broken(error) from error

    def receive(self, wait_s: float) -> bytes:
        """Return what has come, waiting at most so long for the first of it."""
        try:
            if not self._poll.poll(max(0.0, wait_s) * 1000):
                return b""
            data = os.read(self._serial.fileno(), _MOST_AT_ONCE)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._broken(error) from error
        if not data:
            raise self._broken(OSError(errno.EIO, "hung up"))
        return data

    def close(self) -> None:
        """Give the port up."""
        self._serial.close()

    def _broken(self, error: OSError) -> MeterFault:
        return MeterFault(
            FaultKind.UNPLUGGED,
            f"{self._port} broke off ({error}); see whether the adapter is still plugged in",
        )


def _opened(port: str, settings: SerialSettings) -> Any:
    import serial  # noqa: PLC0415 - only a station with a serial meter needs it

    try:
        return serial.Serial(
            port,
            baudrate=settings.baudrate,
            parity=settings.parity.value,
            stopbits=settings.stopbits,
            timeout=0,
            write_timeout=_WRITE_TIMEOUT_S,
            exclusive=True,
        )
    except (OSError, ValueError) as error:
        raise _refused(port, settings, error) from error


def _refused(port: str, settings: SerialSettings, error: Exception) -> MeterFault:
    number = getattr(error, "errno", None) or _inner_errno(error)
    kind, why = _OPENING.get(
        _SAME.get(number, number) if number is not None else 0,
        (
            FaultKind.PORT_UNUSABLE,
            f"cannot be set to {settings.short} ({error}); choose settings that the port can do",
        ),
    )
    return MeterFault(kind, f"{port} {why}")


def _inner_errno(error: BaseException) -> int | None:
    """Return the error number that pyserial has wrapped: termios puts it first."""
    inner = error.__context__
    number = inner.args[0] if inner is not None and inner.args else None
    return number if isinstance(number, int) else None
