"""Reads a meter profile from its TOML file and refuses what cannot be meant.

The files lie in the folder `meters` (`config/meters` of a checkout); docs/hardware.md says how to
write one.
"""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from hal.data_files import folder
from hal.modbus.profile import (
    LARGEST_READ,
    Block,
    Confidence,
    Identity,
    IdentityField,
    Limits,
    MeterProfile,
    Parity,
    Probe,
    Quantity,
    RangeCheck,
    SerialSettings,
    Signing,
    SumCheck,
    Value,
)
from hal.modbus.profile_checks import check_profile
from hal.modbus.profile_table import ProfileError, ProfileTable
from hal.modbus.registers import RegisterType, WordOrder, width

SCHEMA = 1
_HIGHEST_REGISTER = 0xFFFF
_LONGEST_MS = 10_000
_FUNCTIONS = (3, 4)

BAUDRATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


def known_profiles() -> tuple[str, ...]:
    """Return the ids of the profiles that come with the software."""
    return tuple(sorted(file.stem for file in folder("meters").glob("*.toml")))


def load_profile(name: str) -> MeterProfile:
    """Return a profile by its id, or by the whole path of its file; raises `ProfileError`."""
    if name.endswith(".toml"):
        if not Path(name).is_absolute():
            raise ProfileError(f'"{name}" is not the whole path of a meter profile; begin with /')
        return read_profile(Path(name))
    if name not in known_profiles():
        raise ProfileError(
            f'there is no meter profile "{name}"; there is {", ".join(known_profiles())}, '
            "or give the whole path of a .toml file"
        )
    return read_profile(folder("meters") / f"{name}.toml")


def read_profile(file: Path) -> MeterProfile:
    """Read one file; raises `ProfileError`."""
    try:
        with file.open("rb") as opened:
            document = tomllib.load(opened, parse_float=Decimal)
    except OSError as error:
        raise ProfileError(f"{file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{file}: is not TOML: {error}") from error
    return parse_profile(document, file)


def parse_profile(document: Mapping[str, Any], file: Path) -> MeterProfile:
    """Return the profile that a document describes; raises `ProfileError`."""
    table = ProfileTable(file, document)
    table.integer("schema", SCHEMA, SCHEMA)
    blocks = tuple(_block(each) for each in table.tables("block"))
    profile = MeterProfile(
        id=table.text("id"),
        vendor=table.text("vendor"),
        model=table.text("model"),
        source=table.text("source"),
        confidence=table.choice("confidence", Confidence),
        word_order=table.choice("word_order", WordOrder),
        signing=table.choice("signing", Signing, Signing.NONE),
        serial=_serial(table.table("serial")),
        limits=_limits(table.table("limits")),
        nan=_nan(table.table("nan")),
        blocks=blocks,
        values=tuple(_value(each, blocks) for each in table.tables("value")),
        identity=tuple(_identity(each) for each in table.tables("identity")),
        probe=_probe(table.table("probe")) if "probe" in table else None,
        **_checks(table.tables("check")),
    )
    table.table("probe")
    table.finish()
    if profile.id != file.stem:
        table.refuse("id", f'is "{profile.id}"; it must be the name of the file, "{file.stem}"')
    check_profile(profile, file)
    return profile


def _serial(table: ProfileTable) -> SerialSettings:
    baudrate = table.integer("baudrate", BAUDRATES[0], BAUDRATES[-1])
    if baudrate not in BAUDRATES:
        table.refuse("baudrate", f"is {baudrate}; use one of {', '.join(map(str, BAUDRATES))}")
    settings = SerialSettings(
        baudrate=baudrate,
        parity=table.choice("parity", Parity),
        stopbits=table.integer("stopbits", 1, 2),
        address=table.integer("address", 1, 247),
        documented=table.flag("documented", default=True),
    )
    table.finish()
    return settings


def _limits(table: ProfileTable) -> Limits:
    limits = Limits(
        max_registers=table.integer("max_registers", 1, LARGEST_READ),
        gap_s=table.integer("gap_ms", 0, _LONGEST_MS) / 1000,
        timeout_s=table.integer("timeout_ms", 10, _LONGEST_MS) / 1000,
        late_s=table.integer("late_ms", 10, _LONGEST_MS) / 1000,
    )
    table.finish()
    return limits


