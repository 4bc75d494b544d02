"""Reads the tables of the `gpio` backend, one function for each port, and names what is wrong."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from hal.api import Fault, HardwareError
from hal.gpio import pwm
from hal.gpio.contactor import CONTACTORS, Strategy
from hal.gpio.lock import LockTiming
from hal.gpio.pwm import PwmPlace
from hal.gpio.read_adc import read_adc, read_feedback, read_peak, read_sampled
from hal.gpio.self_test import generic_plan, rdc_dd_plan
from hal.gpio.wiring import (
    CoilWiring,
    ContactorWiring,
    EvseWiring,
    LockWiring,
    MirrorWiring,
    MonitorWiring,
    MonostableWiring,
    PeakWiring,
    PilotWiring,
    ProximityWiring,
    SampledWiring,
    ShutOffWiring,
)
from hal.line_place import LinePlace, read_line
from hal.tables import Options, Table

# A monostable drops 200 ms after its last rising edge, which is every second toggle.
LONGEST_INTERVAL_MS = 50.0
FAULT_INPUTS = {
    "pe": Fault.PROTECTIVE_EARTH,
    "over_temperature": Fault.OVER_TEMPERATURE,
    "over_current": Fault.OVER_CURRENT,
    "under_voltage": Fault.UNDER_VOLTAGE,
    "other": Fault.OTHER,
}
_SETTINGS = "settings"
_INPUT_DEBOUNCE_MS = 5.0
_MONITOR_DEBOUNCE_MS = 2.0
_FEEDBACK_DEBOUNCE_MS = 50.0
_SOFTWARE_PWM_KEYS = ("line", "pin", "gpio", "library", "software")


def problems(port: str, table: Table) -> tuple[str, ...]:
    """Return what is wrong with a port's table, a sentence each."""
    found: list[str] = []
    _READERS[port](Options(port, table, found))
    return tuple(found)


def read_evse(evse: int, tables: Mapping[str, Table]) -> EvseWiring:
    """Return the wiring of an EVSE; raises `HardwareError` naming all that is wrong."""
    found: list[str] = []
    at = {port: Options(port, table, found) for port, table in tables.items() if port in _READERS}
    built_for = 1 if tables.get(_SETTINGS, {}).get("phases") == 1 else 3
    rcm = at.get("rcm") or at.get("residual_current")
    wiring = EvseWiring(
        pilot=_pilot(at["pilot"]),
        contactor=replace(_contactor(at["contactor"]), phases=built_for),
        proximity=_proximity(at["proximity"]) if "proximity" in at else None,
        monitor=_monitor(rcm) if rcm is not None else None,
        lock=_lock(at["lock"]) if "lock" in at else None,
        fault_inputs=_all_fault_inputs(at),
        shut_off=_shut_off(at["shut_off"]) if "shut_off" in at else None,
        tamper=_single_line(at["tamper"]) if "tamper" in at else None,
    )
    if found:
        raise HardwareError("; ".join(f"EVSE {evse}: {problem}" for problem in found))
    return wiring


def _all_fault_inputs(at: Mapping[str, Options]) -> dict[Fault, LinePlace]:
    found = _fault_inputs(at["fault_inputs"]) if "fault_inputs" in at else {}
    if "emergency_stop" in at:
        found[Fault.EMERGENCY_STOP] = _single_line(at["emergency_stop"])
    return found


def _pilot(options: Options) -> PilotWiring:
    options.expect("backend")
    generator = _pwm(options.table("pwm"))
    sampler = _sampler(options)
    disconnect = options.optional_table("disconnect")
    wiring = PilotWiring(generator, sampler, None if disconnect is None else _line(disconnect))
    options.finish()
    return wiring


def _sampler(options: Options) -> SampledWiring | PeakWiring:
    peak = options.optional_table("peak")
    if peak is None:
        return read_sampled(options.table("adc"))
    options.expect("adc")
    if "adc" in options:
        options.note("adc", "and peak are two ways to sample the pilot; give one of them")
    return read_peak(peak)


def _pwm(options: Options) -> PwmPlace:
    for key in _SOFTWARE_PWM_KEYS:
        if key in options:
            options.expect(key)
            options.note(
                key,
                "asks for pulses made in software, whose error the vehicle reads as another"
                " current; give device and channel of a hardware PWM of the kernel",
            )
    place = PwmPlace(
        device=options.text("device"),
        channel=options.integer("channel", 0, 0, 63),
        polarity=options.text("polarity", "normal", pwm.POLARITIES),
    )
    options.finish()
    return place


