"""How the text of an OCPP 1.6 configuration key becomes the text of a variable, and back."""

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from agent.core.basic_auth_password import text_of_octets
from agent.core.records import dataclass
from agent.core.variable_definition import list_members

PHASES = frozenset({"L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"})
"""The phases that 1.6 may append to a measurand in a list key."""

MEASURANDS = frozenset(
    {
        *("Energy.Active.Export.Register", "Energy.Active.Import.Register"),
        *("Energy.Reactive.Export.Register", "Energy.Reactive.Import.Register"),
        *("Energy.Active.Export.Interval", "Energy.Active.Import.Interval"),
        *("Energy.Reactive.Export.Interval", "Energy.Reactive.Import.Interval"),
        *("Power.Active.Export", "Power.Active.Import", "Power.Offered", "Power.Factor"),
        *("Power.Reactive.Export", "Power.Reactive.Import"),
        *("Current.Import", "Current.Export", "Current.Offered"),
        *("Voltage", "Frequency", "Temperature", "SoC", "RPM"),
    }
)
"""The measurands that 1.6 has a word for."""

_ROTATIONS = frozenset(
    {"NotApplicable", "Unknown", "RST", "RTS", "SRT", "STR", "TRS", "TSR"},
)
_KEY_RATE_UNITS = {"A": "Current", "W": "Power"}
_SHORTEST_KEY_OCTETS = 16
_MOST_KEY_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Conversion:
    """Both directions; `to_variable` returns None for a text that the key cannot have."""

    to_key: Callable[[str], str]
    to_variable: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class MeasurandSelection:
    """One item of a measurand list: the measurand, and its phase if only that one is wanted."""

    measurand: str
    phase: str | None = None


def selections(text: str) -> tuple[MeasurandSelection, ...]:
    """Return the items of a measurand list such as `Voltage.L1-N,Current.Import`."""
    return tuple(_selection(item) for item in list_members(text))


def measurands_of(items: Iterable[MeasurandSelection]) -> tuple[str, ...]:
    """Return the measurands without their phases, each once, in their order."""
    return tuple(dict.fromkeys(item.measurand for item in items))


def password_from_hex(text: str) -> str | None:
    """Return the password that 16 to 20 octets in hexadecimal digits mean (A00.FR.205 of 1.6)."""
    if len(text) > _MOST_KEY_DIGITS or not text.isalnum():
        return None
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        return None
    return text_of_octets(octets) if len(octets) >= _SHORTEST_KEY_OCTETS else None


def password_from_text(text: str) -> str | None:
    """Return the password of a back end that writes the text itself into AuthorizationKey."""
    fits = _SHORTEST_KEY_OCTETS <= len(text) <= _MOST_KEY_DIGITS
    return text if fits and text.isascii() and text.isprintable() else None


def phase_rotation(text: str, connectors: int) -> str | None:
    """Return a phase rotation list such as `0.RST,1.RST` if it names no connector twice."""
    named = [item.partition(".") for item in list_members(text)]
    known = {str(number) for number in range(connectors + 1)}
    numbers = [number for number, _, _ in named]
    if not named or len(set(numbers)) < len(numbers):
        return None
    return text if all(n in known and r in _ROTATIONS for n, _, r in named) else None


def _selection(item: str) -> MeasurandSelection:
    measurand, _, phase = item.rpartition(".")
    return MeasurandSelection(measurand, phase) if phase in PHASES else MeasurandSelection(item)


def _same(text: str) -> str:
    return text


def _boolean(text: str) -> str | None:
    lowered = text.lower()
    return lowered if lowered in {"true", "false"} else None


def _renamed(names: Mapping[str, str]) -> Callable[[str], str]:
    return lambda text: ",".join(names.get(member, member) for member in list_members(text))


def _rounded_up(text: str) -> str:
    return str(math.ceil(Decimal(text)))


def _whole(text: str) -> str | None:
    return text if text.isascii() and text.isdigit() else None


PLAIN = Conversion(_same, _same)
WHOLE = Conversion(_rounded_up, _whole)
"""An integer in 1.6 that is a decimal number in 2.x."""
BOOLEAN = Conversion(_same, _boolean)
RATE_UNITS = Conversion(
    _renamed(_KEY_RATE_UNITS), _renamed({name: unit for unit, name in _KEY_RATE_UNITS.items()})
)
