"""`stationd status`: what the running station is doing."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from agent.cli.asking import tell
from agent.cli.local_socket import API_SECTION
from agent.cli.options import add_json, add_socket
from agent.cli.output import plain, say, say_table
from agent.cli.programs import Programs
from agent.cli.replies import CsmsStatus, EvseStatus, StationStatus, UpdateStatus, station_status

EXAMPLE = "stationd status --json"

_UTC = "+00:00"
_HEADINGS = ("EVSE", "status", "pilot", "offered", "contactor", "power", "register", "transaction")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_socket(parser)
    add_json(parser)


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Ask the station and show its state."""
    del programs
    return tell(options, API_SECTION, {"op": "status"}, _show)


def _show(reply: Mapping[str, Any]) -> None:
    status = station_status(reply)
    for line in _lines(status):
        say(plain(line))
    say_table(_HEADINGS, [_row(evse) for evse in status.evses])
    for evse in status.evses:
        if evse.faults:
            say(plain(f"EVSE {evse.id} has faults: {', '.join(evse.faults)}"))
        for fault, sentence in evse.troubles.items():
            if sentence:
                say(plain(f"EVSE {evse.id} {fault}: {sentence}"))


def _lines(status: StationStatus) -> Iterator[str]:
    yield (
        f"{status.identity}: {status.vendor} {status.model}, serial number {status.serial_number},"
        f" firmware {status.firmware_version or '-'}, {_time_words(status)}"
    )
    yield f"CSMS   {status.csms.url}: {_csms_words(status.csms)}"
    yield f"guard  {_guard_words(status)}"
    if status.update is not None:
        yield f"update {_update_words(status.update)}"


def _time_words(status: StationStatus) -> str:
    local = status.local_time
    is_utc = local is None or local.endswith(_UTC)
    return status.now if is_utc else f"{status.now} ({local} local time)"


def _csms_words(csms: CsmsStatus) -> str:
    if not csms.connected:
        words = "not connected"
    elif csms.online:
        words = f"online, {csms.version or 'version unknown'}"
    else:
        words = f"connected, registration {csms.registration or 'unanswered'}"
    waiting = csms.queued_events
    return words if not waiting else f"{words}, {waiting} event{'s' * (waiting > 1)} waiting"


def _guard_words(status: StationStatus) -> str:
    if not status.guard_connected:
        return "NOT CONNECTED: nothing charges; start stationd-guard"
    return "connected" + ("" if status.guard_real_time else ", without real-time priority")


def _update_words(update: UpdateStatus) -> str:
    name = "" if update.request_id is None else f"{update.request_id}: "
    percent = "" if update.percent is None else f" {update.percent} %"
    return f"{name}{update.stage}{percent}{f' ({update.detail})' if update.detail else ''}"


def _row(evse: EvseStatus) -> tuple[str, ...]:
    return (
        str(evse.id),
        " ".join(filter(None, (evse.status, evse.charging_state))),
        _pilot_words(evse),
        _number(evse.offered_a, "g", "A"),
        "closed" if evse.contactor_closed else "open",
        _number(_scaled(evse.power_w), ".2f", "kW"),
        _number(_scaled(evse.energy_wh), ".3f", "kWh"),
        _transaction_words(evse),
    )


def _pilot_words(evse: EvseStatus) -> str:
    if evse.pilot_state is None:
        return "-"
    return evse.pilot_state if evse.duty is None else f"{evse.pilot_state} {evse.duty:.1%}"


def _transaction_words(evse: EvseStatus) -> str:
    running = evse.transaction
    if running is None:
        return "-"
    words = f"{running.id} since {running.started_at}, {running.energy_wh / 1000:.3f} kWh"
    price = "" if running.price is None else f" at {running.price}"
    state = "" if running.cost_state is None else f" ({running.cost_state})"
    cost = "" if running.cost_shown is None else f", cost {running.cost_shown}{state}"
    return words + price + cost


def _scaled(value: float | None) -> float | None:
    return None if value is None else value / 1000


def _number(value: float | None, form: str, unit: str) -> str:
    return "-" if value is None else f"{value:{form}} {unit}"
