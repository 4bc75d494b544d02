"""The station's configuration file, written from what a test wants and what the bench has."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hil.drivers import Driver, StationPlan, Tables
from hil.target import Target

IDENTITY = "CS001"
VARIABLES: Mapping[str, object] = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "1",
    "OCPPCommCtrlr.RetryBackOffRandomRange": "0",
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": "2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the station runs and what is wired to each EVSE."""

    state_dir: str
    evses: Mapping[int, Tables]
    min_closing_interval_s: float
    bench: Mapping[str, object] | None = None
    guard: Mapping[str, object] = field(default_factory=dict)
    local_api: Mapping[str, object] = field(default_factory=dict)
    hardware: Mapping[str, object] | None = None


def wired(target: Target, plan: StationPlan) -> dict[int, Tables]:
    """Return what the bench's drivers have wired to each EVSE that a test wants."""
    found: dict[int, Tables] = {}
    for evse in range(1, plan.evses + 1):
        tables: dict[str, Mapping[str, object]] = {}
        for driver in target.drivers(Driver):
            tables.update(driver.tables(evse))
        unused = () if plan.cable == "socket" else ("proximity", "lock")
        found[evse] = {port: table for port, table in tables.items() if port not in unused}
    return found


def station_toml(plan: StationPlan, place: Place) -> str:
    """Return the text of `station.toml`."""
    return "\n".join(_sections(plan, place)) + "\n"


def _sections(plan: StationPlan, place: Place) -> Iterator[str]:
    yield from _table(
        "[station]",
        {
            "vendor": "Example",
            "model": "AC22",
            "serial_number": "0001",
            "firmware_version": "1.0.0",
            "state_dir": place.state_dir,
        },
    )
    yield from _table(
        "[csms]",
        {
            "url": plan.csms_url,
            "identity": IDENTITY,
            "versions": list(plan.versions),
            "security_profile": 0,
            "allow_insecure": True,
        },
    )
    guard: dict[str, object] = {
        "min_closing_interval_s": place.min_closing_interval_s,
        "grace_s": plan.grace_s,
    }
    yield from _table("[guard]", guard | dict(place.guard))
    if place.local_api:
        yield from _table("[local_api]", place.local_api)
    if place.hardware is not None:
        yield from _table("[hardware]", place.hardware)
    for number in range(1, plan.evses + 1):
        yield from _table("[[evse]]", _evse(number, plan, place))
    if place.bench is not None:
        yield from _table("[bench]", place.bench)
    yield from _table("[variables]", {**VARIABLES, **plan.variables})


def _evse(number: int, plan: StationPlan, place: Place) -> dict[str, object]:
    usual = "sType2" if plan.cable == "socket" else "cType2"
    kinds = plan.connector_types
    settings: dict[str, object] = {
        "id": number,
        "connector_type": kinds[number - 1] if kinds else usual,
        "cable": plan.cable,
        "max_current_a": 32,
        "phases": 3,
    }
    return settings | dict(place.evses[number])


def _table(head: str, values: Mapping[str, object]) -> Iterator[str]:
    yield head
    for key, value in values.items():
        yield f"{_text(key)} = {_value(value)}"


def _value(value: object) -> str:
    """Word a value in TOML, tables in line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case int() | float():
            return repr(value)
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case Mapping():
            pairs = (f"{_text(key)} = {_value(one)}" for key, one in value.items())
            return f"{{ {', '.join(pairs)} }}"
        case _:
            raise TypeError(f"{value!r} cannot be written into a configuration")


def _text(text: str) -> str:
    """Word a text; what TOML wants escaped is what JSON does, and DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
