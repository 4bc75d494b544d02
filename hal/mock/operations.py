"""Bench operations: requests of a test bench to the world, checked and carried out.

Whatever a request contains, the answer is a reply: `{"ok": true, ...}`, or `{"ok": false,
"error": ...}` with a sentence for the person at the bench. Keys that an operation does not know
are ignored.
"""

import math
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from hal.api import Fault, Feed
from hal.mock.conversation import NeedsRefused, answer_of, certificate_request_of, needs_of
from hal.mock.plant import Evse, Fitting, Plant
from hal.mock.report import describe
from hal.mock.surroundings import MAX_CELSIUS, Surroundings

Reply = dict[str, object]

BENCH_FAULTS = tuple(
    fault.value for fault in Fault if fault not in {Fault.LINES_LOST, Fault.GUARD_LOST}
)
CABLE_RATINGS_A = (13, 20, 32, 63)
MAX_VEHICLE_A = 80.0
MAX_ENERGY_WH = 1e12
MAX_TOKEN_CHARS = 255
MAX_EMAID_CHARS = 36
MAX_CHAIN_CHARS = 20_000


class RequestRefused(Exception):
    """A request cannot be carried out; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Swipe:
    """A token to be held before the readers of some EVSEs; a vehicle's comes with its chain."""

    token: str
    token_type: str
    evses: frozenset[int]
    contract_chain: str | None = None


