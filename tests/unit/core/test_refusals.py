from dataclasses import replace

import pytest

from agent.core.refusals import Refusal, RefusalCause, refusal, shown_token
from agent.core.reservation import Hold
from agent.core.session import idle_state
from agent.core.session_state import Authorization, SessionState, Stimulus, TokenJudged
from agent.core.session_state import TokenPresented as Presented
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import (
    AuthorizationStatus,
    AuthorizedBy,
    IdToken,
    IdTokenInfo,
    TokenType,
)

TOKEN = IdToken("04A2B3C4")
IDLE = idle_state(2)
TAKEN = replace(IDLE, authorization=Authorization(IdToken("04FFFFFF"), AuthorizedBy.CSMS))


def judged(
    status: AuthorizationStatus,
    by: AuthorizedBy = AuthorizedBy.CSMS,
    evse_ids: tuple[int, ...] = (),
) -> TokenJudged:
    return TokenJudged(TOKEN, IdTokenInfo(status, evse_ids=evse_ids), by)


ACCEPTED = judged(AuthorizationStatus.ACCEPTED)


@pytest.mark.parametrize(
    ("before", "stimulus", "cause"),
    [
        (IDLE, judged(AuthorizationStatus.BLOCKED), RefusalCause.VERDICT),
        (IDLE, judged(AuthorizationStatus.INVALID, AuthorizedBy.NOBODY), RefusalCause.VERDICT),
        (IDLE, judged(AuthorizationStatus.EXPIRED, AuthorizedBy.CACHE), RefusalCause.VERDICT),
        (
            IDLE,
            judged(AuthorizationStatus.UNKNOWN, AuthorizedBy.OFFLINE),
            RefusalCause.NOBODY_TO_ASK,
        ),
        (IDLE, judged(AuthorizationStatus.ACCEPTED, evse_ids=(1,)), RefusalCause.OTHER_EVSE),
        (TAKEN, ACCEPTED, RefusalCause.IN_USE),
        (TAKEN, Presented(TOKEN), RefusalCause.IN_USE),
        (replace(IDLE, hold=Hold(held=True)), Presented(TOKEN), RefusalCause.RESERVED),
        (
            replace(IDLE, snapshot=EvseSnapshot(operative=False)),
            Presented(TOKEN),
            RefusalCause.INOPERATIVE,
        ),
        (
            replace(TAKEN, snapshot=EvseSnapshot(faults=frozenset({"rcd"}))),
            Presented(TOKEN),
            RefusalCause.FAULTED,
        ),
    ],
)
def test_a_refusal_says_what_spoke_against_the_token(
    before: SessionState, stimulus: Stimulus, cause: RefusalCause
) -> None:
    found = refusal(before, stimulus, TOKEN)
    assert (found.token, found.cause) == ("…B3C4", cause)


def test_a_verdict_is_kept_with_who_gave_it() -> None:
    found = refusal(IDLE, judged(AuthorizationStatus.NO_CREDIT), TOKEN)
    expected = (AuthorizationStatus.NO_CREDIT, AuthorizedBy.CSMS)
    assert found == Refusal("…B3C4", RefusalCause.VERDICT, *expected)


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        (IdToken("04A2B3C4D5E6F7"), "…E6F7"),
        (IdToken("1234"), "…"),
        (IdToken("987654321", TokenType.KEY_CODE), "…"),
    ],
)
def test_nobody_can_charge_with_what_is_shown_of_a_token(token: IdToken, shown: str) -> None:
    assert shown_token(token) == shown
