"""Energy as the exact integral of power over time.

Current is a ramp followed by a plateau, voltage falls linearly with it, so energy is a polynomial
of time. It is evaluated in integers (nanoseconds, microamperes, nanovolts, milliohms): no step
error, and the same result however often one asks.
"""

from dataclasses import dataclass

SECOND_NS = 1_000_000_000
MILLIOHM_PER_PHASE = 40

# One unit is 1/(6e18) fW*ns, the common denominator of the polynomial; 1 uWh is 3.6e21 fW*ns.
UNITS_PER_MICRO_WH = 6 * SECOND_NS**2 * 36 * 10**20


@dataclass(frozen=True, slots=True)
class Flow:
    """A current that climbs from `start_ua` to `target_ua` from `start_ns` on, then stays."""

    start_ns: int
    start_ua: int
    target_ua: int
    slope_ua_per_s: int
    phases: int
    source_nv: int

    @property
    def reached_ns(self) -> int:
        """When the current gets to its target."""
        missing_ua = self.target_ua - self.start_ua
        return self.start_ns - (-missing_ua * SECOND_NS // self.slope_ua_per_s)

    def current_ua(self, now_ns: int) -> int:
        """Return the current of each loaded phase."""
        if now_ns >= self.reached_ns:
            return self.target_ua
        climbed_ua = self.slope_ua_per_s * max(0, now_ns - self.start_ns) // SECOND_NS
        return self.start_ua + climbed_ua

    def loaded_nv(self, now_ns: int) -> int:
        """Return the voltage of a loaded phase."""
        return self.source_nv - MILLIOHM_PER_PHASE * self.current_ua(now_ns)

    def energy_units(self, now_ns: int) -> int:
        """Return the energy since `start_ns` in 1/`UNITS_PER_MICRO_WH`."""
        if not self.target_ua or now_ns <= self.start_ns:
            return 0
        turn_ns = min(now_ns, self.reached_ns)
        climb = self._integral(self.start_ua, self.slope_ua_per_s, turn_ns - self.start_ns)
        return climb + self._integral(self.target_ua, 0, now_ns - turn_ns)

    def _integral(self, i: int, slope: int, dt: int) -> int:
        g = SECOND_NS
        charge = 6 * g * g * i * dt + 3 * g * slope * dt**2
        square = 6 * g * g * i * i * dt + 6 * g * i * slope * dt**2 + 2 * slope**2 * dt**3
        return self.phases * (self.source_nv * charge - MILLIOHM_PER_PHASE * square)


class EnergyRegister:
    """A meter's lifetime register; it folds energy in only when the flow changes."""

    __slots__ = ("_base_units", "_delivered_units", "flow")

    def __init__(self, micro_wh: int, flow: Flow) -> None:
        self._base_units = micro_wh * UNITS_PER_MICRO_WH
        self._delivered_units = 0
        self.flow = flow

    def micro_wh(self, now_ns: int) -> int:
        """Return the register; it never falls unless it is set."""
        return (self._base_units + self._delivered(now_ns)) // UNITS_PER_MICRO_WH

    def delivered_micro_wh(self, now_ns: int) -> int:
        """Return the energy since this object exists, whatever the register was set to."""
        return self._delivered(now_ns) // UNITS_PER_MICRO_WH

    def set_micro_wh(self, micro_wh: int, now_ns: int) -> None:
        """Turn the register to a value, as a test bench may."""
        self._base_units = micro_wh * UNITS_PER_MICRO_WH - self._delivered(now_ns)

    def change_flow(self, flow: Flow) -> None:
        """Continue with another flow from `flow.start_ns` on."""
        self._delivered_units = self._delivered(flow.start_ns)
        self.flow = flow

    def _delivered(self, now_ns: int) -> int:
        return self._delivered_units + self.flow.energy_units(now_ns)
