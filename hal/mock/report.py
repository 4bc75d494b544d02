"""What an observer with instruments could measure at one EVSE, as JSON facts."""

from dataclasses import asdict

from hal.mock.pilot_circuit import offered_current_a
from hal.mock.plant import Evse, Stopwatch


def describe(number: int, evse: Evse, now_ns: int) -> dict[str, object]:
    """Return the facts of one EVSE at `now_ns`; energies in Wh with three decimals."""
    evse.advance(now_ns)
    lines = evse.read_lines()
    car, meter = evse.vehicle, evse.read_meter(now_ns)
    return {
        "evse": number,
        "pilot_state": evse.pilot_state.value,
        "pilot_high_v": round(lines.high_v, 2),
        "pilot_low_v": round(lines.low_v, 2),
        "duty": evse.duty,
        "offered_a_by_duty": round(offered_current_a(evse.duty), 3),
        "coil": evse.contacts.commanded,
        "closings": evse.closings,
        "contactor_closed": lines.contactor_closed,
        "connected_phases": evse.connected_phases,
        "fed_phases": sorted(evse.contacts.fed),
        "moved_under_load": evse.moved_under_load,
        "shut_off": evse.shut_off,
        "tampered": evse.tampered,
        "lock_engaged": lines.lock_engaged,
        "cable_a": lines.cable_a,
        "plugged": car.plugged,
        "vehicle": {
            "wants": car.wants,
            "asks": car.asks,
            "draws": car.draws,
            "max_a": car.max_a,
            "phases": car.phases,
            "legacy": car.legacy,
            "simplified": car.simplified,
        },
        "certificates": [asdict(answer) for answer in evse.conversation.certificates],
        "meter": {
            "energy_wh": milli_wh(meter.micro_wh) / 1000,
            "power_w": meter.power_w,
            "voltage_v": list(meter.voltage_v),
            "current_a": list(meter.current_a),
        },
        "faults": sorted(fault.value for fault in evse.faults),
        "delivered_wh": milli_wh(evse.register.delivered_micro_wh(now_ns)) / 1000,
        "last_fault_to_open_ms": _milliseconds(evse.fault_to_open),
        "last_leave_to_open_ms": _milliseconds(evse.leave_to_open),
    }


def milli_wh(micro_wh: int) -> int:
    """Return what a display with three decimals of a watt-hour shows, in mWh."""
    return micro_wh // 1000


def _milliseconds(watch: Stopwatch) -> float | None:
    return None if watch.last_ns is None else round(watch.last_ns / 1e6, 3)
