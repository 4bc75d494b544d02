"""The electrical world behind the simulated board: EVSEs with contactor, lock, meter and car.

Pure: time comes in as monotonic nanoseconds and is worked off event by event, each at its exact
instant, so that what happened does not depend on how often anybody looked. Faults change the
world, never the answers: they show only through what lines and instruments would show.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hal.api import CertificateRequest, Fault, Feed, PilotState, VehicleNeeds
from hal.mock.actuators import DelayedLine, SelfTest
from hal.mock.contactors import Contactors
from hal.mock.conversation import Conversation
from hal.mock.energy import EnergyRegister, Flow
from hal.mock.pilot_circuit import PilotDefects, offered_current_a, pilot_state, plateaus
from hal.mock.vehicle import AMPERE_UA, RAMP_UA_PER_S, Vehicle
from hal.mock.wire import FAULT_INPUTS, EvseSettings, LineInputs, LineOutputs

LOCK_NS = 200_000_000
SELF_TEST_NS = 250_000_000
SAG = 0.75

_DEAD = frozenset({PilotState.E, PilotState.F})
_GUARDED_BY_SERVICES = frozenset({Fault.METER_LOST, Fault.READER_LOST})


@dataclass(frozen=True, slots=True)
class MeterValues:
    """What a meter displays; per-phase tuples are L1, L2, L3."""

    micro_wh: int
    power_w: float
    voltage_v: tuple[float, ...]
    current_a: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MeterOverride:
    """Displayed values that a test bench has fixed; None shows the truth."""

    power_w: float | None = None
    voltage_v: tuple[float, ...] | None = None
    current_a: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Fitting:
    """What a test bench may choose of a car and its loose cable."""

    max_a: float
    phases: int
    cable_a: int | None
    legacy: bool = False
    simplified: bool = False


class Stopwatch:
    """Time from an event to the coil line going low, as an observer outside would measure it."""

    __slots__ = ("_since_ns", "last_ns")

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self.last_ns: int | None = None

    def start(self, now_ns: int) -> None:
        """Note the event; an earlier one that still waits keeps its start."""
        if self._since_ns is None:
            self._since_ns = now_ns

    def cancel(self) -> None:
        """Forget an event that is over before the coil went low."""
        self._since_ns = None

    def stop(self, now_ns: int) -> None:
        """Note that the coil line went low."""
        if self._since_ns is not None:
            self.last_ns = now_ns - self._since_ns
            self._since_ns = None


class Evse:
    """One EVSE with everything that is wired to it. All methods take a time that never falls."""

    def __init__(self, settings: EvseSettings, energy_micro_wh: int, now_ns: int) -> None:
        self.settings = settings
        self.vehicle = Vehicle()
        self.cable_a = settings.cable_a
        self.cable_inserted = False
        self.duty: float | None = None
        self.shut_off = False
        self.tampered = False
        self.contacts = Contactors(per_phase=settings.per_phase)
        self.loaded: tuple[int, ...] = ()
        self.lock = DelayedLine(LOCK_NS, LOCK_NS)
        self.self_test = SelfTest(SELF_TEST_NS)
        self.faults: set[Fault] = set()
        self.conversation = Conversation()
        self.override = MeterOverride()
        self.fault_to_open = Stopwatch()
        self.leave_to_open = Stopwatch()
        self.closings = 0
        self._mains = True
        self.register = EnergyRegister(energy_micro_wh, Flow(now_ns, 0, 0, RAMP_UA_PER_S, 0, 0))
        self._settle(now_ns)

    @property
    def contactor_closed(self) -> bool:
        """Where the contacts really are, which the mirror contact tells."""
        return bool(self.contacts.closed)

    @property
    def connected_phases(self) -> int:
        """How many phases the contactor that is selected connects."""
        return self.contacts.selected.phases

    @property
    def moved_under_load(self) -> int:
        """How often poles were moved under a closed contactor."""
        return self.contacts.moved_under_load

    @property
    def lock_engaged(self) -> bool:
        """What the feedback of the retention lock says."""
        return self.settings.has_lock and self.lock.is_on and Fault.LOCK not in self.faults

    @property
    def pilot_state(self) -> PilotState:
        """The pilot state that an ideal observer would name."""
        return pilot_state(self.duty, self.vehicle.load, self._pilot_defects)

    @property
    def due_ns(self) -> int | None:
        """When something will next happen without anybody's doing."""
        times_ns = (
            self.contacts.due_ns,
            self.lock.due_ns,
            self.self_test.due_ns,
            self.vehicle.due_ns,
        )
        return min((time_ns for time_ns in times_ns if time_ns is not None), default=None)

    def advance(self, now_ns: int) -> None:
        """Let everything happen that is due until now, in its order."""
        while (due_ns := self.due_ns) is not None and due_ns <= now_ns:
            self.contacts.advance(due_ns)
            self.lock.advance(due_ns)
            self.self_test.advance(due_ns, healthy=Fault.RCD not in self.faults)
            self._settle(due_ns)

    def configure(self, settings: EvseSettings, now_ns: int) -> None:
        """Build the EVSE differently; car and register stay."""
        with self._change(now_ns):
            if settings.cable_a != self.settings.cable_a:
                self.cable_a = settings.cable_a
            if settings.per_phase is not self.contacts.per_phase:
                self.contacts = self.contacts.rebuilt(per_phase=settings.per_phase)
            self.settings = settings

    def drive(self, outputs: LineOutputs, now_ns: int) -> None:
        """Apply what the owner of the lines drives."""
        with self._change(now_ns):
            self.duty = outputs.duty
            if outputs.phases is not None:
                self.contacts.select(Feed(outputs.phases, outputs.phase))
            self._drive_coil(now_ns, on=outputs.coil and self._mains)
            self.lock.command(now_ns, on=outputs.lock)
            self.self_test.request(outputs.self_test, now_ns)
            self.shut_off = self.shut_off if outputs.shut_off is None else outputs.shut_off

    def release(self, now_ns: int) -> None:
        """Nobody drives the lines: coil off, pilot undriven; what has a motor stays put."""
        self.drive(LineOutputs(lock=self.lock.commanded), now_ns)

    def set_mains(self, now_ns: int, *, on: bool) -> None:
        """Give or take the mains; without them every output falls."""
        if not on:
            self.release(now_ns)
        with self._change(now_ns):
            self._mains = on

    def plug(self, now_ns: int, *, plugged: bool) -> None:
        """Plug a car in, or out; the next car will want energy whatever this one wanted."""
        with self._change(now_ns):
            if self.vehicle.plugged and not plugged:
                self.vehicle.wants = True
            self.vehicle.plugged = plugged

    def want(self, now_ns: int, *, energy: bool) -> None:
        """Let the car want energy, or pause."""
        with self._change(now_ns):
            self.vehicle.wants = energy

    def fit_vehicle(self, fitting: Fitting, now_ns: int) -> None:
        """Bring another charger into the car and another cable into the socket."""
        with self._change(now_ns):
            self.vehicle.max_a = fitting.max_a
            self.vehicle.phases = fitting.phases
            self.vehicle.legacy = fitting.legacy
            self.vehicle.simplified = fitting.simplified
            self.cable_a = fitting.cable_a

    def set_fault(
        self, fault: Fault, now_ns: int, *, on: bool, contactor: Feed | None = None
    ) -> None:
        """Break something, or repair it; `contactor` is the one that welds if it is another."""
        with self._change(now_ns):
            self._break_contactor(fault, contactor, on=on)
            if not on:
                self.faults.discard(fault)
                if not self.faults:
                    self.fault_to_open.cancel()
            elif fault not in self.faults:
                self.faults.add(fault)
                if self.contacts.commanded and fault not in _GUARDED_BY_SERVICES:
                    self.fault_to_open.start(now_ns)

    def read_lines(self) -> LineInputs:
        """Return what the owner of the lines sees."""
        sample = plateaus(self.duty, self.vehicle.load, self._pilot_defects)
        return LineInputs(
            high_v=sample.high_v,
            low_v=sample.low_v,
            contactor_closed=self.contactor_closed,
            closed=self.contacts.closed if self.contacts.per_phase else frozenset(),
            lock_engaged=self.lock_engaged,
            residual_current=Fault.RCD in self.faults,
            cable_a=self.cable_a if self.cable_inserted else None,
            self_test=self.self_test.number,
            self_test_passed=self.self_test.passed,
            fault_inputs=frozenset(self.faults.intersection(FAULT_INPUTS)),
            tampered=self.tampered,
        )

    def read_meter(self, now_ns: int) -> MeterValues:
        """Return what the meter displays."""
        self.advance(now_ns)
        flow, fixed = self.register.flow, self.override
        current_a = flow.current_ua(now_ns) / 1e6
        loaded_v, idle_v = flow.loaded_nv(now_ns) / 1e9, self._source_nv / 1e9
        loaded = self.loaded if flow.target_ua else ()
        phases = range(1, self.settings.phases + 1)
        volts = tuple(round(loaded_v if n in loaded else idle_v, 1) for n in phases)
        amps = tuple(round(current_a, 3) if n in loaded else 0.0 for n in phases)
        watts = round(len(loaded) * loaded_v * current_a, 1)
        return MeterValues(
            self.register.micro_wh(now_ns),
            watts if fixed.power_w is None else fixed.power_w,
            fixed.voltage_v or volts,
            fixed.current_a or amps,
        )

    @property
    def _pilot_defects(self) -> PilotDefects:
        return PilotDefects(
            diode_shorted=Fault.DIODE in self.faults,
            shorted=Fault.PILOT_SHORT in self.faults,
            no_negative=Fault.PILOT_NEGATIVE in self.faults,
        )

    @property
    def _source_nv(self) -> int:
        if not self._mains:
            return 0
        sag = SAG if Fault.UNDER_VOLTAGE in self.faults else 1.0
        return round(self.settings.nominal_voltage_v * sag * 1e9)

    @contextmanager
    def _change(self, now_ns: int) -> Iterator[None]:
        self.advance(now_ns)
        yield
        self._settle(now_ns)

    def _drive_coil(self, now_ns: int, *, on: bool) -> None:
        if self.contacts.commanded and not on:
            self.fault_to_open.stop(now_ns)
            self.leave_to_open.stop(now_ns)
        self.closings += on and not self.contacts.commanded
        self.contacts.command(now_ns, on=on)

    def _break_contactor(self, fault: Fault, contactor: Feed | None, *, on: bool) -> None:
        if fault is Fault.CONTACTOR_STUCK_OPEN:
            self.contacts.stuck_open = on
        elif fault is Fault.CONTACTOR_WELDED and on:
            self.contacts.weld(contactor)
        elif fault is Fault.CONTACTOR_WELDED:
            self.contacts.repair()

    def _settle(self, now_ns: int) -> None:
        """Bring everything that follows without delay in line with its causes."""
        car = self.vehicle
        asked = car.asks
        car.needs_ventilation = Fault.VENTILATION in self.faults
        shorted = Fault.PILOT_SHORT in self.faults
        offer_ua = 0 if shorted else int(offered_current_a(self.duty) * AMPERE_UA)
        dead = self.pilot_state in _DEAD
        supplied = bool(self.contacts.fed) and self._mains and not self.shut_off
        car.observe(offer_ua, now_ns, supplied=supplied, dead=dead)
        if asked and not car.asks and self.contacts.commanded:
            self.leave_to_open.start(now_ns)
        elif car.asks:
            self.leave_to_open.cancel()
        self.cable_inserted = car.plugged or (self.cable_inserted and self.lock.is_on)
        self._settle_flow(now_ns)

    def _settle_flow(self, now_ns: int) -> None:
        limit_a = self.settings.max_current_a if self.cable_a is None else self.cable_a
        target_ua = min(self.vehicle.wanted_ua, limit_a * AMPERE_UA)
        fed = (n for n in sorted(self.contacts.fed) if n <= self.settings.phases)
        loaded = tuple(fed)[: self.vehicle.phases]
        flow, source_nv = self.register.flow, self._source_nv
        same = (target_ua, source_nv) == (flow.target_ua, flow.source_nv)
        if same and loaded == self.loaded:
            return
        self.loaded = loaded
        start_ua = min(flow.current_ua(now_ns), target_ua)
        self.register.change_flow(
            Flow(now_ns, start_ua, target_ua, RAMP_UA_PER_S, len(loaded), source_nv)
        )


