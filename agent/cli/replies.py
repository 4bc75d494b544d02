"""The answers of the running station, read into types."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


class OddReply(Exception):
    """The station answers in another form than this command knows; the versions differ."""


@dataclass(frozen=True, slots=True)
class RunningTransaction:
    """A transaction that has not ended; price and cost are what the CSMS has told of them."""

    id: str
    seq_no: int
    started_at: str
    energy_wh: float
    price: str | None = None
    cost_shown: str | None = None
    cost_state: str | None = None


@dataclass(frozen=True, slots=True)
class EvseStatus:
    """One EVSE; `energy_wh` is its meter's register, `duty` a fraction."""

    id: int
    status: str
    charging_state: str | None
    pilot_state: str | None
    duty: float | None
    offered_a: float | None
    limit_a: float | None
    contactor_closed: bool
    faults: tuple[str, ...]
    troubles: Mapping[str, str]
    plugged_in: bool
    authorized: bool
    energy_wh: float | None
    power_w: float | None
    transaction: RunningTransaction | None


@dataclass(frozen=True, slots=True)
class CsmsStatus:
    """The connection to the CSMS; `connected` is the WebSocket, `online` that it may be used."""

    url: str
    online: bool
    connected: bool
    version: str | None
    registration: str | None
    queued_events: int


@dataclass(frozen=True, slots=True)
class UpdateStatus:
    """The latest firmware update; `percent` is that of its download or installation."""

    request_id: int | None
    stage: str
    percent: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class StationStatus:
    """What `status` tells; `update` is None if there was none."""

    vendor: str
    model: str
    serial_number: str
    firmware_version: str | None
    identity: str
    csms: CsmsStatus
    guard_connected: bool
    guard_real_time: bool
    now: str
    evses: tuple[EvseStatus, ...]
    update: UpdateStatus | None = None
    local_time: str | None = None


@dataclass(frozen=True, slots=True)
class ExplainedCause:
    """One cause of `why`; while it `prevents`, no energy flows."""

    prevents: bool
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class EvseExplanation:
    """What `why` tells of one EVSE."""

    id: int
    sentence: str
    causes: tuple[ExplainedCause, ...]


@dataclass(frozen=True, slots=True)
class PastTransaction:
    """One of the `transactions`; `records` are its signed OCMF texts, byte for byte."""

    id: str
    evse: int
    started_at: str
    ended_at: str | None
    energy_wh: float | None
    stopped_reason: str | None
    records: tuple[str, ...]
    public_key: str


@dataclass(frozen=True, slots=True)
class SecurityEntry:
    """One line of the `security-log`."""

    number: int
    at: str
    type: str
    critical: bool
    info: str


@dataclass(frozen=True, slots=True)
class VariableValue:
    """One of the `variables`; a value that is None is kept secret."""

    name: str
    value: str | None
    initial: str | None
    origin: str
    access: str


@dataclass(frozen=True, slots=True)
class LearntCard:
    """A card that was enrolled at the station; `token` may be masked."""

    token: str
    type: str
    at: str


@dataclass(frozen=True, slots=True)
class LearntCards:
    """The enrolled cards, and whether they let anybody in."""

    enrolled: tuple[LearntCard, ...]
    are_used: bool


@dataclass(frozen=True, slots=True)
class HeldCard:
    """What came of a card in a session of `rfid learn`; `outcome` None is that none was held."""

    outcome: str | None
    sentence: str
    lost_readers: frozenset[str]


@dataclass(frozen=True, slots=True)
class ReaderNews:
    """Something that a reader told, as a sentence and as it came."""

    sentence: str
    is_token: bool
    reply: Mapping[str, Any]


def station_status(reply: Mapping[str, Any]) -> StationStatus:
    """Read the answer to `status`. Raises OddReply."""
    return _read(_station_status, reply)


def explanations(reply: Mapping[str, Any]) -> tuple[EvseExplanation, ...]:
    """Read the answer to `why`. Raises OddReply."""
    return _read(lambda r: tuple(_explanation(entry) for entry in r["evses"]), reply)


