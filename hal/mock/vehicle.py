"""The simulated vehicle: when it asks for energy and how much current it takes.

Pure: time comes in as monotonic nanoseconds. It follows IEC 61851-1: it asks for energy (state C
or D) only while it reads a valid duty cycle, takes no more than that says, and leaves state C well
within the 3 s that it has when the PWM stops.

Two odd kinds exist. A *legacy* vehicle sleeps and overlooks the duty cycle until it has seen a
pilot in state E or F, as if it had been plugged in anew. A *simplified* one (A.2.3) reads no duty
cycle: it is in state C as long as it is plugged in, and takes 10 A at most.
"""

from hal.mock.pilot_circuit import Load

REACTION_NS = 300_000_000
LEAVE_NS = 500_000_000
START_DELAY_NS = 400_000_000
WAKE_NS = 1_000_000_000
RAMP_UA_PER_S = 8_000_000
AMPERE_UA = 1_000_000
SIMPLIFIED_UA = 10 * AMPERE_UA


class Vehicle:
    """One car, plugged in or away.

    `max_a` and `phases` are those of its on-board charger; `needs_ventilation` makes it ask for
    state D. `asks` is its switch S2 (state C or D), `draws` whether its charger has started.
    """

    __slots__ = (
        "_awake",
        "_dead_since_ns",
        "_draws_from_ns",
        "_offer_changed_ns",
        "_offer_ua",
        "asks",
        "draws",
        "legacy",
        "max_a",
        "needs_ventilation",
        "phases",
        "plugged",
        "simplified",
        "wants",
    )

    def __init__(self) -> None:
        self.plugged = False
        self.wants = True
        self.needs_ventilation = False
        self.legacy = False
        self.simplified = False
        self.max_a = 32.0
        self.phases = 3
        self.asks = False
        self.draws = False
        self._awake = False
        self._dead_since_ns: int | None = None
        self._offer_ua = 0
        self._offer_changed_ns = 0
        self._draws_from_ns: int | None = None

    @property
    def load(self) -> Load:
        """What the pilot line feels."""
        if not self.plugged:
            return Load.NONE
        if not self.asks:
            return Load.CONNECTED
        return Load.VENTILATION if self.needs_ventilation else Load.READY

    @property
    def due_ns(self) -> int | None:
        """When the car will next do something by itself."""
        times_ns = (self._wakes_ns, self._switches_ns, self._draws_from_ns)
        return min((time_ns for time_ns in times_ns if time_ns is not None), default=None)

    @property
    def wanted_ua(self) -> int:
        """The current that the car is aiming for now, whatever the ramp and the cable."""
        allowed_ua = SIMPLIFIED_UA if self.simplified else self._offer_ua
        return min(allowed_ua, int(self.max_a * AMPERE_UA)) if self.draws else 0

    @property
    def _wakes_ns(self) -> int | None:
        asleep = self._dead_since_ns is not None and not self._awake
        return (self._dead_since_ns or 0) + WAKE_NS if asleep else None

    @property
    def _switches_ns(self) -> int | None:
        if not self._heeds_pilot or not self.wants or self.asks == bool(self._offer_ua):
            return None
        return self._offer_changed_ns + (LEAVE_NS if self.asks else REACTION_NS)

    @property
    def _heeds_pilot(self) -> bool:
        return self.plugged and not self.simplified and (self._awake or not self.legacy)

    def observe(self, offer_ua: int, now_ns: int, *, supplied: bool, dead: bool = False) -> None:
        """See the pilot's offer and whether mains are at the inlet, and act on it.

        `dead` tells that the pilot is in state E or F.
        """
        self._sleep_or_wake(now_ns, dead=dead)
        offer_ua = offer_ua if self._heeds_pilot else 0
        if bool(offer_ua) != bool(self._offer_ua):
            self._offer_changed_ns = now_ns
        self._offer_ua = offer_ua
        self._switch(now_ns)
        self._start_or_stop(now_ns, supplied=supplied)

    def _sleep_or_wake(self, now_ns: int, *, dead: bool) -> None:
        if not self.plugged:
            self._awake, self._dead_since_ns = False, None
        elif not dead:
            self._awake, self._dead_since_ns = self._awake or self.asks, None
        elif self._dead_since_ns is None:
            self._dead_since_ns = now_ns
        elif now_ns >= self._dead_since_ns + WAKE_NS:
            self._awake = True

    def _switch(self, now_ns: int) -> None:
        since_ns = now_ns - self._offer_changed_ns
        if self.simplified:
            self.asks = self.plugged
        elif not (self.plugged and self.wants):
            self.asks = False
        elif self._offer_ua and since_ns >= REACTION_NS:
            self.asks = True
        elif not self._offer_ua and since_ns >= LEAVE_NS:
            self.asks = False

    def _start_or_stop(self, now_ns: int, *, supplied: bool) -> None:
        may_draw = self.wants if self.simplified else bool(self._offer_ua)
        if not (supplied and self.asks and may_draw):
            self.draws = False
            self._draws_from_ns = None
        elif self._draws_from_ns is not None and now_ns >= self._draws_from_ns:
            self.draws = True
            self._draws_from_ns = None
        elif not self.draws and self._draws_from_ns is None:
            self._draws_from_ns = now_ns + START_DELAY_NS
