"""The opening of the housing: a security event when it begins, a line in the log when it ends.

What was told is kept, so that a housing that stays open over a restart is told once, and one that
was opened meanwhile is told afterwards.
"""

from agent.core.security_events import SecurityEventKind
from agent.ports import Settings
from agent.services.security import SecurityService
from agent.services.tasks import Spawn
from hal.api import GuardGone, GuardStatus

KIND = "tamper"
OPEN = "open"


class TamperWatch:
    """Follows the guard's tamper inputs, one for each EVSE that has one."""

    def __init__(self, settings: Settings, security: SecurityService, spawn: Spawn) -> None:
        self._settings = settings
        self._security = security
        self._spawn = spawn
        self._open = {int(evse) for evse, word in settings.items(KIND).items() if word == OPEN}

    @property
    def open_at(self) -> frozenset[int]:
        """The EVSEs whose housing is open."""
        return frozenset(self._open)

    def guard_told(self, news: GuardStatus | GuardGone) -> None:
        """Take in what the guard says."""
        if isinstance(news, GuardGone) or news.tampered == (news.evse in self._open):
            return
        if news.tampered:
            self._open.add(news.evse)
            kind = SecurityEventKind.TAMPER_DETECTION_ACTIVATED
            self._security.tell(kind, f"the housing of EVSE {news.evse} was opened")
        else:
            self._open.discard(news.evse)
            kind = SecurityEventKind.TAMPER_DETECTION_ENDED
            self._security.tell(kind, f"the housing of EVSE {news.evse} was closed")
        self._spawn(self._keep(news.evse, is_open=news.tampered))

    async def _keep(self, evse: int, *, is_open: bool) -> None:
        if is_open:
            await self._settings.put(KIND, str(evse), OPEN)
        else:
            await self._settings.delete(KIND, str(evse))