def _contactor(options: Options) -> ContactorWiring:
    options.expect("backend")
    named = options.text("strategy", Strategy.SINGLE, tuple(Strategy))
    strategy = Strategy(named) if named in tuple(Strategy) else Strategy.SINGLE
    coils = {}
    for coil in CONTACTORS[strategy]:
        mirror = coil.replace("coil", "mirror")
        line = _line(options.table(coil))
        coils[coil] = CoilWiring(line, tuple(_mirror(each) for each in options.tables(mirror)))
    monostable = options.optional_table("monostable")
    wiring = ContactorWiring(
        strategy, coils, None if monostable is None else _monostable(monostable)
    )
    options.finish()
    return wiring


def _mirror(options: Options) -> MirrorWiring:
    contact = options.text("contact", "normally_closed", ("normally_closed", "normally_open"))
    wiring = MirrorWiring(read_line(options), contact == "normally_closed")
    options.finish()
    return wiring


def _monostable(options: Options) -> MonostableWiring:
    interval_ms = options.number("interval_ms", 40.0, 5.0, LONGEST_INTERVAL_MS)
    wiring = MonostableWiring(read_line(options), interval_ms / 1000)
    options.finish()
    return wiring


def _proximity(options: Options) -> ProximityWiring:
    options.expect("backend")
    wiring = ProximityWiring(
        adc=read_adc(options.table("adc")),
        pull_up_ohm=options.number("pull_up_ohm", None, 10.0, 100_000.0),
        pull_up_v=options.number("pull_up_v", None, 1.0, 24.0),
    )
    options.finish()
    return wiring


def _monitor(options: Options) -> MonitorWiring:
    options.expect("backend")
    kind = options.text("kind", "generic", ("generic", "rdc_dd"))
    names = ("x6", "x30") if kind == "rdc_dd" else ("fault",)
    outputs = {name: _line(options.table(name), _MONITOR_DEBOUNCE_MS) for name in names}
    test = _line(options.table("test"))
    if kind == "rdc_dd":
        plan = rdc_dd_plan()
    else:
        test_ms = options.number("test_ms", 250.0, 1.0, 3000.0)
        trip_ms = options.number("trip_ms", 1000.0, 1.0, 4000.0)
        clear_ms = options.number("clear_ms", 3000.0, 1.0, 4500.0)
        if clear_ms < max(test_ms, trip_ms):
            options.note(
                "clear_ms", "must not be before test_ms and trip_ms; all are from the start"
            )
        plan = generic_plan(test_ms / 1000, trip_ms / 1000, clear_ms / 1000)
    options.finish()
    return MonitorWiring(outputs, test, plan)


def _lock(options: Options) -> LockWiring:
    options.expect("backend")
    ready = options.optional_table("ready")
    voltage = options.optional_table("feedback_adc")
    feedback = (
        _line(options.table("feedback"), _FEEDBACK_DEBOUNCE_MS)
        if voltage is None
        else read_feedback(voltage)
    )
    wiring = LockWiring(
        engage=_line(options.table("engage")),
        release=_line(options.table("release")),
        feedback=feedback,
        timing=_lock_timing(options),
        ready=None if ready is None else _line(ready),
    )
    options.finish()
    return wiring


def _lock_timing(options: Options) -> LockTiming:
    return LockTiming(
        pulse_s=options.number("pulse_ms", 600.0, 1.0, 4000.0) / 1000,
        brake_s=options.number("brake_ms", 100.0, 0.0, 1000.0) / 1000,
        pause_s=options.number("pause_ms", 400.0, 0.0, 4000.0) / 1000,
        attempts=options.integer("attempts", 3, 1, 10),
    )


def _shut_off(options: Options) -> ShutOffWiring:
    options.expect("backend")
    kind = options.text("kind", None, ("shunt_trip", "series_relay"))
    line = _line(options.table("output"))
    pulse_ms = None
    if kind == "shunt_trip":
        pulse_ms = options.number("pulse_ms", 500.0, 10.0, 5000.0)
    options.finish()
    return ShutOffWiring(line, None if pulse_ms is None else pulse_ms / 1000)


def _fault_inputs(options: Options) -> dict[Fault, LinePlace]:
    options.expect("backend")
    found = {}
    for name, fault in FAULT_INPUTS.items():
        table = options.optional_table(name)
        if table is not None:
            found[fault] = _line(table, _INPUT_DEBOUNCE_MS)
    options.finish()
    return found


def _single_line(options: Options) -> LinePlace:
    options.expect("backend")
    return _line(options, _INPUT_DEBOUNCE_MS)


def _line(options: Options, debounce_ms: float = 0.0) -> LinePlace:
    place = read_line(options, debounce_ms)
    options.finish()
    return place


_READERS: Mapping[str, Callable[[Options], object]] = {
    "pilot": _pilot,
    "contactor": _contactor,
    "proximity": _proximity,
    "residual_current": _monitor,
    "rcm": _monitor,
    "lock": _lock,
    "emergency_stop": _single_line,
    "fault_inputs": _fault_inputs,
    "shut_off": _shut_off,
    "tamper": _single_line,
}