def _nan(table: ProfileTable) -> dict[RegisterType, int]:
    marks = {}
    for key in table.names():
        kind = next((each for each in RegisterType if each.value == key), None)
        if kind is None or not width(kind):
            table.refuse(key, "is no type of number; give the raw value per type, i32 = 0x7FFFFFFF")
        marks[kind] = table.integer(key, 0, (1 << 16 * width(kind)) - 1)
    return marks


def _block(table: ProfileTable) -> Block:
    block = Block(
        name=table.text("name"),
        function=_function(table),
        start=table.integer("start", 0, _HIGHEST_REGISTER),
        count=table.integer("count", 1, _HIGHEST_REGISTER),
        whole=table.flag("whole", default=False),
    )
    table.finish()
    return block


def _function(table: ProfileTable) -> int:
    function = table.integer("fc", 0, 255)
    if function not in _FUNCTIONS:
        table.refuse("fc", f"is {function}; registers are read with 3 (holding) or 4 (input)")
    return function


def _value(table: ProfileTable, blocks: tuple[Block, ...]) -> Value:
    name = table.text("block")
    block = next((each for each in blocks if each.name == name), None)
    if block is None:
        table.refuse("block", f'is "{name}", which no [[block]] is called')
    value = Value(
        quantity=table.choice("quantity", Quantity),
        function=block.function,
        address=table.integer("addr", 0, _HIGHEST_REGISTER),
        kind=table.choice("type", RegisterType),
        scale=table.number("scale", Decimal(1)),
        scale_register=_optional_register(table, "scale_register"),
    )
    if not width(value.kind):
        table.refuse("type", f'is "{value.kind}"; a quantity is a number')
    _check_inside(table, value, block)
    unit = table.text("unit")
    if unit != value.quantity.unit:
        table.refuse("unit", f'is "{unit}"; scale the value so that it is {value.quantity.unit}')
    table.finish()
    return value


def _optional_register(table: ProfileTable, key: str) -> int | None:
    return table.integer(key, 0, _HIGHEST_REGISTER) if key in table else None


def _check_inside(table: ProfileTable, value: Value, block: Block) -> None:
    end = block.start + block.count
    if not block.start <= value.address <= end - width(value.kind):
        table.refuse("addr", f'and its registers must lie within the block "{block.name}"')
    if value.scale_register is not None and not block.start <= value.scale_register < end:
        table.refuse("scale_register", f'must lie within the block "{block.name}" as well')


def _identity(table: ProfileTable) -> Identity:
    kind = table.choice("type", RegisterType)
    count = width(kind) or table.integer("count", 1, LARGEST_READ)
    identity = Identity(
        field=table.choice("name", IdentityField),
        function=_function(table),
        start=table.integer("start", 0, _HIGHEST_REGISTER),
        kind=kind,
        count=count,
    )
    table.finish()
    return identity


def _probe(table: ProfileTable) -> Probe:
    probe = Probe(
        function=_function(table),
        start=table.integer("start", 0, _HIGHEST_REGISTER),
        kind=table.choice("type", RegisterType),
        expect=table.integers("expect"),
    )
    if not width(probe.kind):
        table.refuse("type", f'is "{probe.kind}"; a probe compares numbers')
    table.finish()
    return probe


def _checks(tables: tuple[ProfileTable, ...]) -> dict[str, Any]:
    ranges, sums = [], []
    for table in tables:
        if "range" in table:
            ranges.append(_range(table))
        else:
            sums.append(_sum(table))
        table.finish()
    return {"ranges": tuple(ranges), "sums": tuple(sums)}


def _range(table: ProfileTable) -> RangeCheck:
    check = RangeCheck(
        quantity=table.choice("range", Quantity),
        low=table.number("min"),
        high=table.number("max"),
    )
    if check.low >= check.high:
        table.refuse("max", f"is {check.high}; it must be larger than min")
    return check


def _sum(table: ProfileTable) -> SumCheck:
    return SumCheck(
        parts=table.choices("sum", Quantity),
        equals=table.choice("equals", Quantity),
        tolerance=table.number("tolerance"),
    )
