"""Profiles that are wrong: each complaint names file, key, reason and remedy."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.modbus.profile import MeterProfile, Quantity
from hal.modbus.profile_file import load_profile, parse_profile, read_profile
from hal.modbus.profile_table import ProfileError
from tests.unit.hal.modbus.example import FILE, TEXT, document, example

GONE = object()


def complaint(**changes: object) -> str:
    """What is said about the example after changes; `value__0__addr` is a key of a part."""
    changed = document()
    for path, value in changes.items():
        *way, key = (int(step) if step.isdigit() else step for step in path.split("__"))
        part: Any = changed
        for step in way:
            part = part[step]
        if value is GONE:
            del part[key]
        else:
            part[key] = value
    with pytest.raises(ProfileError) as refused:
        parse_profile(changed, FILE)
    text = str(refused.value)
    assert text.startswith("example.toml: ")
    return text.removeprefix("example.toml: ")


def test_the_example_is_read() -> None:
    profile = example()
    assert profile.values_of(Quantity.POWER_TOTAL)[0].scale == Decimal("0.1")
    assert profile.limits.timeout_s == 0.04
    assert profile.tells_serial_number


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("vendor", GONE, "vendor is missing; it must be a text in quotes"),
        ("vendor", "", "vendor is empty; give a text"),
        ("schema", 2, "schema is 2; it must lie within 1 and 1"),
        ("colour", "red", "colour is unknown; remove it, or did you mean one of"),
        ("id", "other", 'id is "other"; it must be the name of the file'),
        ("word_order", "middle", 'word_order is "middle"; it must be one of big, little'),
        ("block", 1, "block is 1; it must be a list"),
        ("block", [1], "block must be written as tables: [[block]]"),
        ("serial__baudrate", 9601, "serial.baudrate is 9601; use one of 1200"),
        ("serial__parity", "X", 'serial.parity is "X"; it must be one of N, E'),
        ("serial__address", 0, "serial.address is 0; it must lie within 1"),
        ("serial__address", True, "serial.address is True; it must be a whole"),
        ("serial__rts", True, "serial.rts is unknown"),
        ("limits__late_ms", GONE, "limits.late_ms is missing"),
        ("limits__max_registers", 126, "limits.max_registers is 126"),
        ("nan", {"i32": 1 << 32}, "nan.i32 is 4294967296; it must lie within"),
        ("nan", {"str": 0}, "nan.str is no type of number"),
        ("block__0__fc", 1, "block[1].fc is 1; registers are read with 3"),
        ("block__0__count", 70_000, "block[1].count is 70000; it must lie within"),
        ("value__0__block", "x", 'value[1].block is "x", which no [[block]]'),
        ("value__0__addr", 9, "value[1].addr and its registers must lie within the block"),
        ("value__0__type", "str", 'value[1].type is "str"; a quantity is a number'),
        ("value__0__type", "f16", 'value[1].type is "f16"; it must be one of'),
        ("value__0__unit", "kV", 'value[1].unit is "kV"; scale the value so that it is V'),
        ("value__0__scale", "1", "value[1].scale is '1'; it must be a number"),
        ("value__0__scale", Decimal("inf"), "value[1].scale is Infinity; give a finite"),
        ("value__0__scale_register", 99, "value[1].scale_register must lie within the block"),
        ("value__0__quantity", "torque", 'value[1].quantity is "torque"; it must be one of'),
        ("value__3__quantity", "energy_import_check", 'has no value of quantity "energy_import"'),
        ("identity__0__type", "str", "identity[1].count is missing"),
        ("identity__0", {"name": "model"}, "identity[1].type is missing"),
        ("probe", {"fc": 3, "start": 1, "type": "u16", "expect": []}, "probe.expect must be a"),
        ("probe", {"fc": 3, "start": 1, "type": "str", "expect": [1]}, "probe.type is"),
        ("check", [{"range": "voltage_L1", "min": 5, "max": 5}], "check[1].max is 5; it must be"),
        ("check", [{"range": "frequency", "min": 5, "max": 6}], "has no value; remove it"),
        ("check", [{"sum": ["x"], "equals": "frequency", "tolerance": 1}], "has 'x'"),
        ("check", [{"equals": "frequency", "tolerance": 1}], "check[1].sum is missing"),
    ],
)
def test_what_is_wrong_is_named(path: str, value: object, said: str) -> None:
    assert said in complaint(**{path: value})


def test_parts_must_fit_each_other() -> None:
    block = {"name": "inst", "fc": 3, "start": 0, "count": 1}
    assert "holds no value; remove it" in complaint(
        block=[*document()["block"], block | {"name": "x"}]
    )
    assert 'block.name "inst" is there twice' in complaint(block=[*document()["block"], block])
    assert "goes beyond the last register" in complaint(block__1__count=0xFFFF)
    assert "is more than limits.max_registers" in complaint(
        block__1__whole=True, block__1__count=21
    )
    assert "they must fit into one request" in complaint(
        limits__max_registers=3, value__0__scale_register=9
    )
    assert "is there twice; keep one of them" in complaint(identity=document()["identity"] * 2)
    assert "is longer than limits.max_registers" in complaint(
        identity__0__type="str", identity__0__count=99
    )


def test_parts_of_a_quantity_lie_in_one_block() -> None:
    part = {"quantity": "energy_import", "block": "inst", "addr": 6, "type": "u16", "unit": "Wh"}
    said = complaint(value=[*document()["value"], part])
    assert 'the values of quantity "energy_import" lie in the blocks inst, sum' in said


def test_a_profile_is_found_by_its_id_or_its_path(tmp_path: Path) -> None:
    own = tmp_path / "example.toml"
    own.write_text(TEXT)
    assert load_profile(str(own)) == example()
    assert load_profile("eastron_sdm630").model == "SDM630-Modbus V2"
    with pytest.raises(ProfileError, match=r'no meter profile "sdm".*eastron_sdm630.*whole path'):
        load_profile("sdm")
    with pytest.raises(ProfileError, match=r'"own/example.toml" is not the whole path'):
        load_profile("own/example.toml")


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"x.toml: cannot be read: No such file"):
        read_profile(tmp_path / "x.toml")
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"schema = \xff")
    with pytest.raises(ProfileError, match=r"broken.toml: is not TOML"):
        read_profile(broken)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(key=st.sampled_from(sorted(document())), value=json_like)
def test_a_profile_with_any_value_is_read_or_refused(key: str, value: object) -> None:
    try:
        read = parse_profile({**document(), key: value}, FILE)
    except ProfileError:
        return
    assert isinstance(read, MeterProfile)
