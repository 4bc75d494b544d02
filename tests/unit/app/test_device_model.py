"""The device model of this software beside the standard's list of components and variables.

`tests/data/device_model.tsv` holds the list: one row for each standard variable with its
characteristics, and for those that this station does not have the reason. Rows of the component
`<generic>` are names that any component may use, with their data type and unit.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from agent.app.initial import device_model
from agent.core import standard_variables as sv
from agent.core.commands import ReportBase
from agent.core.device_model import DeviceModel
from agent.core.events import ReportEntry
from agent.core.reporting import base_report
from agent.core.variable_definition import (
    ComponentVariable,
    DataType,
    Mutability,
    VariableDefinition,
)
from tests.unit.config.test_components import station

AGENT = Path(__file__).parents[3] / "agent"
TABLE = Path(__file__).parents[2] / "data" / "device_model.tsv"
GENERIC = "<generic>"
ANY = "any"
SPECIFIC_TO_16 = "OCPP16Ctrlr"
"""The vendor component that holds what only OCPP 1.6 has a word for."""
BENCH = '[bench]\nsocket = "/run/stationd/bench.sock"\n'
"""Its simulated cars speak ISO 15118."""
EVSES = (1, 2)
SOCKETS = ((1, 1),)
PLACES: Mapping[str, frozenset[tuple[int | None, int | None]]] = {
    "station": frozenset({(None, None)}),
    "evse": frozenset((evse, None) for evse in EVSES),
    "station+evse": frozenset({(None, None), *((evse, None) for evse in EVSES)}),
    "connector": frozenset((evse, 1) for evse in EVSES),
    "socket": frozenset(SOCKETS),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One standard variable; `reason` says why this station does not have it."""

    component: str
    component_instance: str
    variable: str
    variable_instance: str
    scope: str
    mutabilities: frozenset[str]
    data_type: str
    units: frozenset[str]
    values: str
    limits: str
    required: bool
    reason: str

    @property
    def name(self) -> str:
        return f"{self.component}.{self.variable}[{self.variable_instance}]"

    def _is_instance(self, instance: str) -> bool:
        """A name in angle brackets stands for whatever instances the station has."""
        return self.component_instance == instance or (
            self.component_instance.startswith("<") and instance != ""
        )

    def defines(self, definition: VariableDefinition) -> bool:
        return (
            self.component == definition.component.name
            and self.variable == definition.variable.name
            and self._is_instance(definition.component.instance or "")
            and self.variable_instance == (definition.variable.instance or "")
        )


@cache
def rows() -> tuple[Row, ...]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Row(
                component=raw["component"],
                component_instance=raw["component_instance"],
                variable=raw["variable"],
                variable_instance=raw["variable_instance"],
                scope=raw["scope"],
                mutabilities=frozenset(filter(None, raw["mutability"].split(","))),
                data_type=raw["data_type"],
                units=frozenset(filter(None, raw["units"].split(","))),
                values=raw["values"],
                limits=raw["limits"],
                required=raw["obligation"] == "required",
                reason=raw["reason"],
            )
            for raw in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        )


STANDARD = tuple(row for row in rows() if row.component != GENERIC)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DeviceModel:
    """A station with a socket outlet of three phases and a fixed cable of one."""
    folder = tmp_path_factory.mktemp("station")
    return device_model(station(folder, BENCH, ("sType2", 3), ("cType2", 1)), "1.2.3")


@pytest.fixture(scope="module")
def reported(model: DeviceModel) -> Mapping[str, ReportEntry]:
    definitions = model.definitions()
    entries = base_report(model, ReportBase.FULL_INVENTORY)
    return {d.key.notation: entry for d, entry in zip(definitions, entries, strict=True)}


def found(model: DeviceModel, row: Row) -> Iterator[VariableDefinition]:
    return (definition for definition in model.definitions() if row.defines(definition))


