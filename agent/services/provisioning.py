"""Boot, heartbeat, clock, and telling the present state after boot and reconnect (B01-B04, G02)."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from agent.core.events import (
    Boot,
    EvseChanged,
    HeartbeatDue,
    StationChanged,
    StationIdentity,
)
from agent.core.facts import ClockTold, Registered
from agent.core.provisioning import heartbeat_wait_s, registered, unanswered_retry_s
from agent.core.records import dataclass
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import BootReason, RegistrationStatus
from agent.ports import Clock, CsmsError, CsmsLink, CsmsRefused

log = logging.getLogger(__name__)

Snapshots = Callable[[], Mapping[int, EvseSnapshot]]


class ProvisioningService:
    """Registers the station and keeps it registered, connection after connection."""

    def __init__(
        self,
        link: CsmsLink,
        clock: Clock,
        boot: Boot,
        snapshots: Snapshots,
        settings: "ProvisioningSettings",
    ) -> None:
        self._link = link
        self._clock = clock
        self._boot = boot
        self._snapshots = snapshots
        self._settings = settings
        self._offline_since_s: float | None = None
        self._boot_now = asyncio.Event()
        self._interval_changed = asyncio.Event()
        self._last_heartbeat_s = clock.monotonic_s()

    @property
    def identity(self) -> StationIdentity:
        """What BootNotification tells of the station."""
        return self._boot.identity

    def boot_again(self) -> None:
        """Send BootNotification at once, as TriggerMessage asks (F06, B02.FR.04)."""
        self._boot = Boot(identity=self._boot.identity, reason=BootReason.TRIGGERED)
        self._boot_now.set()

    def heartbeat_interval_changed(self) -> None:
        """Let a new HeartbeatInterval take effect at once."""
        self._interval_changed.set()

    def tell_state(self, evse: int | None = None, *, asked_for: bool = False) -> None:
        """Tell the state of one EVSE, or of the station and all of them."""
        if evse is None:
            self.tell_station(asked_for=asked_for)
        for number, snapshot in self._snapshots().items():
            if evse in (None, number):
                self._tell(number, None, snapshot, asked_for=asked_for)

    async def run(self) -> None:
        """Follow the link up and down for ever."""
        while True:
            await self._link.wait_up()
            down = asyncio.create_task(self._link.wait_down())
            up = asyncio.create_task(self._while_up())
            try:
                await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                up.cancel()
                down.cancel()
                await asyncio.gather(up, down, return_exceptions=True)
            if not up.cancelled() and (error := up.exception()) is not None:
                raise error
            self._offline_since_s = self._clock.monotonic_s()

    async def _while_up(self) -> None:
        if self._link.registration.accepted:
            self._tell_what_changed()
        else:
            await self._register()
            self.tell_state()
        self._offline_since_s = None
        self._link.open_queue()
        await self._beat()

    # --- Registration.

    async def _register(self) -> None:
        failures = 0
        while True:
            answer = await self._ask_for_registration()
            failures = failures + 1 if answer is None else 0
            if answer is not None:
                self._link.registration = registered(answer)
                self._take_over(answer)
                if answer.status is RegistrationStatus.ACCEPTED:
                    return
            retry_s = self._link.registration.retry_s
            await self._wait_for_retry(unanswered_retry_s(failures) if failures else retry_s)

    async def _ask_for_registration(self) -> Registered | None:
        try:
            fact = await self._link.ask(self._boot)
        except CsmsError as error:
            log.warning("BootNotification was not answered: %s", error)
            if isinstance(error, CsmsRefused):
                self._settings.registration_refused()
            return None
        return fact if isinstance(fact, Registered) else None

    def _take_over(self, answer: Registered) -> None:
        log.info("the CSMS answered BootNotification with %s", answer.status.value)
        if answer.current_time is not None and self._settings.clock_from_csms():
            self._settings.clock_moved(self._clock.synchronize(answer.current_time))
        if answer.status is RegistrationStatus.ACCEPTED and answer.interval_s > 0:
            self._settings.take_heartbeat_interval(answer.interval_s)

    async def _wait_for_retry(self, retry_s: int) -> None:
        self._boot_now.clear()
        try:
            async with asyncio.timeout(retry_s):
                await self._boot_now.wait()
        except TimeoutError:
            return

    # --- The present state.

    def _tell_what_changed(self) -> None:
        """Report all connectors after a long absence, else those that changed (B04).

        What changed is judged by what the CSMS acknowledged: news may get lost with a connection.
        """
        since_s = self._offline_since_s
        away_s = 0.0 if since_s is None else self._clock.monotonic_s() - since_s
        if away_s > self._settings.offline_threshold_s():
            self.tell_state()
            return
        for evse, snapshot in self._snapshots().items():
            self._tell(evse, self._link.told_state(evse), snapshot, asked_for=False)

    def _tell(
        self, evse: int, before: EvseSnapshot | None, after: EvseSnapshot, *, asked_for: bool
    ) -> None:
        at = self._clock.now()
        change = EvseChanged(at=at, evse=evse, before=before, after=after)
        self._link.publish(change, asked_for=asked_for)

    def tell_station(self, *, asked_for: bool = False) -> None:
        """Tell the availability of the station as a whole."""
        operative = self._settings.station_operative()
        change = StationChanged(at=self._clock.now(), operative=operative)
        self._link.publish(change, asked_for=asked_for)

    # --- Heartbeat.

    async def _beat(self) -> None:
        while True:
            wait_s = heartbeat_wait_s(
                self._settings.heartbeat_interval_s(),
                self._link.silence_s(),
                self._clock.monotonic_s() - self._last_heartbeat_s,
            )
            if wait_s > 0:
                await self._rest(wait_s)
            else:
                await self.heartbeat()

    async def _rest(self, wait_s: float) -> None:
        """Wait for the next heartbeat, but look again each minute and after a new interval."""
        self._interval_changed.clear()
        try:
            async with asyncio.timeout(min(wait_s, 60.0)):
                await self._interval_changed.wait()
        except TimeoutError:
            return

    async def heartbeat(self, *, asked_for: bool = False) -> None:
        """Send one Heartbeat and take the clock over."""
        self._last_heartbeat_s = self._clock.monotonic_s()
        try:
            fact = await self._link.ask(HeartbeatDue(), asked_for=asked_for)
        except CsmsError as error:
            log.info("Heartbeat was not answered: %s", error)
            await asyncio.sleep(1.0)
            return
        if isinstance(fact, ClockTold) and self._settings.clock_from_csms():
            self._settings.clock_moved(self._clock.synchronize(fact.current_time))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningSettings:
    """The variables and facts that provisioning asks for, as they are now, and whom it tells."""

    heartbeat_interval_s: Callable[[], int]
    take_heartbeat_interval: Callable[[int], None]
    offline_threshold_s: Callable[[], int]
    clock_from_csms: Callable[[], bool]
    station_operative: Callable[[], bool]
    clock_moved: Callable[[float], None]
    registration_refused: Callable[[], None]