class Bench:
    """Carries operations out on a plant; `present` hands a token to the readers."""

    def __init__(
        self,
        plant: Plant,
        present: Callable[[Swipe], int],
        fail_power: Callable[[], None],
    ) -> None:
        self._plant = plant
        self._present = present
        self._fail_power = fail_power
        self.surroundings = Surroundings()
        self._operations: Mapping[str, Callable[[Mapping[str, object], int], Reply]] = {
            "plug_in": self._plug_in,
            "plug_out": self._plug_out,
            "pause": self._pause,
            "resume": self._resume,
            "swipe": self._swipe,
            "contract": self._contract,
            "needs": self._needs,
            "certificate_installation": self._certificate_installation,
            "error": self._error,
            "meter": self._meter,
            "vehicle": self._vehicle,
            "temperature": self._temperature,
            "tamper": self._tamper,
            "relay": self._relay,
            "power_fail": self._power_fail,
            "power_on": self._power_on,
            "state": self._state,
        }

    def perform(self, request: object, now_ns: int) -> Reply:
        """Carry out one request and return its reply."""
        try:
            if isinstance(request, dict):
                return {"ok": True} | self._operation(request)(request, now_ns)
        except (RequestRefused, NeedsRefused) as refusal:
            return {"ok": False, "error": str(refusal)}
        return {"ok": False, "error": "a request is a JSON object with an 'op'"}

    def _operation(
        self, request: Mapping[str, object]
    ) -> Callable[[Mapping[str, object], int], Reply]:
        name = _text(request, "op")
        if name not in self._operations:
            known = ", ".join(self._operations)
            raise RequestRefused(f"unknown op {_shown(name)}; known are {known}")
        return self._operations[name]

    def _plug_in(self, request: Mapping[str, object], now_ns: int) -> Reply:
        self._evse(request).plug(now_ns, plugged=True)
        return {}

    def _plug_out(self, request: Mapping[str, object], now_ns: int) -> Reply:
        self._evse(request).plug(now_ns, plugged=False)
        return {}

    def _pause(self, request: Mapping[str, object], now_ns: int) -> Reply:
        self._evse(request).want(now_ns, energy=False)
        return {}

    def _resume(self, request: Mapping[str, object], now_ns: int) -> Reply:
        self._evse(request).want(now_ns, energy=True)
        return {}

    def _swipe(self, request: Mapping[str, object], now_ns: int) -> Reply:
        del now_ns
        token = _text(request, "token")
        if not 0 < len(token) <= MAX_TOKEN_CHARS or not token.isprintable():
            raise RequestRefused(f"'token' has 1 to {MAX_TOKEN_CHARS} printable characters")
        token_type = _text(request, "type") if "type" in request else "ISO14443"
        if not 0 < len(token_type) <= 20:
            raise RequestRefused("'type' is an OCPP token type such as ISO14443 or KeyCode")
        evses = self._swiped_evses(request)
        heard_by = self._present(Swipe(_reader_text(token, token_type), token_type, evses))
        return {"heard_by": heard_by}

    def _contract(self, request: Mapping[str, object], now_ns: int) -> Reply:
        """Let the vehicle at an EVSE present a contract (ISO 15118, Plug & Charge)."""
        del now_ns
        evse = self._evse(request)
        emaid, chain = _text(request, "emaid"), _text(request, "chain")
        if not evse.vehicle.plugged:
            raise RequestRefused("no vehicle is plugged in that could present a contract")
        if not 0 < len(emaid) <= MAX_EMAID_CHARS or not emaid.isprintable():
            raise RequestRefused(f"'emaid' has 1 to {MAX_EMAID_CHARS} printable characters")
        if not 0 < len(chain) <= MAX_CHAIN_CHARS or not chain.isascii():
            raise RequestRefused(f"'chain' is PEM text of at most {MAX_CHAIN_CHARS} characters")
        number = request.get("evse", 1)
        present = Swipe(emaid, "eMAID", frozenset({number}), chain)  # type: ignore[arg-type] # known
        return {"heard_by": self._present(present)}

    def _needs(self, request: Mapping[str, object], now_ns: int) -> Reply:
        """Let the vehicle at an EVSE tell what it needs (ISO 15118), and prepare its answer."""
        del now_ns
        evse = self._evse(request)
        if not evse.vehicle.plugged:
            raise RequestRefused("no vehicle is plugged in that could tell its needs")
        number = request.get("evse", 1)
        needs = needs_of(request, number)  # type: ignore[arg-type] # known
        evse.conversation.answer = answer_of(request)
        self._plant.told_needs.append(needs)
        return {}

    def _certificate_installation(self, request: Mapping[str, object], now_ns: int) -> Reply:
        """Let the vehicle at an EVSE ask for a contract certificate (ISO 15118)."""
        del now_ns
        evse = self._evse(request)
        if not evse.vehicle.plugged:
            raise RequestRefused("no vehicle is plugged in that could ask for a certificate")
        number = request.get("evse", 1)
        wish = certificate_request_of(request, number)  # type: ignore[arg-type] # known
        evse.conversation.certificates.clear()
        self._plant.told_wishes.append(wish)
        return {}

    def _swiped_evses(self, request: Mapping[str, object]) -> frozenset[int]:
        wanted = request.get("evses", request.get("evse"))
        if wanted is None:
            return frozenset(self._plant.evses)
        numbers = wanted if isinstance(wanted, list) else [wanted]
        for number in numbers:
            self._known_evse(number)
        return frozenset(numbers)

    def _error(self, request: Mapping[str, object], now_ns: int) -> Reply:
        evse = self._evse(request)
        code = _text(request, "code")
        if code not in BENCH_FAULTS:
            known = ", ".join(BENCH_FAULTS)
            raise RequestRefused(f"unknown error code {_shown(code)}; known are {known}")
        if code == Fault.LOCK and not evse.settings.has_lock:
            raise RequestRefused("this EVSE has no lock that could fail")
        contactor = _welded(request, evse, code)
        evse.set_fault(Fault(code), now_ns, on=_switch(request, "on"), contactor=contactor)
        return {}

    def _meter(self, request: Mapping[str, object], now_ns: int) -> Reply:
        evse = self._evse(request)
        phases = evse.settings.phases
        override = evse.override
        if "power_w" in request:
            override = replace(override, power_w=_optional_number(request, "power_w"))
        if "voltage_v" in request:
            override = replace(override, voltage_v=_per_phase(request, "voltage_v", phases))
        if "current_a" in request:
            override = replace(override, current_a=_per_phase(request, "current_a", phases))
        energy_wh = _optional_number(request, "energy_wh")
        if energy_wh is not None and not 0 <= energy_wh <= MAX_ENERGY_WH:
            raise RequestRefused(f"'energy_wh' is within 0..{MAX_ENERGY_WH:g}")
        evse.override = override
        if energy_wh is not None:
            evse.advance(now_ns)
            evse.register.set_micro_wh(round(energy_wh * 1e6), now_ns)
        return {}

    def _vehicle(self, request: Mapping[str, object], now_ns: int) -> Reply:
        evse = self._evse(request)
        max_a = _number(request, "max_a") if "max_a" in request else evse.vehicle.max_a
        if not 0 <= max_a <= MAX_VEHICLE_A:
            raise RequestRefused(f"'max_a' is within 0..{MAX_VEHICLE_A:g}")
        phases = _choice(request, "phases", (1, 2, 3), evse.vehicle.phases)
        cable_a = evse.cable_a
        if "cable_a" in request and cable_a is None:
            raise RequestRefused("this EVSE has an attached cable; 'cable_a' does not apply")
        if cable_a is not None:
            cable_a = _choice(request, "cable_a", CABLE_RATINGS_A, cable_a)
        legacy = _switch(request, "legacy", default=evse.vehicle.legacy)
        simplified = _switch(request, "simplified", default=evse.vehicle.simplified)
        evse.fit_vehicle(Fitting(max_a, phases, cable_a, legacy, simplified), now_ns)
        return {}

    def _tamper(self, request: Mapping[str, object], now_ns: int) -> Reply:
        evse = self._evse(request)
        evse.advance(now_ns)
        evse.tampered = _switch(request, "on")
        return {}

    def _relay(self, request: Mapping[str, object], now_ns: int) -> Reply:
        """Switch a relay of the grid; null breaks its wires."""
        del now_ns
        name, relays = _text(request, "relay"), self.surroundings.relays
        if name not in relays:
            known = ", ".join(relays) or "none"
            raise RequestRefused(f"nobody looks at a relay {_shown(name)}; there is {known}")
        broken = "on" in request and request["on"] is None
        relays[name] = None if broken else _switch(request, "on")
        return {}

    def _temperature(self, request: Mapping[str, object], now_ns: int) -> Reply:
        """Heat or cool an EVSE; null lets its sensor fail."""
        del now_ns
        self._evse(request)
        celsius = _optional_number(request, "celsius")
        if celsius is not None and not abs(celsius) <= MAX_CELSIUS:
            raise RequestRefused(f"'celsius' is within -{MAX_CELSIUS:g}..{MAX_CELSIUS:g}")
        number = request.get("evse", 1)
        self.surroundings.heat(number, celsius)  # type: ignore[arg-type] # known
        return {}

    def _power_fail(self, request: Mapping[str, object], now_ns: int) -> Reply:
        del request
        self._plant.set_mains(now_ns, on=False)
        self._fail_power()
        return {}

    def _power_on(self, request: Mapping[str, object], now_ns: int) -> Reply:
        del request
        self._plant.set_mains(now_ns, on=True)
        return {}

    def _state(self, request: Mapping[str, object], now_ns: int) -> Reply:
        only = self._known_evse(request["evse"]) if "evse" in request else None
        return {
            "mains": self._plant.mains,
            "outages": self._plant.outages,
            "stapled": [b64encode(status).decode() for status in self._plant.stapled],
            "relays": dict(self.surroundings.relays),
            "evses": [
                describe(number, evse, now_ns) | self.surroundings.describe(number)
                for number, evse in self._plant.evses.items()
                if only is None or evse is only
            ],
        }

    def _evse(self, request: Mapping[str, object]) -> Evse:
        return self._known_evse(request.get("evse", 1))

    def _known_evse(self, number: object) -> Evse:
        if isinstance(number, bool) or not isinstance(number, int):
            raise RequestRefused(f"an EVSE is a whole number, not {_shown(number)}")
        evse = self._plant.evses.get(number)
        if evse is None:
            known = ", ".join(str(one) for one in self._plant.evses) or "none yet"
            raise RequestRefused(f"there is no EVSE {number}; the board has {known}")
        return evse


