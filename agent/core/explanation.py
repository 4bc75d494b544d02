"""Why an EVSE charges as it does, or does not: one sentence, and the chain of causes behind it.

The causes come in the order in which they would have to go before energy flows: faults, what the
operator ordered, what the session waits for, what the guard checks, the limits, and last what
hinders nobody now but is worth knowing. The first one that prevents charging is the sentence.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from agent.core.explanation_words import HINDRANCES, JUDGES, LIMITS, REFUSALS, VERDICTS
from agent.core.fault_taxonomy import by_seriousness, kind_of
from agent.core.limits import LimitCause, LimitSource, least
from agent.core.records import dataclass
from agent.core.refusals import Refusal, RefusalCause
from agent.core.session_state import MINIMUM_CURRENT_A, SessionState
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import RegistrationStatus


class CauseKind(StrEnum):
    """Which part of the station a cause belongs to."""

    FAULT = "fault"
    AVAILABILITY = "availability"
    RESERVATION = "reservation"
    SESSION = "session"
    GUARD = "guard"
    LIMIT = "limit"
    CSMS = "csms"
    STORAGE = "storage"
    SIGNATURE = "signature"
    LIGHT = "light"


@dataclass(frozen=True, slots=True)
class Cause:
    """One link of the chain; `prevents` tells that no energy flows because of it."""

    kind: CauseKind
    name: str
    sentence: str
    remedy: str = ""
    prevents: bool = True


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to why: one sentence, and everything behind it."""

    evse: int
    charges: bool
    sentence: str
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFacts:
    """What is true of the station as a whole.

    `offline_since` is None while there is a connection; `offline_because` says why the last attempt
    failed. `registration` is the CSMS's answer, None while it has given none.
    """

    offline_since: datetime | None = None
    offline_because: str = ""
    registration: RegistrationStatus | None = RegistrationStatus.ACCEPTED
    storage_refuses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseFacts:
    """What is true of one EVSE.

    `hindrances` are the guard's, `troubles` the faults that the agent found, in their drivers'
    words. `offered_a` is what the pilot shows, `limits` is every limit that holds. `unsigned` says
    why the values of the transaction are not signed, `awaits_update` that sessions are held back
    for a firmware update.
    """

    state: SessionState
    hindrances: frozenset[str] = frozenset()
    troubles: Mapping[str, str] = field(default_factory=dict)
    light_trouble: str = ""
    """Why the status light is dark, empty if it is not."""
    offered_a: Decimal = Decimal(0)
    phases: int = 3
    phase: int | None = None
    """Which one, where a single phase may be one of choice."""
    limits: tuple[LimitSource, ...] = ()
    refusal: Refusal | None = None
    unsigned: str | None = None
    station_operative: bool = True
    awaits_update: bool = False


def explain(facts: EvseFacts, station: StationFacts) -> Explanation:
    """Return why an EVSE does what it does now."""
    state = facts.state
    charges = state.snapshot.energy_flows and not state.snapshot.faulted
    causes = (*_preventing(facts), *_limits(facts), *_notes(facts, station))
    if charges:
        causes = tuple(cause for cause in causes if not cause.prevents)
        sentence = _charging(facts)
    else:
        first = next((cause for cause in causes if cause.prevents), None)
        words = "it is ready, and waits for the car" if first is None else _lowered(first.sentence)
        sentence = f"EVSE {state.evse} does not charge: {words}"
    return Explanation(state.evse, charges, sentence, causes)


def _charging(facts: EvseFacts) -> str:
    lowest = least(facts.limits) if facts.limits else None
    because = "" if lowest is None else f", because {_of_limit(lowest)}"
    on = f"{facts.phases} phase{'s' * (facts.phases > 1)}"
    on += "" if facts.phase is None else f", L{facts.phase}"
    words = f"EVSE {facts.state.evse} charges with up to {_amperes(facts.offered_a)} on {on}"
    if lowest is not None and facts.offered_a > lowest.limit_a:
        words += f", which falls to {_amperes(lowest.limit_a)}"
    return f"{words}{because}."


