"""Reports of the device model: accepted at once, told page by page (B07, B08).

A page leaves when the one before it was acknowledged, so a report neither crowds out other news nor
piles up in memory. One report is told after the other. A report outlives a short loss of the
connection: the page that was not acknowledged is told again.
"""

import asyncio
import logging
from collections.abc import Iterator

from agent.core.commands import GetBaseReport, ReportVerdict
from agent.core.device_model import DeviceModel
from agent.core.events import ReportEntry
from agent.core.report_request import GetReport
from agent.core.reporting import base_report, custom_report, report_parts
from agent.ports import Clock, CsmsLink, CsmsRefused
from agent.services.paging import PATIENCE_S, deliver
from agent.services.tasks import Spawn

PART_ENTRIES = 100
REPORTS_AT_ONCE = 8
"""More than these waiting are refused: the CSMS may ask again later (B07.FR.13, B08.FR.16)."""

log = logging.getLogger(__name__)


class ReportService:
    """Answers requests for reports and tells what was promised."""

    def __init__(self, model: DeviceModel, csms: CsmsLink, clock: Clock, spawn: Spawn) -> None:
        self._model = model
        self._csms = csms
        self._clock = clock
        self._spawn = spawn
        self._turn = asyncio.Lock()
        self._promised = 0

    def base(self, command: GetBaseReport) -> ReportVerdict:
        """Promise one of the three standing reports (B07)."""
        if command.base is None:
            return ReportVerdict.NOT_SUPPORTED
        return self._promise(command.request_id, base_report(self._model, command.base))

    def custom(self, command: GetReport) -> ReportVerdict:
        """Promise a report of what the CSMS picks (B08)."""
        criteria = command.known_criteria()
        if criteria is None:
            return ReportVerdict.NOT_SUPPORTED
        entries = custom_report(self._model, criteria, command.selectors)
        return self._promise(command.request_id, entries)

    def _promise(self, request_id: int, entries: Iterator[ReportEntry]) -> ReportVerdict:
        first = next(entries, None)
        if first is None:
            return ReportVerdict.EMPTY_RESULT_SET
        if self._promised >= REPORTS_AT_ONCE:
            return ReportVerdict.REJECTED
        self._promised += 1
        self._spawn(self._tell(request_id, _with_first(first, entries)))
        return ReportVerdict.ACCEPTED

    async def _tell(self, request_id: int, entries: Iterator[ReportEntry]) -> None:
        try:
            async with self._turn:
                at = self._clock.now()
                for part in report_parts(
                    entries, request_id=request_id, at=at, part_size=PART_ENTRIES
                ):
                    await deliver(self._csms, part)
        except CsmsRefused as error:
            log.warning("report %d is given up: %s", request_id, error)
        except TimeoutError:
            log.warning("report %d is given up: no connection for %g s", request_id, PATIENCE_S)
        finally:
            self._promised -= 1


def _with_first(first: ReportEntry, rest: Iterator[ReportEntry]) -> Iterator[ReportEntry]:
    yield first
    yield from rest
