"""Keeps the station connected: dials, negotiates, attaches the codec, and starts again for ever."""

import asyncio
import logging
from collections.abc import Callable
from importlib import import_module

from agent.core.records import dataclass
from agent.ocpp.bounds import Bounds, unbounded
from agent.ocpp.calls_in import CommandHandler, IncomingCalls
from agent.ocpp.codec import Codec, CodecContext, Payload
from agent.ocpp.connection import Closed, Connection, FrameObserver, Handlers, connect
from agent.ocpp.dialing import ConnectFailed
from agent.ocpp.dispatch import Dispatcher, Line
from agent.ocpp.endpoint import Endpoint
from agent.ocpp.framing import Flaw
from agent.ocpp.reconnector import Reconnector
from agent.ocpp.retry_back_off import RetryBackOff
from agent.ocpp.rpc import Rpc
from agent.ocpp.schemas import Schemas

ANSWER_S = 1.0
"""How long the answer has to arrive to the CALL that makes the station connect anew."""
NORMAL = 1000
GOING_AWAY = 1001
"""The WebSocket close code of a station that stops or restarts."""

log = logging.getLogger(__name__)


def codec_module(subprotocol: str) -> str:
    """Return the name of a version's codec module: the package bears the subprotocol's digits."""
    digits = "".join(filter(str.isdigit, subprotocol))
    return f"agent.ocpp.v{digits}.codec"


def load_codec(subprotocol: str) -> Codec:
    """Import the tables of a version, and only that version's modules.

    Raises ModuleNotFoundError for an unknown version.
    """
    codec = import_module(codec_module(subprotocol)).CODEC
    if not isinstance(codec, Codec):
        raise TypeError(f"the package of {subprotocol} does not define a codec")
    return codec


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How to reach the CSMS, asked anew for every attempt, and who watches.

    `codec` returns the codec of a subprotocol when it is first negotiated.
    """

    endpoint: Callable[[], Endpoint]
    back_off: Callable[[], RetryBackOff]
    boot_id: str
    codec: Callable[[str], Codec] = load_codec
    bounds: Bounds = unbounded
    on_frame: FrameObserver | None = None
    on_failure: Callable[[ConnectFailed], None] = lambda _failure: None
    on_connected: Callable[[str], None] = lambda _subprotocol: None
    on_proved: Callable[[], None] = lambda: None
    on_ended: Callable[[Closed], None] = lambda _closed: None
    on_violation: Callable[[Flaw], None] = lambda _flaw: None


class Link:
    """One connection after the other; `hold` keeps the station off the network until `release`."""

    def __init__(
        self,
        settings: LinkSettings,
        dispatcher: Dispatcher,
        context: CodecContext,
        handler: CommandHandler,
        monotonic_s: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._dispatcher = dispatcher
        self._context = context
        self._handler = handler
        self._monotonic_s = monotonic_s
        self._codecs: dict[str, Codec] = {}
        self._allowed = asyncio.Event()
        self._allowed.set()
        self._reconnector = Reconnector(
            self._dial,
            settings.back_off(),
            on_failure=lambda failure, _wait_s: settings.on_failure(failure),
        )

    def hold(self) -> None:
        """Drop the connection and stay off."""
        self._allowed.clear()
        if self._dispatcher.line is not None:
            self._dispatcher.line.connection.abort()

    def release(self) -> None:
        """Connect again."""
        self._allowed.set()

    async def renew(self) -> None:
        """End the connection in order, after the answers that are under way, and dial again."""
        line = self._dispatcher.line
        if line is not None:
            await asyncio.sleep(ANSWER_S)
            await line.connection.close_when_idle(NORMAL)

    async def run(self) -> None:
        """Be connected whenever that is possible, for ever; when it ends, say goodbye."""
        while True:
            self._reconnector.back_off = self._settings.back_off()
            connection = await self._reconnector.connection()
            try:
                closed = await self._use(connection)
            finally:
                if connection.is_open:
                    await connection.close(GOING_AWAY)
            self._settings.on_ended(closed)
            log.info("offline: %s", closed.cause)

    def _proved(self) -> None:
        self._reconnector.proved_itself()
        self._settings.on_proved()

    async def _dial(self) -> Connection:
        await self._allowed.wait()
        return await connect(self._settings.endpoint(), self._rpc, on_frame=self._settings.on_frame)

    def _rpc(self, subprotocol: str) -> Rpc:
        return Rpc(self._codec(subprotocol).dialect)

    def _codec(self, subprotocol: str) -> Codec:
        if subprotocol not in self._codecs:
            self._codecs[subprotocol] = self._settings.codec(subprotocol)
        return self._codecs[subprotocol]

    async def _use(self, connection: Connection) -> Closed:
        codec = self._codec(connection.subprotocol)
        schemas = Schemas(codec.schemas)
        calls = IncomingCalls(
            codec,
            schemas,
            lambda: self._context,
            lambda: self._dispatcher.registration,
            self._handler,
            self._settings.bounds,
        )

        async def serve(action: str, payload: Payload) -> Payload | None:
            await self._dispatcher.caught_up()
            return await calls.serve(action, payload)

        handlers = Handlers(on_call=serve, on_violation=self._settings.on_violation)
        connection.start(handlers)
        self._settings.on_connected(codec.subprotocol)
        log.info("online, speaking %s", codec.subprotocol)
        line = Line(
            connection,
            codec,
            schemas,
            self._settings.boot_id,
            self._monotonic_s(),
            self._proved,
        )
        self._dispatcher.attach(line)
        try:
            return await connection.wait_closed()
        finally:
            self._dispatcher.detach()
