"""The profiles that come with the software, against the registers that they were made from."""

import csv
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from hal.modbus.measurement import resolution_wh
from hal.modbus.plan import duration_s, plan
from hal.modbus.profile import (
    Confidence,
    IdentityField,
    MeterProfile,
    Quantity,
    Signing,
    Value,
)
from hal.modbus.profile_file import known_profiles, load_profile, parse_profile
from hal.modbus.registers import RegisterType, WordOrder, width

Row = dict[str, str]

HARDWARE = Path(__file__).parents[4] / "docs" / "hardware.md"
SOURCES = Path(__file__).parents[3] / "data" / "meter_registers.tsv"
ORDER = [Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH]
# Quantities that are called otherwise in the sources, with the sign that they are counted with.
SAME = {
    "energy_import_int_kWh": (Quantity.ENERGY_IMPORT, 1),
    "energy_import_frac_Wh": (Quantity.ENERGY_IMPORT, 1),
    "power_import": (Quantity.POWER_TOTAL, 1),
    "power_export": (Quantity.POWER_TOTAL, -1),
}
# What a profile leaves out on purpose, and why its file says so.
LEFT_OUT = {("orno_we514_515", "frequency")}
# Where the profile compares a second, coarser register of the energy.
COARSER = {("carlogavazzi_em340", 0x0034)}


def rows() -> list[Row]:
    with SOURCES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def rows_of(profile: MeterProfile) -> list[Row]:
    return [row for row in rows() if row["profile"] == profile.id]


def meant(row: Row) -> tuple[Quantity, int] | None:
    """The quantity of a row in a profile's words, None for one that is no measurement."""
    if row["quantity"] in SAME:
        return SAME[row["quantity"]]
    try:
        quantity = Quantity(row["quantity"])
    except ValueError:
        return None
    if (row["profile"], int(row["register"], 16)) in COARSER:
        quantity = Quantity.ENERGY_IMPORT_CHECK
    return quantity, 1


def value_rows(profile: MeterProfile) -> Iterator[tuple[Value, Row]]:
    """Each value of a profile with the row that it comes from."""
    for value in profile.values:
        found = [
            row
            for row in rows_of(profile)
            if (meant(row) or (None,))[0] is value.quantity
            and int(row["register"], 16) == value.address
        ]
        assert len(found) == 1, f"{value.quantity} at {value.address} has no source"
        yield value, found[0]


@pytest.fixture(params=known_profiles())
def profile(request: pytest.FixtureRequest) -> MeterProfile:
    return load_profile(request.param)


def test_there_is_a_profile_for_each_meter_of_the_sources() -> None:
    assert set(known_profiles()) == {row["profile"] for row in rows()}
    assert len(known_profiles()) == 20


def test_each_value_agrees_with_its_source(profile: MeterProfile) -> None:
    for value, row in value_rows(profile):
        sign = (meant(row) or (None, 1))[1]
        assert str(value.function) == row["fc"], value
        assert value.kind == row["type"], value
        assert value.scale == sign * Decimal(row["multiplier"]), value
        assert value.quantity.unit == row["unit"], value
        scale_register = int(row["scale_register"], 16) if row["scale_register"] else None
        assert value.scale_register == scale_register, value
        if width(value.kind) > 1:
            assert profile.word_order == (row["word_order"] or WordOrder.BIG), value
        mark = int(row["not_available"], 16) if row["not_available"] else None
        assert profile.nan.get(value.kind) == mark or value.kind is RegisterType.ACC32, value


def test_a_profile_measures_what_its_meter_can(profile: MeterProfile) -> None:
    told = {found[0] for row in rows_of(profile) if (found := meant(row)) is not None}
    missing = told - set(profile.quantities)
    assert {(profile.id, quantity.value) for quantity in missing} <= LEFT_OUT
    assert Quantity.ENERGY_IMPORT in profile.quantities
    assert Quantity.POWER_TOTAL in profile.quantities


def test_a_profile_is_as_sure_as_the_least_sure_of_its_values(profile: MeterProfile) -> None:
    found = [Confidence(row["confidence"]) for _, row in value_rows(profile)]
    assert profile.confidence is min(found, key=ORDER.index)
    assert profile.source


