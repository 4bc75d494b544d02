"""The board's side of the safety lines, without a process."""

import socket
from collections.abc import Iterator, Mapping

import pytest

from hal.api import Fault
from hal.mock import wire
from hal.mock.line_server import LineServer
from hal.mock.plant import Evse, Plant
from hal.mock.wire import BadFrame, EvseSettings, Frame, Kind, LineOutputs

SETTINGS = {1: EvseSettings()}


class Bed:
    """A line server with two possible owners."""

    def __init__(self) -> None:
        self.plant = Plant()
        self.server = LineServer(self.plant, self._add)
        self.guard, self.guard_peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.other, self.other_peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self.guard, self.other, self.guard_peer, self.other_peer):
            end.setblocking(False)

    def introduce(self) -> Frame:
        self.server.serve(self.guard_peer, wire.encode_settings(SETTINGS, 1), 0)
        return self.heard()

    def drive(self, sequence: int = 2, now_ns: int = 0, **outputs: object) -> Frame:
        driven = LineOutputs(**outputs)  # type: ignore[arg-type]
        self.server.serve(self.guard_peer, wire.encode_outputs({1: driven}, sequence), now_ns)
        return self.heard()

    def heard(self) -> Frame:
        return wire.parse(self.guard.recv(4096))

    def close(self) -> None:
        for end in (self.guard, self.other, self.guard_peer, self.other_peer):
            end.close()

    def _add(self, settings: Mapping[int, EvseSettings], now_ns: int) -> None:
        for number, built in settings.items():
            if number not in self.plant.evses:
                self.plant.add(number, Evse(built, 0, now_ns), now_ns)


@pytest.fixture
def bed() -> Iterator[Bed]:
    bed = Bed()
    yield bed
    bed.close()


def test_an_introduction_is_answered_with_the_inputs(bed: Bed) -> None:
    frame = bed.introduce()
    assert (frame.kind, frame.sequence) == (Kind.INPUTS, 1)
    assert set(wire.decode_inputs(frame)) == {1}


def test_outputs_are_answered_with_what_they_brought_about(bed: Bed) -> None:
    bed.introduce()
    frame = bed.drive(sequence=9, duty=0.5)
    assert frame.sequence == 9
    inputs = wire.decode_inputs(frame)[1]
    assert (inputs.high_v, inputs.low_v) == (12.0, -12.0)


def test_an_edge_is_pushed_once_until_the_owner_asks_again(bed: Bed) -> None:
    bed.introduce()
    bed.server.publish()
    with pytest.raises(BlockingIOError):
        bed.heard()
    evse = bed.plant.evses[1]
    evse.set_fault(Fault.RCD, 0, on=True)
    bed.server.publish()
    evse.set_fault(Fault.OTHER, 0, on=True)
    bed.server.publish()
    pushed = bed.heard()
    assert pushed.sequence == wire.PUSHED
    assert wire.decode_inputs(pushed)[1].residual_current
    with pytest.raises(BlockingIOError):
        bed.heard()
    assert wire.decode_inputs(bed.drive())[1].fault_inputs == {Fault.OTHER}
    evse.set_fault(Fault.RCD, 0, on=False)
    bed.server.publish()
    assert not wire.decode_inputs(bed.heard())[1].residual_current


def test_the_lines_fall_when_their_owner_goes(bed: Bed) -> None:
    bed.introduce()
    bed.drive(duty=0.5, coil=True)
    bed.server.lost(bed.guard_peer, 0)
    assert bed.plant.evses[1].duty is None
    assert not bed.plant.evses[1].contacts.commanded
    bed.server.publish()  # nobody is there to be told


def test_the_loss_of_a_stranger_changes_nothing(bed: Bed) -> None:
    bed.introduce()
    bed.drive(duty=0.5, coil=True)
    bed.server.lost(bed.other_peer, 0)
    assert bed.plant.evses[1].contacts.commanded


def test_a_second_owner_is_refused_by_name_while_the_first_lives(bed: Bed) -> None:
    bed.introduce()
    bed.drive(duty=0.5, coil=True)
    with pytest.raises(BadFrame, match="held by process"):
        bed.server.serve(bed.other_peer, wire.encode_settings(SETTINGS, 1), 0)
    frame = wire.parse(bed.other.recv(4096))
    assert frame.kind is Kind.REFUSED
    assert bed.plant.evses[1].contacts.commanded


def test_a_dead_owner_makes_room_even_before_its_end_was_noticed(bed: Bed) -> None:
    bed.introduce()
    bed.drive(duty=0.5, coil=True)
    bed.guard.close()
    bed.server.serve(bed.other_peer, wire.encode_settings(SETTINGS, 1), 0)
    assert bed.server.owner is bed.other_peer
    assert not bed.plant.evses[1].contacts.commanded


def test_a_new_owner_brings_the_mains_back(bed: Bed) -> None:
    bed.plant.set_mains(0, on=False)
    bed.introduce()
    assert bed.plant.mains


def test_only_the_owner_may_drive(bed: Bed) -> None:
    bed.introduce()
    outputs = wire.encode_outputs({1: LineOutputs(coil=True)}, 1)
    with pytest.raises(BadFrame):
        bed.server.serve(bed.other_peer, outputs, 0)
    assert not bed.plant.evses[1].contacts.commanded


def test_an_evse_that_was_not_introduced_cannot_be_driven(bed: Bed) -> None:
    bed.introduce()
    with pytest.raises(BadFrame, match="introduced"):
        bed.server.serve(bed.guard_peer, wire.encode_outputs({2: LineOutputs()}, 1), 0)


def test_an_owner_that_hung_up_is_reported_when_spoken_to(bed: Bed) -> None:
    bed.introduce()
    bed.guard.close()
    bed.plant.evses[1].set_fault(Fault.RCD, 0, on=True)
    with pytest.raises(BadFrame, match="does not listen"):
        bed.server.publish()
