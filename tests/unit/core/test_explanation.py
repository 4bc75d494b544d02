"""Why an EVSE charges or does not: one sentence, and causes in the order in which they matter."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.explanation import (
    CauseKind,
    EvseFacts,
    Explanation,
    StationFacts,
    explain,
    with_hardware,
)
from agent.core.explanation_words import HINDRANCES, JUDGES, LIMITS, REFUSALS, VERDICTS
from agent.core.fault_taxonomy import FAULTS
from agent.core.limits import LimitCause, LimitSource
from agent.core.refusals import Refusal, RefusalCause
from agent.core.session import idle_state
from agent.core.session_state import Authorization, Cause, SessionState, Transaction
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import (
    AuthorizationStatus,
    AuthorizedBy,
    IdToken,
    RegistrationStatus,
    StoppedReason,
    TriggerReason,
)
from hal.api import Hindrance

AT = datetime(2026, 3, 2, 14, 2, tzinfo=UTC)
DRIVER = Authorization(IdToken("04A2B3C4"), AuthorizedBy.CSMS)
RUNNING = Transaction("t", AT, Decimal(0))
BUILT = LimitSource(LimitCause.HARDWARE, Decimal(32))
PROFILE = LimitSource(LimitCause.PROFILE, Decimal(16), "TxProfile 7, stack level 2")
ZERO = LimitSource(LimitCause.PROFILE, Decimal(0))
HOT = LimitSource(LimitCause.TEMPERATURE, Decimal(0), "80 °C")
FINE = StationFacts()


def state(limit_a: int = 32, **facts: Any) -> SessionState:
    """Return a session in a situation; `transaction`, `pending` are the session's, others facts."""
    own = {name: facts.pop(name) for name in ("transaction", "pending") if name in facts}
    authorization = DRIVER if facts.get("authorized") else None
    facts["in_transaction"] = own.get("transaction") is not None
    base = replace(idle_state(1), snapshot=EvseSnapshot(**facts), limit_a=Decimal(limit_a))
    return replace(base, authorization=authorization, **own)


HELD = {"plugged_in": True, "authorized": True, "transaction": RUNNING}
OFFERED = {**HELD, "offered": True}
CHARGING = {**OFFERED, "ev_ready": True, "power_path_closed": True}


def said(
    facts: Mapping[str, Any], limit_a: int = 32, station: StationFacts = FINE, **more: Any
) -> Explanation:
    more.setdefault("limits", (BUILT,))
    return explain(EvseFacts(state=state(limit_a, **facts), **more), station)


@pytest.mark.parametrize(
    ("facts", "more", "words"),
    [
        ({}, {}, "no car is plugged in."),
        ({"authorized": True}, {}, "the car has to be plugged in."),
        ({"pending": DRIVER}, {}, "a card is being checked."),
        ({"plugged_in": True}, {}, "nobody has started charging yet."),
        ({"plugged_in": True, "transaction_ended": True}, {}, "the session has ended."),
        (
            {
                "plugged_in": True,
                "transaction": replace(RUNNING, stopped_reason=StoppedReason.REMOTE),
            },
            {},
            "the session was stopped (Remote).",
        ),
        (
            {**HELD, "transaction": replace(RUNNING, ending=Cause(TriggerReason.REMOTE_STOP))},
            {},
            "the session is ending.",
        ),
        (
            {**HELD, "transaction": replace(RUNNING, energy_cut=True)},
            {},
            "the operator no longer accepts the card.",
        ),
        (
            {"operative": False},
            {},
            "the operator has taken the outlet out of service.",
        ),
        (
            {"operative": False},
            {"station_operative": False},
            "the operator has taken the station out of service.",
        ),
        ({"reserved": True}, {}, "the outlet is reserved: only whoever reserved it may charge."),
        (
            {"faults": frozenset({"meter_lost"}), **HELD},
            {"troubles": {"meter_lost": "no answer on /dev/ttyUSB0"}},
            (
                "the energy meter does not answer, so nothing can be billed now"
                " (no answer on /dev/ttyUSB0)."
            ),
        ),
        ({}, {"troubles": {"guard_lost": "it was never heard"}}, "the station's safety guard is"),
        (
            OFFERED,
            {},
            "the car does not ask for energy: it is full, has a timer, or pauses.",
        ),
        ({**OFFERED, "ev_ready": True}, {}, "it is ready, and waits for the car"),
    ],
    ids=str,
)
def test_one_sentence_says_why_no_energy_flows(
    facts: Mapping[str, Any], more: Mapping[str, Any], words: str
) -> None:
    explanation = said(facts, **more)
    assert not explanation.charges
    assert explanation.sentence.startswith(f"EVSE 1 does not charge: {words}")


