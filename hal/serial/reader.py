"""A token reader on a serial port (`hal.api.TokenReader`)."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable

from hal.api import HardwareLost, Presentation
from hal.serial.complaints import complaint
from hal.serial.conversation import DEFAULT_TIMING, Timing
from hal.serial.conversations import conversation
from hal.serial.events import Collision, Event, Failure, NoCard, Ready, Sighting, Trouble
from hal.serial.port import PortFailed, SerialPort, open_port, plugged_in, this_user
from hal.serial.presence import Presence, Verdict
from hal.serial.settings import ReaderSettings
from hal.serial.token_text import fault_of, is_random, token_text

_DISTRUSTED = frozenset({Trouble.GARBAGE, Trouble.WRONG_DEVICE})

log = logging.getLogger(__name__)


class SerialTokenReader:
    """One reader, for one listener at a time.

    What is known of the card before it outlives a lost port: a card that lies there is not
    presented once more because the cable was loose.
    """

    def __init__(
        self, settings: ReaderSettings, evses: Iterable[int], timing: Timing = DEFAULT_TIMING
    ) -> None:
        self.evses = tuple(sorted(evses))
        self.token_type = settings.usual_token_type
        self._settings = settings
        self._timing = timing
        self._port: SerialPort | None = None
        self._conversation = conversation(settings, timing)
        is_polled = self._conversation.is_polled
        self._presence = Presence(timing.absence_s, is_polled=is_polled)
        self._ready = False
        self._trusted = True
        self._closed = False
        self._presented: deque[Presentation] = deque()

    async def reach(self) -> None:
        """Return once the reader has shown that it works; raises `HardwareLost` with the reason."""
        if self._port is None:
            self._connect()
        while not self._ready:
            await self._step()

    async def presentations(self) -> AsyncIterator[Presentation]:
        """Yield each card that is newly there; raises `HardwareLost`, ends when closed."""
        try:
            await self.reach()
            while True:
                while self._presented:
                    yield self._presented.popleft()
                await self._step()
        except HardwareLost:
            if not self._closed:
                raise
        finally:
            self._hang_up()

    async def close(self) -> None:
        """Let the port go and end the iterator."""
        self._closed = True
        self._hang_up()

    # --- The port.

    def _connect(self) -> None:
        if self._closed:
            raise HardwareLost(f"token reader ({self._settings.protocol}): it is closed")
        try:
            self._port = open_port(self._settings.port, self._settings.baudrate)
        except PortFailed as failed:
            raise self._lost(Failure(failed.trouble), failed.group) from None
        self._ready = False
        self._presented.clear()
        self._conversation = conversation(self._settings, self._timing, trusted=self._trusted)
        now_s = _now_s()
        self._presence.blind(now_s)
        self._heed(self._conversation.begin(now_s), now_s)
        self._send()

    def _hang_up(self) -> None:
        port, self._port = self._port, None
        self._ready = False
        if port is not None:
            port.close()

    async def _step(self) -> None:
        """Wait for bytes or for the time to ask, and deal with them; raises `HardwareLost`."""
        talk, port = self._conversation, self._port
        if port is None:
            raise self._lost(Failure(Trouble.UNPLUGGED))
        due_s = talk.due_s
        try:
            data = await port.read(None if due_s is None else max(0.0, due_s - _now_s()))
        except PortFailed as failed:
            raise self._lost(Failure(failed.trouble)) from None
        now_s = _now_s()
        self._heed(talk.receive(data, now_s) if data else [], now_s)
        self._heed(talk.elapse(now_s), now_s)
        self._send()

    def _send(self) -> None:
        output = self._conversation.to_send()
        if not output or self._port is None:
            return
        try:
            self._port.write(output)
        except PortFailed as failed:
            raise self._lost(Failure(failed.trouble)) from None

    # --- What it says.

    def _heed(self, events: Iterable[Event], now_s: float) -> None:
        for event in events:
            match event:
                case Ready(device):
                    self._ready = self._trusted = True
                    told = device or "it tells nothing of itself"
                    log.info("the token reader on %s is there: %s", self._settings.port, told)
                case Failure():
                    raise self._lost(event)
                case _:
                    self._take(event, now_s)

    def _take(self, event: Sighting | NoCard | Collision, now_s: float) -> None:
        presence = self._presence
        match event:
            case NoCard():
                presence.nothing(now_s)
            case Collision():
                if presence.collision(now_s) is Verdict.ANOTHER_CARD:
                    self._refuse("several cards are held before it at once; hold one")
            case Sighting():
                self._judge(event, presence.seen(_identity(event), now_s), now_s)

    def _judge(self, sighting: Sighting, verdict: Verdict, now_s: float) -> None:
        if verdict is Verdict.STILL_THERE:
            return
        if verdict is Verdict.ANOTHER_CARD:
            self._refuse("another card is there already; take it away first")
            return
        fault = fault_of(sighting, self._settings.strip_bytes)
        if fault is not None:
            self._refuse(fault)
            return
        self._present(sighting)
        self._conversation.confirm(now_s)

    def _present(self, sighting: Sighting) -> None:
        settings = self._settings
        token = token_text(sighting, settings.byte_order, settings.strip_bytes)
        kind = settings.token_type or sighting.token_type or settings.usual_token_type
        random = is_random(sighting)
        if random:
            log.warning(
                "the card on %s makes its number up anew each time (08…), as telephones do:"
                " it cannot be recognized",
                settings.port,
            )
        self._presented.append(Presentation(token, kind, self.evses, is_random=random))

    def _refuse(self, reason: str) -> None:
        log.warning(
            "a card before the token reader on %s is ignored: %s", self._settings.port, reason
        )

    def _lost(self, failure: Failure, group: str = "") -> HardwareLost:
        """Let the port go and return the error that says why."""
        self._hang_up()
        if failure.trouble in _DISTRUSTED:
            self._trusted = False
        return HardwareLost(
            complaint(
                self._settings, failure, user=this_user(), group=group, plugged_in=plugged_in()
            )
        )


def _identity(sighting: Sighting) -> bytes:
    """Tell cards apart by kind and UID: two kinds may share a number."""
    return f"{sighting.token_type or ''}:".encode() + sighting.uid


def _now_s() -> float:
    return asyncio.get_running_loop().time()
