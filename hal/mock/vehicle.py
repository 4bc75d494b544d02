"""The simulated vehicle: when it asks for energy and how much current it takes.

Pure: time comes in as monotonic nanoseconds. It follows IEC 61851-1: it asks for energy (state C
or D) only while it reads a valid duty cycle, takes no more than that says, and leaves state C well
within the 3 s that it has when the PWM stops.
"""

from hal.mock.pilot_circuit import Load

REACTION_NS = 300_000_000
LEAVE_NS = 500_000_000
START_DELAY_NS = 400_000_000
RAMP_UA_PER_S = 8_000_000
AMPERE_UA = 1_000_000


class Vehicle:
    """One car, plugged in or away.

    `max_a` and `phases` are those of its on-board charger; `needs_ventilation` makes it ask for
    state D. `asks` is its switch S2 (state C or D), `draws` whether its charger has started.
    """

    __slots__ = (
        "_draws_from_ns",
        "_offer_changed_ns",
        "_offer_ua",
        "asks",
        "draws",
        "max_a",
        "needs_ventilation",
        "phases",
        "plugged",
        "wants",
    )

    def __init__(self) -> None:
        self.plugged = False
        self.wants = True
        self.needs_ventilation = False
        self.max_a = 32.0
        self.phases = 3
        self.asks = False
        self.draws = False
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
        if self.plugged and self.wants and self.asks != bool(self._offer_ua):
            return self._offer_changed_ns + (LEAVE_NS if self.asks else REACTION_NS)
        return self._draws_from_ns

    @property
    def wanted_ua(self) -> int:
        """The current that the car is aiming for now, whatever the ramp and the cable."""
        return min(self._offer_ua, int(self.max_a * AMPERE_UA)) if self.draws else 0

    def observe(self, offer_ua: int, now_ns: int, *, supplied: bool) -> None:
        """See the pilot's offer and whether mains are at the inlet, and act on it."""
        offer_ua = offer_ua if self.plugged else 0
        if bool(offer_ua) != bool(self._offer_ua):
            self._offer_changed_ns = now_ns
        self._offer_ua = offer_ua
        self._switch(now_ns)
        self._start_or_stop(now_ns, supplied=supplied)

    def _switch(self, now_ns: int) -> None:
        since_ns = now_ns - self._offer_changed_ns
        if not (self.plugged and self.wants):
            self.asks = False
        elif self._offer_ua and since_ns >= REACTION_NS:
            self.asks = True
        elif not self._offer_ua and since_ns >= LEAVE_NS:
            self.asks = False

    def _start_or_stop(self, now_ns: int, *, supplied: bool) -> None:
        if not (supplied and self.asks and self._offer_ua):
            self.draws = False
            self._draws_from_ns = None
        elif self._draws_from_ns is not None and now_ns >= self._draws_from_ns:
            self.draws = True
            self._draws_from_ns = None
        elif not self.draws and self._draws_from_ns is None:
            self._draws_from_ns = now_ns + START_DELAY_NS