class Plant:
    """All EVSEs of a station on one mains supply."""

    def __init__(self) -> None:
        self.evses: dict[int, Evse] = {}
        self.mains = True
        self.outages = 0
        self.told_needs: list[VehicleNeeds] = []
        """What vehicles have told since somebody last passed it on."""
        self.told_wishes: list[CertificateRequest] = []
        """The same of wishes for contract certificates."""
        self.stapled: tuple[bytes, ...] = ()
        """The OCSP responses in DER that vehicles are shown."""

    @property
    def due_ns(self) -> int | None:
        """When something will next happen by itself."""
        times_ns = [evse.due_ns for evse in self.evses.values()]
        return min((time_ns for time_ns in times_ns if time_ns is not None), default=None)

    @property
    def flowing(self) -> bool:
        """Whether any register is running."""
        return any(evse.register.flow.target_ua for evse in self.evses.values())

    def advance(self, now_ns: int) -> None:
        """Let everything happen that is due until now."""
        for evse in self.evses.values():
            evse.advance(now_ns)

    def add(self, number: int, evse: Evse, now_ns: int) -> None:
        """Connect an EVSE to the mains as they are."""
        self.evses[number] = evse
        evse.set_mains(now_ns, on=self.mains)

    def release(self, now_ns: int) -> None:
        """Let every output fall to safe: the owner of the lines is gone."""
        for evse in self.evses.values():
            evse.release(now_ns)

    def set_mains(self, now_ns: int, *, on: bool) -> None:
        """Give or take the mains of the whole station."""
        self.outages += self.mains and not on
        self.mains = on
        for evse in self.evses.values():
            evse.set_mains(now_ns, on=on)
