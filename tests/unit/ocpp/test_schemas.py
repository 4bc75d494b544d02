import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.ocpp.dialect import SCHEMA_ERRORS, RpcErrorCode, SchemaRule
from agent.ocpp.schemas import Schemas, SchemasMissing, SchemaViolation, Validator

EVENT: dict[str, Any] = {
    "eventType": "Updated",
    "timestamp": "2024-01-01T00:00:00.000Z",
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 3,
    "transactionInfo": {"transactionId": "x"},
}


@pytest.fixture(scope="module")
def old() -> Schemas:
    return Schemas("v16")


@pytest.fixture(scope="module")
def new() -> Schemas:
    return Schemas("v201")


@pytest.fixture(scope="module")
def newest() -> Schemas:
    return Schemas("v21")


LONG_ID = {"transactionId": "x" * 37}


def event_validator(schemas: Schemas) -> Validator:
    validator = schemas.request("TransactionEvent")
    assert validator is not None
    return validator


def profile(limit: object) -> dict[str, Any]:
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
    }
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": schedule,
        },
    }


def test_every_action_of_every_version_is_found(
    old: Schemas, new: Schemas, newest: Schemas
) -> None:
    assert (len(old.actions()), len(new.actions()), len(newest.actions())) == (39, 64, 91)
    assert {"StartTransaction", "SignedUpdateFirmware"} <= old.actions()
    assert "TransactionEvent" in new.actions()
    assert {"NotifyPeriodicEventStream", "SetDERControl"} <= newest.actions()


@pytest.mark.parametrize("folder", ["v16", "v201", "v21"])
def test_every_schema_compiles_and_refuses_nonsense(folder: str) -> None:
    schemas = Schemas(folder)
    for action in schemas.actions():
        for validator in (schemas.request(action), schemas.response(action)):
            if validator is None:
                assert action == "NotifyPeriodicEventStream"
                continue
            with pytest.raises(SchemaViolation):
                validator({"noSuchProperty": 1})


def test_an_unknown_action_has_no_schema_and_a_send_has_no_response(newest: Schemas) -> None:
    assert newest.request("NoSuchAction") is None
    assert newest.response("../BootNotification") is None
    assert newest.request("NotifyPeriodicEventStream") is not None
    assert newest.response("NotifyPeriodicEventStream") is None


def test_a_schema_is_compiled_once(new: Schemas) -> None:
    assert new.request("Reset") is new.request("Reset")
    assert new.request("Reset") is not new.response("Reset")


def test_missing_schemas_are_told_by_name() -> None:
    with pytest.raises(SchemasMissing, match="'v99' of the package 'ocpp'"):
        Schemas("v99")


def test_a_package_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.ocpp.schemas.find_spec", lambda _name: None)
    with pytest.raises(SchemasMissing):
        Schemas("v16")


def test_valid_payloads_pass(old: Schemas, new: Schemas) -> None:
    event_validator(new)(EVENT)
    response = old.response("BootNotification")
    assert response is not None
    response({"status": "Accepted", "currentTime": "2024-01-01T00:00:00+02:00", "interval": 300})


@pytest.mark.parametrize(
    ("change", "path", "rule"),
    [
        ({"seqNo": "3"}, "seqNo", SchemaRule.TYPE),
        ({"seqNo": True}, "seqNo", SchemaRule.TYPE),
        ({"seqNo": None}, "seqNo", SchemaRule.TYPE),
        ({"offline": 1}, "offline", SchemaRule.TYPE),
        ({"transactionInfo": {}}, "transactionInfo", SchemaRule.REQUIRED),
        ({"transactionInfo": LONG_ID}, "transactionInfo.transactionId", SchemaRule.LENGTH),
        ({"eventType": "updated"}, "eventType", SchemaRule.ENUM),
        ({"timestamp": "2024-13-01T00:00:00Z"}, "timestamp", SchemaRule.FORMAT),
        ({"surprise": 1}, "", SchemaRule.UNKNOWN_PROPERTY),
        ({"meterValue": []}, "meterValue", SchemaRule.ITEM_COUNT),
        ({"meterValue": [{"timestamp": "2024-01-01T00:00:00Z", "sampledValue": [{"value": "1"}]}]},
         "meterValue.0.sampledValue.0.value", SchemaRule.TYPE),
    ],
)  # fmt: skip
def test_a_violation_names_place_and_rule(
    new: Schemas, change: dict[str, Any], path: str, rule: SchemaRule
) -> None:
    with pytest.raises(SchemaViolation) as caught:
        event_validator(new)(EVENT | change)
    assert (caught.value.path, caught.value.rule) == (path, rule)
    assert str(caught.value).startswith(path or "payload")


