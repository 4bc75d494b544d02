from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agent.core.device_model import DeviceModel
from agent.core.variable_access import (
    Assignment,
    GetOutcome,
    GetStatus,
    SetStatus,
    UnknownVariableError,
    ValueOrigin,
    ValueReader,
    VariableRule,
)
from agent.core.variable_definition import (
    AttributeType,
    ComponentKey,
    ComponentVariable,
    DataType,
    Mutability,
    ReasonCode,
    TextFormat,
    VariableDefinition,
    VariableKey,
)

COMM = ComponentKey("OCPPCommCtrlr")
EVSE = ComponentKey("EVSE", evse_id=1)
SECURITY = ComponentKey("SecurityCtrlr")
HEARTBEAT = ComponentVariable(COMM, VariableKey("HeartbeatInterval"))
ATTEMPTS = ComponentVariable(COMM, VariableKey("MessageAttempts", "TransactionEvent"))
PRIORITY = ComponentVariable(COMM, VariableKey("NetworkConfigurationPriority"))
POWER = ComponentVariable(EVSE, VariableKey("Power"))
PASSWORD = ComponentVariable(SECURITY, VariableKey("BasicAuthPassword"))
ENABLED = ComponentVariable(ComponentKey("AuthCtrlr"), VariableKey("Enabled"))
MEASURANDS = ComponentVariable(ComponentKey("SampledDataCtrlr"), VariableKey("TxUpdatedMeasurands"))
VOLTAGE = ComponentVariable(EVSE, VariableKey("ACVoltage"))
ABSENT = ComponentVariable(ComponentKey("NoCtrlr"), VariableKey("Nothing"))


def define(
    key: ComponentVariable, data_type: DataType, mutability: str = "ReadWrite", **fields: object
) -> VariableDefinition:
    return VariableDefinition(
        component=key.component,
        variable=key.variable,
        data_type=data_type,
        mutability=Mutability(mutability),
        **fields,  # type: ignore[arg-type]
    )


DEFINITIONS = (
    define(HEARTBEAT, DataType.INTEGER, min_limit=Decimal(1), default="300"),
    define(ATTEMPTS, DataType.INTEGER, default="3"),
    define(PRIORITY, DataType.STRING, default="1", guarded=True, reboot_required=True),
    define(POWER, DataType.DECIMAL, "ReadOnly", live=True, max_limit=Decimal(22080)),
    define(PASSWORD, DataType.STRING, "WriteOnly", text_format=TextFormat.PASSWORD, min_length=16),
    define(ENABLED, DataType.BOOLEAN, default="true"),
    define(MEASURANDS, DataType.MEMBER_LIST, values_list=("Voltage", "Frequency"), default=""),
    define(
        VOLTAGE,
        DataType.DECIMAL,
        attributes=(AttributeType.TARGET, AttributeType.MAX_SET),
    ),
)


@pytest.fixture
def model() -> DeviceModel:
    return DeviceModel(DEFINITIONS)


def change(model: DeviceModel, key: ComponentVariable, value: str) -> SetStatus:
    outcome = model.validate_set(key.component, key.variable, value)
    if outcome.accepted:
        model.apply(Assignment(key, value))
    return outcome.status


@pytest.mark.requirement("B06.FR.04", "B06.FR.10")
def test_a_readable_variable_gives_its_value(model: DeviceModel) -> None:
    outcome = model.get(COMM, VariableKey("HeartbeatInterval"))
    assert outcome == GetOutcome(GetStatus.ACCEPTED, "300")


def test_the_csms_may_spell_names_in_any_case(model: DeviceModel) -> None:
    outcome = model.get(
        ComponentKey("ocppcommctrlr"), VariableKey("MESSAGEATTEMPTS", "transactionevent")
    )
    assert outcome.value == "3"


@pytest.mark.requirement("B06.FR.06", "B06.FR.07", "B06.FR.08", "B06.FR.15")
@pytest.mark.parametrize(
    ("component", "variable", "attribute", "status"),
    [
        (ComponentKey("NoCtrlr"), VariableKey("X"), "Actual", GetStatus.UNKNOWN_COMPONENT),
        (ComponentKey("EVSE"), VariableKey("Power"), "Actual", GetStatus.UNKNOWN_COMPONENT),
        (ComponentKey("EVSE", evse_id=2), POWER.variable, "Actual", GetStatus.UNKNOWN_COMPONENT),
        (COMM, VariableKey("Nothing"), "Actual", GetStatus.UNKNOWN_VARIABLE),
        (COMM, VariableKey("MessageAttempts"), "Actual", GetStatus.UNKNOWN_VARIABLE),
        (COMM, HEARTBEAT.variable, "Target", GetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE),
        (EVSE, VOLTAGE.variable, "Actual", GetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE),
    ],
)
def test_what_the_station_lacks_is_refused_without_value(
    model: DeviceModel,
    component: ComponentKey,
    variable: VariableKey,
    attribute: str,
    status: GetStatus,
) -> None:
    outcome = model.get(component, variable, AttributeType(attribute))
    assert (outcome.status, outcome.value) == (status, None)