@pytest.mark.requirement("B07.FR.08", "TC_B_53_CS")
@pytest.mark.parametrize("row", STANDARD, ids=lambda row: row.name)
def test_a_standard_variable_is_there_everywhere_or_the_reason_is_told(
    model: DeviceModel, row: Row
) -> None:
    places = {(d.component.evse_id, d.component.connector_id) for d in found(model, row)}
    assert places == (set() if row.reason else PLACES[row.scope])


@pytest.mark.requirement("B07.FR.08", "B08.FR.12")
@pytest.mark.parametrize("row", [r for r in STANDARD if not r.reason], ids=lambda row: row.name)
def test_a_standard_variable_has_the_standard_characteristics(
    model: DeviceModel, reported: Mapping[str, ReportEntry], row: Row
) -> None:
    for definition in found(model, row):
        entry = reported[definition.key.notation]
        assert entry.data_type == row.data_type
        assert not row.mutabilities or entry.mutability in row.mutabilities
        assert not row.units or entry.unit in row.units
        check_values(entry, row)
        check_limits(entry, row)
        check_persistence(definition, entry)


def check_values(entry: ReportEntry, row: Row) -> None:
    """Lists tell what may be set, and nothing that the standard does not know."""
    if row.data_type not in {"OptionList", "MemberList", "SequenceList"}:
        return
    assert entry.values_list or row.variable == "FileTransferProtocols"
    told = set(filter(None, (entry.values_list or "").split(",")))
    assert row.values == ANY or told <= set(row.values.split(","))


def check_limits(entry: ReportEntry, row: Row) -> None:
    for limit in filter(None, row.limits.split(" ")):
        side, _, number = limit.partition("=")
        told = entry.min_limit if side == "min" else entry.max_limit
        assert told is not None, f"{side} is not told"
        assert not number or told == Decimal(number)


def check_persistence(definition: VariableDefinition, entry: ReportEntry) -> None:
    """What a CSMS sets outlives a restart; what is computed when read is neither kept nor fixed."""
    if definition.mutability is not Mutability.READ_ONLY:
        assert entry.persistent
        assert not entry.constant
    if definition.live:
        assert not entry.persistent
        assert not entry.constant


def test_only_what_is_not_required_of_built_blocks_is_left_out() -> None:
    left_out = {row.component for row in STANDARD if row.required and row.reason}
    assert left_out <= {
        *("ACDERCtrlr", "DCDERCtrlr", "DisplayMessageCtrlr", "ISO15118Ctrlr", "MonitoringCtrlr"),
        *("NetworkConfiguration", "PaymentCtrlr", "TariffCostCtrlr", "V2XChargingCtrlr"),
        *("WebPaymentsCtrlr", "LocalAuthListCtrlr"),
    }


def test_what_the_table_does_not_list_is_generic_or_the_vendors_own(model: DeviceModel) -> None:
    generic = {row.variable: row for row in rows() if row.component == GENERIC}
    for definition in model.definitions():
        if any(row.defines(definition) for row in STANDARD):
            continue
        if definition.component.name == SPECIFIC_TO_16:
            continue
        row = generic[definition.variable.name]
        assert definition.data_type == DataType(row.data_type), definition.key.notation
        assert not row.units or definition.unit in row.units


def test_the_table_names_each_variable_once_and_gives_a_reason_in_words() -> None:
    names = [(r.component, r.component_instance, r.variable, r.variable_instance) for r in rows()]
    assert len(set(names)) == len(names) > 400
    assert all(len(row.reason.split()) >= 3 for row in STANDARD if row.reason)


READ_ELSEWHERE = frozenset({"standard_variables.py", "keys.py"})
"""Modules that name variables without reading them."""


def test_every_variable_that_can_be_set_is_read_by_some_part(model: DeviceModel) -> None:
    constants = {k.notation: n for n, k in vars(sv).items() if isinstance(k, ComponentVariable)}
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted(AGENT.rglob("*.py"))
        if path.name not in READ_ELSEWHERE
    )
    unread = {
        definition.key.notation
        for definition in model.definitions()
        if definition.mutability is not Mutability.READ_ONLY
        and definition.component.evse_id is None
        and not re.search(rf"\b{constants.get(definition.key.notation, '(?!)')}\b", source)
    }
    assert unread == set()
