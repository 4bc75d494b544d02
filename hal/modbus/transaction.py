"""One request and its answer on a serial line, so that no answer is taken for another's.

Modbus RTU numbers nothing: a late answer looks like the next one. So the line is silent before a
request, an answer must have the device, the function and the number of registers that were asked
for, and after any failure whatever still comes is thrown away until the line has been silent for
long enough. A transaction once begun always ends: who no longer waits for it changes nothing.
"""

import time
from collections.abc import Callable
from typing import Protocol

from hal.modbus.faults import FaultKind, MeterFault, exception_words
from hal.modbus.frames import (
    LONGEST_FRAME,
    Call,
    Mismatch,
    Reply,
    find_answer,
    frame_of,
    reply_characters,
)
from hal.modbus.profile import Limits, SerialSettings

SILENT_CHARACTERS = 3.5
"""The pause by which RTU tells one frame from the next."""
_MOST_BYTES = 4 * LONGEST_FRAME
_ADAPTER_S = 0.02
"""What an USB adapter may keep back before it hands bytes over; typically its 16 ms timer."""


class Wire(Protocol):
    """The bytes of a serial line; all raise `MeterFault` when the port is gone."""

    @property
    def name(self) -> str: ...

    def send(self, data: bytes) -> None: ...

    def receive(self, wait_s: float) -> bytes:
        """Return what has come, waiting at most so long for the first of it."""


class Master:
    """Asks the devices on one line, one at a time; used by one thread."""

    def __init__(
        self,
        wire: Wire,
        settings: SerialSettings,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take an open line."""
        self._wire = wire
        self._settings = settings
        self._monotonic_s = monotonic_s
        self._ended_s = monotonic_s()
        self._gap_s = 0.0

    def ask(self, call: Call, limits: Limits) -> tuple[int, ...]:
        """Return the registers that a call reads, none for a write; raises `MeterFault`."""
        self._await_silence(limits)
        request = frame_of(call)
        self._wire.send(request)
        sent_s = self._monotonic_s() + len(request) * self._settings.character_s
        transmission_s = reply_characters(call) * self._settings.character_s + _ADAPTER_S
        answer, received = self._listen(call, sent_s + limits.timeout_s + transmission_s)
        if not isinstance(answer, Reply):
            late, received = self._throw_away(call, limits, received)
            raise self._fault(call, answer, received, late=late)
        self._ended_s, self._gap_s = self._monotonic_s(), limits.gap_s
        if answer.exception is not None:
            raise self._exception(call, answer.exception)
        return answer.words

    def _await_silence(self, limits: Limits) -> None:
        """Wait until the meter is ready and nothing is on the line that could be an answer."""
        frame_gap_s = SILENT_CHARACTERS * self._settings.character_s
        pause_s = max(limits.gap_s, self._gap_s, frame_gap_s)
        ready_s = self._ended_s + pause_s
        give_up_s = max(self._monotonic_s(), ready_s) + limits.late_s + pause_s
        while True:
            if self._wire.receive(max(0.0, ready_s - self._monotonic_s())):
                ready_s = self._monotonic_s() + pause_s
            elif self._monotonic_s() >= ready_s:
                return
            if self._monotonic_s() > give_up_s:
                raise MeterFault(
                    FaultKind.NOISE,
                    f"{self._wire.name} never falls silent; see whether another master asks on "
                    "this bus, and check wiring, shield and termination",
                )

    def _listen(self, call: Call, until_s: float) -> tuple[Reply | Mismatch | None, bytes]:
        """Return the first sound frame, and all bytes up to it."""
        received = b""
        while (left_s := until_s - self._monotonic_s()) > 0 and len(received) < _MOST_BYTES:
            data = self._wire.receive(left_s)
            if not data:
                continue
            received += data
            answer = find_answer(received, call)
            if answer is not None:
                return answer, received
        return None, received

    def _throw_away(self, call: Call, limits: Limits, received: bytes) -> tuple[bool, bytes]:
        """Be silent for `late_s` after the last byte; tell whether the answer came after all."""
        late = False
        end_s = self._monotonic_s() + limits.late_s
        give_up_s = end_s + limits.late_s
        while (left_s := min(end_s, give_up_s) - self._monotonic_s()) > 0:
            data = self._wire.receive(left_s)
            if data:
                received = (received + data)[-LONGEST_FRAME:]
                late = late or isinstance(find_answer(received, call), Reply)
                end_s = self._monotonic_s() + limits.late_s
        return late, received

    def _fault(
        self, call: Call, answer: Mismatch | None, received: bytes, *, late: bool
    ) -> MeterFault:
        where = f"address {call.device} on {self._wire.name}"
        if isinstance(answer, Mismatch):
            return MeterFault(
                FaultKind.MISMATCH,
                f"the answer from {where} does not belong to the request: {answer.what}; see "
                "whether two devices have the same address or another master asks on this bus",
            )
        if late:
            return MeterFault(
                FaultKind.LATE,
                f"the meter at {where} answers too late; raise timeout_ms in its profile, or ask "
                "less on this bus",
            )
        if received:
            return MeterFault(
                FaultKind.GARBAGE,
                f"what comes from {where} is no frame ({received[:8].hex(' ')}…); check that the "
                f"meter is set to {self._settings.short}, and wiring and termination",
            )
        return MeterFault(FaultKind.NO_ANSWER, self._silence(where))

    def _silence(self, where: str) -> str:
        guess = "" if self._settings.documented else ", which is a guess,"
        return (
            f"no answer from {where}; check that the meter is powered, that A and B are not "
            f"swapped, and that it is set to {self._settings.short}{guess} and this address"
        )

    def _exception(self, call: Call, code: int) -> MeterFault:
        return MeterFault(
            FaultKind.EXCEPTION,
            f"the meter at address {call.device} on {self._wire.name} answers with exception "
            f"{code} to register {call.start} ({call.count}): {exception_words(code)}",
        )
