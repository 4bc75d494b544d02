"""How the station stands: its EVSEs with whoever charges there, as the plan wants to see it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC
from decimal import Decimal

from agent.core.metering import Reading
from agent.core.session_state import SessionState, Transaction
from agent.core.smart_charging.ceilings import ALL_PHASES, NO_LIMIT, Supply
from agent.core.smart_charging.needs import EvPeriod
from agent.core.smart_charging.site import Intention, Place, Site
from agent.core.smart_charging.stack import Spread
from agent.core.smart_charging.timeline import SECOND_US, micros
from agent.core.snapshot import charging_state
from agent.core.vocabulary import ChargingState
from agent.ports import Clock
from agent.services.evse import EvseService
from agent.services.smart_charging.policy import ChargingSettings

PAUSED_S = 60.0
"""An EV that takes nothing for so long has paused and needs no share beyond the least offer."""
STEP_S = 1.0
"""The wall clock was set if it moves by so much against the monotonic one."""
_VOLTAGE_STEP_MV = 2000
_LARGEST_DEVIATION = Decimal("0.15")


class Standing:
    """Looks at EVSEs, clocks and the connection; keeps what only time tells."""

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        clock: Clock,
        settings: ChargingSettings,
        seed: int,
    ) -> None:
        self.evses = evses
        self.priorities: dict[str, int] = {}
        self.prioritized: frozenset[str] = frozenset()
        self.choices: dict[int, int] = {}
        self.follows_local_time = False
        self.least_a: Callable[[int], int | None] = lambda _evse: None
        self.capability_a: Callable[[EvseService], Decimal] = _capability_a
        self._clock = clock
        self._settings = settings
        self._spread = Spread(seed, settings.random_delay_s)
        self._offline_since_s: float | None = clock.monotonic_s()
        self._paused_since_s: dict[int, float] = {}
        self._voltages_mv: dict[int, int] = {}
        self._ready: dict[str, tuple[float, int]] = {}
        self._meant: dict[int, tuple[float, tuple[EvPeriod, ...]]] = {}

    @property
    def offline_s(self) -> float:
        """Return for how long there has been no connection."""
        since_s = self._offline_since_s
        return 0.0 if since_s is None else self._clock.monotonic_s() - since_s

    @property
    def falls_back(self) -> bool:
        """Whether a limit of the configuration holds after some time without connection."""
        return self._settings.offline_limit_a is not None

    def connection_is(self, *, up: bool) -> None:
        """Take note of the connection to the CSMS."""
        if up:
            self._offline_since_s = None
        elif self._offline_since_s is None:
            self._offline_since_s = self._clock.monotonic_s()

    def was_offline_for(self, seconds: float) -> None:
        """Take note that there was no connection before the start either."""
        self._offline_since_s = self._clock.monotonic_s() - seconds

    def means(self, evse: int, periods: tuple[EvPeriod, ...]) -> None:
        """Take note of what an EV means to take from now on."""
        self._meant[evse] = self._clock.monotonic_s(), periods

    def now_us(self) -> int:
        """Return the wall clock."""
        return micros(self._clock.now())

    def site(self) -> Site:
        """Return the station of now."""
        now_us, settings = self.now_us(), self._settings
        offline_us = None
        if self._offline_since_s is not None:
            offline_us = now_us - int(self.offline_s * SECOND_US)
        falls_back = offline_us is not None and self.falls_back
        first = next(iter(self.evses.values())).description
        phases = max(evse.description.phases for evse in self.evses.values())
        return Site(
            now_us=now_us,
            places=tuple(self._place(evse, now_us) for evse in self.evses.values()),
            supply=Supply(phases, first.nominal_voltage_v * 1000),
            supply_ma=NO_LIMIT if settings.supply_a is None else settings.supply_a * 1000,
            offline_us=offline_us,
            fallback_us=(offline_us or 0) + settings.offline_after_s * SECOND_US
            if falls_back
            else None,
            fallback_ma=(settings.offline_limit_a or 0) * 1000,
            zone=settings.zone() if self.follows_local_time else UTC,
            spread=self._spread,
        )

    def transaction_of(self, evse: int) -> str | None:
        """Return the id of the transaction that runs at an EVSE."""
        service = self.evses.get(evse)
        transaction = None if service is None else service.state.transaction
        return None if transaction is None else transaction.id

    def running(self) -> dict[str, int]:
        """Return the EVSEs by the transactions that run there."""
        return {
            evse.state.transaction.id: number
            for number, evse in self.evses.items()
            if evse.state.transaction is not None
        }

    def _place(self, evse: EvseService, now_us: int) -> Place:
        number, state = evse.description.evse, evse.state
        transaction = state.transaction
        transaction_id = None if transaction is None else transaction.id
        return Place(
            evse=number,
            supply=self._supply(evse),
            most_ma=int(self._most_a(evse) * 1000),
            transaction_id=transaction_id,
            active=wants_energy(state) or state.snapshot.power_path_closed,
            paused=self._is_paused(number, state),
            prioritized=transaction_id in self.prioritized,
            priority=self._priority(state),
            ready_us=None if transaction is None else self._ready_us(transaction, now_us),
            least_ma=(self.least_a(number) or 0) * 1000,
            choice=self.choices.get(number, 0),
            intended=self._intended(number, now_us),
        )

    def _intended(self, evse: int, now_us: int) -> tuple[Intention, ...]:
        """Return what an EV means to take; it counts the seconds itself, whatever clocks say."""
        now_s = self._clock.monotonic_s()
        since_s, periods = self._meant.get(evse, (now_s, ()))
        begin_us = now_us - int((now_s - since_s) * SECOND_US)
        return tuple(
            Intention(
                begin_us + period.start_s * SECOND_US,
                int(period.power_w * 1000),
                period.phases or ALL_PHASES,
            )
            for period in periods
        )

    def _most_a(self, evse: EvseService) -> Decimal:
        """Return what hardware and cable carry."""
        state, most_a = evse.state, self.capability_a(evse)
        if state.snapshot.plugged_in and state.cable_max_a:
            return min(most_a, Decimal(state.cable_max_a))
        return most_a

    def _priority(self, state: SessionState) -> int:
        """Return who goes first: what was told of the transaction overrules (K03.FR.05)."""
        transaction, holder = state.transaction, state.authorization
        if transaction is not None and transaction.id in self.priorities:
            return self.priorities[transaction.id]
        return 0 if holder is None else holder.priority or 0

    def _is_paused(self, evse: int, state: SessionState) -> bool:
        if charging_state(state.snapshot) is not ChargingState.SUSPENDED_EV:
            self._paused_since_s.pop(evse, None)
            return False
        now_s = self._clock.monotonic_s()
        return now_s - self._paused_since_s.setdefault(evse, now_s) >= PAUSED_S

    def _ready_us(self, transaction: Transaction, now_us: int) -> int | None:
        """Return when Relative profiles began, whatever was done to the wall clock since."""
        if transaction.ready_at is None:
            return None
        stored_us, now_s = micros(transaction.ready_at), self._clock.monotonic_s()
        since_s, known_us = self._ready.setdefault(
            transaction.id, (now_s - (now_us - stored_us) / SECOND_US, stored_us)
        )
        if known_us != stored_us:
            # The session itself has dated it anew, as the time was not known before.
            self._ready.pop(transaction.id)
            return self._ready_us(transaction, now_us)
        counted_us = now_us - int((now_s - since_s) * SECOND_US)
        return stored_us if abs(counted_us - stored_us) < STEP_S * SECOND_US else counted_us

    def forget(self, transaction_id: str) -> None:
        """Forget a transaction that has ended."""
        self._ready.pop(transaction_id, None)
        self.priorities.pop(transaction_id, None)
        self.prioritized -= {transaction_id}

    def _supply(self, evse: EvseService) -> Supply:
        description = evse.description
        nominal_mv = description.nominal_voltage_v * 1000
        switches, chooses = description.phase_switching, description.phase_choice
        supply = Supply(description.phases, nominal_mv, switches, chooses)
        if not self._settings.measured_voltage:
            return supply
        measured_mv = _measured_mv(evse.last_reading, description.phases, nominal_mv)
        known_mv = self._voltages_mv.setdefault(description.evse, nominal_mv)
        if abs(measured_mv - known_mv) >= _VOLTAGE_STEP_MV:
            # Smaller changes would change every limit in watts all the time.
            self._voltages_mv[description.evse] = known_mv = measured_mv
        return replace(supply, voltage_mv=known_mv)


def wants_energy(state: SessionState) -> bool:
    """Tell whether an EV charges or waits for its share."""
    snapshot, transaction = state.snapshot, state.transaction
    goes_on = transaction is None or not (transaction.ending or transaction.energy_cut)
    return snapshot.authorized and snapshot.plugged_in and not snapshot.faulted and goes_on


def wants_to_start(state: SessionState) -> bool:
    """Tell whether somebody may charge, or waits for a verdict."""
    return state.authorization is not None or state.pending is not None


def _capability_a(evse: EvseService) -> Decimal:
    return Decimal(evse.description.max_current_a)


def _measured_mv(reading: Reading, phases: int, nominal_mv: int) -> int:
    """Return the mean voltage of the phases, the nominal one where that cannot be."""
    voltages = reading.voltage_v[:phases]
    if not reading.fresh or len(voltages) < phases:
        return nominal_mv
    mean_mv = int(sum(voltages, Decimal(0)) * 1000 / phases)
    deviation = abs(mean_mv - nominal_mv)
    return mean_mv if deviation <= _LARGEST_DEVIATION * nominal_mv else nominal_mv
