"""The board's side of the instruments, without a process."""

import json
import socket
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.mock.instrument_server import MAX_EVSES, InstrumentServer
from hal.mock.plant import Evse, Plant
from hal.mock.wire import EvseSettings


class Bed:
    """An instrument server with one client."""

    def __init__(self) -> None:
        self.plant = Plant()
        self.server = InstrumentServer(self.plant, "token", self._add, lambda: None)
        self.client, self.peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.client.setblocking(False)
        self.peer.setblocking(False)

    def ask(self, what: str, body: object) -> dict[str, Any]:
        question = json.dumps({"id": 5, "ask": what, "body": body}).encode()
        answer: dict[str, Any] = json.loads(self.server.serve(self.peer, question, 0))
        assert answer.pop("id") == 5
        return answer

    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.client.recv(4096))
        return event

    def close(self) -> None:
        self.client.close()
        self.peer.close()

    def _add(self, numbers: Iterable[int], now_ns: int) -> None:
        for number in numbers:
            if number not in self.plant.evses:
                self.plant.add(number, Evse(EvseSettings(), 10**9, now_ns), now_ns)


@pytest.fixture
def bed() -> Iterator[Bed]:
    bed = Bed()
    yield bed
    bed.close()


def test_opening_adds_evses_and_tells_the_worlds_token(bed: Bed) -> None:
    assert bed.ask("open", [1, 2]) == {"ok": True, "token": "token"}
    assert set(bed.plant.evses) == {1, 2}


@pytest.mark.parametrize("body", [None, [], 1, ["1"], [True], [0], [70000], [[1]]])
def test_opening_something_else_than_evses_is_refused(bed: Bed, body: object) -> None:
    assert bed.ask("open", body)["ok"] is False
    assert not bed.plant.evses


def test_a_board_does_not_grow_without_bounds(bed: Bed) -> None:
    assert bed.ask("open", list(range(1, MAX_EVSES + 1)))["ok"] is True
    assert bed.ask("open", [MAX_EVSES + 1])["ok"] is False


def test_a_meter_is_read_in_milliwatthours(bed: Bed) -> None:
    bed.ask("open", [1])
    reading = bed.ask("meter", 1)
    assert reading["milli_wh"] == 1_000_000
    assert reading["lost"] is False


def test_a_lost_meter_gives_no_values(bed: Bed) -> None:
    bed.ask("open", [1])
    bed.ask("bench", {"op": "error", "code": "meter_lost"})
    assert bed.ask("meter", 1) == {"ok": True, "lost": True}


def test_there_is_no_meter_without_an_evse(bed: Bed) -> None:
    assert bed.ask("meter", 3)["ok"] is False
    assert bed.ask("meter", "1")["ok"] is False


def test_a_listening_reader_hears_swipes_of_its_evses_alone(bed: Bed) -> None:
    bed.ask("open", [1, 2, 3])
    assert bed.ask("listen", [1, 2]) == {"ok": True, "lost": False}
    heard = bed.ask("bench", {"op": "swipe", "token": "AA", "evses": [3]})
    assert heard == {"ok": True, "heard_by": 0}
    heard = bed.ask("bench", {"op": "swipe", "token": "BB"})
    assert heard == {"ok": True, "heard_by": 1}
    assert bed.event() == {"swipe": ["BB", "ISO14443", [1, 2], None]}


def test_a_lost_reader_is_told_once_and_hears_nothing(bed: Bed) -> None:
    bed.ask("open", [1])
    bed.ask("listen", [1])
    bed.ask("bench", {"op": "error", "code": "reader_lost"})
    assert bed.event() == {"lost": True}
    assert bed.ask("bench", {"op": "swipe", "token": "AA"})["heard_by"] == 0
    assert bed.ask("listen", [1]) == {"ok": True, "lost": True}


def test_a_reader_that_went_away_is_forgotten(bed: Bed) -> None:
    bed.ask("open", [1])
    bed.ask("listen", [1])
    bed.server.lost(bed.peer)
    assert bed.ask("bench", {"op": "swipe", "token": "AA"})["heard_by"] == 0


def test_a_reader_that_died_unnoticed_does_not_disturb_the_bench(bed: Bed) -> None:
    bed.ask("open", [1])
    bed.ask("listen", [1])
    bed.client.close()
    assert bed.ask("bench", {"op": "swipe", "token": "AA"}) == {"ok": True, "heard_by": 0}


def test_listening_to_nothing_is_refused(bed: Bed) -> None:
    assert bed.ask("listen", "all")["ok"] is False


def test_an_unknown_question_is_refused(bed: Bed) -> None:
    assert bed.ask("weather", None) == {"ok": False, "error": "unknown question"}


@given(datagram=st.binary(min_size=1, max_size=100) | st.text(max_size=50).map(str.encode))
def test_whatever_arrives_is_answered(datagram: bytes) -> None:
    bed = Bed()
    answer = json.loads(bed.server.serve(bed.peer, datagram, 0))
    assert answer["ok"] is False
    bed.close()


@pytest.mark.parametrize("datagram", [b"[" * 100_000, b'{"id":' * 20_000, b"\xff\xfe", b"NaN"])
def test_hostile_json_is_answered(bed: Bed, datagram: bytes) -> None:
    assert json.loads(bed.server.serve(bed.peer, datagram, 0))["ok"] is False
