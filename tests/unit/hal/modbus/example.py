"""A small meter for tests: two blocks, a serial number, nothing slow."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from hal.modbus.profile import MeterProfile, Parity
from hal.modbus.profile_file import load_profile, parse_profile

FILE = Path("example.toml")
TEXT = """
schema = 1
id = "example"
vendor = "Example"
model = "E1"
confidence = "high"
source = "made up"
word_order = "big"

block = [
  { name = "inst",   fc = 4, start = 0, count = 10 },
  { name = "sum",    fc = 4, start = 0x48, count = 4 },
]
value = [
  { quantity = "voltage_L1", block = "inst", addr = 0, type = "f32", unit = "V" },
  { quantity = "current_L1", block = "inst", addr = 2, type = "f32", unit = "A" },
  { quantity = "power_total", block = "inst", addr = 4, type = "i32", scale = 0.1, unit = "W" },
  { quantity = "energy_import", block = "sum", addr = 72, type = "u32", scale = 10, unit = "Wh" },
]
identity = [{ name = "serial_number", fc = 3, start = 0xFC00, type = "u32" }]

[serial]
baudrate = 9600
parity = "N"
stopbits = 1
address = 1

[limits]
max_registers = 20
gap_ms = 0
timeout_ms = 40
late_ms = 30
"""


def document() -> dict[str, Any]:
    return tomllib.loads(TEXT, parse_float=Decimal)


def example(changes: Mapping[str, Any] | None = None) -> MeterProfile:
    """The example with some of its keys changed."""
    return parse_profile({**document(), **(changes or {})}, FILE)


def quick(name: str) -> MeterProfile:
    """A real profile on a line without delays and, as ptys need it, without parity."""
    profile = load_profile(name)
    return replace(
        profile,
        serial=replace(profile.serial, parity=Parity.NONE, baudrate=115_200),
        limits=replace(profile.limits, gap_s=0.0, timeout_s=0.04, late_s=0.03),
    )
