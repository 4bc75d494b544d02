"""Which cards may be enrolled at the station, and which removed."""

import pytest

from agent.core.learnt_cards import (
    MOST_LEARNT,
    Enrolment,
    EnrolmentOutcome,
    Known,
    judge_learning,
    judge_removal,
    masked,
)
from agent.core.vocabulary import AuthorizationStatus, IdToken, IdTokenInfo

CARD = IdToken("04A1B2C3D4E580")
GOOD, BAD = IdTokenInfo(AuthorizationStatus.ACCEPTED), IdTokenInfo(AuthorizationStatus.BLOCKED)
UNKNOWN = Known(is_learnt=False, listed=None, learnt_cards=0)


def learning(
    token: IdToken = CARD, known: Known = UNKNOWN, *, is_random: bool = False
) -> EnrolmentOutcome:
    return judge_learning(token, known, is_random=is_random)


def test_an_unknown_card_is_learnt() -> None:
    assert learning() == EnrolmentOutcome(Enrolment.LEARNT)


@pytest.mark.parametrize(
    ("outcome", "enrolment", "why"),
    [
        (learning(IdToken("1234", "KeyCode")), Enrolment.REFUSED, "codes are not enrolled"),
        (learning(is_random=True), Enrolment.REFUSED, "makes its number up anew"),
        (learning(known=Known(False, BAD, 0)), Enrolment.REFUSED, "list says Blocked of it"),
        (learning(known=Known(True, BAD, 1)), Enrolment.REFUSED, "list says Blocked of it"),
        (learning(known=Known(True, None, 1)), Enrolment.UNCHANGED, "enrolled already"),
        (learning(known=Known(False, GOOD, 0)), Enrolment.UNCHANGED, "in the CSMS's list already"),
        (learning(known=Known(False, None, MOST_LEARNT)), Enrolment.REFUSED, "no room for more"),
        (judge_removal(Known(False, GOOD, 0)), Enrolment.REFUSED, "remove it there"),
        (judge_removal(UNKNOWN), Enrolment.UNCHANGED, "it was not enrolled"),
        (judge_removal(Known(True, None, 1)), Enrolment.REMOVED, ""),
    ],
)
def test_what_cannot_be_done_has_a_reason(
    outcome: EnrolmentOutcome, enrolment: Enrolment, why: str
) -> None:
    assert outcome.enrolment is enrolment
    assert why in outcome.reason


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        (CARD, "…E580"),
        (IdToken("123456"), "…"),
        (IdToken("1234"), "…"),
        (IdToken("12345678", "KeyCode"), "…"),
    ],
)
def test_of_a_token_little_is_shown(token: IdToken, shown: str) -> None:
    assert masked(token) == shown
