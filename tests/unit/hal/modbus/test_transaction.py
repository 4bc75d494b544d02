"""One request and its answer, on a wire whose clock the test moves."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.modbus.faults import FaultKind, MeterFault
from hal.modbus.frames import READ_INPUT, Call, frame_of
from hal.modbus.profile import Limits, Parity, SerialSettings
from hal.modbus.transaction import Master
from tests.rigs.modbus_meter import Exchange

SETTINGS = SerialSettings(9600, Parity.NONE, 1, 1)
LIMITS = Limits(max_registers=20, gap_s=0.06, timeout_s=0.3, late_s=0.2)
ENERGY = Call(1, READ_INPUT, 0x48, 2)
INST = Call(1, READ_INPUT, 0x00, 6)


def reply(call: Call, first: int = 7) -> bytes:
    told = tuple(range(first, first + call.count))
    return Exchange(call.device, call.function, call.start, call.count, (), told).frame


class Wire:
    """A line in virtual time: `answers` say what follows each request, and when."""

    name = "/dev/ttyTEST"

    def __init__(self) -> None:
        self.now_s = 100.0
        self.sent: list[tuple[float, bytes]] = []
        self.answers: list[list[tuple[float, bytes]]] = []
        self.coming: list[tuple[float, bytes]] = []
        self.endless: Callable[[], bytes] | None = None

    def send(self, data: bytes) -> None:
        self.sent.append((self.now_s, data))
        for after_s, answer in self.answers.pop(0) if self.answers else []:
            self.say(after_s, answer)

    def say(self, after_s: float, data: bytes) -> None:
        self.coming.append((self.now_s + after_s, data))
        self.coming.sort(key=lambda each: each[0])

    def receive(self, wait_s: float) -> bytes:
        if self.endless is not None:
            self.now_s += 0.001
            return self.endless()
        if self.coming and self.coming[0][0] <= self.now_s + wait_s:
            at_s, data = self.coming.pop(0)
            self.now_s = max(self.now_s, at_s)
            return data
        self.now_s += wait_s
        return b""


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def master(wire: Wire) -> Master:
    return Master(wire, SETTINGS, lambda: wire.now_s)


def fault(master: Master, call: Call = ENERGY) -> MeterFault:
    with pytest.raises(MeterFault) as raised:
        master.ask(call, LIMITS)
    return raised.value


def test_an_answer_is_told_as_soon_as_it_is_complete(wire: Wire, master: Master) -> None:
    wire.answers = [[(0.05, reply(ENERGY))]]
    assert master.ask(ENERGY, LIMITS) == (7, 8)
    assert wire.now_s == pytest.approx(100.0 + 0.06 + 0.05)


@given(cuts=st.lists(st.integers(1, 8), max_size=4))
def test_an_answer_may_come_in_pieces(cuts: list[int]) -> None:
    wire = Wire()
    frame = reply(ENERGY)
    edges = [0, *sorted(set(cuts)), len(frame)]
    pieces = [frame[low:high] for low, high in pairwise(edges)]
    wire.answers = [[(0.01 * n, piece) for n, piece in enumerate(pieces)]]
    assert Master(wire, SETTINGS, lambda: wire.now_s).ask(ENERGY, LIMITS) == (7, 8)


def test_the_meter_gets_its_silence_before_each_request(wire: Wire, master: Master) -> None:
    wire.answers = [[(0.05, reply(ENERGY))], [(0.05, reply(INST))]]
    master.ask(ENERGY, LIMITS)
    answered_s = wire.now_s
    master.ask(INST, LIMITS)
    assert wire.sent[1][0] - answered_s >= LIMITS.gap_s


def test_the_last_meter_on_the_bus_gets_its_silence_too(wire: Wire, master: Master) -> None:
    neighbour = Call(2, READ_INPUT, 0, 3)
    quick = Limits(max_registers=20, gap_s=0.0, timeout_s=0.3, late_s=0.2)
    wire.answers = [[(0.05, reply(ENERGY))], [(0.05, reply(neighbour))]]
    master.ask(ENERGY, LIMITS)
    answered_s = wire.now_s
    master.ask(neighbour, quick)
    assert wire.sent[1][0] - answered_s >= LIMITS.gap_s


def test_bytes_that_nobody_asked_for_are_thrown_away_first(wire: Wire, master: Master) -> None:
    wire.say(0.0, reply(ENERGY, first=99))
    wire.answers = [[(0.05, reply(ENERGY))]]
    assert master.ask(ENERGY, LIMITS) == (7, 8)


def test_silence_is_told_after_the_time_given(wire: Wire, master: Master) -> None:
    told = fault(master)
    assert told.kind is FaultKind.NO_ANSWER
    assert "no answer from address 1 on /dev/ttyTEST; check that the meter is powered" in str(told)
    assert "9600 baud 8N1 and this address" in str(told)


def test_a_guessed_setting_is_told_as_a_guess(wire: Wire) -> None:
    guess = SerialSettings(9600, Parity.EVEN, 1, 1, documented=False)
    told = fault(Master(wire, guess, lambda: wire.now_s))
    assert "9600 baud 8E1, which is a guess, and this address" in str(told)


def test_a_late_answer_is_never_taken_for_the_next(wire: Wire, master: Master) -> None:
    wire.answers = [[(0.4, reply(ENERGY, first=1111))], [(0.05, reply(ENERGY))]]
    told = fault(master)
    assert told.kind is FaultKind.LATE
    assert "answers too late; raise timeout_ms" in str(told)
    assert master.ask(ENERGY, LIMITS) == (7, 8)


def test_after_a_failure_the_line_is_silent_for_as_long_as_an_answer_may_be_late(
    wire: Wire, master: Master
) -> None:
    wire.answers = [[(0.4, reply(ENERGY))], [(0.01, reply(INST))]]
    fault(master)
    assert wire.now_s - (wire.sent[0][0] + 0.4) >= LIMITS.late_s
    master.ask(INST, LIMITS)
    assert wire.sent[1][0] - (wire.sent[0][0] + 0.4) >= LIMITS.late_s


@given(delay_s=st.floats(0.0, 3.0), pause_s=st.floats(0.0, 1.0))
def test_no_delay_makes_one_answer_anothers(delay_s: float, pause_s: float) -> None:
    """Whenever the answer to the first call comes, the second call gets its own or none."""
    wire = Wire()
    master = Master(wire, SETTINGS, lambda: wire.now_s)
    wire.answers = [[(delay_s, reply(INST, first=1111))], [(delay_s + 0.01, reply(ENERGY))]]
    for call, right in ((INST, tuple(range(1111, 1117))), (ENERGY, (7, 8))):
        try:
            assert master.ask(call, LIMITS) == right
        except MeterFault:
            wire.now_s += pause_s


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (reply(Call(7, READ_INPUT, 0x48, 2)), "device 7 answers instead of 1"),
        (reply(Call(1, 3, 0x48, 2)), "function code 3 instead of 4"),
        (reply(Call(1, READ_INPUT, 0x48, 4)), "4 registers instead of 2"),
        (reply(Call(1, READ_INPUT, 0x48, 0)), "0 registers instead of 2"),
    ],
)
def test_an_answer_that_does_not_belong_is_a_fault_and_silence_follows(
    wire: Wire, master: Master, answer: bytes, what: str
) -> None:
    wire.answers = [[(0.05, answer)], [(0.05, reply(ENERGY))]]
    told = fault(master)
    assert told.kind is FaultKind.MISMATCH
    assert what in str(told)
    assert "same address or another master" in str(told)
    assert wire.now_s >= wire.sent[0][0] + 0.05 + LIMITS.late_s
    assert master.ask(ENERGY, LIMITS) == (7, 8)


@pytest.mark.parametrize("garbage", [b"\x13\x37\x00\xff\x55", reply(ENERGY)[:-2], b"\x01" * 40])
def test_what_is_no_frame_is_told_as_such(wire: Wire, master: Master, garbage: bytes) -> None:
    wire.answers = [[(0.05, garbage)]]
    told = fault(master)
    assert told.kind is FaultKind.GARBAGE
    assert garbage[:8].hex(" ") in str(told)
    assert "check that the meter is set to 9600 baud 8N1" in str(told)


def test_a_flood_ends_in_a_fault(wire: Wire, master: Master) -> None:
    wire.endless = lambda: b"\x55" * 100
    told = fault(master)
    assert told.kind is FaultKind.NOISE
    assert "never falls silent; see whether another master" in str(told)
    assert wire.now_s < 101.0
    assert not wire.sent


def test_a_flood_that_begins_with_the_request_ends_as_well(wire: Wire, master: Master) -> None:
    def begins() -> bytes:
        return b"\x55" * 100

    wire.answers = [[(0.01, b"\x55" * 2000)]]
    master_send = wire.send

    def send(data: bytes) -> None:
        master_send(data)
        wire.endless = begins

    wire.send = send  # type: ignore[method-assign]
    assert fault(master).kind is FaultKind.GARBAGE
    assert wire.now_s < 102.0


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(2, "check that the profile is that of this meter"), (6, "it is busy"), (77, "none of Modb")],
)
def test_an_exception_code_is_told_in_words(
    wire: Wire, master: Master, code: int, remedy: str
) -> None:
    wire.answers = [[(0.05, Exchange(1, READ_INPUT, 0x48, 2, exception=code).frame)]]
    told = fault(master)
    assert told.kind is FaultKind.EXCEPTION
    assert f"answers with exception {code} to register 72 (2): " in str(told)
    assert remedy in str(told)


def test_the_request_is_the_frame_of_the_call(wire: Wire, master: Master) -> None:
    wire.answers = [[(0.05, reply(ENERGY))]]
    master.ask(ENERGY, LIMITS)
    assert [data for _, data in wire.sent] == [frame_of(ENERGY)]
