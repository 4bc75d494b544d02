"""Security events: logged on the station, and the critical ones told to the CSMS (A04)."""

import logging

from agent.core.events import SecurityEvent
from agent.core.security_events import TECH_INFO_LENGTH, SecurityEventKind, is_critical
from agent.core.standard_variables import BASIC_AUTH_PASSWORD, IDENTITY, SECURITY_PROFILE
from agent.core.variable_access import VariableChange
from agent.core.vocabulary import BootReason
from agent.ports import Clock, Journal, SecurityLog
from agent.services.tasks import Spawn

INVALID_MESSAGES_EACH_S = 60.0

log = logging.getLogger(__name__)

_RESETS = frozenset(BootReason) - {BootReason.POWER_UP, BootReason.UNKNOWN, BootReason.TRIGGERED}
_SECURITY_PARAMETERS = frozenset({BASIC_AUTH_PASSWORD, IDENTITY, SECURITY_PROFILE})


class SecurityService:
    """Takes note of security events; both log and queue survive a power cut."""

    def __init__(
        self, journal: Journal, security_log: SecurityLog, clock: Clock, spawn: Spawn
    ) -> None:
        self._journal = journal
        self._log = security_log
        self._clock = clock
        self._spawn = spawn
        self._told_at_s: dict[SecurityEventKind, float] = {}

    def tell(self, kind: SecurityEventKind, info: str = "") -> None:
        """Log an event (A04.FR.04); a critical one is queued for the CSMS (A04.FR.01, A04.FR.02).

        `info` is for people and never holds a secret.
        """
        log.warning("security event %s%s", kind.value, f": {info}" if info else "")
        self._spawn(self._record(kind, info[:TECH_INFO_LENGTH]))

    def tell_seldom(self, kind: SecurityEventKind, info: str = "") -> None:
        """Log an event that an attacker may cause at will: once a minute at most."""
        now_s = self._clock.monotonic_s()
        told_at_s = self._told_at_s.get(kind)
        if told_at_s is None or now_s - told_at_s >= INVALID_MESSAGES_EACH_S:
            self._told_at_s[kind] = now_s
            self.tell(kind, info)

    def started(self, reason: BootReason) -> None:
        """Tell that the station started, after a reset also that; and what the log has lost."""
        if self._log.loss is not None:
            self.tell(SecurityEventKind.SECURITY_LOG_WAS_CLEARED, self._log.loss)
        self.tell(SecurityEventKind.STARTUP_OF_THE_DEVICE, reason.value)
        if reason in _RESETS:
            self.tell(SecurityEventKind.RESET_OR_REBOOT, reason.value)

    def clock_moved(self, by_s: float, threshold_s: int) -> None:
        """Tell a clock that was set by more than TimeAdjustmentReportingThreshold."""
        if abs(by_s) > threshold_s:
            self.tell(SecurityEventKind.SETTING_SYSTEM_TIME, f"moved by {by_s:+.0f} s")

    def variable_changed(self, change: VariableChange) -> None:
        """Tell that a security parameter was set, never to what (A01.FR.11, A01.FR.12)."""
        if change.key in _SECURITY_PARAMETERS:
            kind = SecurityEventKind.RECONFIGURATION_OF_SECURITY_PARAMETERS
            self.tell(kind, f"{change.key.notation} was set")

    async def _record(self, kind: SecurityEventKind, info: str) -> None:
        at, critical = self._clock.now(), is_critical(kind)
        await self._log.append(at, kind.value, info, critical=critical)
        if critical:
            event = SecurityEvent(at=at, kind=kind.value, technical_info=info or None)
            await self._journal.record(None, [event], before_effect=True)
