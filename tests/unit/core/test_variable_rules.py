import pytest

from agent.core.device_model import DeviceModel
from agent.core.standard_variables import (
    ALLOW_SECURITY_PROFILE_DOWNGRADE,
    NETWORK_CONFIGURATION_PRIORITY,
    SAMPLED_SIGN_READINGS,
    SECURITY_PROFILE,
    TX_START_POINT,
    TX_STOP_POINT,
)
from agent.core.variable_access import Assignment
from agent.core.variable_definition import (
    ComponentVariable,
    DataType,
    Mutability,
    VariableDefinition,
)
from agent.core.variable_rules import (
    network_priority_rule,
    security_profile_rule,
    transaction_points_rule,
)
from agent.core.vocabulary import TxPoint

POINTS = tuple(sorted(TxPoint))


def define(
    key: ComponentVariable, data_type: DataType, default: str, values: tuple[str, ...] = ()
) -> VariableDefinition:
    return VariableDefinition(
        component=key.component,
        variable=key.variable,
        data_type=data_type,
        mutability=Mutability.READ_WRITE,
        values_list=values,
        default=default,
    )


@pytest.fixture
def model() -> DeviceModel:
    return DeviceModel(
        [
            define(TX_START_POINT, DataType.MEMBER_LIST, "PowerPathClosed", POINTS),
            define(TX_STOP_POINT, DataType.MEMBER_LIST, "EVConnected,Authorized", POINTS),
            define(SAMPLED_SIGN_READINGS, DataType.BOOLEAN, "true"),
            define(NETWORK_CONFIGURATION_PRIORITY, DataType.STRING, "1"),
            define(SECURITY_PROFILE, DataType.INTEGER, "2"),
            define(ALLOW_SECURITY_PROFILE_DOWNGRADE, DataType.BOOLEAN, "false"),
        ]
    )


def objection(model: DeviceModel, *assignments: tuple[ComponentVariable, str]) -> str:
    wanted = [Assignment(key, value) for key, value in assignments]
    return model.validate_value(wanted[0], wanted).reason


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        ("PowerPathClosed", "EVConnected,Authorized"),
        ("EVConnected", "EVConnected"),
        ("EVConnected", "ParkingBayOccupancy"),
        ("Authorized", "Authorized"),
        ("Authorized", "EVConnected"),
        ("Authorized", "PowerPathClosed"),
        ("EVConnected,Authorized", "EVConnected,Authorized"),
        ("EnergyTransfer", "EnergyTransfer"),
        ("DataSigned", "PowerPathClosed"),
        ("ParkingBayOccupancy", "ParkingBayOccupancy"),
    ],
)
def test_start_and_stop_points_that_end_every_transaction_are_taken(
    model: DeviceModel, start: str, stop: str
) -> None:
    model.add_rule(transaction_points_rule())
    assert objection(model, (TX_START_POINT, start), (TX_STOP_POINT, stop)) == ""


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        ("EVConnected", "Authorized"),
        ("EVConnected", "PowerPathClosed"),
        ("ParkingBayOccupancy", "EVConnected"),
        ("PowerPathClosed", "EnergyTransfer"),
        ("Authorized", "EnergyTransfer"),
        ("EnergyTransfer,EVConnected", "EnergyTransfer"),
        ("EVConnected", "EVConnected,DataSigned"),
        ("", "EVConnected"),
        ("EVConnected", ""),
    ],
)
def test_start_and_stop_points_that_leave_a_transaction_open_are_refused(
    model: DeviceModel, start: str, stop: str
) -> None:
    model.add_rule(transaction_points_rule())
    assert objection(model, (TX_START_POINT, start), (TX_STOP_POINT, stop))


@pytest.mark.requirement("E01.FR.04")
def test_signed_data_starts_nothing_where_nothing_is_signed(model: DeviceModel) -> None:
    model.add_rule(transaction_points_rule())
    unsigned = (SAMPLED_SIGN_READINGS, "false")

    assert objection(model, (TX_START_POINT, "DataSigned")) == ""
    assert "SignReadings" in objection(model, (TX_START_POINT, "DataSigned"), unsigned)
    assert objection(model, (TX_START_POINT, "DataSigned,PowerPathClosed"), unsigned) == ""
    model.apply(Assignment(TX_START_POINT, "DataSigned"))
    assert "SignReadings" in objection(model, unsigned)


def test_the_stop_point_is_judged_against_the_start_point_in_force(model: DeviceModel) -> None:
    model.add_rule(transaction_points_rule())
    assert "stay open" in objection(model, (TX_STOP_POINT, "EnergyTransfer"))


@pytest.mark.requirement("B10.FR.01", "B10.FR.02")
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("1", ""),
        ("2,1", ""),
        ("1,3", "slot 3 is empty"),
        ("", "at least one"),
        ("1,1", "none twice"),
        ("one", "which one is not"),
        ("01", "which 01 is not"),
    ],
)
def test_a_priority_list_names_valid_slots_only(
    model: DeviceModel, value: str, reason: str
) -> None:
    valid = {1, 2}
    model.add_rule(
        network_priority_rule(lambda slot: None if slot in valid else f"slot {slot} is empty")
    )
    found = objection(model, (NETWORK_CONFIGURATION_PRIORITY, value))
    assert found == "" if not reason else reason in found


@pytest.mark.requirement("A05.FR.04")
def test_the_security_profile_can_be_raised_when_nothing_is_missing(model: DeviceModel) -> None:
    model.add_rule(security_profile_rule(lambda _: None))
    assert objection(model, (SECURITY_PROFILE, "3")) == ""


@pytest.mark.requirement("A05.FR.02", "A05.FR.03")
def test_a_security_profile_that_lacks_something_is_refused(model: DeviceModel) -> None:
    model.add_rule(security_profile_rule(lambda p: "no certificate" if p == 3 else None))
    assert objection(model, (SECURITY_PROFILE, "3")) == "no certificate"


@pytest.mark.requirement("A05.FR.08", "A05.FR.09", "A05.FR.10")
@pytest.mark.parametrize(
    ("old", "new", "allowed", "accepted"),
    [
        ("3", "2", "true", True),
        ("3", "2", "false", False),
        ("3", "1", "true", False),
        ("2", "1", "true", False),
        ("2", "2", "true", False),
        ("1", "0", "true", False),
    ],
)
def test_the_security_profile_is_lowered_from_3_to_2_only(
    model: DeviceModel, old: str, new: str, allowed: str, *, accepted: bool
) -> None:
    model.apply(Assignment(SECURITY_PROFILE, old))
    model.apply(Assignment(ALLOW_SECURITY_PROFILE_DOWNGRADE, allowed))
    model.add_rule(security_profile_rule(lambda _: None))
    assert (objection(model, (SECURITY_PROFILE, new)) == "") is accepted
