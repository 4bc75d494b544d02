"""The serial devices of the bench, each behind a pty, played by a process of their own."""

import asyncio
import json
import subprocess
import sys
from abc import abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from hil.drivers import CardDriver, Driver, DriverFailed, MeterDriver, Plug, SlowWire, Tables, Wire
from hil.sim.board import BoardDriver
from hil.sim.process import environment
from hil.sim.resources import PlayedMeter, PtyLine, PtyMeter, PtyReader

if TYPE_CHECKING:
    from hil.target import Target

AWAY_S = 1.8
"""How long a card must have been away to be taken for a new one, with some room."""
LOOKS = 2
"""A reader that is asked so often while a card is there has seen it."""
LONGEST_HOLD_S = 2.0
SHOWN_S = 0.5
"""How long a card is held before a reader that nobody asks."""
PROTOCOLS_THAT_ASK = frozenset({"pn532", "twn4", "stronglink"})
_POLL_S = 0.03


class BayDriver(Driver):
    """Runs the process that plays the devices; it lives as long as the session."""

    module = "hil.sim.bay"
    _process: subprocess.Popen[bytes] | None = None

    async def finish(self) -> None:
        self.order("clear")

    def close(self) -> None:
        if self._process is not None:
            self._pipe(self._process.stdin).close()
            self._process.wait()
            self._pipe(self._process.stdout).close()
            self._process = None

    def order(self, do: str, **arguments: object) -> object:
        """Have something done and return what came of it; raises `DriverFailed`."""
        process = self._process or self._start()
        request = json.dumps({"do": do, **arguments}).encode() + b"\n"
        try:
            self._pipe(process.stdin).write(request)
            self._pipe(process.stdin).flush()
            answer = json.loads(self._pipe(process.stdout).readline())
        except (OSError, ValueError) as error:
            raise DriverFailed(f"the devices of the bench do not answer '{do}': {error}") from error
        if not answer["ok"]:
            raise DriverFailed(f"'{do}' at the devices of the bench: {answer['error']}")
        value: object = answer["value"]
        return value

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", self.module]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment())
        return self._process

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None, "it was started with pipes"
        return pipe


class _Ported(Driver, Plug):
    """A device of the bay with a port of its own, in the folder of the test."""

    @property
    def _bay(self) -> BayDriver:
        return self.target.driver(BayDriver)

    async def unplug(self) -> None:
        self._bay.order("unplug", name=self.name)

    async def plug(self) -> None:
        self._bay.order("plug_in", name=self.name)

    def held(self) -> AbstractContextManager[object]:
        return held(self.port)


def held(port: Path) -> AbstractContextManager[object]:
    """Open a port as a program that wants it for itself does."""
    import serial  # noqa: PLC0415 - for the cases that need it

    port_of_another: AbstractContextManager[object] = serial.Serial(str(port), exclusive=True)
    return port_of_another


class PtyReaderDriver(_Ported, Wire, CardDriver):
    """A reader, and a person who holds cards before it."""

    def __init__(self, resource: PtyReader, target: "Target") -> None:
        super().__init__(resource, target)
        self._resource = resource
        self._is_asked = resource.protocol in PROTOCOLS_THAT_ASK
        self._away_since_s = 0.0

    async def begin(self, folder: Path) -> None:
        self.port = folder / self.name
        self._away_since_s = 0.0
        self._bay.order(
            "reader",
            name=self.name,
            port=str(self.port),
            protocol=self._resource.protocol,
            baudrate=self._resource.baudrate,
        )

    @property
    def evses(self) -> tuple[int, ...]:
        return self._resource.evses

    def tables(self, evse: int) -> Tables:
        if evse not in self._resource.evses:
            return {}
        return {
            "reader": {
                "backend": "serial",
                "protocol": self._resource.protocol,
                "port": str(self.port),
                "baudrate": self._resource.baudrate,
            }
        }

    async def present(self, token: str) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._away_since_s + AWAY_S - loop.time())
        self._bay.order("hold_card", name=self.name, card=token)
        await self._is_looked_at(LOOKS)
        self._bay.order("remove_card", name=self.name)
        await self._is_looked_at(1)
        self._away_since_s = loop.time()

    async def mute(self, *, on: bool) -> None:
        self._trouble("silent", on=on)

    async def babble(self, *, on: bool) -> None:
        self._trouble("garbage", on=on)

    async def impersonate(self, *, on: bool) -> None:
        self._trouble("wrong_device", on=on)

    def _trouble(self, trouble: str, *, on: bool) -> None:
        self._bay.order("reader_trouble", name=self.name, trouble=trouble if on else "none")

    async def _is_looked_at(self, times: int) -> None:
        """Wait until the reader was asked so often; or for a while, if nobody asks it."""
        loop = asyncio.get_running_loop()
        wanted = self._looks() + times
        give_up_s = loop.time() + (LONGEST_HOLD_S if self._is_asked else SHOWN_S)
        while (  # noqa: ASYNC110 - the reader is another process
            not (self._is_asked and self._looks() >= wanted) and loop.time() < give_up_s
        ):
            await asyncio.sleep(_POLL_S)

    def _looks(self) -> int:
        return int(str(self._bay.order("looks", name=self.name)))


