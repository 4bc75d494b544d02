"""The guard's hold on the simulated lines; synchronous, and light enough for its process.

A flush that changes an output is one exchange of datagrams with the board. A refresh is one, too,
when the board has pushed an edge or has not been heard of for a while; else the image of the lines
is the present one, because the board pushes every edge at once. When an exchange fails the lines
are lost for good: close the board and open another.
"""

import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hal.api import (
    BinaryInput,
    EvseLines,
    Fault,
    Feed,
    HardwareError,
    HardwareLost,
    PilotSample,
)
from hal.mock import wire
from hal.mock.client import connect
from hal.mock.wire import EvseSettings, Kind, LineInputs, LineOutputs

# A dead board is noticed at once; this is for one that is stopped, not for one that is late.
EXCHANGE_TIMEOUT_S = 1.0
SILENCE_S = 0.1
OPEN_ATTEMPTS = 3

_TIMEVAL = struct.Struct("@ll")


def open_safety_board(settings: Mapping[int, EvseSettings], state_dir: Path) -> "MockSafetyBoard":
    """Own the lines of the simulated board; raises `HardwareLost`, `HardwareError` if owned."""
    for _ in range(OPEN_ATTEMPTS - 1):
        connection = connect(state_dir)
        try:
            return MockSafetyBoard(connection, settings)
        except HardwareLost:
            continue  # that board was about to leave
    return MockSafetyBoard(connect(state_dir), settings)


class Lines:
    """Image of one EVSE's lines: what was last seen, and what the next flush drives."""

    __slots__ = ("inputs", "outputs")

    def __init__(self) -> None:
        self.inputs = LineInputs()
        self.outputs = LineOutputs()


class MockPilot:
    """The pilot as the board generates and samples it."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def set_duty(self, fraction: float) -> None:
        """Drive a duty of 0..1 from the next flush on; raises `ValueError` outside of it."""
        if not 0.0 <= fraction <= 1.0:
            raise ValueError(f"a duty is within 0..1, not {fraction}")
        if fraction != self._lines.outputs.duty:
            self._lines.outputs = replace(self._lines.outputs, duty=float(fraction))

    def sample(self) -> PilotSample:
        """Return the plateau voltages of the last refresh."""
        return PilotSample(self._lines.inputs.high_v, self._lines.inputs.low_v)


class MockContactor:
    """The contactor with its mirror contact, or four of which never two are driven."""

    def __init__(self, lines: Lines, *, per_phase: bool) -> None:
        self._lines = lines
        self._per_phase = per_phase

    def command(self, *, closed: bool) -> None:
        """Drive the coil from the next flush on."""
        if closed != self._lines.outputs.coil:
            self._lines.outputs = replace(self._lines.outputs, coil=closed)

    def is_closed(self) -> bool:
        """Return the mirror contact of the last refresh."""
        return self._lines.inputs.contactor_closed

    def closed_contactors(self) -> tuple[str, ...]:
        """Return the coils whose mirror contacts said closed at the last refresh."""
        if not self._per_phase:
            return ("coil",) if self.is_closed() else ()
        closed = sorted(self._lines.inputs.closed)
        return tuple(f"coil_l{one.phase}" if one.phases == 1 else "coil_3ph" for one in closed)

    def select_phases(self, feed: Feed) -> None:
        """Choose the phases that are connected from the next flush on; raises `HardwareError`."""
        if feed.phase != 1 and not self._per_phase:
            raise HardwareError(f"no contactor connects L{feed.phase} alone: strategy per_phase")
        outputs = self._lines.outputs
        if feed != (outputs.phases, outputs.phase):
            self._lines.outputs = replace(outputs, phases=feed.phases, phase=feed.phase)


class MockShutOff:
    """The relay that cuts the mains before the contactor; it stays as it is when nobody drives."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def command(self, *, tripped: bool) -> None:
        """Cut the mains or give them back, from the next flush on."""
        if tripped != self._lines.outputs.shut_off:
            self._lines.outputs = replace(self._lines.outputs, shut_off=tripped)


class MockProximity:
    """The resistor of the cable in the socket."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def cable_rating_a(self) -> int | None:
        """Return the rating of the inserted cable, None without one."""
        return self._lines.inputs.cable_a


class MockResidualCurrentMonitor:
    """The residual-current monitor; its self test takes a quarter of a second."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def tripped(self) -> bool:
        """Tell whether a residual current flowed at the last refresh."""
        return self._lines.inputs.residual_current

    def start_self_test(self) -> None:
        """Ask for a self test with the next flush."""
        number = self._lines.outputs.self_test % 0xFFFF + 1
        self._lines.outputs = replace(self._lines.outputs, self_test=number)

    def self_test_passed(self) -> bool | None:
        """Return the verdict of the last test asked for, None while there is none."""
        inputs, asked = self._lines.inputs, self._lines.outputs.self_test
        return inputs.self_test_passed if asked and inputs.self_test == asked else None


