"""Puts a board together from its wiring: claims lines, converters and PWM channels for devices."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from hal.api import BinaryInput, EvseLines, Fault, HardwareError
from hal.gpio import iio
from hal.gpio.adc import AdcPlace, AnalogueInput, Converter, IioPlace
from hal.gpio.contactor import Coil, ContactorFault, GpioContactor, MirrorContact, Strategy
from hal.gpio.inputs import BinaryLine, GpioProximity
from hal.gpio.lines import LineBank
from hal.gpio.lock import FeedbackLine, FeedbackVoltage, GpioLock, LockFeedback
from hal.gpio.monostable import Heartbeat
from hal.gpio.pilot import GpioPilot, Sampler
from hal.gpio.pwm import PwmChannel
from hal.gpio.read_wiring import read_evse
from hal.gpio.residual_current import GpioResidualCurrentMonitor
from hal.gpio.safety_board import GpioSafetyBoard, Machine, Measured, Parts, Timed
from hal.gpio.sampler import AdcSampler, PeakSampler
from hal.gpio.shut_off import SeriesRelay, ShuntTrip
from hal.gpio.wiring import (
    CoilWiring,
    ContactorWiring,
    EvseWiring,
    FeedbackWiring,
    LockWiring,
    MonitorWiring,
    MonostableWiring,
    PeakWiring,
    PilotWiring,
    ProximityWiring,
    SampledWiring,
    ShutOffWiring,
)
from hal.line_place import LinePlace
from hal.tables import Table

_Wiring = TypeVar("_Wiring")
_Device = TypeVar("_Device")


def open_board(
    tables: Mapping[int, Mapping[str, Table]], machine: Machine | None = None
) -> GpioSafetyBoard:
    """Own the lines that the tables name; raises `HardwareLost`, `HardwareError`."""
    wirings = {evse: read_evse(evse, ports) for evse, ports in tables.items()}
    return assemble(wirings, machine or Machine())


def assemble(wirings: Mapping[int, EvseWiring], machine: Machine) -> GpioSafetyBoard:
    """Own the lines of some EVSEs; raises `HardwareLost`, `HardwareError`."""
    assembly = _Assembly(machine)
    evses = {evse: assembly.evse(wiring) for evse, wiring in wirings.items()}
    return GpioSafetyBoard(machine, assembly.parts(evses))


class _Assembly:
    """Collects what the devices of all EVSEs have claimed."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._bank = LineBank(machine.gpio)
        self._pilots: list[GpioPilot] = []
        self._channels: list[PwmChannel] = []
        self._inputs: list[AnalogueInput] = []
        self._measured_channels: set[tuple[str | int, ...]] = set()
        self._measured: list[Measured] = []
        self._timed: list[Timed] = []
        self._trips: list[ShuntTrip] = []
        self._heartbeats: dict[LinePlace, Heartbeat] = {}

    def parts(self, evses: Mapping[int, EvseLines]) -> Parts:
        """Return everything that was claimed."""
        return Parts(
            bank=self._bank,
            evses=evses,
            pilots=self._pilots,
            channels=self._channels,
            inputs=self._inputs,
            measured=self._measured,
            timed=self._timed,
            trips=self._trips,
        )

    def evse(self, wiring: EvseWiring) -> EvseLines:
        """Claim everything that one EVSE has."""
        contactor = self._contactor(wiring.contactor)
        return EvseLines(
            pilot=self._pilot(wiring.pilot),
            contactor=contactor,
            proximity=_of(wiring.proximity, self._proximity),
            residual_current=_of(wiring.monitor, self._monitor),
            lock=_of(wiring.lock, self._lock),
            fault_inputs=self._fault_inputs(wiring, contactor),
            shut_off=_of(wiring.shut_off, self._shut_off),
            tamper=_of(wiring.tamper, self._binary),
        )

    def _pilot(self, wiring: PilotWiring) -> GpioPilot:
        channel = PwmChannel(self._machine.sysfs, wiring.pwm, self._machine.sleep)
        disconnect = _of(wiring.disconnect, partial(self._bank.output, idle=True))
        pilot = GpioPilot(channel, self._sampler(wiring.sampler), disconnect)
        self._channels.append(channel)
        self._pilots.append(pilot)
        return pilot

    def _sampler(self, wiring: SampledWiring | PeakWiring) -> Sampler:
        if isinstance(wiring, SampledWiring):
            return AdcSampler(self._analogue(wiring.adc), wiring.sampling, self._machine.clock)
        return PeakSampler(
            self._analogue(wiring.high),
            self._analogue(wiring.low),
            (self._bank, self._bank.output(wiring.reset)),
            wiring.timing,
            self._machine.sleep,
        )

    def _contactor(self, wiring: ContactorWiring) -> GpioContactor:
        if wiring.monostable is not None:
            self._heartbeat(wiring.monostable)
        coils = {name: self._coil(coil) for name, coil in wiring.coils.items()}
        return GpioContactor(wiring.strategy, coils, self._machine.clock, wiring.phases)

    def _coil(self, wiring: CoilWiring) -> Coil:
        mirrors = tuple(
            MirrorContact(self._bank.input(mirror.line), mirror.normally_closed)
            for mirror in wiring.mirrors
        )
        return Coil(self._bank.output(wiring.coil), mirrors)

    def _heartbeat(self, wiring: MonostableWiring) -> None:
        """Toggle each line once, also where it enables the coils of several EVSEs."""
        if wiring.line not in self._heartbeats:
            heartbeat = Heartbeat(self._bank.output(wiring.line), wiring.interval_s)
            self._heartbeats[wiring.line] = heartbeat
            self._timed.append(heartbeat)

    def _proximity(self, wiring: ProximityWiring) -> GpioProximity:
        source = self._analogue(wiring.adc)
        proximity = GpioProximity(source, wiring.pull_up_ohm, wiring.pull_up_v)
        self._measured.append(proximity)
        return proximity

    def _monitor(self, wiring: MonitorWiring) -> GpioResidualCurrentMonitor:
        outputs = {name: self._bank.input(place) for name, place in wiring.outputs.items()}
        test = self._bank.output(wiring.test)
        monitor = GpioResidualCurrentMonitor(outputs, test, wiring.plan, self._machine.clock)
        self._timed.append(monitor)
        return monitor

    def _lock(self, wiring: LockWiring) -> GpioLock:
        bridge = self._bank.output(wiring.engage), self._bank.output(wiring.release)
        ready = _of(wiring.ready, self._bank.input)
        feedback = self._feedback(wiring.feedback)
        lock = GpioLock(bridge, feedback, ready, wiring.timing, self._machine.clock)
        self._measured.append(lock)
        self._timed.append(lock)
        return lock

    def _feedback(self, wiring: LinePlace | FeedbackWiring) -> LockFeedback:
        if isinstance(wiring, LinePlace):
            return FeedbackLine(self._bank.input(wiring))
        return FeedbackVoltage(self._analogue(wiring.adc), wiring.engaged_v)

    def _fault_inputs(
        self, wiring: EvseWiring, contactor: GpioContactor
    ) -> dict[Fault, BinaryInput]:
        found: dict[Fault, BinaryInput] = {
            fault: self._binary(place) for fault, place in wiring.fault_inputs.items()
        }
        if wiring.contactor.strategy is not Strategy.SINGLE:
            found[Fault.CONTACTOR_STUCK_OPEN] = ContactorFault(contactor.is_partly_open)
            found[Fault.CONTACTOR_WELDED] = ContactorFault(contactor.is_partly_welded)
        return found

    def _shut_off(self, wiring: ShutOffWiring) -> ShuntTrip | SeriesRelay:
        if wiring.pulse_s is None:
            # Not shared: an EVSE without a fault would hold the relay closed for the other.
            return SeriesRelay(self._bank.output(wiring.line))
        output = self._bank.output(wiring.line, shared=True)
        trip = ShuntTrip(output, wiring.pulse_s, self._machine.clock)
        self._timed.append(trip)
        self._trips.append(trip)
        return trip

    def _binary(self, place: LinePlace) -> BinaryLine:
        return BinaryLine(self._bank.input(place))

    def _analogue(self, place: AdcPlace) -> AnalogueInput:
        if place.key in self._measured_channels:
            raise HardwareError(
                f"{place.channel} is measured for two devices; each has a channel of its own"
            )
        self._measured_channels.add(place.key)
        source = AnalogueInput(partial(self._converter, place), place.calibration)
        self._inputs.append(source)
        return source

    def _converter(self, place: AdcPlace) -> Converter:
        if isinstance(place.channel, IioPlace):
            return iio.open_channel(self._machine.sysfs, place.channel)
        return self._machine.spi.open_channel(place.channel)


def _of(wiring: _Wiring | None, build: Callable[[_Wiring], _Device]) -> _Device | None:
    """Build an optional device."""
    return None if wiring is None else build(wiring)