@pytest.mark.requirement("B06.FR.13")
def test_a_supported_attribute_without_value_is_an_empty_text(model: DeviceModel) -> None:
    outcome = model.get(EVSE, VOLTAGE.variable, AttributeType.MAX_SET)
    assert outcome == GetOutcome(GetStatus.ACCEPTED, "")


@pytest.mark.requirement("B06.FR.09", "A01.FR.12")
def test_a_secret_can_be_set_but_never_read(model: DeviceModel) -> None:
    assert change(model, PASSWORD, "correct-horse-battery") is SetStatus.ACCEPTED
    outcome = model.get(SECURITY, PASSWORD.variable)
    assert outcome == GetOutcome(GetStatus.REJECTED, None, ReasonCode.WRITE_ONLY)
    assert model.value(PASSWORD) == "correct-horse-battery"
    changed = model.apply(Assignment(PASSWORD, "another-password-1"))
    assert "another" not in repr(changed)
    assert "another" not in repr(list(model.changed_values()))


def test_a_2x_password_cannot_smuggle_in_escaped_octets(model: DeviceModel) -> None:
    assert change(model, PASSWORD, "\uf700" * 16) is SetStatus.REJECTED


@pytest.mark.requirement("B05.FR.04", "B05.FR.05", "B05.FR.06", "B05.FR.09")
@pytest.mark.parametrize(
    ("key", "attribute", "status"),
    [
        (ABSENT, "Actual", SetStatus.UNKNOWN_COMPONENT),
        (ComponentVariable(COMM, VariableKey("X")), "Actual", SetStatus.UNKNOWN_VARIABLE),
        (HEARTBEAT, "MaxSet", SetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE),
        (POWER, "Actual", SetStatus.REJECTED),
    ],
)
def test_what_cannot_be_set_says_why(
    model: DeviceModel, key: ComponentVariable, attribute: str, status: SetStatus
) -> None:
    outcome = model.validate_set(
        key.component, key.variable, "1", attribute=AttributeType(attribute)
    )
    assert outcome.status is status
    assert not outcome.accepted
    assert outcome.reason_code is not None


@pytest.mark.requirement("B05.FR.10")
def test_a_valid_value_is_accepted_and_applied(model: DeviceModel) -> None:
    outcome = model.validate_set(COMM, HEARTBEAT.variable, "60")
    assert outcome.status is SetStatus.ACCEPTED
    assert model.integer(HEARTBEAT) == 300, "validation alone changes nothing"
    changed = model.apply(Assignment(HEARTBEAT, "60"))
    assert (changed.key, changed.old_value, changed.new_value) == (HEARTBEAT, "300", "60")
    assert model.integer(HEARTBEAT) == 60


def test_attributes_are_stored_apart(model: DeviceModel) -> None:
    model.apply(Assignment(VOLTAGE, "230", AttributeType.TARGET))
    model.apply(Assignment(VOLTAGE, "240", AttributeType.MAX_SET))
    assert model.value(VOLTAGE, AttributeType.TARGET) == "230"
    assert model.value(VOLTAGE, AttributeType.MAX_SET) == "240"


@pytest.mark.requirement("B05.FR.07", "B05.FR.08")
def test_malformed_values_and_values_out_of_range_are_rejected(model: DeviceModel) -> None:
    assert change(model, HEARTBEAT, "soon") is SetStatus.REJECTED
    assert change(model, HEARTBEAT, "0") is SetStatus.REJECTED
    assert model.integer(HEARTBEAT) == 300


def test_a_list_with_one_unsupported_member_changes_nothing(model: DeviceModel) -> None:
    change(model, MEASURANDS, "Voltage")
    assert change(model, MEASURANDS, "Frequency,SoC") is SetStatus.REJECTED
    assert model.member_list(MEASURANDS) == ("Voltage",)


