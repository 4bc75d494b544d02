"""A station on a bare WebSocket client: sends exactly what a test tells it to, and no more."""

import base64
import itertools
import json
import ssl
from types import TracebackType
from typing import Any, Self

import websockets
from websockets.asyncio.client import ClientConnection, connect

Payload = dict[str, Any]


class RawStation:
    def __init__(
        self,
        url: str,
        identity: str = "CS001",
        versions: list[str] | None = None,
        password: bytes | None = None,
        tls: ssl.SSLContext | None = None,
        first_id: int = 0,
    ) -> None:
        self._url = f"{url}/{identity}"
        self._versions = versions or ["ocpp2.1", "ocpp2.0.1", "ocpp1.6"]
        self._headers = {}
        if password is not None:
            token = base64.b64encode(identity.encode() + b":" + password).decode()
            self._headers["Authorization"] = f"Basic {token}"
        self._tls = tls
        self._numbers = itertools.count(first_id)
        self._socket: ClientConnection | None = None
        self.unexpected: list[Any] = []

    @property
    def socket(self) -> ClientConnection:
        assert self._socket is not None
        return self._socket

    async def __aenter__(self) -> Self:
        self._socket = await connect(
            self._url,
            subprotocols=[websockets.Subprotocol(v) for v in self._versions],
            additional_headers=self._headers,
            ssl=self._tls,
            proxy=None,
            compression=None,
            close_timeout=1,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.socket.close()

    async def send(self, action: str, payload: Payload, message_id: str | None = None) -> str:
        message_id = message_id or f"m{next(self._numbers)}"
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        return message_id

    async def receive(self) -> Any:
        return json.loads(await self.socket.recv())

    async def call(self, action: str, payload: Payload) -> Any:
        """Return the CALLRESULT's payload, or the whole frame if it is anything else."""
        message_id = await self.send(action, payload)
        frame = await self.receive()
        assert frame[1] == message_id, frame
        return frame[2] if frame[0] == 3 else frame

    async def answer(self, payload: Payload) -> tuple[str, Payload]:
        """Take the CSMS's next CALL, answer it with this payload, and return the CALL."""
        frame = await self.receive()
        assert frame[0] == 2, frame
        await self.socket.send(json.dumps([3, frame[1], payload]))
        return frame[2], frame[3]


def boot(version: str) -> Payload:
    if version == "ocpp1.6":
        return {
            "chargePointVendor": "Example",
            "chargePointModel": "AC22",
            "firmwareVersion": "1.0",
        }
    station = {"vendorName": "Example", "model": "AC22", "firmwareVersion": "1.0"}
    return {"reason": "PowerUp", "chargingStation": station}


def status(version: str, connector: int = 1) -> Payload:
    if version == "ocpp1.6":
        return {"connectorId": connector, "errorCode": "NoError", "status": "Available"}
    return {
        "timestamp": "2026-01-01T10:00:00.000Z",
        "connectorStatus": "Available",
        "evseId": connector,
        "connectorId": 1,
    }


def register(value: float, context: str, unit: str = "Wh", **unit_more: int) -> Payload:
    return {
        "value": value,
        "context": context,
        "measurand": "Energy.Active.Import.Register",
        "unitOfMeasure": {"unit": unit, **unit_more},
    }


def event(kind: str, seq_no: int, second: int, **more: Any) -> Payload:
    """Word a 2.x TransactionEvent; `info` and `sampled` go where they belong."""
    at = f"2026-01-01T10:00:{second:02}.000Z"
    info = {"transactionId": more.pop("transaction", "T-1"), **more.pop("info", {})}
    sampled = more.pop("sampled", None)
    meter = {"meterValue": [{"timestamp": at, "sampledValue": sampled}]} if sampled else {}
    return {
        "eventType": kind,
        "timestamp": at,
        "triggerReason": more.pop("trigger", "Authorized"),
        "seqNo": seq_no,
        "transactionInfo": info,
        **meter,
        **more,
    }
