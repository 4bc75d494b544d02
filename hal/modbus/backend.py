"""The backend `modbus` of a meter: from its table in the configuration to a meter.

`profile` and `port` are required. `address`, `baudrate`, `parity` and `stopbits` override the
profile, `serial_number` is what is printed on the meter.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

from hal.api import EnergyMeter, SigningMeter
from hal.modbus.bus import shared_bus
from hal.modbus.meter import MeterSetup, ModbusMeter
from hal.modbus.plan import duration_s, plan
from hal.modbus.profile import MeterProfile, Parity, Signing
from hal.modbus.profile_file import BAUDRATES, load_profile
from hal.modbus.profile_table import ProfileError

Table = Mapping[str, object]

LONGEST_READING_S = 1.0
"""What a reading may usually take: the station asks once in a second."""
HIGHEST_ADDRESS = 247

_OPTIONS = ("profile", "port", "address", "baudrate", "parity", "stopbits", "serial_number")
_SERIAL_OPTIONS: dict[str, tuple[type, tuple[object, ...]]] = {
    "address": (int, tuple(range(1, HIGHEST_ADDRESS + 1))),
    "baudrate": (int, BAUDRATES),
    "parity": (str, tuple(parity.value for parity in Parity)),
    "stopbits": (int, (1, 2)),
}


def problems(port: str, table: Table) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong with a meter's table."""
    for name in sorted(table.keys() - {"backend", *_OPTIONS}):
        yield (f"{port} backend 'modbus' does not know {name}; it knows {', '.join(_OPTIONS)}")
    wrong = list(_wrong_values(port, table))
    yield from wrong
    if not isinstance(table.get("profile"), str):
        yield (
            f'{port} profile is missing; name that of the meter, such as "eastron_sdm630", or '
            "the whole path of a .toml file"
        )
        return
    try:
        profile = load_profile(str(table["profile"]))
    except ProfileError as error:
        yield str(error)
        return
    if not wrong:
        yield from _misfits(table, _with_options(profile, table))


def open_meter(table: Table) -> EnergyMeter:
    """Return the meter of a table that has no problems.

    Raises `HardwareError` if its bus is in use with other line settings.
    """
    profile = _with_options(load_profile(str(table["profile"])), table)
    setup = MeterSetup(profile, str(table["port"]), str(table.get("serial_number", "")))
    bus = shared_bus(setup.port, profile.serial)
    if profile.signing is Signing.NONE:
        return ModbusMeter(setup, bus)
    from hal.modbus.signing_meter import SigningModbusMeter  # noqa: PLC0415 - few meters sign

    signing: SigningMeter = SigningModbusMeter(setup, bus)
    return signing


def _wrong_values(port: str, table: Table) -> Iterator[str]:
    if not isinstance(table.get("port"), str) or not table["port"]:
        yield f"{port} port is missing; give the serial port, best its name in /dev/serial/by-id"
    if not isinstance(table.get("serial_number", ""), str):
        yield f"{port} serial_number must be a text in quotes"
    for name, (kind, allowed) in _SERIAL_OPTIONS.items():
        value = table.get(name, allowed[0])
        if not isinstance(value, kind) or isinstance(value, bool) or value not in allowed:
            span = (
                f"{allowed[0]} to {allowed[-1]}"
                if name == "address"
                else f"one of {', '.join(map(str, allowed))}"
            )
            yield f"{port} {name} is {value!r}; it must be {span}"


def _misfits(table: Table, profile: MeterProfile) -> Iterator[str]:
    """Yield what is wrong with options that are right each by itself."""
    if not profile.tells_serial_number and not table.get("serial_number"):
        yield (
            f"a {profile.vendor} {profile.model} cannot be asked for its serial number, "
            'which signed values must name; give serial_number = "…" as printed on the meter'
        )
    reading_s = duration_s(plan(profile).reading, profile.serial, profile.limits)
    if reading_s > LONGEST_READING_S:
        yield (
            f"a reading takes {reading_s:.1f} s at {profile.serial.baudrate} baud, more "
            f"than the {LONGEST_READING_S:.0f} s there are; set the meter to a higher baud rate, "
            "and baudrate alike"
        )


def _with_options(profile: MeterProfile, table: Table) -> MeterProfile:
    """Return the profile with the line settings that the configuration overrides."""
    serial = profile.serial
    told = {"baudrate", "parity", "stopbits"} & table.keys()
    return replace(
        profile,
        serial=replace(
            serial,
            address=cast("int", table.get("address", serial.address)),
            baudrate=cast("int", table.get("baudrate", serial.baudrate)),
            parity=Parity(str(table.get("parity", serial.parity))),
            stopbits=cast("int", table.get("stopbits", serial.stopbits)),
            documented=serial.documented or bool(told),
        ),
    )
