from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.commands import ReportBase
from agent.core.device_model import DeviceModel
from agent.core.events import ReportEntry
from agent.core.report_request import ComponentCriterion, VariableSelector
from agent.core.reporting import base_report, custom_report, report_parts
from agent.core.variable_access import Assignment
from agent.core.variable_definition import (
    AttributeType,
    ComponentKey,
    ComponentVariable,
    DataType,
    Mutability,
    VariableDefinition,
    VariableKey,
)

NOW = datetime(2024, 1, 1, tzinfo=UTC)
STATION = ComponentKey("ChargingStation")
EVSE_1, EVSE_2 = ComponentKey("EVSE", evse_id=1), ComponentKey("EVSE", evse_id=2)
CONNECTOR = ComponentKey("Connector", evse_id=1, connector_id=1)
LOCK = ComponentKey("ConnectorPlugRetentionLock", evse_id=1, connector_id=1)
CACHE = ComponentKey("AuthCacheCtrlr")
LEFT, RIGHT = ComponentKey("Fan", "left"), ComponentKey("Fan", "right")


def define(
    component: ComponentKey, name: str, data_type: DataType, mutability: str, **fields: object
) -> VariableDefinition:
    return VariableDefinition(
        component=component,
        variable=VariableKey(*name.split("/")),
        data_type=data_type,
        mutability=Mutability(mutability),
        **fields,  # type: ignore[arg-type]
    )


@pytest.fixture
def model() -> DeviceModel:
    text, boolean = DataType.STRING, DataType.BOOLEAN
    return DeviceModel(
        [
            define(STATION, "AvailabilityState", text, "ReadOnly", live=True, default="Available"),
            define(EVSE_1, "AvailabilityState", text, "ReadOnly", live=True, default="Available"),
            define(EVSE_2, "AvailabilityState", text, "ReadOnly", live=True, default="Available"),
            define(
                EVSE_1,
                "Power",
                DataType.DECIMAL,
                "ReadOnly",
                live=True,
                unit="W",
                max_limit=Decimal(22080),
            ),
            define(
                EVSE_1,
                "Setpoint",
                DataType.DECIMAL,
                "ReadWrite",
                attributes=(AttributeType.ACTUAL, AttributeType.TARGET),
            ),
            define(CONNECTOR, "AvailabilityState", text, "ReadOnly", default="Available"),
            define(LOCK, "Problem", boolean, "ReadOnly", live=True, default="false"),
            define(CACHE, "Available", boolean, "ReadOnly", default="false"),
            define(CACHE, "Enabled", boolean, "ReadWrite", default="true"),
            define(CACHE, "Secret", text, "WriteOnly"),
            define(
                CACHE,
                "Policy",
                DataType.OPTION_LIST,
                "ReadWrite",
                values_list=("LRU", "FIFO"),
                default="LRU",
            ),
            define(LEFT, "Speed/day", DataType.INTEGER, "ReadWrite", default="1"),
            define(RIGHT, "Speed/night", DataType.INTEGER, "ReadWrite", default="2"),
        ]
    )


def names(entries: Iterable[ReportEntry]) -> list[str]:
    return [f"{e.component}.{e.variable}" for e in entries]


def only(entries: Iterable[ReportEntry], variable: str) -> ReportEntry:
    (entry,) = [e for e in entries if e.variable == variable]
    return entry


@pytest.mark.requirement("B07.FR.08", "B07.FR.11")
def test_the_full_inventory_has_every_variable_and_attribute(model: DeviceModel) -> None:
    entries = list(base_report(model, ReportBase.FULL_INVENTORY))
    assert len(entries) == len(list(model.definitions())) + 1
    setpoints = [e.attribute for e in entries if e.variable == "Setpoint"]
    assert setpoints == ["Actual", "Target"]


@pytest.mark.requirement("B07.FR.07")
def test_the_configuration_inventory_has_what_can_be_set(model: DeviceModel) -> None:
    entries = list(base_report(model, ReportBase.CONFIGURATION_INVENTORY))
    assert {e.mutability for e in entries} == {"ReadWrite", "WriteOnly"}
    assert "AuthCacheCtrlr.Available" not in names(entries)


@pytest.mark.requirement("B07.FR.03")
def test_secrets_are_listed_without_value(model: DeviceModel) -> None:
    secret = ComponentVariable(CACHE, VariableKey("Secret"))
    model.apply(Assignment(secret, "correct-horse-battery"))
    for base in (ReportBase.FULL_INVENTORY, ReportBase.CONFIGURATION_INVENTORY):
        assert only(base_report(model, base), "Secret").value is None


@pytest.mark.requirement("B07.FR.09")
def test_the_summary_has_availability_and_present_problems(model: DeviceModel) -> None:
    healthy = names(base_report(model, ReportBase.SUMMARY_INVENTORY))
    assert healthy == [
        "ChargingStation.AvailabilityState",
        "EVSE.AvailabilityState",
        "EVSE.AvailabilityState",
        "Connector.AvailabilityState",
    ]
    model.provide(ComponentVariable(LOCK, VariableKey("Problem")), lambda: True)
    jammed = names(base_report(model, ReportBase.SUMMARY_INVENTORY))
    assert "ConnectorPlugRetentionLock.Problem" in jammed