def test_a_missing_property_is_named(new: Schemas) -> None:
    with pytest.raises(SchemaViolation, match="payload lacks seqNo, transactionInfo"):
        event_validator(new)({k: EVENT[k] for k in ("eventType", "timestamp", "triggerReason")})


def test_a_violation_never_repeats_what_the_peer_sent(new: Schemas) -> None:
    for change in ({"hunter2": 1}, {"eventType": "hunter2"}, {"seqNo": "hunter2"}):
        with pytest.raises(SchemaViolation) as caught:
            event_validator(new)(EVENT | change)
        assert "hunter2" not in str(caught.value)
        assert len(str(caught.value)) <= 200


@pytest.mark.parametrize("limit", [16, 16.3, 0, 0.1, 6.6, 32.0, 1e30])
def test_a_limit_with_one_decimal_is_valid_whatever_floats_make_of_it(
    old: Schemas, limit: float
) -> None:
    validator = old.request("SetChargingProfile")
    assert validator is not None
    validator(profile(limit))


@pytest.mark.parametrize(
    ("limit", "rule"),
    [
        (16.33, SchemaRule.RANGE),
        (1e308, SchemaRule.RANGE),
        (True, SchemaRule.TYPE),
        ("16", SchemaRule.TYPE),
    ],
)
def test_other_limits_are_refused(old: Schemas, limit: object, rule: SchemaRule) -> None:
    validator = old.request("SetChargingProfile")
    assert validator is not None
    with pytest.raises(SchemaViolation) as caught:
        validator(profile(limit))
    assert caught.value.rule is rule


def test_a_location_is_not_judged_by_its_schema(old: Schemas) -> None:
    validator = old.request("GetDiagnostics")
    assert validator is not None
    validator({"location": "C:"})


def test_a_range_is_checked(newest: Schemas) -> None:
    validator = newest.request("NotifyPeriodicEventStream")
    data = [{"t": 0, "v": "1"}]
    assert validator is not None
    with pytest.raises(SchemaViolation) as caught:
        validator({"id": -1, "pending": 0, "basetime": EVENT["timestamp"], "data": data})
    assert (caught.value.path, caught.value.rule) == ("id", SchemaRule.RANGE)


def test_every_rule_has_an_error_code() -> None:
    assert set(SCHEMA_ERRORS) == set(SchemaRule)
    assert SCHEMA_ERRORS[SchemaRule.ENUM] is RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    assert SCHEMA_ERRORS[SchemaRule.REQUIRED] is RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION
    assert SCHEMA_ERRORS[SchemaRule.UNKNOWN_PROPERTY] is RpcErrorCode.FORMAT_VIOLATION


def test_a_rule_without_a_name_of_its_own_is_still_a_violation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "made-up" / "schemas"
    folder.mkdir(parents=True)
    schema = {"type": "object", "properties": {"x": {"uniqueItems": True, "type": "array"}}}
    (folder / "AskRequest.json").write_text("\ufeff" + json.dumps(schema), encoding="utf-8")

    class Package:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr("agent.ocpp.schemas.find_spec", lambda _name: Package)
    validator = Schemas("made-up").request("Ask")
    assert validator is not None
    with pytest.raises(SchemaViolation, match="x breaks the rule uniqueItems") as caught:
        validator({"x": [1, 1]})
    assert caught.value.rule is SchemaRule.OTHER


def test_neither_the_compiler_nor_the_ocpp_package_is_imported_at_start() -> None:
    code = (
        "import sys; from agent.ocpp.schemas import Schemas; s = Schemas('v201');"
        "assert 'fastjsonschema' not in sys.modules; s.request('Reset')({'type': 'OnIdle'});"
        "assert 'ocpp' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