def test_a_guarded_variable_cannot_be_changed_before_a_rule_judges_it(model: DeviceModel) -> None:
    assert change(model, PRIORITY, "2") is SetStatus.REJECTED
    model.add_rule(VariableRule(frozenset({PRIORITY}), lambda _old, _new: None))
    assert change(model, PRIORITY, "2") is SetStatus.REBOOT_REQUIRED
    assert model.text(PRIORITY) == "2"


def test_rules_see_the_other_values_of_the_same_request(model: DeviceModel) -> None:
    def needs_attempts(_: ValueReader, proposed: ValueReader) -> str | None:
        return None if proposed(ATTEMPTS) == "9" else "needs 9 attempts"

    model.add_rule(VariableRule(frozenset({HEARTBEAT}), needs_attempts))
    alone = model.validate_set(COMM, HEARTBEAT.variable, "10")
    assert (alone.status, alone.reason) == (SetStatus.REJECTED, "needs 9 attempts")
    together = model.validate_set(
        COMM, HEARTBEAT.variable, "10", together_with=[Assignment(ATTEMPTS, "9")]
    )
    assert together.status is SetStatus.ACCEPTED


def test_elements_that_cannot_be_set_do_not_count_for_the_others(model: DeviceModel) -> None:
    seen: list[str | None] = []

    def remember(_: ValueReader, proposed: ValueReader) -> None:
        seen.extend(map(proposed, (ATTEMPTS, PRIORITY, VOLTAGE, POWER, ABSENT)))

    model.add_rule(VariableRule(frozenset({HEARTBEAT}), remember))
    others = [
        Assignment(ATTEMPTS, "many"),
        Assignment(PRIORITY, "2"),
        Assignment(VOLTAGE, "230", AttributeType.TARGET),
        Assignment(POWER, "1"),
        Assignment(ABSENT, "1"),
    ]
    model.validate_set(COMM, HEARTBEAT.variable, "10", together_with=others)
    assert seen == ["3", "1", "", "", None]


def test_rules_judge_actual_values_only(model: DeviceModel) -> None:
    model.add_rule(VariableRule(frozenset({VOLTAGE}), lambda _old, _new: "never"))
    target = model.validate_set(EVSE, VOLTAGE.variable, "230", attribute=AttributeType.TARGET)
    assert target.status is SetStatus.ACCEPTED


def test_a_rule_is_not_asked_about_variables_that_it_does_not_concern(model: DeviceModel) -> None:
    model.add_rule(VariableRule(frozenset({HEARTBEAT}), lambda _old, _new: "never"))
    assert change(model, ATTEMPTS, "4") is SetStatus.ACCEPTED


def test_initial_values_never_overwrite_changed_ones(model: DeviceModel) -> None:
    assert model.origin(HEARTBEAT) is ValueOrigin.DEFAULT
    assert model.set_initial([Assignment(HEARTBEAT, "100")]) == ()
    assert model.origin(HEARTBEAT) is ValueOrigin.CONFIGURED
    model.apply(Assignment(HEARTBEAT, "60"))

    restarted = DeviceModel(DEFINITIONS)
    assert restarted.restore(model.changed_values()) == ()
    assert restarted.set_initial([Assignment(HEARTBEAT, "200")]) == ()
    assert restarted.integer(HEARTBEAT) == 60
    assert restarted.origin(HEARTBEAT) is ValueOrigin.CHANGED


def test_a_change_back_to_the_initial_value_still_counts_as_changed(model: DeviceModel) -> None:
    model.apply(Assignment(HEARTBEAT, "300"))
    assert list(model.changed_values()) == [Assignment(HEARTBEAT, "300")]


def test_initial_values_are_taken_all_or_none(model: DeviceModel) -> None:
    problems = model.set_initial(
        [
            Assignment(ATTEMPTS, "5"),
            Assignment(HEARTBEAT, "0"),
            Assignment(ABSENT, "1"),
            Assignment(POWER, "1"),
        ]
    )
    assert [problem.key for problem in problems] == [HEARTBEAT, ABSENT, POWER]
    assert model.integer(ATTEMPTS) == 3


def test_two_different_initial_values_for_one_variable_are_a_problem(model: DeviceModel) -> None:
    assert model.set_initial([Assignment(HEARTBEAT, "100")]) == ()
    assert model.set_initial([Assignment(HEARTBEAT, "100")]) == ()
    (problem,) = model.set_initial([Assignment(HEARTBEAT, "200")])
    assert "two different" in problem.reason