def _welded(request: Mapping[str, object], evse: Evse, code: str) -> Feed | None:
    """Return which contactor is meant, where each single phase has one of its own."""
    if "phase" not in request:
        return None
    if code != Fault.CONTACTOR_WELDED or not evse.settings.per_phase:
        raise RequestRefused("'phase' is for contactor_welded where each phase has a contactor")
    return Feed(1, _choice(request, "phase", (1, 2, 3), 1))


def _text(request: Mapping[str, object], key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str):
        raise RequestRefused(f"'{key}' must be a text, not {_shown(value)}")
    return value


def _switch(request: Mapping[str, object], key: str, *, default: bool = True) -> bool:
    value = request.get(key, default)
    if not isinstance(value, bool):
        raise RequestRefused(f"'{key}' must be true or false, not {_shown(value)}")
    return value


def _choice(request: Mapping[str, object], key: str, allowed: tuple[int, ...], default: int) -> int:
    value = request.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        raise RequestRefused(f"'{key}' is one of {', '.join(map(str, allowed))}")
    return value


def _number(request: Mapping[str, object], key: str) -> float:
    return _finite(request.get(key), key)


def _optional_number(request: Mapping[str, object], key: str) -> float | None:
    return None if request.get(key) is None else _number(request, key)


def _per_phase(request: Mapping[str, object], key: str, phases: int) -> tuple[float, ...] | None:
    value = request.get(key)
    if value is None:
        return None
    values = value if isinstance(value, list) else [value] * phases
    if not 1 <= len(values) <= 3:
        raise RequestRefused(f"'{key}' has one to three values")
    return tuple(_finite(one, key) for one in values)


def _finite(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RequestRefused(f"'{key}' must be a number, not {_shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RequestRefused(f"'{key}' must be a finite number")
    return number


def _reader_text(token: str, token_type: str) -> str:
    return token.upper() if token_type in {"ISO14443", "ISO15693"} else token


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