@pytest.mark.parametrize(
    ("limits", "offered_a", "phases", "words"),
    [
        ((BUILT,), "32.0", 3, "32 A on 3 phases, because the EVSE is built for no more."),
        (
            (BUILT, PROFILE),
            "16.0",
            1,
            (
                "16 A on 1 phase, because a charging profile allows no more"
                " (TxProfile 7, stack level 2)."
            ),
        ),
        ((), "6.5", 3, "6.5 A on 3 phases."),
        (
            with_hardware((BUILT,), 20, None),
            "20.0",
            3,
            "20 A on 3 phases, because the cable is rated for no more.",
        ),
        (
            with_hardware((BUILT,), 20, Decimal(6)),
            "6.0",
            3,
            "6 A on 3 phases, because the guard holds a session whose software is away.",
        ),
    ],
)
def test_a_charging_evse_says_how_much_and_what_limits_it(
    limits: tuple[LimitSource, ...], offered_a: str, phases: int, words: str
) -> None:
    explanation = said(CHARGING, limits=limits, offered_a=Decimal(offered_a), phases=phases)
    assert explanation.charges
    assert explanation.sentence == f"EVSE 1 charges with up to {words}"
    assert not any(cause.prevents for cause in explanation.causes)


def test_a_charging_evse_says_which_phase_was_chosen() -> None:
    explanation = said(CHARGING, limits=(), offered_a=Decimal(16), phases=1, phase=2)
    assert explanation.sentence == "EVSE 1 charges with up to 16 A on 1 phase, L2."


@pytest.mark.parametrize(
    ("limit_a", "limits", "words"),
    [
        (0, (BUILT, ZERO), "Only 0 A may be offered, which is less than the 6 A that a car needs,"),
        (0, (BUILT, HOT), "because the station is hot (80 °C)."),
        (0, (), "because nobody has told a limit yet."),
        (5, (BUILT, replace(PROFILE, limit_a=Decimal(5))), "Only 5 A may be offered"),
    ],
)
def test_a_limit_below_6_a_prevents_charging_and_is_named(
    limit_a: int, limits: tuple[LimitSource, ...], words: str
) -> None:
    explanation = said(HELD, limit_a, limits=limits)
    first = explanation.causes[0]
    assert (first.kind, first.prevents) == (CauseKind.LIMIT, True)
    assert words in first.sentence


def test_without_a_register_nothing_could_be_billed() -> None:
    facts = {"plugged_in": True, "authorized": True}
    assert "The meter has never been read" in said(facts).causes[0].sentence


def test_a_lost_meter_is_not_also_one_that_was_never_read() -> None:
    causes = said({**HELD, "faults": frozenset({"meter_lost"})}).causes
    assert [cause.name for cause in causes if cause.prevents] == ["meter_lost"]


def test_an_offer_that_is_about_to_fall_says_so() -> None:
    told = said(CHARGING, limits=(BUILT, PROFILE), offered_a=Decimal(32)).sentence
    assert "up to 32 A on 3 phases, which falls to 16 A, because a charging profile" in told


def test_limits_come_lowest_first() -> None:
    limits = (BUILT, PROFILE, LimitSource(LimitCause.CABLE, Decimal(20)))
    causes = said(CHARGING, limits=limits, offered_a=Decimal(16)).causes
    told = [cause.name for cause in causes if cause.kind is CauseKind.LIMIT]
    assert told == ["profile", "cable", "hardware"]


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (
            Refusal(
                *("…B3C4", RefusalCause.VERDICT),
                AuthorizationStatus.BLOCKED,
                AuthorizedBy.LOCAL_LIST,
            ),
            "The card …B3C4 was refused: the local authorization list says that it is blocked.",
        ),
        (
            Refusal("…B3C4", RefusalCause.NOBODY_TO_ASK, AuthorizationStatus.UNKNOWN),
            (
                "The card …B3C4 was refused: there was nobody to ask, and the station does not know"
                " it."
            ),
        ),
        (
            Refusal("…", RefusalCause.IN_USE),
            "The card … was refused: somebody else was using the outlet.",
        ),
    ],
)
def test_a_refused_card_is_said_before_that_nobody_has_started(
    refusal: Refusal, words: str
) -> None:
    causes = said({"plugged_in": True}, refusal=refusal).causes
    assert [cause.name for cause in causes if cause.prevents] == ["refused", "not_authorized"]
    assert causes[0].sentence == words