def test_rules_judge_initial_values_together(model: DeviceModel) -> None:
    def objection(_: ValueReader, proposed: ValueReader) -> str | None:
        return None if proposed(HEARTBEAT) == proposed(ATTEMPTS) else "must be equal"

    model.add_rule(VariableRule(frozenset({HEARTBEAT, ATTEMPTS}), objection))
    assert model.set_initial([Assignment(HEARTBEAT, "7"), Assignment(ATTEMPTS, "7")]) == ()
    (problem,) = model.set_initial([Assignment(ABSENT, "")])
    assert problem.key == ABSENT
    unequal = DeviceModel(DEFINITIONS, [VariableRule(frozenset({HEARTBEAT}), objection)])
    (problem,) = unequal.set_initial([Assignment(HEARTBEAT, "7")])
    assert problem.reason == "must be equal"
    assert unequal.integer(HEARTBEAT) == 300


def test_stored_values_that_no_longer_fit_are_left_out_and_named(model: DeviceModel) -> None:
    stored = [Assignment(HEARTBEAT, "0"), Assignment(ABSENT, "1"), Assignment(ATTEMPTS, "7")]
    problems = model.restore(stored)
    assert [problem.key for problem in problems] == [HEARTBEAT, ABSENT]
    assert model.integer(ATTEMPTS) == 7
    assert model.integer(HEARTBEAT) == 300


def test_stored_values_that_contradict_a_new_initial_value_are_left_out() -> None:
    def objection(_: ValueReader, proposed: ValueReader) -> str | None:
        return None if proposed(HEARTBEAT) != proposed(ATTEMPTS) else "must differ"

    model = DeviceModel(DEFINITIONS, [VariableRule(frozenset({HEARTBEAT, ATTEMPTS}), objection)])
    assert model.set_initial([Assignment(ATTEMPTS, "7")]) == ()
    (problem,) = model.restore([Assignment(HEARTBEAT, "7")])
    assert (problem.key, problem.reason) == (HEARTBEAT, "must differ")
    assert model.integer(HEARTBEAT) == 300
    assert model.restore([Assignment(HEARTBEAT, "7"), Assignment(ATTEMPTS, "8")]) == ()
    assert (model.integer(HEARTBEAT), model.integer(ATTEMPTS)) == (7, 8)
    assert model.initial_value(ATTEMPTS) == "7"


def test_live_values_are_computed_when_read(model: DeviceModel) -> None:
    readings = iter([Decimal("1E+4"), Decimal("11000.5")])
    assert model.value(POWER) == ""
    assert model.unprovided() == (POWER,)
    model.provide(POWER, lambda: next(readings))
    assert model.get(EVSE, POWER.variable).value == "10000"
    assert model.decimal(POWER) == Decimal("11000.5")
    assert model.unprovided() == ()
    assert model.origin(POWER) is ValueOrigin.LIVE


def test_live_values_cannot_be_written_and_others_not_provided(model: DeviceModel) -> None:
    with pytest.raises(ValueError, match="computed"):
        model.apply(Assignment(POWER, "1"))
    with pytest.raises(ValueError, match="not a live"):
        model.provide(HEARTBEAT, lambda: 1)


def test_a_live_instant_is_reported_in_utc(model: DeviceModel) -> None:
    model.provide(POWER, lambda: datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert model.value(POWER) == "2024-01-02T03:04:05.000Z"


def test_typed_reads_give_typed_values(model: DeviceModel) -> None:
    change(model, MEASURANDS, "Frequency, Voltage")
    assert model.integer(ATTEMPTS) == 3
    assert model.boolean(ENABLED) is True
    assert model.text(PRIORITY) == "1"
    assert model.member_list(MEASURANDS) == ("Frequency", "Voltage")


def test_typed_reads_of_missing_variables_use_the_default_or_fail(model: DeviceModel) -> None:
    assert model.integer(ABSENT, default=5) == 5
    assert model.integer(POWER, default=0) == 0
    assert model.decimal(ABSENT, default=Decimal(2)) == 2
    assert model.boolean(ABSENT, default=True) is True
    assert model.text(ABSENT, default="") == ""
    assert model.member_list(ABSENT, default=("a",)) == ("a",)
    with pytest.raises(UnknownVariableError, match=r"NoCtrlr\.Nothing"):
        model.integer(ABSENT)


def test_a_variable_defined_twice_is_refused() -> None:
    twin = define(
        ComponentVariable(ComponentKey("ocppcommctrlr"), VariableKey("heartbeatinterval")),
        DataType.STRING,
    )
    with pytest.raises(ValueError, match="twice"):
        DeviceModel([*DEFINITIONS, twin])
