"""What a vehicle tells and is told over ISO 15118: charging schedules and certificates."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class VehicleNeeds:
    """What the vehicle at an EVSE wants: energy until it leaves, and what its charger can take.

    `leaves_in_s` counts from when it is told; `max_schedules` is how many it can choose from. None
    is what it does not say.
    """

    evse: int
    energy_wh: int
    min_current_a: int
    max_current_a: int
    max_voltage_v: int
    phases: int = 3
    leaves_in_s: int | None = None
    max_schedules: int | None = None


@dataclass(frozen=True, slots=True)
class PowerStep:
    """A power from `start_s` seconds after the beginning of a schedule."""

    start_s: int
    power_w: float


@dataclass(frozen=True, slots=True)
class VehicleAnswer:
    """Which of the schedules the vehicle takes, counted from 0, and what it means to do.

    Without steps it follows the schedule.
    """

    choice: int = 0
    steps: tuple[PowerStep, ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A vehicle wants a contract certificate, a first one or a new one for an old one (`updates`).

    `exi` is its CertificateInstallationReq or CertificateUpdateReq in base64 as it came, `schema`
    names the version of ISO 15118 that it is written in. `max_chains` is how many chains it can
    take; ISO 15118-2 has no word for that. The vehicle must have its answer within
    `answer_within_s` (ISO 15118-2, V2G_SECC_Msg_Performance_Time).
    """

    evse: int
    schema: str
    exi: str = field(repr=False)
    updates: bool = False
    max_chains: int | None = None
    answer_within_s: float = 4.5


@dataclass(frozen=True, slots=True)
class CertificateAnswer:
    """What a vehicle is answered: a response in EXI, in base64, or `problem`, why there is none.

    `remaining` is how many chains are still to come.
    """

    exi: str | None = field(default=None, repr=False)
    remaining: int = 0
    problem: str = ""


class VehicleLink(Protocol):
    """The conversation with vehicles; raises `HardwareLost` when it breaks."""

    def needs(self) -> AsyncIterator[VehicleNeeds]:
        """Yield what each vehicle tells, each time that it tells it."""

    async def negotiate(
        self, evse: int, schedules: tuple[tuple[PowerStep, ...], ...]
    ) -> VehicleAnswer | None:
        """Offer a vehicle up to three schedules; None if it does not answer."""

    def certificate_requests(self) -> AsyncIterator[CertificateRequest]:
        """Yield each wish of a vehicle for a contract certificate; it waits for the answer."""

    async def answer_certificate(self, evse: int, answer: CertificateAnswer) -> None:
        """Answer the wish of the vehicle at an EVSE."""

    async def staple(self, statuses: tuple[bytes, ...]) -> None:
        """Show these OCSP responses, in DER, with the station's certificates from now on."""

    async def close(self) -> None: ...
