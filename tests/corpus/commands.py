"""CALLs that are wrong or absurd in what they say; each deserves exactly one reply.

`mutations` breaks a valid payload field by field; `absurd_calls` are well-formed orders that no
sound CSMS gives. None of them is a legitimate order to stop a running session.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("commands.json")

Payload = dict[str, Any]
_SWAPS: tuple[object, ...] = (None, True, 7, -1, 1.5, "", "text", [], {}, "x" * 5000)
_DATES = (
    "2024-02-30T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "10000-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:00:00+25:00",
    "2016-12-31T23:59:60Z",
    "2024-01-01T00:00:00." + "1" * 40 + "Z",
)
_NUMBERS = (-1, 0, 10**6, 10**9, 2**31, 2**63, 10**19, -(10**19), 0.1, 1e30, 1e-300)


def valid_calls(version: str) -> Iterator[tuple[str, Payload]]:
    """Yield valid CALLs to be broken."""
    for action, payloads in _load(version)["valid"].items():
        for payload in payloads:
            yield action, payload


def absurd_calls(version: str) -> Iterator[tuple[str, Payload]]:
    """Yield CALLs that follow their schema, or nearly, and make no sense."""
    for action, payloads in _load(version)["absurd"].items():
        for payload in payloads:
            yield action, payload
    yield from _long_ones(version)


def mutations(payload: Mapping[str, Any]) -> Iterator[Payload]:
    """Yield the payload broken in one place each time."""
    for path in _paths(payload):
        yield _without(payload, path)
        original = _at(payload, path)
        for value in (*_SWAPS, *_kin(original)):
            if path[-1] != "limit" or not _is_order_to_pause(value):
                yield _with(payload, path, value)


def _is_order_to_pause(limit: object) -> bool:
    """Tell whether a limit is one that a station rightly obeys by suspending."""
    return isinstance(limit, int | float) and not isinstance(limit, bool) and 0 <= limit < 10


def _kin(original: object) -> Iterator[object]:
    """Yield values of the same kind that may be out of bounds."""
    match original:
        case bool():
            return
        case int() | float():
            yield from _NUMBERS
        case str():
            yield from (original.lower(), original.upper(), original + "\x00", "\u202e" + original)
            yield from _DATES if original.endswith("Z") else ("a" * 256, "a" * 20_000)
        case list():
            yield original * 2
            yield original * 1000


def _long_ones(version: str) -> Iterator[tuple[str, Payload]]:
    field = "csChargingProfiles" if version == "ocpp1.6" else "chargingProfile"
    for action, payload in valid_calls(version):
        if action != "SetChargingProfile":
            continue
        schedule = payload[field]["chargingSchedule"]
        path = (field, "chargingSchedule")
        if isinstance(schedule, list):
            path, schedule = (*path, 0), schedule[0]  # type: ignore[assignment] # lists have indices
        for count in (25, 1000):
            periods = [{"startPeriod": 60 * n, "limit": 16.0} for n in range(count)]
            yield action, _with(payload, (*path, "chargingSchedulePeriod"), periods)


def _load(version: str) -> dict[str, dict[str, list[Payload]]]:
    found: dict[str, dict[str, list[Payload]]] = json.loads(DATA.read_text("utf-8"))[
        "1.6" if version == "ocpp1.6" else "2.x"
    ]
    return found


def _paths(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, Mapping) else ()
    if isinstance(value, list):
        members = enumerate(value[:1])  # type: ignore[assignment] # keys and indices alike
    for key, member in members:
        yield (*path, key)
        yield from _paths(member, (*path, key))


def _at(value: Any, path: tuple[Any, ...]) -> object:
    for key in path:
        value = value[key]
    return value


def _with(payload: Mapping[str, Any], path: tuple[Any, ...], value: object) -> Payload:
    changed: Any = copy.deepcopy(dict(payload))
    holder = _at(changed, path[:-1])
    holder[path[-1]] = value  # type: ignore[index]
    return changed  # type: ignore[no-any-return]


def _without(payload: Mapping[str, Any], path: tuple[Any, ...]) -> Payload:
    changed: Any = copy.deepcopy(dict(payload))
    holder = _at(changed, path[:-1])
    del holder[path[-1]]  # type: ignore[attr-defined]
    return changed  # type: ignore[no-any-return]
