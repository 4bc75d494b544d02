"""The demo CSMS: a WebSocket server that stations dial, in OCPP 1.6, 2.0.1 and 2.1.

Its memory of stations and transactions, and its port, survive `stop` and `start`.
"""

import base64
import binascii
import hmac
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from agent.sim.csms_link import Link
from agent.sim.csms_model import AuthorizationStatus, Fault, FrameRecord, Version
from agent.sim.csms_office import BackOffice
from agent.sim.csms_reception import Reception
from agent.sim.csms_station import TIMEOUT_S, Station
from agent.sim.csms_waiting import Waiters
from agent.sim.misbehaviour import HandshakePlan, Misbehaviour

if TYPE_CHECKING:
    from ssl import SSLContext

T = TypeVar("T")
M = TypeVar("M", bound=Misbehaviour)

_MAXIMUM_FRAME_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Handshake:
    """One attempt of a station to connect and the HTTP status it was answered with."""

    identity: str
    status: HTTPStatus
    offered: tuple[str, ...]
    at: datetime


def utc_now() -> datetime:
    """Return the time of day in UTC."""
    return datetime.now(UTC)


@dataclass
class Csms:
    """A CSMS on loopback; its options may be changed while it runs, for the connections to come.

    Tokens, boot script and boot interval are then changed on `office`.

    `versions` are the ones it speaks, the station's order deciding unless `prefers_own_order`.
    `password` (bytes: as they are) is asked for by Basic authentication. `tokens` None accepts any.
    `station_timeout_s` is how long stations wait for an answer before they may send another CALL.
    `assume_accepted` trusts stations that booted before this CSMS began. `validate` False leaves
    schemas, and so time-stamp formats, unchecked.
    """

    port: int = 0
    host: str = "127.0.0.1"
    versions: Sequence[str] = tuple(Version)
    prefers_own_order: bool = False
    password: str | bytes | None = None
    ssl: "SSLContext | None" = None
    identities: frozenset[str] | None = None
    tokens: Mapping[str, AuthorizationStatus] | None = None
    boot_script: Sequence[str] = ("Accepted",)
    boot_interval_s: int = 300
    station_timeout_s: float = 30.0
    assume_accepted: bool = False
    validate: bool = True
    ping_interval_s: float | None = 20.0
    frames_kept: int = 50_000
    first_transaction_id: int = 1
    now: Callable[[], datetime] = utc_now
    on_frame: Callable[[Station, FrameRecord], None] | None = None

    stations: dict[str, Station] = field(default_factory=dict, init=False)
    faults: list[Fault] = field(default_factory=list, init=False)
    handshakes: list[Handshake] = field(default_factory=list, init=False)
    misbehaviours: list[Misbehaviour] = field(default_factory=list, init=False)
    _server: Server | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Set up what survives restarts."""
        self._waiters = Waiters()
        self._plans: WeakKeyDictionary[ServerConnection, HandshakePlan] = WeakKeyDictionary()
        self.office = BackOffice(
            tokens=self.tokens,
            boot_script=tuple(self.boot_script),
            boot_interval_s=self.boot_interval_s,
            now=self.now,
            next_number=self.first_transaction_id,
        )

    async def start(self) -> None:
        """Listen, on the same port as the last time; raises OSError when it is taken."""
        self._server = await serve(
            self._handle,
            self.host,
            self.port,
            process_request=self._process_request,
            select_subprotocol=self._select_subprotocol,
            ssl=self.ssl,
            compression=None,
            ping_interval=self.ping_interval_s,
            close_timeout=2,
            max_size=_MAXIMUM_FRAME_BYTES,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self, *, abort: bool = False) -> None:
        """Stop listening and drop all connections; `abort` kills them without closing."""
        server, self._server = self._server, None
        if server is None:
            return
        if abort:
            server.close(close_connections=False)
            for connection in server.connections:
                connection.transport.abort()
        else:
            server.close()
        await server.wait_closed()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    @property
    def url(self) -> str:
        """The URL for the station's configuration; its identity is appended to it."""
        return f"{'wss' if self.ssl else 'ws'}://{self.host}:{self.port}/ocpp"

    def misbehave(self, misbehaviour: M) -> M:
        """Add a scripted fault and return it; it acts until `behave`."""
        self.misbehaviours.append(misbehaviour)
        return misbehaviour

    def behave(self) -> None:
        """Take back every scripted fault."""
        self.misbehaviours.clear()

    def station(self, identity: str) -> Station:
        """Return the record of a station, opened in advance if it never connected."""
        if identity not in self.stations:
            self.stations[identity] = Station(
                identity=identity,
                faults=self.faults,
                frames=deque(maxlen=self.frames_kept),
                registration="Accepted" if self.assume_accepted else None,
                office=self.office,
                waiters=self._waiters,
            )
        return self.stations[identity]

    async def wait_for(self, predicate: Callable[["Csms"], T], timeout_s: float = TIMEOUT_S) -> T:
        """Wait until the predicate is true of this CSMS and return its value, or TimeoutError."""
        what = f"a condition on the CSMS at {self.url}"
        return await self._waiters.wait_for(lambda: predicate(self), timeout_s, what)

    async def wait_for_station(self, identity: str, timeout_s: float = TIMEOUT_S) -> Station:
        """Wait until a station has connected and its registration is Accepted."""
        station = self.station(identity)
        await station.wait_for(lambda s: s.connected and s.registration == "Accepted", timeout_s)
        return station

    async def _handle(self, socket: ServerConnection) -> None:
        if self._plans[socket].overrule_subprotocol:
            await socket.wait_closed()
            return
        if socket.subprotocol is None:
            await socket.close(1002, "no common subprotocol")
            return
        version = Version(socket.subprotocol)
        path = socket.request.path if socket.request is not None else ""
        station = self.station(_identity_in(path))
        reception = Reception(
            station,
            self.office,
            version,
            _Watch(self, station),
            self.misbehaviours,
            validate=self.validate,
        )
        link = Link(socket, reception, self.station_timeout_s)
        station.connect(link, version)
        self._waiters.changed()
        try:
            await link.run()
        finally:
            station.disconnect(link)
            self._waiters.changed()

    def _process_request(self, socket: ServerConnection, request: Request) -> Response | None:
        """Decide about a handshake; None lets it go on."""
        identity = _identity_in(request.path)
        plan = HandshakePlan()
        for misbehaviour in self.misbehaviours:
            plan = misbehaviour.on_handshake(identity, plan)
        self._plans[socket] = plan
        status = plan.refuse_status or self._judge(identity, request)
        offered = tuple(request.headers.get_all("Sec-WebSocket-Protocol"))
        shown = status or HTTPStatus.SWITCHING_PROTOCOLS
        self.handshakes.append(Handshake(identity, shown, offered, self.now()))
        self._waiters.changed()
        return None if status is None else _refusal(socket, status)

    def _judge(self, identity: str, request: Request) -> HTTPStatus | None:
        known = self.identities is None or identity in self.identities
        if not identity or not known:
            return HTTPStatus.NOT_FOUND
        station = self.stations.get(identity)
        own = station.password if station is not None else None
        password = own if own is not None else self.password
        if password is None or _knows(request.headers.get("Authorization"), identity, password):
            return None
        return HTTPStatus.UNAUTHORIZED

    def _select_subprotocol(
        self, socket: ServerConnection, offered: Sequence[Subprotocol]
    ) -> Subprotocol | None:
        plan = self._plans[socket]
        if plan.overrule_subprotocol:
            return None if plan.subprotocol is None else Subprotocol(plan.subprotocol)
        own, theirs = [str(version) for version in self.versions], [str(name) for name in offered]
        ordered = own if self.prefers_own_order else theirs
        common = (name for name in ordered if name in own and name in theirs)
        selected = next(common, None)
        return None if selected is None else Subprotocol(selected)


class _Watch:
    """Passes what a connection sees on to the station's record, the waiters and the option."""

    def __init__(self, csms: Csms, station: Station) -> None:
        self._csms = csms
        self._station = station

    def saw(self, record: FrameRecord) -> None:
        """Keep a frame."""
        self._station.frames.append(record)
        if self._csms.on_frame is not None:
            self._csms.on_frame(self._station, record)

    def changed(self) -> None:
        """Wake up whoever waits for what has become true."""
        self._station.waiters.changed()


def _identity_in(path: str) -> str:
    """Return the last segment of the path, percent-decoded."""
    return unquote(urlsplit(path).path.rsplit("/", 1)[-1])


def _refusal(socket: ServerConnection, status: HTTPStatus) -> Response:
    response = socket.respond(status, f"{status.phrase}\n")
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Basic realm="ocpp"'
    return response


def _knows(header: str | None, identity: str, password: str | bytes) -> bool:
    """Tell whether the header holds this identity and password; password bytes are taken raw."""
    scheme, _, credentials = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(credentials, validate=True)
    except (binascii.Error, ValueError):
        return False
    secret = password if isinstance(password, bytes) else password.encode()
    return hmac.compare_digest(given, identity.encode() + b":" + secret)