# --- What prevents charging.


def _preventing(facts: EvseFacts) -> Iterator[Cause]:
    yield from _faults(facts, prevent=True)
    snapshot = facts.state.snapshot
    if facts.awaits_update and not snapshot.in_transaction:
        yield Cause(
            CauseKind.AVAILABILITY,
            "update",
            "The station waits until nobody charges, to restart with new software.",
            "It goes on by itself; AllowNewSessionsPendingFirmwareUpdate lets others charge first.",
        )
    elif not snapshot.operative and not snapshot.in_transaction:
        whose = "outlet" if facts.station_operative else "station"
        yield Cause(
            CauseKind.AVAILABILITY,
            "inoperative",
            f"The operator has taken the {whose} out of service.",
            "The operator makes it operative again (ChangeAvailability).",
        )
    yield from _session(facts)
    if snapshot.offered and not snapshot.energy_flows:
        yield from _hindrances(facts)


def _faults(facts: EvseFacts, *, prevent: bool) -> Iterator[Cause]:
    for name in by_seriousness(facts.state.snapshot.faults | facts.troubles.keys()):
        kind = kind_of(name)
        if kind.prevents_charging is prevent:
            words = facts.troubles.get(name, "")
            said = f"{kind.driver.removesuffix('.')} ({words})." if words else kind.driver
            yield Cause(CauseKind.FAULT, name, said, kind.remedy, prevents=prevent)


def _session(facts: EvseFacts) -> Iterator[Cause]:
    state = facts.state
    snapshot = state.snapshot
    if state.pending is not None:
        yield _of_session("judging", "A card is being checked.")
    if snapshot.reserved:
        yield Cause(
            CauseKind.RESERVATION,
            "reserved",
            "The outlet is reserved: only whoever reserved it may charge.",
        )
    if not snapshot.plugged_in:
        words = "The car has to be plugged in." if snapshot.authorized else "No car is plugged in."
        yield _of_session("no_car", words)
    if not snapshot.authorized and state.pending is None:
        yield from _unauthorized(facts, snapshot)
    elif snapshot.authorized:
        yield from _withheld(facts)


def _unauthorized(facts: EvseFacts, snapshot: EvseSnapshot) -> Iterator[Cause]:
    transaction = facts.state.transaction
    if facts.refusal is not None:
        yield _of_session("refused", _refused(facts.refusal))
    if transaction is not None and transaction.ending is not None:
        yield _of_session("ending", "The session is ending.")
    elif transaction is not None and transaction.stopped_reason is not None:
        reason = transaction.stopped_reason.value
        yield _of_session("stopped", f"The session was stopped ({reason}).", "Unplug the car.")
    elif snapshot.plugged_in and snapshot.transaction_ended:
        yield _of_session("ended", "The session has ended.", "Present a card to charge again.")
    elif snapshot.plugged_in:
        yield _of_session(
            "not_authorized", "Nobody has started charging yet.", "Present a card, or use the app."
        )


def _withheld(facts: EvseFacts) -> Iterator[Cause]:
    """Yield why somebody who may charge is offered nothing."""
    state = facts.state
    transaction, snapshot = state.transaction, state.snapshot
    if transaction is not None and transaction.ending is not None:
        yield _of_session("ending", "The session is ending.")
    elif transaction is not None and transaction.energy_cut:
        yield _of_session("energy_cut", "The operator no longer accepts the card.")
    if state.granted_a < MINIMUM_CURRENT_A:
        lowest = least(facts.limits) if facts.limits else None
        because = "nobody has told a limit yet" if lowest is None else _of_limit(lowest)
        limit = _amperes(state.granted_a)
        yield Cause(
            CauseKind.LIMIT,
            "limit" if lowest is None else lowest.cause.value,
            f"Only {limit} may be offered, which is less than the 6 A that a car needs,"
            f" because {because}.",
        )
    elif not (snapshot.offered or snapshot.faulted) and snapshot.plugged_in and snapshot.operative:
        yield _of_session(
            "no_register", "The meter has never been read, so nothing could be billed."
        )


