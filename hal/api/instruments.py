"""Instruments: asynchronous, owned by the services."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class MeterIdentity:
    """What the meter says of itself; `serial_number` must not change during a transaction."""

    vendor: str
    model: str
    serial_number: str
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class MeterReading:
    """One instant of a meter; the register only grows, per-phase tuples are L1, L2, L3."""

    energy_import_wh: Decimal
    power_w: float
    voltage_v: tuple[float, ...] = ()
    current_a: tuple[float, ...] = ()
    frequency_hz: float | None = None


class EnergyMeter(Protocol):
    """An energy meter; raises `HardwareLost` when it does not answer."""

    async def identity(self) -> MeterIdentity: ...

    async def read(self) -> MeterReading: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """What a signing meter has signed, byte for byte as the meter gave it.

    `format` is OCPP's word for `signingMethod`'s container (`OCMF`, `EDL`, ...) and `encoding` for
    its `encodingMethod`; `public_key_hex` is DER (SubjectPublicKeyInfo) in hex, empty if the meter
    does not tell it.
    """

    data: bytes
    format: str
    encoding: str
    register_wh: Decimal
    public_key_hex: str = ""


@runtime_checkable
class SigningMeter(EnergyMeter, Protocol):
    """A meter with a signature unit of its own: it, and not the station, signs a transaction.

    All calls raise `HardwareLost` when the meter does not answer and `HardwareError`, with what
    the meter said, when it refuses.
    """

    async def set_time(self, now: datetime) -> None:
        """Tell the time, with the zone in which records shall show it.

        To be told before a measurement, and daily; a meter that takes none while it measures, or
        that was told less than a day ago, keeps its own.
        """

    async def leftover_signed(self) -> SignedRecord | None:
        """Return the record of a measurement that nobody fetched, ending it if it still runs.

        None if there is none. It may be one that was fetched shortly before a restart.
        """

    async def begin_signed(self, identification: str) -> SignedRecord | None:
        """Begin a measurement for a user; return its begin record where the meter makes one.

        Raises `HardwareError` while there is something left over.
        """

    async def end_signed(self, identification: str = "") -> SignedRecord:
        """End the measurement and return the record that proves its energy.

        The identification is that of the beginning, for a meter that lost it with its power. Asked
        again, the same record is returned until another measurement begins.
        """


class TemperatureSensor(Protocol):
    """A temperature of the station; raises `HardwareLost` when it cannot be read."""

    async def read_celsius(self) -> float: ...

    async def close(self) -> None: ...


class RelayContact(Protocol):
    """A contact of somebody else's relay, such as the grid operator's; it is only read.

    Raises `HardwareLost` when it cannot be read.
    """

    async def is_on(self) -> bool:
        """Tell whether the relay is on, whatever its contact does then."""

    async def close(self) -> None: ...


class IndicatorColour(StrEnum):
    """The colours of a status light; a light that lacks one shows its nearest."""

    OFF = "off"
    WHITE = "white"
    GREEN = "green"
    BLUE = "blue"
    YELLOW = "yellow"
    RED = "red"


class IndicatorRhythm(StrEnum):
    """How a status light moves."""

    STEADY = "steady"
    SLOW = "slow"
    FAST = "fast"
    FLASH = "flash"


BLINK_MS: Final[Mapping[IndicatorRhythm, tuple[int, int]]] = MappingProxyType(
    {
        IndicatorRhythm.SLOW: (1000, 1000),
        IndicatorRhythm.FAST: (200, 200),
        IndicatorRhythm.FLASH: (300, 4700),
    }
)
"""How long a light that moves is on, and then off, in milliseconds."""


@dataclass(frozen=True, slots=True)
class IndicatorPattern:
    """What a status light shows, and how bright: 0 % is dark, 100 % what the light can give.

    A light that moves does so `times` times and is dark then; None is until the next pattern.
    Raises `ValueError` for what no light can show.
    """

    colour: IndicatorColour
    rhythm: IndicatorRhythm = IndicatorRhythm.STEADY
    intensity_percent: int = 100
    times: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.intensity_percent <= 100:
            raise ValueError(f"a light has 0 to 100 %, not {self.intensity_percent}")
        if self.times is not None and (self.times < 1 or self.rhythm not in BLINK_MS):
            raise ValueError(f"a light cannot be {self.rhythm} {self.times} times")

    @property
    def lasts_s(self) -> float | None:
        """How long it takes; None is until the next pattern."""
        return None if self.times is None else self.times * sum(BLINK_MS[self.rhythm]) / 1000

    @property
    def is_dark(self) -> bool:
        """Tell whether nothing of it can be seen."""
        return self.colour is IndicatorColour.OFF or self.intensity_percent == 0


class Indicator(Protocol):
    """The status light of one EVSE; raises `HardwareLost` when it cannot be driven."""

    async def show(self, pattern: IndicatorPattern) -> None:
        """Show a pattern in place of the one before, and return at once."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Presentation:
    """A token newly held before a reader, or a contract that a vehicle presents (ISO 15118).

    `token` is upper-case hex for ISO 14443 and ISO 15693, `token_type` OCPP's word for its kind,
    `evses` the EVSEs that the reader serves. Of a contract the token is its eMAID, and
    `contract_chain` the certificates in PEM, leaf first. A token that `is_random` will never be
    seen again: its card makes it up anew each time.
    """

    token: str
    token_type: str
    evses: tuple[int, ...]
    contract_chain: str | None = field(default=None, repr=False)
    is_random: bool = False


class TokenReader(Protocol):
    """A token reader; one `Presentation` each time a token newly appears.

    `evses` are those that it serves, `token_type` OCPP's word for the kind of its usual tokens.
    """

    @property
    def evses(self) -> tuple[int, ...]: ...

    @property
    def token_type(self) -> str: ...

    async def reach(self) -> None:
        """Return once the reader has shown that it works; raises `HardwareLost` with the reason."""

    def presentations(self) -> AsyncIterator[Presentation]:
        """Yield presentations; raises `HardwareLost`, ends when the reader is closed."""

    async def close(self) -> None: ...
