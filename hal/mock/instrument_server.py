"""The board's side of the instruments: meters, readers and the test bench, in JSON datagrams.

A question is `{"id": n, "ask": WORD, "body": ...}`, its answer `{"id": n, ...}`. A reader that
asked to listen also gets `{"swipe": [token, type, evses, contract chain or null]}` and, when it
fails, `{"lost": true}`. Who asked to hear vehicles gets `{"needs": {...}}` and `{"wish": {...}}`.
"""

import json
import socket
from base64 import b64decode
from collections.abc import Callable, Iterable

from hal.api import Fault
from hal.mock.conversation import certificate_answer, needs_document
from hal.mock.operations import Bench, Reply, Swipe
from hal.mock.plant import Plant
from hal.mock.report import milli_wh
from hal.mock.surroundings import Shown

MAX_EVSES = 64
MAX_RELAYS = 64


class InstrumentServer:
    """Answers questions about the plant and hands swipes to the readers that listen."""

    def __init__(
        self,
        plant: Plant,
        token: str,
        add_evses: Callable[[Iterable[int], int], None],
        fail_power: Callable[[], None],
    ) -> None:
        self._plant = plant
        self._token = token
        self._add_evses = add_evses
        self._bench = Bench(plant, self._present, fail_power)
        self._readers: dict[socket.socket, tuple[int, ...]] = {}
        self._hearers: set[socket.socket] = set()

    def serve(self, peer: socket.socket, datagram: bytes, now_ns: int) -> bytes:
        """Return the answer to one datagram, whatever it contains."""
        question = _parse(datagram)
        if question is None:
            return _datagram({"id": None, "ok": False, "error": "this is not a JSON object"})
        answer = self._answer(str(question.get("ask")), peer, question.get("body"), now_ns)
        self._drop_lost_readers()
        self._pass_needs_on()
        return _datagram({"id": question.get("id")} | answer)

    def _answer(self, ask: str, peer: socket.socket, body: object, now_ns: int) -> Reply:
        answers: dict[str, Callable[[], Reply]] = {
            "bench": lambda: self._bench.perform(body, now_ns),
            "open": lambda: self._open(body, now_ns),
            "listen": lambda: self._listen(peer, body),
            "meter": lambda: self._meter(body, now_ns),
            "temperature": lambda: self._temperature(body),
            "indicate": lambda: self._indicate(body),
            "relay": lambda: self._relay(body),
            "hear": lambda: self._hear(peer),
            "negotiate": lambda: self._negotiate(body),
            "certificate": lambda: self._certificate(body),
            "staple": lambda: self._staple(body),
        }
        answer = answers.get(ask)
        return {"ok": False, "error": "unknown question"} if answer is None else answer()

    def _hear(self, peer: socket.socket) -> Reply:
        self._hearers.add(peer)
        return {"ok": True}

    def lost(self, peer: socket.socket) -> None:
        """Forget a connection that is gone."""
        self._readers.pop(peer, None)
        self._hearers.discard(peer)

    def _open(self, body: object, now_ns: int) -> Reply:
        numbers = _numbers(body)
        if numbers is None or len(self._plant.evses.keys() | set(numbers)) > MAX_EVSES:
            return {"ok": False, "error": f"a board has EVSEs 1..65535, at most {MAX_EVSES}"}
        self._add_evses(numbers, now_ns)
        return {"ok": True, "token": self._token}

    def _listen(self, peer: socket.socket, body: object) -> Reply:
        numbers = _numbers(body)
        if numbers is None:
            return {"ok": False, "error": "a reader listens for a list of EVSEs"}
        self._readers[peer] = numbers
        return {"ok": True, "lost": self._is_lost(numbers)}

    def _meter(self, body: object, now_ns: int) -> Reply:
        evse = self._plant.evses.get(body) if isinstance(body, int) else None
        if evse is None:
            return {"ok": False, "error": "there is no such EVSE"}
        if Fault.METER_LOST in evse.faults:
            return {"ok": True, "lost": True}
        values = evse.read_meter(now_ns)
        return {
            "ok": True,
            "lost": False,
            "milli_wh": milli_wh(values.micro_wh),
            "power_w": values.power_w,
            "voltage_v": values.voltage_v,
            "current_a": values.current_a,
        }

    def _temperature(self, body: object) -> Reply:
        if not isinstance(body, int) or body not in self._plant.evses:
            return {"ok": False, "error": "there is no such EVSE"}
        return {"ok": True, "celsius": self._bench.surroundings.celsius(body)}

    def _relay(self, body: object) -> Reply:
        relays = self._bench.surroundings.relays
        if not isinstance(body, str) or (body not in relays and len(relays) >= MAX_RELAYS):
            return {"ok": False, "error": f"a board has at most {MAX_RELAYS} relays, by name"}
        return {"ok": True, "on": self._bench.surroundings.relay(body)}

    def _indicate(self, body: object) -> Reply:
        match body:
            case [int(evse), str(colour), str(rhythm), int(percent), int() | None as times] if (
                evse in self._plant.evses
            ):
                self._bench.surroundings.show(evse, Shown(colour, rhythm, percent, times))
                return {"ok": True}
            case _:
                words = "a light shows [EVSE, colour, rhythm, percent, times or null]"
                return {"ok": False, "error": words}

    def _present(self, swipe: Swipe) -> int:
        heard = 0
        for peer, numbers in self._readers.items():
            served = [number for number in numbers if number in swipe.evses]
            if served and not self._is_lost(numbers):
                said = [swipe.token, swipe.token_type, served, swipe.contract_chain]
                heard += _try_send(peer, {"swipe": said})
        return heard

    def _negotiate(self, body: object) -> Reply:
        match body:
            case [int(number), schedules] if number in self._plant.evses:
                evse = self._plant.evses[number]
                if evse.vehicle.plugged:
                    return evse.conversation.negotiate(schedules)
        return {"ok": False, "error": "there is no vehicle to talk to"}

    def _certificate(self, body: object) -> Reply:
        match body:
            case [int(number), document] if number in self._plant.evses:
                evse, answer = self._plant.evses[number], certificate_answer(document)
                if evse.vehicle.plugged and answer is not None:
                    evse.conversation.certificates.append(answer)
                    return {"ok": True}
        return {"ok": False, "error": "there is no vehicle that waits for such an answer"}

    def _staple(self, body: object) -> Reply:
        texts = body if isinstance(body, list) else [body]
        try:
            self._plant.stapled = tuple(b64decode(str(text), validate=True) for text in texts)
        except ValueError:
            return {"ok": False, "error": "what is stapled is a list of texts in base64"}
        return {"ok": True}

    def _pass_needs_on(self) -> None:
        needs, self._plant.told_needs = self._plant.told_needs, []
        wishes, self._plant.told_wishes = self._plant.told_wishes, []
        told = [("needs", needs_document(one)) for one in needs]
        told += [("wish", needs_document(one)) for one in wishes]
        for word, document in told:
            for peer in self._hearers:
                _try_send(peer, {word: document})

    def _drop_lost_readers(self) -> None:
        for peer, numbers in list(self._readers.items()):
            if self._is_lost(numbers):
                del self._readers[peer]
                _try_send(peer, {"lost": True})

    def _is_lost(self, numbers: Iterable[int]) -> bool:
        evses = self._plant.evses
        return any(n in evses and Fault.READER_LOST in evses[n].faults for n in numbers)


def _parse(datagram: bytes) -> dict[str, object] | None:
    try:
        question = json.loads(datagram)
    except (ValueError, RecursionError):
        return None
    return question if isinstance(question, dict) else None


def _numbers(body: object) -> tuple[int, ...] | None:
    if not isinstance(body, list) or not body:
        return None
    if any(isinstance(n, bool) or not isinstance(n, int) or not 0 < n < 1 << 16 for n in body):
        return None
    return tuple(body)


def _datagram(message: dict[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def _try_send(peer: socket.socket, message: dict[str, object]) -> bool:
    try:
        peer.send(_datagram(message))
    except OSError:
        return False  # a reader that does not listen misses a swipe, as a dead one would
    return True