class MockLock:
    """The retention lock with its feedback."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def command(self, *, engaged: bool) -> None:
        """Drive the lock from the next flush on."""
        if engaged != self._lines.outputs.lock:
            self._lines.outputs = replace(self._lines.outputs, lock=engaged)

    def is_engaged(self) -> bool:
        """Return the feedback of the last refresh."""
        return self._lines.inputs.lock_engaged


class MockBinaryInput:
    """A line that is on while its fault is."""

    def __init__(self, lines: Lines, fault: Fault) -> None:
        self._lines = lines
        self._fault = fault

    def is_on(self) -> bool:
        """Return the level of the last refresh."""
        return self._fault in self._lines.inputs.fault_inputs


class MockUnasked:
    """On while a contactor is closed that is not driven, beside one that is."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def is_on(self) -> bool:
        """Compare the mirror contacts of the last refresh with what is driven."""
        outputs, closed = self._lines.outputs, self._lines.inputs.closed
        driven = Feed(outputs.phases or Feed().phases, outputs.phase)
        return outputs.coil and not closed <= {driven}


class MockTamper:
    """The contact of the housing's lid."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def is_on(self) -> bool:
        """Tell whether the lid was open at the last refresh."""
        return self._lines.inputs.tampered


class MockSafetyBoard:
    """All lines of a station on the simulated board; owns its connection."""

    def __init__(self, connection: socket.socket, settings: Mapping[int, EvseSettings]) -> None:
        self._connection = connection
        self._sequence = 0
        self._heard_s = 0.0
        self._lines = {evse: Lines() for evse in settings}
        self._driven = {evse: lines.outputs for evse, lines in self._lines.items()}
        self._evses = {evse: wire_up(self._lines[evse], built) for evse, built in settings.items()}
        seconds, fraction = divmod(EXCHANGE_TIMEOUT_S, 1)
        timeout = _TIMEVAL.pack(int(seconds), int(fraction * 1e6))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
        try:
            self._exchange(wire.encode_settings(settings, self._next_sequence()))
        except HardwareError:
            self.close()
            raise

    @property
    def evses(self) -> Mapping[int, EvseLines]:
        """The lines of each EVSE."""
        return self._evses

    def fileno(self) -> int:
        """Return a descriptor that is readable when an input has changed or the board is gone."""
        return self._connection.fileno()

    def refresh(self) -> None:
        """Sample every input at one instant; raises `HardwareLost`."""
        if self._was_pushed() or time.monotonic() >= self._heard_s + SILENCE_S:
            self._exchange(wire.encode_outputs(self._driven, self._next_sequence()))

    def flush(self) -> None:
        """Drive every output that has changed; raises `HardwareLost`."""
        wanted = {evse: lines.outputs for evse, lines in self._lines.items()}
        if wanted != self._driven:
            self._exchange(wire.encode_outputs(wanted, self._next_sequence()))
            self._driven = wanted

    def close(self) -> None:
        """Let go of the lines; every output falls to safe."""
        self._connection.close()

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % 0xFFFFFFFF + 1
        return self._sequence

    def _was_pushed(self) -> bool:
        try:
            self._receive(socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except (OSError, wire.BadFrame) as error:
            raise HardwareLost(f"the simulated board is gone: {error}") from error
        return True

    def _exchange(self, question: bytes) -> None:
        try:
            self._connection.send(question)
            frame = self._receive()
            while frame.sequence != self._sequence:
                frame = self._receive()
            answer = wire.decode_inputs(frame)
        except BlockingIOError as error:
            raise HardwareLost("the simulated board does not answer; is it stopped?") from error
        except (OSError, wire.BadFrame) as error:
            raise HardwareLost(f"the simulated board is gone: {error}") from error
        for evse, lines in self._lines.items():
            lines.inputs = answer[evse]
        self._heard_s = time.monotonic()

    def _receive(self, flags: int = 0) -> wire.Frame:
        datagram = self._connection.recv(wire.MAX_LINES_DATAGRAM, flags)
        if not datagram:
            raise HardwareLost("the simulated board has closed the lines")
        frame = wire.parse(datagram)
        if frame.kind is Kind.REFUSED:
            raise HardwareError(frame.body.decode(errors="replace"))
        return frame


def wire_up(lines: Lines, built: EvseSettings) -> EvseLines:
    """Return the ports of an EVSE that is built so, on an image of its lines."""
    fault_inputs: dict[Fault, BinaryInput] = {
        fault: MockBinaryInput(lines, fault) for fault in wire.FAULT_INPUTS
    }
    if built.per_phase:
        fault_inputs[Fault.CONTACTOR_WELDED] = MockUnasked(lines)
    return EvseLines(
        pilot=MockPilot(lines),
        contactor=MockContactor(lines, per_phase=built.per_phase),
        proximity=None if built.cable_a is None else MockProximity(lines),
        residual_current=MockResidualCurrentMonitor(lines),
        lock=MockLock(lines) if built.has_lock else None,
        fault_inputs=fault_inputs,
        shut_off=MockShutOff(lines) if built.has_shut_off else None,
        tamper=MockTamper(lines),
    )
