"""What the simulated car tells over ISO 15118: its needs, and what it makes of schedules.

It also asks for contract certificates, and remembers what it was answered.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from hal.api import CertificateAnswer, CertificateRequest, PowerStep, VehicleAnswer, VehicleNeeds

MAX_STEPS = 1024
MAX_WH = 1_000_000
MAX_EXI_CHARS = 20_000
MAX_SCHEMA_CHARS = 50
MAX_CHAINS = 100
MOST_WAIT_S = 600
ISO_15118_2 = "urn:iso:15118:2:2013:MsgDef"


class NeedsRefused(Exception):
    """The needs or wishes of a bench request make no sense; the message says why."""


@dataclass(slots=True)
class Conversation:
    """What one car will answer, and which schedules it was handed last.

    `certificates` are the answers to its latest wish for a contract certificate.
    """

    answer: VehicleAnswer = field(default_factory=VehicleAnswer)
    handed: Sequence[Sequence[Sequence[float]]] = ()
    certificates: list[CertificateAnswer] = field(default_factory=list)

    def negotiate(self, schedules: object) -> dict[str, object]:
        """Take schedules and return which one the car takes and what it will do."""
        self.handed = schedules if isinstance(schedules, list) else []
        choice = min(self.answer.choice, max(0, len(self.handed) - 1))
        steps = [[step.start_s, step.power_w] for step in self.answer.steps]
        return {"ok": True, "choice": choice, "steps": steps}


def certificate_request_of(request: Mapping[str, object], evse: int) -> CertificateRequest:
    """Read a car's wish for a contract certificate; raises `NeedsRefused`."""
    action = request.get("action", "Install")
    if action not in ("Install", "Update"):
        raise NeedsRefused("'action' is Install or Update")
    wait_s = request.get("answer_within_s", 4.5)
    if isinstance(wait_s, bool) or not isinstance(wait_s, int | float):
        raise NeedsRefused("'answer_within_s' is a number of seconds")
    if not 0 < wait_s <= MOST_WAIT_S:
        raise NeedsRefused(f"'answer_within_s' is more than 0 and at most {MOST_WAIT_S}")
    most = request.get("max_chains")
    return CertificateRequest(
        evse=evse,
        schema=_line(request, "schema", ISO_15118_2, MAX_SCHEMA_CHARS),
        exi=_line(request, "exi", "", MAX_EXI_CHARS),
        updates=action == "Update",
        max_chains=None if most is None else _whole(request, "max_chains", 1, MAX_CHAINS),
        answer_within_s=float(wait_s),
    )


def needs_of(request: Mapping[str, object], evse: int) -> VehicleNeeds:
    """Read the needs of a bench request; raises `NeedsRefused`."""
    leaves_in_s, schedules = request.get("leaves_in_s"), request.get("max_schedules")
    return VehicleNeeds(
        evse=evse,
        energy_wh=_whole(request, "energy_wh", 20_000, MAX_WH),
        min_current_a=_whole(request, "min_a", 6, 80),
        max_current_a=_whole(request, "max_a", 16, 80),
        max_voltage_v=_whole(request, "max_v", 400, 1000),
        phases=_whole(request, "phases", 3, 3),
        leaves_in_s=None if leaves_in_s is None else _whole(request, "leaves_in_s", 0, 10**7),
        max_schedules=None if schedules is None else _whole(request, "max_schedules", 3, 3),
    )


def answer_of(request: Mapping[str, object]) -> VehicleAnswer:
    """Read what the car will answer to schedules; raises `NeedsRefused`."""
    steps = request.get("plan", [])
    if not isinstance(steps, list) or len(steps) > MAX_STEPS:
        raise NeedsRefused(f"'plan' is a list of at most {MAX_STEPS} pairs [seconds, watts]")
    return VehicleAnswer(_whole(request, "choice", 0, 2), tuple(map(_step, steps)))


def needs_document(told: VehicleNeeds | CertificateRequest) -> dict[str, object]:
    """Return what a car tells as it goes over the board's socket."""
    return asdict(told)


def certificate_answer(document: object) -> CertificateAnswer | None:
    """Read an answer as it comes over the board's socket; None if it is none."""
    match document:
        case {"exi": str() | None as exi, "remaining": int(remaining), "problem": str(problem)}:
            return CertificateAnswer(exi, remaining, problem)
        case _:
            return None


def _step(pair: object) -> PowerStep:
    match pair:
        case [int(start_s), int() | float() as power_w] if start_s >= 0:
            if math.isfinite(power_w) and power_w >= 0:
                return PowerStep(start_s, float(power_w))
    raise NeedsRefused("'plan' is a list of pairs [seconds, watts]")


def _line(request: Mapping[str, object], key: str, default: str, most: int) -> str:
    value = request.get(key, default)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise NeedsRefused(f"'{key}' is a text of 1 to {most} characters")
    if not (value.isascii() and value.isprintable()):
        raise NeedsRefused(f"'{key}' has printable ASCII characters only")
    return value


def _whole(request: Mapping[str, object], key: str, default: int, most: int) -> int:
    value = request.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise NeedsRefused(f"'{key}' is a whole number from 0 to {most}")
    return value