class PtyLineDriver(_Ported):
    """A bus with an adapter; what goes wrong with it goes wrong with every meter on it."""

    def __init__(self, resource: PtyLine, target: "Target") -> None:
        super().__init__(resource, target)
        self._resource = resource

    @property
    def baudrate(self) -> int:
        """The pace of the bus."""
        return self._resource.baudrate

    async def begin(self, folder: Path) -> None:
        self.port = folder / self.name
        self._bay.order(
            "line", name=self.name, port=str(self.port), baudrate=self._resource.baudrate
        )


class PlayedMeterDriver(MeterDriver, SlowWire):
    """A Modbus meter that the process of the devices plays."""

    def __init__(self, resource: PlayedMeter, target: "Target") -> None:
        super().__init__(resource, target)
        self._played = resource

    @property
    def evse(self) -> int:
        return self._played.evse

    @property
    @abstractmethod
    def baudrate(self) -> int:
        """The pace of its line."""

    def tables(self, evse: int) -> Tables:
        if evse != self._played.evse:
            return {}
        return {
            "meter": {
                "backend": "modbus",
                "profile": self._played.profile,
                "port": str(self.port),
                "address": self._played.address,
                "serial_number": self._played.serial_number,
                "baudrate": self.baudrate,
            }
        }

    async def mute(self, *, on: bool) -> None:
        self._trouble("silent", on=on)

    async def babble(self, *, on: bool) -> None:
        self._trouble("garbage", on=on)

    async def impersonate(self, *, on: bool) -> None:
        serial_number = "87654321" if on else self._played.serial_number
        self._bay.order("swap_meter", name=self.name, serial_number=serial_number)

    async def delay(self, seconds: float) -> None:
        """Let every answer come so much later; 0 ends that."""
        late = {"delay_s": seconds} if seconds else {}
        self._bay.order("meter_trouble", name=self.name, trouble="late" if late else "none", **late)

    async def disturb(self, late_s: float = 0.0) -> None:
        self._bay.order("disturb_meter", name=self.name, late_s=late_s)

    def _trouble(self, trouble: str, *, on: bool) -> None:
        self._bay.order("meter_trouble", name=self.name, trouble=trouble if on else "none")

    def _at(self) -> dict[str, object]:
        """Return what the process has to know of the meter."""
        played = self._played
        return {
            "profile": played.profile,
            "address": played.address,
            "serial_number": played.serial_number,
            "evse": played.evse,
        }

    @property
    def _bay(self) -> BayDriver:
        return self.target.driver(BayDriver)


class PtyMeterDriver(PlayedMeterDriver):
    """A meter on a line behind a pty, whose register is the simulated board's."""

    def __init__(self, resource: PtyMeter, target: "Target") -> None:
        super().__init__(resource, target)
        self._resource = resource

    async def begin(self, folder: Path) -> None:
        del folder
        self.port = self._line.port
        board = str(self.target.driver(BoardDriver).state_dir)
        line = self._resource.line
        self._bay.order("meter", name=self.name, line=line, at=self._at(), board=board)

    @property
    def baudrate(self) -> int:
        return self._line.baudrate

    async def unplug(self) -> None:
        await self._line.unplug()

    async def plug(self) -> None:
        await self._line.plug()

    def held(self) -> AbstractContextManager[object]:
        return self._line.held()

    @property
    def _line(self) -> PtyLineDriver:
        return self.target.named(self._resource.line, PtyLineDriver)
