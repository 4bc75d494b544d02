"""From registers to a reading, and what is left out of it."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.api import HardwareError, MeterReading
from hal.modbus.measurement import Address, measured, reading
from hal.modbus.plausibility import judged
from hal.modbus.profile import MeterProfile, Quantity
from hal.modbus.profile_file import known_profiles, load_profile
from tests.rigs.modbus_meter import SimulatedMeter
from tests.unit.hal.modbus.example import document, example


def read(meter: SimulatedMeter) -> MeterReading:
    quantities = judged(meter.profile, measured(meter.profile, meter.words)).quantities
    return reading(meter.profile, quantities)


def with_values(*values: dict[str, Any], **keys: Any) -> MeterProfile:
    energy = document()["value"][3]
    return example({"value": [*values, energy], **keys})


@pytest.mark.parametrize("name", known_profiles())
@settings(max_examples=10)
@given(energy_wh=st.integers(0, 99_000_000), current_a=st.integers(0, 32))
def test_each_meter_is_read_as_it_counts(name: str, energy_wh: int, current_a: int) -> None:
    meter = SimulatedMeter(load_profile(name))
    meter.load(energy_wh=energy_wh, currents_a=(current_a, current_a, current_a))
    found = read(meter)
    assert abs(found.energy_import_wh - energy_wh) <= 50
    phases = max(1, len(found.current_a)) if found.current_a else 3
    assert found.power_w == pytest.approx(230.0 * current_a * phases)
    assert found.current_a in ((float(current_a),) * phases, ())
    assert found.voltage_v in ((230.0,) * phases, ())


def test_whole_kilowatt_hours_and_the_rest_are_added_up() -> None:
    meter = SimulatedMeter(load_profile("carlogavazzi_em340"))
    meter.load(energy_wh=1_234_567)
    assert meter.get(4, 0x400, 4) == (1234, 0, 567, 0)
    assert read(meter).energy_import_wh == 1_234_567


def test_power_fed_back_is_subtracted() -> None:
    meter = SimulatedMeter(load_profile("dzg_dvh4013"))
    meter.load(currents_a=(2, 0, 0))
    meter.show(power_total=-500)
    assert meter.get(3, 0, 4) == (0, 0, 0, 5000)
    assert read(meter).power_w == -500.0


def test_the_meters_own_scale_is_applied() -> None:
    meter = SimulatedMeter(load_profile("bauer_bsm_ws36a"))
    meter.set(3, 40136, (0, 5244))
    meter.set(3, 40144, (1,))
    meter.set(3, 40098, (2301,))
    meter.set(3, 40105, (0xFFFF,))
    found = read(meter)
    assert found.energy_import_wh == 52440
    assert found.voltage_v[0] == 230.1


def test_a_scale_that_is_none_makes_its_value_unknown() -> None:
    meter = SimulatedMeter(load_profile("bauer_bsm_ws36a"))
    meter.set(3, 40105, (0x8000,))
    assert read(meter).voltage_v == ()
    meter.set(3, 40144, (0x8000,))
    with pytest.raises(HardwareError, match=r"BSM-WS36A marks its energy register as not avail"):
        read(meter)


def test_phases_end_where_the_meter_marks_one_as_absent() -> None:
    meter = SimulatedMeter(load_profile("abb_b23_b24"))
    meter.load(currents_a=(16, 16, 16))
    meter.set(3, 0x5B02, (0xFFFF, 0xFFFF))
    found = read(meter)
    assert found.voltage_v == (230.0,)
    assert found.current_a == (16.0, 16.0, 16.0)


def test_a_power_that_is_not_known_is_no_number() -> None:
    meter = SimulatedMeter(load_profile("schneider_iem3155_3255"))
    meter.set(3, 0x0BF3, (0xFFC0, 0))
    assert math.isnan(read(meter).power_w)


def test_a_mark_counts_in_the_order_of_the_meters_words() -> None:
    profile = example({"nan": {"u32": 0x00010002}, "word_order": "little"})
    found: dict[Address, int] = {(4, register): 0 for register in (*range(10), *range(0x48, 0x4C))}
    assert Quantity.ENERGY_IMPORT in measured(profile, {**found, (4, 0x48): 1, (4, 0x49): 2})
    assert Quantity.ENERGY_IMPORT not in measured(profile, {**found, (4, 0x48): 2, (4, 0x49): 1})


@given(words=st.lists(st.integers(0, 0xFFFF), min_size=14, max_size=14))
def test_any_registers_give_a_reading_or_an_error(words: list[int]) -> None:
    addresses = [(4, register) for register in (*range(10), *range(0x48, 0x4C))]
    quantities = judged(example(), measured(example(), dict(zip(addresses, words, strict=True))))
    found = reading(example(), quantities.quantities)
    assert found.energy_import_wh == Decimal(words[10] << 16 | words[11]) * 10
