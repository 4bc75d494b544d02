"""What is known of a meter model: where its values lie, how it is asked, how sure that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from hal.modbus.registers import RegisterType, WordOrder

LARGEST_READ = 125
"""Registers that one Modbus request may read at most."""
LARGEST_WRITE = 123


class Confidence(StrEnum):
    """How well the registers of a profile are proven; none was tried on the meter itself."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Signing(StrEnum):
    """The procedure by which a meter signs a measurement."""

    NONE = "none"
    BAUER_BSM = "bauer_bsm"
    ISKRA_WM3M4C = "iskra_wm3m4c"
    CG_EM580 = "cg_em580"


class Parity(StrEnum):
    """The parity bit of a character on the line."""

    NONE = "N"
    EVEN = "E"
    ODD = "O"


class Quantity(StrEnum):
    """What a value is. `energy_import_check` is a second register of the same energy."""

    ENERGY_IMPORT = "energy_import"
    ENERGY_IMPORT_CHECK = "energy_import_check"
    POWER_TOTAL = "power_total"
    POWER_L1 = "power_L1"
    POWER_L2 = "power_L2"
    POWER_L3 = "power_L3"
    VOLTAGE_L1 = "voltage_L1"
    VOLTAGE_L2 = "voltage_L2"
    VOLTAGE_L3 = "voltage_L3"
    CURRENT_L1 = "current_L1"
    CURRENT_L2 = "current_L2"
    CURRENT_L3 = "current_L3"
    FREQUENCY = "frequency"

    @property
    def unit(self) -> str:
        """Return the unit in which the driver tells it."""
        return _UNITS[self.value.partition("_")[0]]


_UNITS = {"energy": "Wh", "power": "W", "voltage": "V", "current": "A", "frequency": "Hz"}

ENERGIES = frozenset({Quantity.ENERGY_IMPORT, Quantity.ENERGY_IMPORT_CHECK})
VOLTAGES = (Quantity.VOLTAGE_L1, Quantity.VOLTAGE_L2, Quantity.VOLTAGE_L3)
CURRENTS = (Quantity.CURRENT_L1, Quantity.CURRENT_L2, Quantity.CURRENT_L3)


class IdentityField(StrEnum):
    """What a meter can say of itself."""

    SERIAL_NUMBER = "serial_number"
    MODEL = "model"
    FIRMWARE = "firmware"


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """How the line is set, and the meter's address on it.

    `documented` is false where the vendor's factory setting is not known and this is a guess.
    """

    baudrate: int
    parity: Parity
    stopbits: int
    address: int
    documented: bool = True

    @property
    def character_s(self) -> float:
        """Return how long one character takes: start bit, 8 data bits, parity, stop bits."""
        return (9 + (self.parity is not Parity.NONE) + self.stopbits) / self.baudrate

    @property
    def short(self) -> str:
        """Return the settings as they are usually written."""
        return f"{self.baudrate} baud 8{self.parity}{self.stopbits}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the meter stands.

    `gap_s` is the silence that it needs before a request, `timeout_s` how long its answer may take
    to begin, `late_s` for how long an answer that is late is waited for and thrown away.
    """

    max_registers: int
    gap_s: float
    timeout_s: float
    late_s: float


@dataclass(frozen=True, slots=True)
class Block:
    """Registers that the meter lets be read together.

    Only what is needed of it is asked for, in several requests where it is long; all of it at once
    if it must be read as a `whole`.
    """

    name: str
    function: int
    start: int
    count: int
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """One number: raw register value x `scale` x 10^(content of `scale_register`) in its unit.

    Several values of one quantity are added up; they are read in one request, so that no carry
    from one to the other is torn apart.
    """

    quantity: Quantity
    function: int
    address: int
    kind: RegisterType
    scale: Decimal = Decimal(1)
    scale_register: int | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Where the meter says who it is; `count` is the number of registers."""

    field: IdentityField
    function: int
    start: int
    kind: RegisterType
    count: int


@dataclass(frozen=True, slots=True)
class Probe:
    """A register by which the model is told from others: it holds one of the expected numbers."""

    function: int
    start: int
    kind: RegisterType
    expect: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RangeCheck:
    """A value outside of its range is left out of the reading."""

    quantity: Quantity
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class SumCheck:
    """Quantities whose sum must equal another one within a tolerance in its unit."""

    parts: tuple[Quantity, ...]
    equals: Quantity
    tolerance: Decimal


@dataclass(frozen=True, slots=True)
class MeterProfile:
    """One meter model; `source` and `confidence` say where its registers are known from."""

    id: str
    vendor: str
    model: str
    source: str
    confidence: Confidence
    word_order: WordOrder
    signing: Signing
    serial: SerialSettings
    limits: Limits
    nan: Mapping[RegisterType, int]
    blocks: tuple[Block, ...]
    values: tuple[Value, ...]
    identity: tuple[Identity, ...] = ()
    probe: Probe | None = None
    ranges: tuple[RangeCheck, ...] = ()
    sums: tuple[SumCheck, ...] = ()

    def values_of(self, quantity: Quantity) -> tuple[Value, ...]:
        """Return the values that make up a quantity; none if the meter does not have it."""
        return tuple(value for value in self.values if value.quantity is quantity)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Return what the meter measures, each quantity once."""
        return tuple(dict.fromkeys(value.quantity for value in self.values))

    @property
    def tells_serial_number(self) -> bool:
        """Tell whether the serial number can be read."""
        return any(each.field is IdentityField.SERIAL_NUMBER for each in self.identity)
