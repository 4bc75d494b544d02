"""GetChargingProfiles: promised at once, told page by page (K09)."""

import logging
from collections.abc import Iterator
from itertools import groupby

from agent.core.commands import ACCEPTED, Outcome, Verdict
from agent.core.smart_charging.news import ProfilesReport
from agent.core.smart_charging.orders import GetChargingProfiles
from agent.core.smart_charging.profiles import MAX_PERIODS, InstalledProfile
from agent.ports import CsmsLink, CsmsRefused
from agent.services.paging import deliver
from agent.services.smart_charging.book import ProfileBook
from agent.services.tasks import Spawn

log = logging.getLogger(__name__)


class ProfileReports:
    """Tells which profiles are installed, those from outside too."""

    def __init__(self, book: ProfileBook, csms: CsmsLink, spawn: Spawn) -> None:
        self._book = book
        self._csms = csms
        self._spawn = spawn

    def report(self, command: GetChargingProfiles) -> Outcome:
        """Promise the profiles that match (K09.FR.04-06)."""
        wanted = [
            one
            for one in self._book.installed
            if not one.pending
            and one.profile.purpose in command.purposes
            and command.criteria.match(one)
        ]
        if not wanted:
            return Outcome(Verdict.UNKNOWN)
        self._spawn(self._tell(command.request_id, list(_pages(wanted))))
        return ACCEPTED

    async def _tell(self, request_id: int, pages: list[list[InstalledProfile]]) -> None:
        try:
            for number, page in enumerate(pages, 1):
                report = ProfilesReport(
                    request_id=request_id,
                    to_be_continued=number < len(pages),
                    profiles=tuple(page),
                )
                await deliver(self._csms, report)
        except (CsmsRefused, TimeoutError) as error:
            log.warning("the report %d of charging profiles is given up: %s", request_id, error)


def _pages(profiles: list[InstalledProfile]) -> Iterator[list[InstalledProfile]]:
    """Yield what goes into one message: of one source, EVSE and purpose, and not too long."""
    for _, group in groupby(sorted(profiles, key=_heading), key=_heading):
        page: list[InstalledProfile] = []
        for one in group:
            if page and sum(map(_length, (*page, one))) > MAX_PERIODS:
                yield page
                page = []
            page.append(one)
        yield page


def _heading(one: InstalledProfile) -> tuple[str, int, str]:
    return one.source, one.evse, one.profile.purpose.value


def _length(one: InstalledProfile) -> int:
    return sum(len(schedule.periods) for schedule in one.profile.schedules)