@pytest.mark.requirement("B08.FR.12")
def test_entries_carry_the_characteristics(model: DeviceModel) -> None:
    entries = list(base_report(model, ReportBase.FULL_INVENTORY))
    power, policy, secret = only(entries, "Power"), only(entries, "Policy"), only(entries, "Secret")
    assert (power.unit, power.max_limit, power.evse) == ("W", Decimal(22080), 1)
    assert (power.constant, power.persistent) == (False, False)
    assert (policy.values_list, policy.data_type) == ("LRU,FIFO", "OptionList")
    assert (secret.max_limit, secret.data_type) == (Decimal(1000), "string")
    assert only(entries, "Available").constant


def test_what_the_station_changes_by_itself_is_not_constant() -> None:
    model = DeviceModel(
        [
            define(CACHE, "Fixed", DataType.INTEGER, "ReadOnly", default="1"),
            define(CACHE, "Guarded", DataType.INTEGER, "ReadOnly", default="1", guarded=True),
            define(CACHE, "Live", DataType.INTEGER, "ReadOnly", default="1", live=True),
        ]
    )
    entries = list(base_report(model, ReportBase.FULL_INVENTORY))
    assert [entry.constant for entry in entries] == [True, False, False]


def test_a_values_list_that_the_field_cannot_carry_is_left_out() -> None:
    values = tuple(f"measurand-{n}" for n in range(200))
    model = DeviceModel(
        [define(CACHE, "All", DataType.MEMBER_LIST, "ReadWrite", values_list=values)]
    )
    (entry,) = base_report(model, ReportBase.FULL_INVENTORY)
    assert entry.values_list is None


def report(
    model: DeviceModel, *selectors: VariableSelector, criteria: tuple[ComponentCriterion, ...] = ()
) -> list[str]:
    return names(custom_report(model, frozenset(criteria), selectors))


@pytest.mark.requirement("B08.FR.07", "B08.FR.08", "B08.FR.09", "B08.FR.10", "B08.FR.13")
def test_criteria_pick_components_and_are_ored(model: DeviceModel) -> None:
    available = report(model, criteria=(ComponentCriterion.AVAILABLE,))
    assert "AuthCacheCtrlr.Enabled" not in available
    assert "ChargingStation.AvailabilityState" in available, "lacking the variable counts as true"
    assert report(model, criteria=(ComponentCriterion.PROBLEM,)) == []
    either = report(model, criteria=(ComponentCriterion.AVAILABLE, ComponentCriterion.ENABLED))
    assert "AuthCacheCtrlr.Enabled" in either


@pytest.mark.requirement("B08.FR.10")
def test_criterion_problem_picks_components_with_a_problem(model: DeviceModel) -> None:
    model.provide(ComponentVariable(LOCK, VariableKey("Problem")), lambda: True)
    found = report(model, criteria=(ComponentCriterion.PROBLEM,))
    assert found == ["ConnectorPlugRetentionLock.Problem"]


@pytest.mark.requirement(
    "B08.FR.05", "B08.FR.20", "B08.FR.21", "B08.FR.22", "B08.FR.23", "B08.FR.24", "B08.FR.25"
)
@pytest.mark.parametrize(
    ("component", "variable", "count"),
    [
        (ComponentKey("evse"), None, 5),
        (ComponentKey("EVSE", evse_id=1), None, 4),
        (ComponentKey("EVSE"), VariableKey("availabilitystate"), 2),
        (ComponentKey("Connector", evse_id=1), None, 1),
        (ComponentKey("Connector", evse_id=2), None, 0),
        (ComponentKey("Fan"), None, 2),
        (ComponentKey("Fan", "left"), None, 1),
        (ComponentKey("Fan"), VariableKey("Speed"), 2),
        (ComponentKey("Fan"), VariableKey("Speed", "Night"), 1),
        (ComponentKey("Fan", "left"), VariableKey("Speed", "night"), 0),
    ],
)
def test_what_a_selector_leaves_out_matches_everything(
    model: DeviceModel, component: ComponentKey, variable: VariableKey | None, count: int
) -> None:
    assert len(report(model, VariableSelector(component, variable))) == count


def test_criteria_and_selectors_must_both_match(model: DeviceModel) -> None:
    selector = VariableSelector(ComponentKey("AuthCacheCtrlr"))
    assert report(model, selector, criteria=(ComponentCriterion.AVAILABLE,)) == []
    assert len(report(model, selector, criteria=(ComponentCriterion.ENABLED,))) == 4


def entries(count: int) -> list[ReportEntry]:
    return [ReportEntry(component="C", variable=f"V{n}") for n in range(count)]


@pytest.mark.requirement("B07.FR.04", "B07.FR.10", "B08.FR.04", "B08.FR.14")
@given(count=st.integers(0, 40), size=st.integers(1, 12))
def test_parts_are_numbered_complete_and_say_when_they_end(count: int, size: int) -> None:
    parts = list(report_parts(entries(count), request_id=7, at=NOW, part_size=size))
    assert [part.seq_no for part in parts] == list(range(len(parts)))
    assert [entry for part in parts for entry in part.entries] == entries(count)
    assert all(1 <= len(part.entries) <= size for part in parts)
    assert [part.to_be_continued for part in parts] == [True] * (len(parts) - 1) + [False] * bool(
        parts
    )
    assert {part.request_id for part in parts} <= {7}


@pytest.mark.requirement("B08.FR.15")
def test_an_empty_report_has_no_part() -> None:
    assert list(report_parts([], request_id=1, at=NOW, part_size=10)) == []
