"""The service manager's notification socket (sd_notify): ready, stopping, watchdog."""

import os
import socket


class ServiceManager:
    """Sends states to the service manager that started the process, if one did.

    `watchdog_s` is how often it wants to hear WATCHDOG=1, None if it does not watch.
    """

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        self.watchdog_s: float | None = None
        if not address:
            return
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._address = "\0" + address[1:] if address.startswith("@") else address
        limit_us = os.environ.get("WATCHDOG_USEC", "")
        if limit_us.isdecimal() and os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(
            os.getpid()
        ):
            self.watchdog_s = int(limit_us) / 1e6

    def tell(self, state: str) -> bool:
        """Send one state, for instance "READY=1"; return whether somebody listens."""
        if self._socket is None:
            return False
        try:
            self._socket.sendto(state.encode(), self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