def past_transactions(reply: Mapping[str, Any]) -> tuple[PastTransaction, ...]:
    """Read the answer to `transactions`. Raises OddReply."""
    return _read(lambda r: tuple(_past(entry) for entry in r["transactions"]), reply)


def security_entries(reply: Mapping[str, Any]) -> tuple[SecurityEntry, ...]:
    """Read the answer to `security_log`. Raises OddReply."""
    return _read(lambda r: tuple(_security(entry) for entry in r["security_log"]), reply)


def variable_values(reply: Mapping[str, Any]) -> tuple[VariableValue, ...]:
    """Read the answer to `variables`. Raises OddReply."""
    return _read(lambda r: tuple(_variable(entry) for entry in r["variables"]), reply)


def learnt_cards(reply: Mapping[str, Any]) -> LearntCards:
    """Read the answer to `rfid_cards`. Raises OddReply."""
    return _read(_learnt_cards, reply)


def removed_cards(reply: Mapping[str, Any]) -> int:
    """Read the answer to `rfid_forget`. Raises OddReply."""
    return _read(lambda r: int(r["removed"]), reply)


def held_card(reply: Mapping[str, Any]) -> HeldCard:
    """Read the answer to `rfid_learn`. Raises OddReply."""
    return _read(_held_card, reply)


def reader_news(
    reply: Mapping[str, Any],
) -> tuple[int, tuple[ReaderNews, ...], tuple[ReaderNews, ...]]:
    """Read the answer to `rfid_watch`: the next number, how readers are, news. Raises OddReply."""
    return _read(
        lambda r: (
            int(r["number"]),
            tuple(_state(entry) for entry in r["readers"]),
            tuple(_news(entry) for entry in r["news"]),
        ),
        reply,
    )


def _variable(entry: Mapping[str, Any]) -> VariableValue:
    return VariableValue(
        name=str(entry["name"]),
        value=_optional_text(entry["value"]),
        initial=_optional_text(entry["initial"]),
        origin=str(entry["origin"]),
        access=str(entry["mutability"]),
    )


def _read(reader: Callable[[Mapping[str, Any]], T], reply: Mapping[str, Any]) -> T:
    try:
        return reader(reply)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise OddReply(
            f"the station's answer has an unknown form ({error!r}): it runs another version of"
            " stationd; --json prints the answer as it came"
        ) from error


def _station_status(reply: Mapping[str, Any]) -> StationStatus:
    station, csms, guard = reply["station"], reply["csms"], reply["guard"]
    return StationStatus(
        vendor=str(station["vendor"]),
        model=str(station["model"]),
        serial_number=str(station["serial_number"]),
        firmware_version=_optional_text(station["firmware_version"]),
        identity=str(station["identity"]),
        csms=CsmsStatus(
            url=str(csms["url"]),
            online=bool(csms["online"]),
            connected=bool(csms["connected"]),
            version=_optional_text(csms["version"]),
            registration=_optional_text(csms["registration"]),
            queued_events=int(csms["queued_events"]),
        ),
        guard_connected=bool(guard["connected"]),
        guard_real_time=bool(guard["real_time"]),
        now=str(reply["clock"]["now"]),
        evses=tuple(_evse(entry) for entry in reply["evses"]),
        update=None if reply.get("update") is None else _update(reply["update"]),
        local_time=_optional_text(reply["clock"].get("local_time")),
    )


def _update(entry: Mapping[str, Any]) -> UpdateStatus:
    request_id, percent = entry["request_id"], entry["percent"]
    return UpdateStatus(
        request_id=None if request_id is None else int(request_id),
        stage=str(entry["stage"]),
        percent=None if percent is None else int(percent),
        detail=str(entry["detail"]),
    )