def _hindrances(facts: EvseFacts) -> Iterator[Cause]:
    for name, (sentence, remedy) in HINDRANCES.items():
        if name in facts.hindrances:
            yield Cause(CauseKind.GUARD, name, sentence, remedy)
    if not facts.hindrances and not facts.state.snapshot.ev_ready:
        sentence, remedy = HINDRANCES["vehicle_not_ready"]
        yield Cause(CauseKind.GUARD, "vehicle_not_ready", sentence, remedy)


# --- What limits, and what is worth knowing.


def _limits(facts: EvseFacts) -> Iterator[Cause]:
    for source in sorted(facts.limits, key=lambda source: source.limit_a):
        sentence = f"At most {_amperes(source.limit_a)}: {_of_limit(source)}."
        yield Cause(CauseKind.LIMIT, source.cause.value, sentence, prevents=False)


def _notes(facts: EvseFacts, station: StationFacts) -> Iterator[Cause]:
    yield from _faults(facts, prevent=False)
    if facts.unsigned is not None and facts.state.transaction is not None:
        sentence = f"The transaction is told without signature: {facts.unsigned}."
        yield Cause(CauseKind.SIGNATURE, "unsigned", sentence, prevents=False)
    if facts.light_trouble:
        sentence = f"The status light does not work: {facts.light_trouble}."
        remedy = "Check its wires and its driver; charging needs no light."
        yield Cause(CauseKind.LIGHT, "light", sentence, remedy, prevents=False)
    if station.offline_since is not None:
        since = station.offline_since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        because = f": {station.offline_because}" if station.offline_because else ""
        sentence = f"There is no connection to the CSMS since {since}{because}."
        yield Cause(CauseKind.CSMS, "offline", sentence, prevents=False)
    elif station.registration is not RegistrationStatus.ACCEPTED:
        answer = "not answered" if station.registration is None else station.registration.value
        sentence = f"The CSMS has not accepted the station yet: {answer}."
        yield Cause(CauseKind.CSMS, "not_accepted", sentence, prevents=False)
    if station.storage_refuses:
        yield Cause(
            CauseKind.STORAGE,
            "storage_refuses",
            "The storage refuses writes: what happens waits in memory.",
            "Make room on the disk, or mend it; see the agent's log.",
            prevents=False,
        )


# --- Words.


def _of_session(name: str, sentence: str, remedy: str = "") -> Cause:
    return Cause(CauseKind.SESSION, name, sentence, remedy)


def _of_limit(source: LimitSource) -> str:
    detail = f" ({source.detail})" if source.detail else ""
    return f"{LIMITS[source.cause]}{detail}"


def _amperes(amperes: Decimal) -> str:
    return f"{amperes.normalize():f} A"


def _refused(refusal: Refusal) -> str:
    if refusal.cause is not RefusalCause.VERDICT or refusal.status is None or refusal.by is None:
        because = REFUSALS.get(refusal.cause, REFUSALS[RefusalCause.IN_USE])
    else:
        because = f"{JUDGES[refusal.by]} says that it is {VERDICTS[refusal.status]}"
    return f"The card {refusal.token} was refused: {because}."


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def with_hardware(
    sources: tuple[LimitSource, ...], cable_a: int | None, fallback_a: Decimal | None
) -> tuple[LimitSource, ...]:
    """Add to the limits that the agent knows those that the guard enforces by itself."""
    found = list(sources)
    if cable_a is not None:
        found.append(LimitSource(LimitCause.CABLE, Decimal(cable_a)))
    if fallback_a is not None:
        found.append(LimitSource(LimitCause.FALLBACK, fallback_a))
    return tuple(found)
