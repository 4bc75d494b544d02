"""The guard's end of the link: who counts, what is refused, what is told."""

import os
import select
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hal.api import GuardStatus, Lease, LeaseState, PilotMode, PilotState
from hal.guard import endpoint
from hal.guard.link import FRAMES_PER_ROUND, MOST_CONNECTIONS, Received, ServicesLink
from hal.guard.protocol import (
    FRAME_BYTES,
    Bye,
    Farewell,
    Hello,
    Message,
    Role,
    Unlock,
    decode,
    encode,
)

LEASE = Lease(1, PilotMode.OFFER, 16.0)
STATUS = GuardStatus(1, PilotState.A, 1.0, 0.0, False, False, LeaseState.NONE)


class Guard:
    """A link with its poll object and a clock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.poll = select.poll()
        self.now_s = 100.0
        listener = endpoint.listen(path)
        self.link = ServicesLink(listener, self.poll, frozenset({1, 2}), None, self.now_s)
        self.peers: list[Peer] = []

    def round(self) -> Received:
        return self.link.receive([fileno for fileno, _ in self.poll.poll(0)], self.now_s)

    def peer(self, role: Role | None = Role.SERVICES) -> "Peer":
        peer = Peer(self.path)
        self.peers.append(peer)
        if role is not None:
            peer.send(Hello(role, os.getpid()))
        self.round()
        self.round()
        return peer

    def close(self) -> None:
        self.link.close()
        for peer in self.peers:
            peer.socket.close()


class Peer:
    def __init__(self, path: Path) -> None:
        self.socket: socket.socket = endpoint.connect(path)
        self.sent = 0

    def send(self, message: Message) -> None:
        self.sent += 1
        self.raw(encode(message, self.sent))

    def raw(self, frame: bytes) -> None:
        self.socket.send(frame)

    def heard(self) -> list[Message | None]:
        """Return every message so far, None for the end of the connection."""
        messages: list[Message | None] = []
        while True:
            try:
                frame = self.socket.recv(FRAME_BYTES + 1)
            except BlockingIOError:
                return messages
            if not frame:
                return [*messages, None]
            messages.append(decode(frame)[0])


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    guard = Guard(tmp_path / "guard.sock")
    yield guard
    guard.close()


def test_leases_and_unlocks_arrive_in_order(guard: Guard) -> None:
    services = guard.peer()
    assert services.heard() == [Hello(Role.GUARD, os.getpid())]
    services.send(LEASE)
    services.send(Unlock(2))
    assert guard.round() == Received((LEASE, Unlock(2)))
    assert guard.round() == Received()
    assert guard.link.connected


def test_the_newest_services_take_over(guard: Guard) -> None:
    old = guard.peer()
    new = guard.peer()
    assert old.heard()[1:] == [Bye(Farewell.SUPERSEDED), None]
    new.send(LEASE)
    assert guard.round().requests == (LEASE,)


def test_a_takeover_is_not_a_loss(guard: Guard) -> None:
    guard.peer()
    newer = Peer(guard.path)
    guard.peers.append(newer)
    newer.send(Hello(Role.SERVICES, 1))
    assert not guard.round().services_gone
    assert not guard.round().services_gone


def test_a_probe_is_answered_without_disturbing_the_services(guard: Guard) -> None:
    services = guard.peer()
    probe = guard.peer(Role.PROBE)
    assert probe.heard() == [Hello(Role.GUARD, os.getpid()), None]
    services.send(LEASE)
    assert guard.round().requests == (LEASE,)


def test_the_end_of_the_services_is_seen_at_once(guard: Guard) -> None:
    services = guard.peer()
    guard.now_s = 150.0
    guard.round()
    services.socket.close()
    assert guard.round() == Received((), services_gone=True)
    assert not guard.link.connected
    assert guard.link.last_seen_s == 150.0
    assert guard.round() == Received()


def test_the_last_words_of_the_services_still_count(guard: Guard) -> None:
    services = guard.peer()
    services.heard()
    services.send(LEASE)
    services.socket.close()
    assert guard.round() == Received((LEASE,), services_gone=True)


def test_a_lease_before_hello_is_refused(guard: Guard) -> None:
    stranger = guard.peer(None)
    stranger.send(LEASE)
    assert guard.round() == Received()
    assert guard.link.rejected == 1


@pytest.mark.parametrize(
    "message",
    [
        Lease(3, PilotMode.OFFER, 16.0),
        Unlock(3),
        Hello(Role.SERVICES, 1),
        Hello(Role.GUARD, 1),
        STATUS,
        Bye(Farewell.REFUSED),
    ],
)
def test_messages_that_make_no_sense_are_refused(guard: Guard, message: Message) -> None:
    services = guard.peer()
    services.send(message)
    assert guard.round() == Received()
    assert guard.link.rejected == 1
    services.send(LEASE)
    assert guard.round().requests == (LEASE,), "the connection goes on"


def test_a_replayed_or_damaged_frame_is_refused(guard: Guard) -> None:
    services = guard.peer()
    frame = encode(LEASE, 10)
    services.raw(frame)
    services.raw(frame)
    services.raw(encode(LEASE, 9))
    services.raw(frame[:-1])
    services.raw(frame + b"x")
    services.raw(bytes(FRAME_BYTES))
    assert guard.round().requests == (LEASE,)
    assert guard.link.rejected == 5


def test_a_peer_of_another_user_is_refused(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "peer_is_allowed", lambda *_: False)
    stranger = Peer(guard.path)
    guard.peers.append(stranger)
    stranger.send(Hello(Role.SERVICES, 1))
    guard.round()
    assert stranger.heard() == [Bye(Farewell.REFUSED), None]
    assert not guard.link.connected


def test_a_silent_peer_is_dismissed_after_two_seconds(guard: Guard) -> None:
    silent = guard.peer(None)
    guard.now_s += 1.9
    guard.round()
    assert silent.heard() == []
    guard.now_s += 0.2
    guard.round()
    assert silent.heard() == [Bye(Farewell.REFUSED), None]


def test_a_crowd_is_refused_but_not_the_services(guard: Guard) -> None:
    services = guard.peer()
    crowd = [guard.peer(None) for _ in range(MOST_CONNECTIONS)]
    assert crowd[-1].heard() == [Bye(Farewell.REFUSED), None]
    services.send(LEASE)
    assert guard.round().requests == (LEASE,)


def test_a_flood_is_taken_in_portions(guard: Guard) -> None:
    services = guard.peer()
    for _ in range(FRAMES_PER_ROUND + 5):
        services.send(LEASE)
    assert len(guard.round().requests) == FRAMES_PER_ROUND
    assert len(guard.round().requests) == 5


def test_statuses_are_told_when_they_change_and_every_half_second(guard: Guard) -> None:
    services = guard.peer()
    services.heard()
    changed = replace(STATUS, pilot_state=PilotState.B)
    guard.link.tell({1: STATUS}, 100.0)
    guard.link.tell({1: STATUS}, 100.4)
    guard.link.tell({1: changed}, 100.42)
    guard.link.tell({1: changed}, 100.9)
    guard.link.tell({1: changed}, 100.92)
    assert services.heard() == [STATUS, changed, changed]


@pytest.mark.parametrize(("moved_v", "told"), [(0.2, 1), (-0.2, 1), (0.3, 2)])
def test_the_last_digit_of_a_voltage_is_no_news(guard: Guard, moved_v: float, told: int) -> None:
    services = guard.peer()
    services.heard()
    guard.link.tell({1: STATUS}, 100.0)
    guard.link.tell({1: replace(STATUS, pilot_low_v=STATUS.pilot_low_v + moved_v)}, 100.02)
    assert len(services.heard()) == told


def test_new_services_are_told_everything(guard: Guard) -> None:
    guard.link.tell({1: STATUS}, 100.0)
    services = guard.peer()
    guard.link.tell({1: STATUS}, 100.01)
    assert services.heard()[1:] == [STATUS]


def test_a_peer_that_does_not_listen_is_not_waited_for(guard: Guard) -> None:
    services = guard.peer()
    for step in range(2000):
        guard.link.tell({1: STATUS}, 100.0 + step)
    assert guard.link.connected
    heard = services.heard()
    assert STATUS in heard
    guard.link.tell({1: STATUS}, 3000.0)
    assert services.heard() == [STATUS]


def test_a_leaving_guard_says_goodbye(tmp_path: Path) -> None:
    guard = Guard(tmp_path / "guard.sock")
    services = guard.peer()
    guard.link.close()
    assert services.heard()[1:] == [Bye(Farewell.SHUTTING_DOWN), None]
    services.socket.close()
