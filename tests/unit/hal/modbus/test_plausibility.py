"""What one reading betrays of a wrong profile, a wrong meter or wrong wiring."""

from decimal import Decimal

import pytest

from hal.modbus.measurement import Quantities
from hal.modbus.plausibility import judged
from hal.modbus.profile import CURRENTS, VOLTAGES, MeterProfile, Quantity
from hal.modbus.profile_file import load_profile
from tests.unit.hal.modbus.example import example

SDM630 = load_profile("eastron_sdm630")


def load(power_w: float, current_a: float, voltage_v: float = 230.0) -> dict[Quantity, Decimal]:
    """A reading of a three-phase meter with the same on each phase."""
    found = {voltage: Decimal(str(voltage_v)) for voltage in VOLTAGES}
    found |= {current: Decimal(str(current_a)) for current in CURRENTS}
    found |= dict.fromkeys((Quantity.POWER_L1, Quantity.POWER_L2), Decimal(str(power_w)) / 3)
    found[Quantity.POWER_L3] = Decimal(str(power_w)) / 3
    found[Quantity.POWER_TOTAL] = Decimal(str(power_w))
    found[Quantity.ENERGY_IMPORT] = Decimal(1000)
    found[Quantity.FREQUENCY] = Decimal(50)
    return found


def said(profile: MeterProfile, quantities: Quantities) -> str:
    return judged(profile, quantities).contradiction


@pytest.mark.parametrize(
    ("power_w", "current_a"),
    [(0, 0), (11_040, 16), (10_500, 16), (-11_040, 16), (0, 1.5), (5, 0.02), (2_300, 4)],
)
def test_what_fits_together_is_left_alone(power_w: float, current_a: float) -> None:
    quantities = load(power_w, current_a)
    judgement = judged(SDM630, quantities)
    assert judgement.contradiction == ""
    assert dict(judgement.quantities) == quantities


@pytest.mark.parametrize(("power_w", "current_a"), [(11_040, 0), (110_400, 16), (0, 16), (50, 32)])
def test_a_power_that_voltage_and_current_do_not_give_is_left_out(
    power_w: float, current_a: float
) -> None:
    judgement = judged(SDM630, load(power_w, current_a))
    assert "voltage times current" in judgement.contradiction
    assert not judgement.lasting
    assert Quantity.POWER_TOTAL not in judgement.quantities
    assert Quantity.CURRENT_L1 not in judgement.quantities
    assert judgement.quantities[Quantity.ENERGY_IMPORT] == 1000


def test_power_is_compared_only_where_all_phases_are_known() -> None:
    quantities = load(11_040, 0)
    del quantities[Quantity.CURRENT_L2]
    assert said(SDM630, quantities) == ""
    assert said(example(), {Quantity.POWER_TOTAL: Decimal(11_040)}) == ""


def test_phases_that_do_not_add_up_are_told() -> None:
    quantities = load(11_040, 16) | {Quantity.POWER_L1: Decimal(-3680)}
    judgement = judged(SDM630, quantities)
    assert judgement.contradiction == (
        "power_L1 + power_L2 + power_L3 is 3680 W, but power_total 11040 W"
    )
    assert Quantity.POWER_TOTAL not in judgement.quantities


def test_two_registers_of_one_energy_must_agree() -> None:
    profile = load_profile("carlogavazzi_em340")
    quantities = load(0, 0) | {Quantity.ENERGY_IMPORT_CHECK: Decimal(1100)}
    assert said(profile, quantities) == ""
    judgement = judged(profile, quantities | {Quantity.ENERGY_IMPORT_CHECK: Decimal(1300)})
    assert judgement.lasting
    assert "energy_import is 1000 Wh, but energy_import_check 1300 Wh" in judgement.contradiction


@pytest.mark.parametrize(
    ("quantity", "number"),
    [
        (Quantity.FREQUENCY, 500),
        (Quantity.FREQUENCY, 0),
        (Quantity.VOLTAGE_L1, -1),
        (Quantity.VOLTAGE_L2, 4000),
        (Quantity.CURRENT_L3, 3.4e38),
        (Quantity.POWER_TOTAL, 1e9),
    ],
)
def test_a_value_out_of_range_is_left_out(quantity: Quantity, number: float) -> None:
    judgement = judged(SDM630, load(0, 0) | {quantity: Decimal(number)})
    assert quantity not in judgement.quantities
    assert Quantity.ENERGY_IMPORT in judgement.quantities


def test_a_profile_may_set_a_range_of_its_own() -> None:
    profile = example({"check": [{"range": "voltage_L1", "min": 100, "max": 130}]})
    assert Quantity.VOLTAGE_L1 in judged(profile, {Quantity.VOLTAGE_L1: Decimal(115)}).quantities
    assert not judged(profile, {Quantity.VOLTAGE_L1: Decimal(230)}).quantities


def test_energy_is_never_judged_by_a_range() -> None:
    energy = {Quantity.ENERGY_IMPORT: Decimal(10) ** 15}
    assert dict(judged(SDM630, energy).quantities) == energy
