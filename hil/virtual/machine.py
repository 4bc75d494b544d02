"""The virtual machine: a QEMU process with the bench card, serial ports, a watchdog and a network.

The disk is the image's; what the machine writes is kept beside it as long as the process lives,
over resets as well. Everything is ended by process id; the machine's folder has its console.
"""

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

from hil.sim.process import leash
from hil.virtual.card import Card
from hil.virtual.control import Control
from hil.virtual.image.build import Image
from hil.virtual.qmp import Event, Qmp, QmpError

QEMU = "qemu-system-aarch64"
# Other programs of this computer wait for the machine, not it for them, where that is allowed.
HURRY = ("nice", "-n", "-10")
# The machine's clock counts its instructions, one a nanosecond, and goes by itself while it idles.
# A busy host makes such a machine slower but never late: no deadline in it passes meanwhile.
CLOCK = ("-icount", "shift=0,sleep=on")
# A random place for the kernel has its page tables changed at each system call, which costs an
# emulated processor a quarter of its speed; nobody attacks this machine.
KERNEL_WORDS = (
    "console=ttyAMA0 root=/dev/vda rw panic=-1 quiet net.ifnames=0"
    " nokaslr kpti=off mitigations=off audit=0 apparmor=0 init_on_alloc=0"
)
CSMS_ADDRESS = "10.0.2.100"
CSMS_PORT = 9000
CONNECT_S = 60.0
END_S = 10.0
_CONNECTED = ("card", "control", "qmp")
_RELAY = Path(__file__).with_name("relay.py")


class MachineFailed(Exception):
    """QEMU cannot be run, or the machine does not come up; the message has the last words."""


class Machine:
    """One machine from power on to `close`. `folder` keeps sockets, console and relay file."""

    def __init__(self, image: Image, folder: Path, card: Card) -> None:
        self.folder = folder
        self.card = card
        self.relay_file = folder / "csms-port"
        listeners = {name: _listen(folder, name) for name in _CONNECTED}
        self._process = self._start(image)
        try:
            card.serve(self._accept(listeners["card"]))
            self.control = Control(self._accept(listeners["control"]))
            self.qmp = Qmp(self._accept(listeners["qmp"]), self._on_event)
        except QmpError as error:
            self._end_process()
            raise MachineFailed(f"{error}: {self.last_words()}") from error
        except BaseException:
            self._end_process()
            raise
        finally:
            for listener in listeners.values():
                listener.close()

    @property
    def pid(self) -> int:
        """QEMU's process."""
        return self._process.pid

    def close(self) -> None:
        """Take the power away for good."""
        self._end_process()
        self.qmp.close()
        self.control.close()

    def reset(self) -> None:
        """Take the power away for a moment: nothing in the machine gets to say goodbye."""
        self.qmp.execute("system_reset")

    def last_words(self) -> str:
        """Return the end of console and QEMU's log."""
        texts = (self.folder / name for name in ("qemu.log", "console.log"))
        return "\n".join(t.read_text("utf-8", "replace")[-2000:] for t in texts if t.exists())

    def _on_event(self, event: Event) -> None:
        if event["event"] == "RESET":
            self.card.reset()

    def _start(self, image: Image) -> "subprocess.Popen[bytes]":
        try:
            with (self.folder / "qemu.log").open("wb") as log:
                # Not the leader of a session: the first pty that such a process opens is its
                # terminal, and ends it (SIGHUP) when the serial device behind it is unplugged.
                return subprocess.Popen(
                    [*leash(), *HURRY, QEMU, *_arguments(image, self.folder, self.relay_file)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    process_group=0,
                )
        except OSError as error:
            raise MachineFailed(f"{QEMU} cannot be run: {error}") from error

    def _accept(self, listener: socket.socket) -> socket.socket:
        """Wait until QEMU connects; raises `MachineFailed` when it has ended instead."""
        give_up_s = time.monotonic() + CONNECT_S
        while self._process.poll() is None and time.monotonic() < give_up_s:
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                connection.settimeout(None)
                return connection
        raise MachineFailed(f"QEMU did not start: {self.last_words()}")

    def _end_process(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _listen(folder: Path, name: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / f"{name}.sock"))
    listener.listen(1)
    listener.settimeout(0.2)
    return listener


def _arguments(image: Image, folder: Path, relay_file: Path) -> list[str]:
    relay = f"{sys.executable} -I -S {_RELAY} {relay_file}"
    forward = f"guestfwd=tcp:{CSMS_ADDRESS}:{CSMS_PORT}-cmd:{relay}"
    return [
        *("-machine", "virt", "-accel", "tcg,tb-size=256", *CLOCK, "-cpu", "cortex-a72"),
        *("-smp", "1", "-m", "512", "-display", "none", "-nodefaults", "-monitor", "none"),
        *("-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", KERNEL_WORDS),
        *("-serial", f"file:{folder / 'console.log'}"),
        *("-drive", f"file={image.root},if=none,id=root,format=raw,snapshot=on"),
        *("-device", "virtio-blk-pci,drive=root"),
        *("-drive", f"file={image.product},if=none,id=product,format=raw,readonly=on"),
        *("-device", "virtio-blk-pci,drive=product"),
        *("-device", "virtio-serial-pci"),
        *("-chardev", f"socket,id=control,path={folder / 'control.sock'}"),
        *("-device", "virtserialport,chardev=control,name=bench.control"),
        *("-qmp", f"unix:{folder / 'qmp.sock'}"),
        *("-chardev", f"socket,id=card,path={folder / 'card.sock'}"),
        *("-device", "ivshmem-doorbell,chardev=card,vectors=1"),
        *("-device", "i6300esb", "-action", "watchdog=reset"),
        *("-device", "qemu-xhci,id=usb"),
        *("-netdev", f"user,id=net,restrict=on,{forward}"),
        *("-device", "virtio-net-pci,netdev=net,romfile="),
    ]
