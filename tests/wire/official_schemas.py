"""The standard's own verdict on a payload: its JSON schemas, and the strict form of time stamps."""

import importlib.util
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

from agent.ocpp.codec import Call, Codec, CodecContext

_STRICT_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class NoDirectory:
    """For versions that name EVSEs and transactions as the core does."""

    def connector_of(self, evse: int, connector: int) -> int:
        raise AssertionError("no directory is needed")

    def place_of(self, connector: int) -> tuple[int, int] | None:
        raise AssertionError("no directory is needed")

    def connectors(self) -> tuple[int, ...]:
        raise AssertionError("no directory is needed")

    def csms_transaction(self, transaction_id: str) -> int | None:
        raise AssertionError("no directory is needed")

    def transaction_of(self, csms_id: int) -> str | None:
        raise AssertionError("no directory is needed")


ONLINE = CodecContext(directory=NoDirectory())
OFFLINE = CodecContext(directory=NoDirectory(), offline=True)


def as_sent(payload: Mapping[str, Any]) -> Any:
    """The payload as the peer reads it: through JSON, in which NaN is refused."""
    return json.loads(json.dumps(payload, allow_nan=False))


def check_calls(codec: Codec, calls: tuple[Call, ...]) -> list[Any]:
    return [check_request(codec, call.action, call.payload) for call in calls]


def check_request(codec: Codec, action: str, payload: Mapping[str, Any]) -> Any:
    return _check(codec.schemas, f"{action}Request", payload)


def check_incoming(codec: Codec, action: str, payload: Mapping[str, Any]) -> Any:
    """As `check_request` for a CALL of the CSMS, whose time stamps may have any ISO 8601 form."""
    received = as_sent(payload)
    _validator(codec.schemas, f"{action}Request", _is_instant)(received)
    return received


def check_response(codec: Codec, action: str, payload: Mapping[str, Any]) -> Any:
    return _check(codec.schemas, f"{action}Response", payload)


def _check(folder: str, message: str, payload: Mapping[str, Any]) -> Any:
    sent = as_sent(payload)
    _validator(folder, message, _is_strict_instant)(sent)
    return sent


def _is_strict_instant(text: str) -> bool:
    return _STRICT_INSTANT.fullmatch(text) is not None


def _is_instant(text: str) -> bool:
    return datetime.fromisoformat(text).tzinfo is not None


@cache
def _validator(
    folder: str, message: str, is_instant: Callable[[str], bool]
) -> Callable[[Any], Any]:
    spec = importlib.util.find_spec("ocpp")
    assert spec is not None
    assert spec.submodule_search_locations
    schemas = Path(spec.submodule_search_locations[0]) / folder / "schemas"
    file = schemas / f"{message}.json"
    if not file.exists():  # 1.6 names the files of requests after their action
        file = schemas / f"{message.removesuffix('Request')}.json"
    compiled: Callable[[Any], Any] = fastjsonschema.compile(
        json.loads(file.read_text(encoding="utf-8-sig")),
        formats={"date-time": is_instant},
        use_default=False,
    )
    return compiled
