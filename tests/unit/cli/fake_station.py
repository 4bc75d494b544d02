"""A running station as the commands see it: a Unix socket that answers lines as it is told."""

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Answer = Callable[[dict[str, Any]], bytes]


class FakeStation:
    """Answers each line with what `answer` returns; b"" hangs up. `requests` are those heard."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.path = path
        self.requests: list[dict[str, Any]] = []
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                for line in stream:
                    request = json.loads(line)
                    self.requests.append(request)
                    answer = self._answer(request)
                    stream.write(answer)
                    stream.flush()
                    if not answer.endswith(b"\n"):
                        break


def line(reply: object) -> bytes:
    return json.dumps(reply).encode() + b"\n"


STATUS: dict[str, Any] = {
    "ok": True,
    "station": {
        "vendor": "Example",
        "model": "AC22",
        "serial_number": "0001",
        "firmware_version": "0.1.0",
        "identity": "CS001",
    },
    "csms": {
        "url": "ws://127.0.0.1:9000/ocpp",
        "online": True,
        "connected": True,
        "version": "ocpp2.0.1",
        "registration": "Accepted",
        "queued_events": 0,
    },
    "guard": {"connected": True, "real_time": True},
    "clock": {"now": "2026-01-01T10:00:00.000Z"},
    "evses": [
        {
            "id": 1,
            "status": "Occupied",
            "charging_state": "Charging",
            "pilot_state": "C",
            "duty": 0.5333,
            "offered_a": 32.0,
            "limit_a": 32.0,
            "contactor_closed": True,
            "faults": [],
            "troubles": {},
            "plugged_in": True,
            "authorized": True,
            "energy_wh": 1234567.0,
            "power_w": 11010.0,
            "transaction": {
                "id": "T-1",
                "seq_no": 4,
                "started_at": "2026-01-01T09:00:00.000Z",
                "energy_wh": 10500.0,
            },
        },
        {
            "id": 2,
            "status": "Faulted",
            "charging_state": None,
            "pilot_state": None,
            "duty": None,
            "offered_a": None,
            "limit_a": None,
            "contactor_closed": False,
            "faults": ["rcd"],
            "troubles": {"rcd": "", "meter_lost": "no answer on /dev/ttyUSB0"},
            "plugged_in": False,
            "authorized": False,
            "energy_wh": None,
            "power_w": None,
            "transaction": None,
        },
    ],
}

TRANSACTIONS: dict[str, Any] = {
    "ok": True,
    "transactions": [
        {
            "id": "T-2",
            "evse": 1,
            "started_at": "2026-01-01T10:00:00.000Z",
            "ended_at": None,
            "energy_wh": 12.5,
            "stopped_reason": None,
            "records": [],
            "public_key": "",
        },
        {
            "id": "T-1",
            "evse": 1,
            "started_at": "2026-01-01T08:00:00.000Z",
            "ended_at": "2026-01-01T09:00:00.000Z",
            "energy_wh": 10500.0,
            "stopped_reason": "Local",
            "records": ["OCMF|{}|{}", "OCMF|{}|{}"],
            "public_key": "3059",
        },
    ],
}
VARIABLES: dict[str, Any] = {
    "ok": True,
    "variables": [
        {
            "name": "OCPPCommCtrlr.HeartbeatInterval",
            "value": "60",
            "initial": "300",
            "origin": "changed",
            "mutability": "ReadWrite",
            "data_type": "integer",
            "unit": "s",
            "reboot_required": False,
        },
        {
            "name": "SecurityCtrlr.BasicAuthPassword",
            "value": None,
            "initial": None,
            "origin": "configured",
            "mutability": "WriteOnly",
            "data_type": "string",
            "unit": None,
            "reboot_required": False,
        },
    ],
}
EXPORT: dict[str, Any] = TRANSACTIONS | {"variables": {"OCPPCommCtrlr.HeartbeatInterval": "300"}}

WHY: dict[str, Any] = {
    "ok": True,
    "evses": [
        {
            "id": 1,
            "charges": False,
            "sentence": "EVSE 1 does not charge: the meter does not answer.",
            "causes": [
                {
                    "kind": "fault",
                    "name": "meter_lost",
                    "prevents": True,
                    "sentence": "The meter does not answer.",
                    "remedy": "Check the bus.",
                },
                {
                    "kind": "limit",
                    "name": "hardware",
                    "prevents": False,
                    "sentence": "At most 32 A: the EVSE is built for no more.",
                    "remedy": "",
                },
            ],
        }
    ],
}