def _evse(entry: Mapping[str, Any]) -> EvseStatus:
    running = entry["transaction"]
    return EvseStatus(
        id=int(entry["id"]),
        status=str(entry["status"]),
        charging_state=_optional_text(entry["charging_state"]),
        pilot_state=_optional_text(entry["pilot_state"]),
        duty=_optional_number(entry["duty"]),
        offered_a=_optional_number(entry["offered_a"]),
        limit_a=_optional_number(entry["limit_a"]),
        contactor_closed=bool(entry["contactor_closed"]),
        faults=tuple(str(fault) for fault in entry["faults"]),
        troubles={str(fault): str(words) for fault, words in entry["troubles"].items()},
        plugged_in=bool(entry["plugged_in"]),
        authorized=bool(entry["authorized"]),
        energy_wh=_optional_number(entry["energy_wh"]),
        power_w=_optional_number(entry["power_w"]),
        transaction=None if running is None else _running(running),
    )


def _running(entry: Mapping[str, Any]) -> RunningTransaction:
    told = entry.get("cost_told") or {}
    return RunningTransaction(
        id=str(entry["id"]),
        seq_no=int(entry["seq_no"]),
        started_at=str(entry["started_at"]),
        energy_wh=float(entry["energy_wh"]),
        price=_optional_text(entry.get("price")),
        cost_shown=_optional_text(told.get("cost_shown", entry.get("cost"))),
        cost_state=_optional_text(told.get("state")),
    )


def _explanation(entry: Mapping[str, Any]) -> EvseExplanation:
    return EvseExplanation(
        id=int(entry["id"]),
        sentence=str(entry["sentence"]),
        causes=tuple(
            ExplainedCause(bool(one["prevents"]), str(one["sentence"]), str(one["remedy"]))
            for one in entry["causes"]
        ),
    )


def _past(entry: Mapping[str, Any]) -> PastTransaction:
    return PastTransaction(
        id=str(entry["id"]),
        evse=int(entry["evse"]),
        started_at=str(entry["started_at"]),
        ended_at=_optional_text(entry["ended_at"]),
        energy_wh=_optional_number(entry["energy_wh"]),
        stopped_reason=_optional_text(entry["stopped_reason"]),
        records=tuple(str(record) for record in entry["records"]),
        public_key=str(entry["public_key"] or ""),
    )


def _security(entry: Mapping[str, Any]) -> SecurityEntry:
    return SecurityEntry(
        number=int(entry["number"]),
        at=str(entry["at"]),
        type=str(entry["type"]),
        critical=bool(entry["critical"]),
        info=str(entry["info"]),
    )


def _optional_text(value: object) -> str | None:
    return None if value is None else str(value)


def _optional_number(value: Any) -> float | None:
    return None if value is None else float(value)


def _learnt_cards(reply: Mapping[str, Any]) -> LearntCards:
    cards = (
        LearntCard(str(card["token"]), str(card["type"]), str(card["learnt_at"]))
        for card in reply["cards"]
    )
    return LearntCards(tuple(cards), bool(reply["used"]))


def _held_card(reply: Mapping[str, Any]) -> HeldCard:
    lost = frozenset(map(str, reply["lost_readers"]))
    card = reply["card"]
    if card is None:
        return HeldCard(None, "", lost)
    reason = f": {card['reason']}" if card["reason"] else ""
    sentence = f"{card['token']} ({card['type']}) {card['outcome']}{reason}"
    count = int(reply["enrolled"])
    return HeldCard(str(card["outcome"]), f"{sentence} · {count} enrolled", lost)


def _state(entry: Mapping[str, Any]) -> ReaderNews:
    words = {None: "is not reached yet", True: "works", False: "is lost"}[entry["works"]]
    reason = f": {entry['reason']}" if entry["reason"] else ""
    return ReaderNews(
        f"the reader of EVSE {_places(entry)} {words}{reason}", is_token=False, reply=entry
    )


def _news(entry: Mapping[str, Any]) -> ReaderNews:
    if entry["kind"] == "reader":
        return _state(entry)
    random = ", a number that the card makes up anew each time" if entry["random"] else ""
    sentence = f"EVSE {_places(entry)}: {entry['token']} ({entry['type']}){random}"
    return ReaderNews(sentence, is_token=True, reply=entry)


def _places(entry: Mapping[str, Any]) -> str:
    return ", ".join(str(int(evse)) for evse in entry["evses"])