def test_faults_come_first_the_most_serious_before_others_and_warnings_last() -> None:
    faults = frozenset({"reader_lost", "over_temperature", "rcd"})
    causes = said({"operative": False, "faults": faults}).causes
    names = [cause.name for cause in causes]
    assert names == ["rcd", "over_temperature", "inoperative", "no_car", "hardware", "reader_lost"]
    assert [cause.prevents for cause in causes] == [True] * 4 + [False] * 2
    assert causes[0].remedy


@pytest.mark.parametrize("hindrance", Hindrance)
def test_every_hindrance_of_the_guard_has_a_sentence(hindrance: Hindrance) -> None:
    explanation = said({**OFFERED, "ev_ready": True}, hindrances=frozenset({hindrance.value}))
    assert [c.name for c in explanation.causes if c.kind is CauseKind.GUARD] == [hindrance.value]
    assert HINDRANCES[hindrance.value][0] in explanation.causes[0].sentence


def test_the_guards_hindrances_matter_only_where_energy_is_offered() -> None:
    hindrances = frozenset({"no_lease", "no_vehicle"})
    assert not [c for c in said({}, hindrances=hindrances).causes if c.kind is CauseKind.GUARD]


def test_every_word_has_its_sentence() -> None:
    assert set(LIMITS) == set(LimitCause)
    assert set(REFUSALS) == set(RefusalCause) - {RefusalCause.VERDICT}
    assert set(VERDICTS) == set(AuthorizationStatus)
    assert set(JUDGES) == set(AuthorizedBy)
    assert set(HINDRANCES) == {hindrance.value for hindrance in Hindrance}


@pytest.mark.parametrize(
    ("station", "words"),
    [
        (
            StationFacts(offline_since=AT, offline_because="no route to host"),
            "There is no connection to the CSMS since 2026-03-02 14:02:00 UTC: no route to host.",
        ),
        (
            StationFacts(offline_since=AT),
            "There is no connection to the CSMS since 2026-03-02 14:02:00 UTC.",
        ),
        (
            StationFacts(registration=RegistrationStatus.PENDING),
            "The CSMS has not accepted the station yet: Pending.",
        ),
        (
            StationFacts(registration=None),
            "The CSMS has not accepted the station yet: not answered.",
        ),
        (
            StationFacts(storage_refuses=True),
            "The storage refuses writes: what happens waits in memory.",
        ),
    ],
)
def test_what_is_wrong_with_the_station_is_said_last_and_prevents_nothing(
    station: StationFacts, words: str
) -> None:
    explanation = said(CHARGING, station=station, offered_a=Decimal(32))
    last = explanation.causes[-1]
    assert (last.sentence, last.prevents) == (words, False)
    assert explanation.charges


def test_a_transaction_without_signature_says_so() -> None:
    causes = said(CHARGING, unsigned="the meter refuses", offered_a=Decimal(32)).causes
    assert causes[-1].sentence == "The transaction is told without signature: the meter refuses."
    assert not [c for c in said({}, unsigned="the meter refuses").causes if c.name == "unsigned"]


names = st.sampled_from([kind.name for kind in FAULTS])
situations = st.fixed_dictionaries(
    {
        name: st.booleans()
        for name in (
            *("operative", "reserved", "plugged_in", "ev_ready", "authorized", "offered"),
            *("power_path_closed", "transaction_ended"),
        )
    }
)


@given(
    situations,
    st.frozensets(names, max_size=3),
    st.frozensets(st.sampled_from([h.value for h in Hindrance]), max_size=3),
    st.lists(st.sampled_from([BUILT, PROFILE, ZERO, HOT]), max_size=3),
    st.sampled_from([None, RUNNING]),
)
def test_whatever_is_true_there_is_exactly_one_sentence_and_it_is_the_first_cause(
    facts: dict[str, bool],
    faults: frozenset[str],
    hindrances: frozenset[str],
    limits: list[LimitSource],
    transaction: Transaction | None,
) -> None:
    situation = {**facts, "faults": faults, "transaction": transaction}
    explanation = said(situation, hindrances=hindrances, limits=tuple(limits))
    assert explanation.sentence.count("EVSE 1 ") == 1
    prevented = [cause for cause in explanation.causes if cause.prevents]
    if explanation.charges:
        assert prevented == []
        assert " charges with up to " in explanation.sentence
    elif prevented:
        assert explanation.sentence.casefold().endswith(prevented[0].sentence.casefold())
    order = [cause.prevents for cause in explanation.causes]
    assert order == sorted(order, reverse=True)
