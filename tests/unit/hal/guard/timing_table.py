"""The times that a charging station owes to its vehicle, as data: a row for each sentence.

Each row begins with an EVSE in some situation, does something to it, and says what must follow
between which times: `earliest_s` keeps the guard from being hasty, `latest_s` from being late.
`never_s` instead says that it must not follow for so long. Clauses are those of IEC 61851-1 as
open firmware and manuals quote them, where no other source is named.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hal.api import Fault, Feed, Hindrance, PilotState
from hal.guard.duty import STEADY_NEGATIVE, STEADY_POSITIVE, is_pwm
from hal.guard.evse import WakeUpSetup
from tests.unit.hal.guard.rig import Copper, Rig

Situation = Callable[[], Rig]
Act = Callable[[Rig], object]
Holds = Callable[[Rig], bool]

# What the decision may add to a time of the table: a tick, and the samples of a debounce.
SLACK_S = 0.045


@dataclass(frozen=True)
class Row:
    sentence: str
    source: str
    given: Situation
    when: Act
    then: Holds
    earliest_s: float = 0.0
    latest_s: float | None = None
    never_s: float | None = None


# --- Situations.


def waiting(copper: Copper | None = None, **setup: object) -> Rig:
    """Nobody is plugged in, and the services would offer."""
    rig = Rig(copper, **setup).rested()
    rig.offer()
    rig.run(0.2)
    return rig


def offered(copper: Copper | None = None, **setup: object) -> Rig:
    """A vehicle in B under a PWM."""
    rig = Rig(copper, **setup).rested()
    rig.copper.vehicle = "B"
    rig.offer()
    rig.run(1.5)
    assert is_pwm(rig.duty)
    return rig


def charging(copper: Copper | None = None, **setup: object) -> Rig:
    """A vehicle in C with supply, for longer than a second."""
    rig = Rig(copper, **setup).charging()
    rig.run(2.0)
    return rig


def locking(copper: Copper | None = None) -> Rig:
    return charging(copper or Copper(has_lock=True))


def monitored(**copper: object) -> Rig:
    return charging(Copper(has_monitor=True, **copper))  # type: ignore[arg-type]


def faulty() -> Rig:
    """Supply has just ended because of a fault that is gone again."""
    rig = locking()
    rig.copper.fault_inputs = {Fault.OTHER}
    rig.step()
    rig.copper.fault_inputs = set()
    return rig


def stopped() -> Rig:
    """The PWM has just stopped under a vehicle that left C."""
    rig = offered()
    rig.standby()
    rig.step()
    assert rig.duty == STEADY_POSITIVE
    return rig


def opened() -> Rig:
    """The contactor has just opened because the vehicle left C."""
    rig = charging()
    rig.copper.vehicle = "B"
    rig.until(lambda: not rig.commanded)
    return rig


def sleeping(copper: Copper | None = None) -> Rig:
    """A vehicle in B that does not answer the PWM, as soon as the PWM is there."""
    rig = Rig(copper or Copper(vehicle="B"), wake_up=WakeUpSetup(enabled=True)).rested()
    rig.offer()
    rig.until(lambda: is_pwm(rig.duty))
    return rig


def woken() -> Rig:
    """A wake-up has just begun."""
    rig = sleeping()
    rig.until(lambda: rig.duty == STEADY_NEGATIVE, 40.0)
    return rig


def unavailable() -> Rig:
    rig = Rig(Copper(vehicle="B"))
    rig.unavailable()
    rig.run(1.0)
    assert rig.duty == STEADY_NEGATIVE
    return rig


def changing_phases() -> Rig:
    """One phase is wanted, and a vehicle that heeds the pilot has just left C."""
    rig = charging(phase_switching=True)
    rig.offer(phases=1)
    rig.step()
    return rig


def changing_the_phase() -> Rig:
    """L3 is wanted instead of L2, and a vehicle that heeds the pilot has just left C."""
    rig = waiting(phase_switching=True, phase_choice=True)
    rig.offer(phases=1, phase=2)
    rig.copper.vehicle = "B"
    rig.run(1.5)
    rig.copper.vehicle = "C"
    rig.until(lambda: rig.closed, 3.0)
    rig.offer(phases=1, phase=3)
    rig.step()
    return rig


def tested_yesterday() -> Rig:
    """An idle outlet whose last self test is almost a day old."""
    rig = Rig(Copper(has_monitor=True))
    rig.run(1.0)
    assert rig.tests == 1
    rig.run(86_340.0, 60.0)
    return rig


# --- What is done.


def vehicle(state: str) -> Act:
    return lambda rig: setattr(rig.copper, "vehicle", state)


def break_(name: str, *, value: object = True) -> Act:
    return lambda rig: setattr(rig.copper, name, value)


def press(fault: Fault) -> Act:
    return lambda rig: rig.copper.fault_inputs.add(fault)


def offer(limit_a: float = 16.0, phases: int = 3, phase: int = 1) -> Act:
    return lambda rig: rig.offer(limit_a, phases=phases, phase=phase)


def standby(rig: Rig) -> None:
    rig.standby()


def silence(rig: Rig) -> None:
    rig.lease = None


def nothing(rig: Rig) -> None:
    del rig


def glitch(seconds: float, **broken: object) -> Act:
    """Let something be otherwise for a moment only."""

    def act(rig: Rig) -> None:
        before = {name: getattr(rig.copper, name) for name in broken}
        for name, value in broken.items():
            setattr(rig.copper, name, value)
        rig.run(seconds, 0.005)
        for name, value in before.items():
            setattr(rig.copper, name, value)

    return act


def leave(rig: Rig) -> None:
    """Stop the PWM, with a vehicle that leaves C as it should, just in time."""
    rig.standby()
    rig.run(2.9)
    rig.copper.vehicle = "B"


# --- What follows.


def closes(rig: Rig) -> bool:
    return rig.commanded


def opens(rig: Rig) -> bool:
    return not rig.commanded


def pwm(rig: Rig) -> bool:
    return is_pwm(rig.duty)


def x1(rig: Rig) -> bool:
    return rig.duty == STEADY_POSITIVE


def state_f(rig: Rig) -> bool:
    return rig.duty == STEADY_NEGATIVE


def fault(*expected: Fault) -> Holds:
    return lambda rig: rig.faults == frozenset(expected)


def any_fault(rig: Rig) -> bool:
    return bool(rig.faults)


def offers(amperes: float) -> Holds:
    return lambda rig: abs(rig.last.status.offered_a - amperes) < 1e-6


def unlocked(rig: Rig) -> bool:
    return not rig.last.outputs.lock_engaged


def locked(rig: Rig) -> bool:
    return rig.last.outputs.lock_engaged


def closed_unlocked(rig: Rig) -> bool:
    return rig.commanded and not rig.locked


def tests(number: int) -> Holds:
    return lambda rig: rig.tests == number


def pilot(state: PilotState) -> Holds:
    return lambda rig: rig.last.status.pilot_state is state


def hindered(by: Hindrance) -> Holds:
    return lambda rig: by in rig.hindrances


def selected(phases: int, phase: int = 1) -> Holds:
    return lambda rig: rig.selected[-1:] == [Feed(phases, phase)]


C, D = PilotState.C, PilotState.D

CLOSING = (
    Row("closes soon after B to C", "sequence 4", offered, vehicle("C"), closes, 0.1, 3.0),
    Row("a vehicle that asks for a moment only", "A.4.11", offered, glitch(0.09, vehicle="C"),
        closes, never_s=1.0),
    Row("closes for a simplified pilot, from A to C", "A.2.3", waiting, vehicle("C"), closes,
        0.1, 3.0),
    Row("rests 10 s between closings", "chargebyte", opened, vehicle("C"), closes, 7.5, 8.5),
    Row("rests 10 s after the start", "chargebyte", lambda: Rig(Copper(vehicle="C")), offer(),
        closes, 9.9, 10.1),
    Row("does not close without a vehicle's diode", "A.4", waiting,
        lambda rig: (break_("diode", value=False)(rig), vehicle("C")(rig)), closes, never_s=5.0),
    Row("does not close any more while it shuts down", "own rule", offered,
        lambda rig: (rig.shut_down(), vehicle("C")(rig)), closes, never_s=3.0),
    Row("D needs ventilation", "A.4", offered, vehicle("D"), closes, never_s=3.0),
    Row("D with ventilation is supplied", "sequence 4", lambda: offered(ventilation=True),
        vehicle("D"), closes, 0.1, 3.0),
)  # fmt: skip

OPENING = (
    *(
        Row(f"opens within 100 ms, relay included, after C to {state}", "sequence 8.1", charging,
            vehicle(state), opens, 0.0, 0.05)
        for state in "ABDE"
    ),
    Row("a pilot that flickers for a sample does not open", "A.4.11", charging,
        glitch(0.005, vehicle="B"), opens, never_s=1.0),
    Row("PWM off while the EV stays in C: opens under load after 6 s", "sequence 10.2", charging,
        standby, opens, 6.0, 6.05),
    Row("the EV has 3 s to leave C before", "sequence 10.1", charging, leave, opens, 0.0, 0.05),
    Row("stops the PWM at once", "sequence 10.1", charging, standby, x1, 0.0, 0.025),
    Row("a guard that shuts down gives 3 s", "own rule", charging,
        lambda rig: rig.shut_down(), opens, 3.0, 3.05),
    Row("lost services: lease 1 s, fallback 60 s, then 6 s", "reliability 3", charging, silence,
        opens, 66.9, 67.1),
    Row("lost services: 6 A after the lease", "reliability 3", lambda: charging().run_on(5.0),
        silence, offers(6.0), 0.9, 1.1),
    *(
        Row(f"{one} opens at once", "own rule", charging, press(one), opens, 0.0, 0.025)
        for one in (Fault.PROTECTIVE_EARTH, Fault.EMERGENCY_STOP, Fault.OVER_TEMPERATURE,
                    Fault.OVER_CURRENT, Fault.UNDER_VOLTAGE, Fault.OTHER)
    ),
)  # fmt: skip

PILOT = (
    Row("the PWM value changes every 5 s at most", "EVerest", lambda: charging().run_on(5.0),
        lambda rig: (rig.offer(10.0), rig.step(), rig.offer(8.0)), offers(8.0), 4.9, 5.05),
    Row("a PWM that stopped stays away for 3 s", "X1 step", stopped, offer(), pwm, 2.9, 3.05),
    Row("a replugged vehicle sees X1 for the same time", "X1 step", stopped,
        lambda rig: (vehicle("A")(rig), rig.run(0.5), vehicle("B")(rig), rig.offer()),
        pwm, 2.3, 2.6),
    Row("750 ms X1 after state F", "EF step", unavailable, offer(), pwm, 0.75, 0.9),
    Row("state F lasts 300 ms after a fault", "EVerest manifest", faulty, nothing, x1, 0.25, 0.33),
    Row("state F appears with the fault", "EVerest manifest", charging, press(Fault.OTHER),
        state_f, 0.0, 0.025),
    Row("unavailable shows state F once supply is over", "A.4", charging,
        lambda rig: rig.unavailable(), state_f, 6.0, 6.15),
    Row("entering a state takes 100 ms", "debounce", waiting, vehicle("B"), pilot(PilotState.B),
        0.095, 0.1 + SLACK_S),
    Row("A-B-A blips are suppressed", "chargebyte", waiting, glitch(0.09, vehicle="B"),
        pilot(PilotState.B), never_s=1.0),
    Row("unplugging is seen after 100 ms in A", "debounce", offered, vehicle("A"),
        pilot(PilotState.A), 0.095, 0.1 + SLACK_S),
    Row("the offer may be capped for a simplified pilot", "A.2.3",
        lambda: waiting(simplified_limit_a=10.0), vehicle("C"), offers(10.0), 0.1, 0.2),
    Row("a vehicle with a full pilot is not capped", "A.2.3",
        lambda: waiting(simplified_limit_a=10.0), vehicle("B"), offers(16.0), 0.1, 0.2),
)  # fmt: skip

PILOT_FAULTS = (
    Row("a missing diode under PWM", "A.4", offered, break_("diode", value=False),
        fault(Fault.DIODE), 0.015, 0.08),
    Row("two bad samples are no missing diode", "chargebyte", offered,
        glitch(0.010, diode=False), any_fault, never_s=1.0),
    Row("a missing diode opens", "A.4", charging, break_("diode", value=False), opens, 0.0, 0.08),
    Row("a short under steady +12 V", "chargebyte", Rig, break_("shorted"),
        fault(Fault.PILOT_SHORT), 0.015, 0.08),
    Row("a short under PWM", "chargebyte", offered, break_("shorted"), fault(Fault.PILOT_SHORT),
        0.015, 0.08),
    Row("a short opens", "chargebyte", charging, break_("shorted"), opens, 0.0, 0.05),
    Row("a missing -12 V under PWM is no missing diode", "own rule", offered,
        break_("negative", value=False), fault(Fault.PILOT_NEGATIVE), 0.015, 0.08),
    Row("a missing -12 V in state F is no short", "own rule", unavailable,
        break_("negative", value=False), fault(Fault.PILOT_NEGATIVE), 0.015, 0.08),
    Row("a missing -12 V opens", "own rule", charging, break_("negative", value=False), opens,
        0.0, 0.08),
    Row("a short in state F is told from a missing -12 V by +12 V", "own rule", unavailable,
        break_("shorted"), fault(Fault.PILOT_SHORT), 0.3, 0.5),
    Row("a fault is cleared only in A", "Tinkerforge", lambda: broken(diode=False),
        break_("diode"), fault(), never_s=60.0),
    Row("a fault is cleared in A", "Tinkerforge", lambda: broken(diode=False),
        lambda rig: (break_("diode")(rig), vehicle("A")(rig)), fault(), 0.1, 0.2),
    Row("D without ventilation", "A.4", charging, vehicle("D"), fault(Fault.VENTILATION),
        0.0, 0.05),
)  # fmt: skip

WAKE_UP = (
    Row("state F after 30 s of B2 without an answer", "A.5.3, Phoenix", sleeping, nothing,
        state_f, 30.0, 30.1),
    Row("state F lasts 4 s", "EF step, ISO 15118-3", woken, nothing, x1, 4.0, 4.05),
    Row("and then the PWM is back after 750 ms", "EF step", woken, nothing, pwm, 4.75, 4.85),
    Row("once for each plug-in", "A.5.3", lambda: woken().run_on(5.0), nothing, state_f,
        never_s=120.0),
    Row("again after a replug", "A.5.3",
        lambda: woken().run_on(5.0),
        lambda rig: (vehicle("A")(rig), rig.run(0.5), vehicle("B")(rig)), state_f, 32.0, 34.0),
    Row("not where it is off", "A.5.3", offered, nothing, state_f, never_s=120.0),
    Row("not without an authorization", "A.5.3", sleeping, standby, state_f, never_s=120.0),
    Row("not after the vehicle answered", "A.5.3", sleeping,
        lambda rig: (vehicle("C")(rig), rig.run(2.0), vehicle("B")(rig)), state_f, never_s=600.0),
    Row("state F not within an hour after C", "Tinkerforge", sleeping,
        lambda rig: (vehicle("C")(rig), rig.run(2.0), vehicle("B")(rig), rig.run(1.0),
                     rig.standby(), rig.run(5.0), rig.offer()), state_f, 3580.0, 3600.0),
    Row("a fault ends it", "own rule", woken, press(Fault.OTHER), x1, 0.25, 0.35),
    Row("the contactor stays open meanwhile", "A.5.3", woken, vehicle("C"), closes, 4.8, 5.2),
    Row("and the guard says so", "own rule", woken, nothing, hindered(Hindrance.WAKE_UP),
        0.0, 0.05),
)  # fmt: skip

POWER_PATH = (
    Row("a contactor that does not close", "chargebyte 250 ms",
        lambda: offered(Copper(stuck_open=True)),
        lambda rig: (vehicle("C")(rig), rig.until(lambda: rig.commanded)),
        fault(Fault.CONTACTOR_STUCK_OPEN), 0.2, 0.3),
    Row("a contactor that does not open", "chargebyte 250 ms, Phoenix 200 ms", charging,
        lambda rig: (break_("welded")(rig), vehicle("B")(rig)),
        fault(Fault.CONTACTOR_WELDED), 0.25, 0.35),
    Row("a contactor that closes by itself", "chargebyte 10 ms", offered, break_("welded"),
        fault(Fault.CONTACTOR_WELDED), 0.01, 0.05),
    Row("a contactor that reads closed is not told to close", "own rule",
        lambda: Rig(Copper(welded=True)), offer(), hindered(Hindrance.CONTACTOR_NOT_OPEN),
        0.0, 0.05),
    Row("a mirror contact that bounces", "chargebyte 10 ms", offered, glitch(0.005, welded=True),
        any_fault, never_s=1.0),
    Row("a weld trips the second shut-off", "SMITH line", lambda: charging(
        Copper(has_shut_off=True)), lambda rig: (break_("welded")(rig), vehicle("B")(rig)),
        lambda rig: rig.last.outputs.shut_off, 0.25, 0.35),
    Row("a mirror contact that is wrong for a moment trips nothing", "SMITH line",
        lambda: offered(Copper(has_shut_off=True)), glitch(0.2, welded=True),
        lambda rig: rig.last.outputs.shut_off, never_s=3.0),
    Row("a stuck contactor trips nothing", "SMITH line",
        lambda: offered(Copper(stuck_open=True, has_shut_off=True)), vehicle("C"),
        lambda rig: rig.last.outputs.shut_off, never_s=3.0),
    Row("a weld found at the start trips it as well", "SMITH line",
        lambda: Rig(Copper(welded=True, has_shut_off=True)), nothing,
        lambda rig: rig.last.outputs.shut_off, 0.2, 0.3),
    Row("one phase is selected behind an open contactor", "openWB", changing_phases,
        vehicle("B"), selected(1), 0.03, 0.15),
    Row("a vehicle that stays in C is cut after 6 s", "sequence 10.2", changing_phases, nothing,
        opens, 5.9, 6.05),
    Row("5 s without PWM at a change of the phases", "phase_pause_s", changing_phases,
        vehicle("B"), pwm, 4.9, 5.05),
    Row("and the closing pause stays", "chargebyte", changing_phases,
        lambda rig: (vehicle("B")(rig), rig.until(lambda: is_pwm(rig.duty)), vehicle("C")(rig)),
        closes, 0.1, 5.0),
    Row("an idle outlet changes its phases at once", "own rule",
        lambda: waiting(phase_switching=True), offer(phases=1), selected(1), 0.0, 0.025),
    Row("without phase switching nothing is selected", "own rule", waiting, offer(phases=1),
        selected(1), never_s=30.0),
    Row("another phase is selected behind an open contactor", "own rule", changing_the_phase,
        vehicle("B"), selected(1, 3), 0.03, 0.15),
    Row("5 s without PWM at a change of the phase", "phase_pause_s", changing_the_phase,
        vehicle("B"), pwm, 4.9, 5.05),
    Row("a phase that the board does not have ends the offer", "own rule",
        lambda: charging(phase_switching=True), offer(phases=1, phase=2), x1, 0.0, 0.05),
    Row("and it is never selected", "own rule",
        lambda: charging(phase_switching=True), offer(phases=1, phase=2), selected(1, 2),
        never_s=30.0),
)  # fmt: skip

RESIDUAL_CURRENT = (
    Row("a test when a vehicle comes", "IEC 62955", lambda: waiting(Copper(has_monitor=True)),
        vehicle("B"), tests(2), 0.095, 0.1 + SLACK_S),
    Row("no supply before the test has passed", "IEC 62955",
        lambda: waiting(Copper(has_monitor=True, test_s=2.0)), vehicle("C"), closes, 2.1, 2.4),
    Row("a test that takes longer than 3 s has failed", "Tinkerforge",
        lambda: waiting(Copper(has_monitor=True, test_s=60.0)), vehicle("B"), fault(Fault.RCD),
        0.0, 3.2),
    Row("a test that fails", "IEC 62955",
        lambda: waiting(Copper(has_monitor=True, test_result=False)), nothing, fault(Fault.RCD),
        0.0, 0.4),
    Row("a test every day", "IEC 62955", tested_yesterday, nothing, tests(2), 58.0, 62.0),
    Row("a trip opens within 50 ms", "EVerest: filter 50 ms at most", monitored,
        break_("tripped"), opens, 0.015, 0.05),
    Row("a disturbance of 10 ms is no trip", "Tinkerforge", monitored,
        glitch(0.010, tripped=True), any_fault, never_s=1.0),
    Row("no trip within 1 s after closing", "Tinkerforge",
        lambda: Rig(Copper(has_monitor=True)).charging(), glitch(0.8, tripped=True), any_fault,
        never_s=2.0),
    Row("a trip that outlasts the switching opens", "Tinkerforge",
        lambda: Rig(Copper(has_monitor=True)).charging(), break_("tripped"), opens, 0.8, 1.05),
    Row("no trip behind an open contactor", "Tinkerforge",
        lambda: offered(Copper(has_monitor=True)), glitch(0.5, tripped=True), any_fault,
        never_s=3.0),
    Row("but an output that stays on fails the self test", "Tinkerforge: both low within 3 s",
        lambda: offered(Copper(has_monitor=True)), break_("tripped"), fault(Fault.RCD), 2.9, 3.1),
    Row("a trip is latched until the vehicle leaves", "Tinkerforge", monitored,
        glitch(0.1, tripped=True), fault(), never_s=60.0),
)  # fmt: skip

LOCK = (
    Row("locked in B", "order", lambda: waiting(Copper(has_lock=True)), vehicle("B"), locked,
        0.095, 0.1 + SLACK_S),
    Row("locked before the contactor closes", "order",
        lambda: waiting(Copper(has_lock=True, lock_s=1.0)), vehicle("C"), closed_unlocked,
        never_s=5.0),
    Row("unlocked in A", "order", lambda: offered(Copper(has_lock=True)),
        vehicle("A"), unlocked, 0.095, 0.1 + SLACK_S),
    Row("not unlocked under voltage", "order", locking, lambda rig: rig.request_unlock(),
        unlocked, never_s=3.0),
    Row("unlocked 5 s after a fault", "EVerest manifest", faulty, nothing, unlocked, 4.9, 5.1),
    Row("a lock that does not engage", "4 s", lambda: waiting(
        Copper(has_lock=True, lock_works=False)), vehicle("B"), fault(Fault.LOCK), 4.0, 4.2),
    Row("a lock that comes loose opens", "50 ms", locking,
        lambda rig: (break_("lock_works", value=False)(rig), setattr(rig, "locked", False)),
        opens, 0.05, 0.1),
    Row("a wake-up unlocks nothing", "own rule",
        lambda: sleeping(Copper(vehicle="B", has_lock=True)), nothing, unlocked, never_s=60.0),
)  # fmt: skip

HOUSING = (
    Row("an open lid is told after 100 ms", "own rule", lambda: charging(Copper(tampered=False)),
        break_("tampered"), lambda rig: rig.last.status.tampered, 0.095, 0.15),
    Row("an open lid is no fault", "own rule", lambda: charging(Copper(tampered=False)),
        break_("tampered"), any_fault, never_s=5.0),
    Row("a lid that rattles", "own rule", lambda: charging(Copper(tampered=False)),
        glitch(0.05, tampered=True), lambda rig: rig.last.status.tampered, never_s=1.0),
)  # fmt: skip


def broken(**defects: object) -> Rig:
    """A vehicle under PWM that has just shown a defect."""
    rig = offered()
    for name, value in defects.items():
        setattr(rig.copper, name, value)
    rig.run(1.0)
    assert rig.faults
    return rig


TABLES = {
    "closing": CLOSING,
    "opening": OPENING,
    "pilot": PILOT,
    "pilot faults": PILOT_FAULTS,
    "wake-up": WAKE_UP,
    "power path": POWER_PATH,
    "residual current": RESIDUAL_CURRENT,
    "lock": LOCK,
    "housing": HOUSING,
}
ROWS = [(table, row) for table, rows in TABLES.items() for row in rows]