def test_a_serial_number_is_read_where_a_source_names_its_register(profile: MeterProfile) -> None:
    known = {
        (int(row["fc"]), int(row["register"], 16), row["type"])
        for row in rows_of(profile)
        if row["quantity"] == "serial_number"
    }
    told = {
        (i.function, i.start, f"str:{i.count}" if i.kind is RegisterType.STR else i.kind.value)
        for i in profile.identity
        if i.field is IdentityField.SERIAL_NUMBER
    }
    if profile.id == "bauer_bsm_ws36a":  # by the place of SunSpec's common model
        assert told == {(3, 40052, "str:16")}
    else:
        assert told == known


def test_the_first_question_after_a_failure_has_an_answer_of_its_own_length(
    profile: MeterProfile,
) -> None:
    """So a late answer to any question before is no answer to it."""
    planned = plan(profile)
    first, *others = (*planned.opening, *planned.reading)
    assert (first.function, first.count) not in {(each.function, each.count) for each in others}


def test_a_reading_keeps_to_the_limits_and_takes_well_under_a_second(profile: MeterProfile) -> None:
    planned = plan(profile)
    assert max(request.count for request in planned.reading) <= profile.limits.max_registers
    assert duration_s(planned.reading, profile.serial, profile.limits) < 0.7
    read = {(r.function, register) for r in planned.reading for register in r.addresses}
    for value in profile.values:
        needed = range(value.address, value.address + width(value.kind))
        assert {(value.function, register) for register in needed} <= read


def test_energy_has_steps_of_100_wh_at_most(profile: MeterProfile) -> None:
    for register_wh in (1_000_000, 10_000_000, 100_000_000):
        assert 0 < resolution_wh(profile, Decimal(register_wh)) <= 100


def test_floats_of_old_meters_are_too_coarse_for_a_watt_hour() -> None:
    sdm630 = load_profile("eastron_sdm630")
    assert resolution_wh(sdm630, Decimal(10_000_000)) == Decimal("0.9765625")
    assert resolution_wh(sdm630, Decimal(100_000_000)) == Decimal("7.8125")
    assert resolution_wh(load_profile("carlogavazzi_em340"), Decimal(10_000_000)) == 1
    assert resolution_wh(load_profile("siemens_pac2200"), Decimal(10_000_000)) < Decimal("1e-8")


def test_three_meters_sign() -> None:
    signing = {name: load_profile(name).signing for name in known_profiles()}
    assert {name: how for name, how in signing.items() if how is not Signing.NONE} == {
        "bauer_bsm_ws36a": Signing.BAUER_BSM,
        "iskra_wm3m4c": Signing.ISKRA_WM3M4C,
        "carlogavazzi_em580": Signing.CG_EM580,
    }


def test_the_table_in_the_manual_is_up_to_date(profile: MeterProfile) -> None:
    lines = HARDWARE.read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| `{profile.id}` |")]
    _, _, model, confidence, serial, step, number, _ = (cell.strip() for cell in row.split("|"))
    assert model == f"{profile.vendor} {profile.model}"
    assert confidence == profile.confidence
    guess = "" if profile.serial.documented else " ?"
    short = profile.serial.short.replace(" baud", "")
    assert serial == f"{short}, address {profile.serial.address}{guess}"
    assert number == ("read" if profile.tells_serial_number else "configured")
    at_10_mwh = resolution_wh(profile, Decimal(10_000_000))
    if profile.values_of(Quantity.ENERGY_IMPORT)[0].scale_register is not None:
        assert step == "told by the meter"
    elif at_10_mwh < Decimal("0.001"):
        assert step == "exact"
    else:
        assert step == (f"{at_10_mwh:.2g}" if at_10_mwh < 1 else f"{at_10_mwh:.0f}")


def test_the_profile_in_the_manual_can_be_used() -> None:
    text = HARDWARE.read_text(encoding="utf-8")
    example = text[text.index('```toml\nschema = 1\nid = "example"') :]
    document = tomllib.loads(example.split("```")[1].removeprefix("toml"), parse_float=Decimal)
    del document["check"][1]  # it shows a check of phases that the short example does not have
    assert parse_profile(document, Path("example.toml")).vendor == "Example"
