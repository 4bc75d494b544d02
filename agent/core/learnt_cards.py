"""Cards that are enrolled at the station itself, for sites without a CSMS that would send a list.

They stand beside the local authorization list: what the CSMS sends keeps its version and its
entries (D01.FR.09, D02.FR.01), and what it says of a card overrules that the card was learnt.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

from agent.core.records import dataclass
from agent.core.vocabulary import AuthorizationStatus, IdToken, IdTokenInfo, TokenType

MOST_LEARNT: Final = 500
LEARNT_INFO: Final = IdTokenInfo(AuthorizationStatus.ACCEPTED)


@dataclass(frozen=True, slots=True)
class LearntCard:
    """A card, and when it was enrolled."""

    token: IdToken
    learnt_at: datetime


class Enrolment(StrEnum):
    """What came of a card that was held before a reader to be enrolled or removed."""

    LEARNT = "learnt"
    REMOVED = "removed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class EnrolmentOutcome:
    """The outcome with its reason in words; empty where there is nothing to explain."""

    enrolment: Enrolment
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What the station knows of a card: whether it was learnt, and what the CSMS's list says."""

    is_learnt: bool
    listed: IdTokenInfo | None
    learnt_cards: int


def judge_learning(token: IdToken, known: Known, *, is_random: bool) -> EnrolmentOutcome:
    """Judge whether a card may be enrolled; a number that is made up cannot be found again."""
    objection = _objection(token, is_random=is_random)
    if objection is not None:
        return _refused(objection)
    if known.listed is not None and not known.listed.accepted:
        return _refused(f"the CSMS's list says {known.listed.status} of it; change it there")
    if known.is_learnt:
        return EnrolmentOutcome(Enrolment.UNCHANGED, "it is enrolled already")
    if known.listed is not None:
        return EnrolmentOutcome(Enrolment.UNCHANGED, "it is in the CSMS's list already")
    if known.learnt_cards >= MOST_LEARNT:
        return _refused(f"{MOST_LEARNT} cards are enrolled, there is no room for more; remove some")
    return EnrolmentOutcome(Enrolment.LEARNT)


def judge_removal(known: Known) -> EnrolmentOutcome:
    """Judge whether a card may be removed: only what was learnt here (D01.FR.09)."""
    if known.is_learnt:
        return EnrolmentOutcome(Enrolment.REMOVED)
    if known.listed is not None:
        return _refused("it is in the CSMS's list; remove it there")
    return EnrolmentOutcome(Enrolment.UNCHANGED, "it was not enrolled")


def masked(token: IdToken) -> str:
    """Return what may be shown of a token: its last four characters, of a short one none."""
    value = token.value
    return f"…{value[-4:]}" if len(value) > 6 and token.type != TokenType.KEY_CODE else "…"


def _objection(token: IdToken, *, is_random: bool) -> str | None:
    if token.type == TokenType.KEY_CODE:
        return "codes are not enrolled; hold a card"
    if is_random:
        return "it makes its number up anew each time, as telephones do; take a card"
    return None


def _refused(reason: str) -> EnrolmentOutcome:
    return EnrolmentOutcome(Enrolment.REFUSED, reason)
