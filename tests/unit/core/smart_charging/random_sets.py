"""Random stations with random profiles, the same for the same seed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

from agent.core.smart_charging.ceilings import NO_LIMIT, Supply
from agent.core.smart_charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    InstalledProfile,
    ProfileKind,
    Recurrency,
    SchedulePeriod,
)
from agent.core.smart_charging.site import Place, Site
from agent.core.smart_charging.timeline import micros
from agent.core.vocabulary import STATION_PURPOSES, ProfilePurpose, RateUnit
from tests.unit.core.smart_charging.reference import Outlet, World

# The night in which Berlin's clocks go forward, so that many sets meet the change.
NOW = datetime(2026, 3, 28, 20, 0, 0, 250_000, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
TRANSACTIONS = ("7f6d3a52", "0c1de9f4")


class RandomStation:
    """A station with its profiles, once for the engine and once for the reference."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._dice = dice = Random(seed)  # noqa: S311 - the same station each time
        self.window_s = dice.choice((600, 600, 7200, 7200, 7200, 86_400, 86_400, 200_000))
        offline = self._before(dice.choice((30, 5000))) if dice.random() < 0.3 else None
        fallback = self._around(self.window_s) if dice.random() < 0.2 else None
        zone = BERLIN if dice.random() < 0.5 else UTC
        self.world = World(
            now=NOW,
            outlets=tuple(self._outlet(n + 1) for n in range(dice.choice((1, 1, 2, 3)))),
            supply_a=Decimal(dice.randint(6, 80)) if dice.random() < 0.3 else None,
            offline_since=offline,
            fallback_from=fallback,
            fallback_a=Decimal(dice.randint(0, 20)),
            zone=zone,
        )
        self.site = site_of(self.world)
        self.installed = self._profiles()

    def _outlet(self, evse: int) -> Outlet:
        dice = self._dice
        running = dice.random() < 0.6
        phases, switches = dice.choice((1, 3, 3)), dice.random() < 0.4
        return Outlet(
            evse=evse,
            phases=phases,
            voltage_v=dice.choice((230, 240)),
            most_a=Decimal(dice.choice((13, 16, 20, 32, 63))),
            switches=switches,
            chooses=switches and phases == 3 and dice.random() < 0.7,
            transaction=dice.choice(TRANSACTIONS) if running else None,
            ready=self._before(self.window_s) if running else None,
            active=running or dice.random() < 0.3,
            paused=running and dice.random() < 0.2,
            prioritized=dice.random() < 0.3,
            priority=dice.choice((0, 0, 0, 1)),
            least_a=Decimal(dice.choice((0, 6, 6, 10))),
            choice=dice.choice((0, 0, 1)),
        )

    def _profiles(self) -> tuple[InstalledProfile, ...]:
        return tuple(self._profile(n) for n in range(self._dice.randint(0, 7)))

    def _profile(self, number: int) -> InstalledProfile:
        dice = self._dice
        purpose = dice.choice(list(ProfilePurpose))
        evse = dice.randint(0, len(self.world.outlets))
        if purpose in STATION_PURPOSES:
            evse = 0
        elif purpose is ProfilePurpose.TX:
            evse = max(1, evse)
        kind = dice.choice(list(ProfileKind))
        pending = purpose is ProfilePurpose.TX and dice.random() < 0.2
        named = purpose is ProfilePurpose.TX and not pending
        dynamic = kind is ProfileKind.DYNAMIC
        profile = ChargingProfile(
            id=number,
            stack_level=dice.randint(0, 3),
            purpose=purpose,
            kind=kind,
            schedules=tuple(
                self._schedule(kind, purpose)
                for _ in range(1 if dynamic else dice.choice((1, 1, 2)))
            ),
            recurrency=dice.choice(list(Recurrency)) if kind is ProfileKind.RECURRING else None,
            transaction_id=dice.choice(TRANSACTIONS) if named else None,
            valid_from=self._around(self.window_s) if dice.random() < 0.2 else None,
            valid_to=self._around(self.window_s) if dice.random() < 0.2 else None,
            max_offline_s=dice.choice((0, 60, 3600)) if dice.random() < 0.2 else None,
            updated_at=self._before(self.window_s) if dynamic else None,
        )
        return InstalledProfile(
            evse,
            profile,
            installed_at=self._before(self.window_s),
            pending=pending or None,
            shadows=dice.random() < 0.2 or None,
            seed=dice.getrandbits(64),
        )

    def _schedule(self, kind: ProfileKind, purpose: ProfilePurpose) -> ChargingSchedule:
        dice = self._dice
        unit = dice.choice(list(RateUnit))
        number = 1 if kind is ProfileKind.DYNAMIC else dice.choice((1, 2, 5, 12))
        starts = sorted(dice.sample(range(1, max(20, self.window_s)), number - 1))
        start = None if kind is ProfileKind.RELATIVE else self._around(self.window_s)
        if kind is ProfileKind.DYNAMIC and dice.random() < 0.7:
            start = None
        spreads = purpose in (ProfilePurpose.TX, ProfilePurpose.TX_DEFAULT) and dice.random() < 0.2
        return ChargingSchedule(
            unit=unit,
            periods=tuple(self._period(start_s, unit) for start_s in (0, *starts)),
            start=start,
            duration_s=dice.randint(0, self.window_s) if dice.random() < 0.4 else None,
            min_rate=self._limit(unit) if dice.random() < 0.2 else None,
            randomized_delay_s=dice.randint(1, self.window_s // 4) if spreads else None,
            local_time=(kind in AT_THE_CLOCK and dice.random() < 0.2) or None,
        )

    def _period(self, start_s: int, unit: RateUnit) -> SchedulePeriod:
        phases = self._dice.choice((None, None, 1, 1, 2, 3))
        chosen = self._dice.choice((None, 1, 2, 3)) if phases == 1 else None
        return SchedulePeriod(start_s, self._limit(unit), phases, chosen)

    def _limit(self, unit: RateUnit) -> Decimal:
        dice = self._dice
        if dice.random() < 0.1:
            return Decimal(0)
        if unit is RateUnit.AMPERE:
            return Decimal(dice.randint(0, 640)).scaleb(-1)
        return Decimal(dice.randint(0, 300_000)).scaleb(-1)

    def _around(self, seconds: int) -> datetime:
        return NOW.replace(microsecond=0) + timedelta(seconds=self._dice.randint(-seconds, seconds))

    def _before(self, seconds: int) -> datetime:
        return NOW - timedelta(milliseconds=self._dice.randint(0, seconds * 1000))


AT_THE_CLOCK = (ProfileKind.ABSOLUTE, ProfileKind.RECURRING)


def site_of(world: World) -> Site:
    """Return the same station in the engine's words."""
    since, fallback, supply_a = world.offline_since, world.fallback_from, world.supply_a
    return Site(
        now_us=micros(world.now),
        places=tuple(_place(outlet) for outlet in world.outlets),
        supply_ma=NO_LIMIT if supply_a is None else int(supply_a * 1000),
        offline_us=None if since is None else micros(since),
        fallback_us=None if fallback is None else micros(fallback),
        fallback_ma=int(world.fallback_a * 1000),
        zone=world.zone,
    )


def _place(outlet: Outlet) -> Place:
    return Place(
        evse=outlet.evse,
        supply=Supply(outlet.phases, outlet.voltage_v * 1000, outlet.switches, outlet.chooses),
        most_ma=int(outlet.most_a * 1000),
        transaction_id=outlet.transaction,
        active=outlet.active,
        paused=outlet.paused,
        prioritized=outlet.prioritized,
        priority=outlet.priority,
        ready_us=None if outlet.ready is None else micros(outlet.ready),
        least_ma=int(outlet.least_a * 1000),
        choice=outlet.choice,
    )
