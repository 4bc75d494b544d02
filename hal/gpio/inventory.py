"""Every line, converter and PWM channel of an EVSE by the key under which a board file has it."""

from collections.abc import Iterator

from hal.gpio.adc import AdcPlace
from hal.gpio.wiring import EvseWiring, FeedbackWiring, PeakWiring, SampledWiring
from hal.line_place import LinePlace


def lines(wiring: EvseWiring) -> Iterator[tuple[str, LinePlace]]:
    """Yield each GPIO line with its key."""
    yield from _pilot_lines(wiring)
    yield from _contactor_lines(wiring)
    if wiring.monitor is not None:
        yield "rcm.test", wiring.monitor.test
        yield from ((f"rcm.{name}", place) for name, place in wiring.monitor.outputs.items())
    yield from _lock_lines(wiring)
    yield from ((f"input {fault}", place) for fault, place in wiring.fault_inputs.items())
    if wiring.shut_off is not None:
        yield "shut_off.output", wiring.shut_off.line
    if wiring.tamper is not None:
        yield "tamper", wiring.tamper


def converters(wiring: EvseWiring) -> Iterator[tuple[str, AdcPlace]]:
    """Yield each converter's channel with its key."""
    match wiring.pilot.sampler:
        case SampledWiring(adc=adc):
            yield "pilot.adc", adc
        case PeakWiring(high=high, low=low):
            yield "pilot.peak.high", high
            yield "pilot.peak.low", low
    if wiring.proximity is not None:
        yield "proximity.adc", wiring.proximity.adc
    if wiring.lock is not None and isinstance(wiring.lock.feedback, FeedbackWiring):
        yield "lock.feedback_adc", wiring.lock.feedback.adc


def _pilot_lines(wiring: EvseWiring) -> Iterator[tuple[str, LinePlace]]:
    if isinstance(wiring.pilot.sampler, PeakWiring):
        yield "pilot.peak.reset", wiring.pilot.sampler.reset
    if wiring.pilot.disconnect is not None:
        yield "pilot.disconnect", wiring.pilot.disconnect


def _contactor_lines(wiring: EvseWiring) -> Iterator[tuple[str, LinePlace]]:
    for name, coil in wiring.contactor.coils.items():
        yield f"contactor.{name}", coil.coil
        for mirror in coil.mirrors:
            yield f"contactor.{name.replace('coil', 'mirror')}", mirror.line
    if wiring.contactor.monostable is not None:
        yield "contactor.monostable", wiring.contactor.monostable.line


def _lock_lines(wiring: EvseWiring) -> Iterator[tuple[str, LinePlace]]:
    lock = wiring.lock
    if lock is None:
        return
    yield "lock.engage", lock.engage
    yield "lock.release", lock.release
    if isinstance(lock.feedback, LinePlace):
        yield "lock.feedback", lock.feedback
    if lock.ready is not None:
        yield "lock.ready", lock.ready
