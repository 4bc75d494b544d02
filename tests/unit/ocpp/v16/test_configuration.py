from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from agent.config.components import Capability, StationSupport
from agent.config.initial_values import device_model_for
from agent.config.load import load
from agent.core import standard_variables as sv
from agent.core.basic_auth_password import password_octets
from agent.core.commands import (
    SetVariables,
    VariableAssignment,
    VariableName,
    VariableResult,
    VariableResults,
)
from agent.core.device_model import DeviceModel
from agent.ocpp.codec import Answer, Codec
from agent.ocpp.v16.codec import CODEC, with_keys
from agent.ocpp.v16.keys import AuthorizationKeyForm
from agent.services.variables import VariablesService
from tests.unit.ocpp.v16.instances import KNOWN, read
from tests.wire.official_schemas import check_response

EXAMPLE: Final = Path(__file__).parents[4] / "config" / "station.toml"
HEARTBEAT: Final = VariableName("OCPPCommCtrlr", "HeartbeatInterval")
REJECTED: Final = Answer({"status": "Rejected"})


@pytest.fixture
def model() -> DeviceModel:
    support = StationSupport(
        firmware_version="1.0.0",
        capabilities=frozenset(Capability),
        measurands=("Energy.Active.Import.Register", "Voltage"),
        phased_measurands=("Voltage.L1-N",),
    )
    return device_model_for(load(EXAMPLE), support)


@pytest.fixture
def codec(model: DeviceModel) -> Codec:
    return with_keys(model)


def configuration(codec: Codec, *keys: str, **payload: Any) -> Any:
    answer = read("GetConfiguration", payload or {"key": list(keys)}, codec=codec)
    assert isinstance(answer, Answer)
    return check_response(codec, "GetConfiguration", answer.payload)


def change(codec: Codec, key: str, value: str) -> Any:
    return read("ChangeConfiguration", {"key": key, "value": value}, codec=codec)


class Kept:
    """Settings in memory."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def get(self, kind: str, key: str) -> str | None:
        return self.texts.get(key)

    def items(self, kind: str) -> Mapping[str, str]:
        return self.texts

    async def put(self, kind: str, key: str, text: str) -> None:
        self.texts[key] = text

    async def put_many(self, kind: str, texts: Mapping[str, str]) -> None:
        self.texts.update(texts)

    async def delete(self, kind: str, key: str) -> None:
        del self.texts[key]


async def carried_out(codec: Codec, model: DeviceModel, key: str, value: str) -> Any:
    """The reply to ChangeConfiguration after the service has done its part."""
    service = VariablesService(model, Kept())
    command = change(codec, key, value)
    if isinstance(command, Answer):
        return command.payload["status"]
    outcome = await service.set(command)
    reply = codec.encode_outcome("ChangeConfiguration", outcome, {}, KNOWN)
    return check_response(codec, "ChangeConfiguration", reply)["status"]


def test_the_bound_codec_is_the_codec_with_two_more_actions(codec: Codec) -> None:
    assert set(codec.decoders) - set(CODEC.decoders) == {"GetConfiguration", "ChangeConfiguration"}
    assert codec.subprotocol == CODEC.subprotocol
    assert not CODEC.handles("GetConfiguration")


@pytest.mark.requirement("S16-CFG-03")
def test_no_list_and_an_empty_list_both_mean_all_keys(codec: Codec) -> None:
    without = check_response(
        codec, "GetConfiguration", read("GetConfiguration", {}, codec=codec).payload
    )
    assert configuration(codec, key=[]) == without
    names = {entry["key"] for entry in without["configurationKey"]}
    assert {"HeartbeatInterval", "NumberOfConnectors", "MeterValuesSampledData"} <= names
    assert "unknownKey" not in without


@pytest.mark.requirement("S16-CFG-03")
def test_known_keys_have_a_value_and_unknown_ones_are_named(codec: Codec) -> None:
    assert configuration(codec, "heartbeatinterval", "Nonsense", "NumberOfConnectors") == {
        "configurationKey": [
            {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
            {"key": "NumberOfConnectors", "readonly": True, "value": "1"},
        ],
        "unknownKey": ["Nonsense"],
    }
    assert configuration(codec, "Nonsense") == {"unknownKey": ["Nonsense"]}


@pytest.mark.requirement("S16-SC-16")
def test_the_limits_of_smart_charging_can_be_read(codec: Codec) -> None:
    shown = configuration(
        codec,
        "ChargeProfileMaxStackLevel",
        "ChargingScheduleAllowedChargingRateUnit",
        "ChargingScheduleMaxPeriods",
        "MaxChargingProfilesInstalled",
    )
    values = [entry["value"] for entry in shown["configurationKey"]]
    assert values[1] == "Current,Power"
    assert all(value.isdigit() for value in (values[0], *values[2:]))


@pytest.mark.requirement("S16-CFG-05")
async def test_the_authorization_key_can_be_set_and_is_never_shown(
    codec: Codec, model: DeviceModel
) -> None:
    secret = b"correct-horse-batt"
    assert await carried_out(codec, model, "AuthorizationKey", secret.hex()) == "Accepted"
    assert password_octets(model.text(sv.BASIC_AUTH_PASSWORD)) == secret
    assert configuration(codec, "AuthorizationKey") == {
        "configurationKey": [{"key": "AuthorizationKey", "readonly": False}]
    }
    everything = read("GetConfiguration", {}, codec=codec)
    assert secret.decode() not in str(everything)
    assert secret.hex() not in str(everything)


def test_some_back_ends_write_the_authorization_key_as_text(model: DeviceModel) -> None:
    codec = with_keys(model, lambda: AuthorizationKeyForm.TEXT)
    command = change(codec, "AuthorizationKey", "correct-horse-batt")
    assert command.assignments[0].value == "correct-horse-batt"


def test_a_change_is_one_of_the_variable_that_the_key_names(codec: Codec) -> None:
    assert change(codec, "HeartbeatInterval", "60") == SetVariables(
        (VariableAssignment(HEARTBEAT, "60", "Actual"),), access_judged=True
    )


@pytest.mark.requirement("S16-CFG-01")
async def test_an_accepted_change_is_in_force(codec: Codec, model: DeviceModel) -> None:
    for key, value in (
        ("HeartbeatInterval", "60"),
        ("MeterValuesSampledData", "Voltage,Energy.Active.Import.Register"),
        ("StopTransactionOnInvalidId", "FALSE"),
    ):
        assert await carried_out(codec, model, key, value) == "Accepted"
    shown = configuration(
        codec, "HeartbeatInterval", "MeterValuesSampledData", "StopTransactionOnInvalidId"
    )
    assert [entry["value"] for entry in shown["configurationKey"]] == [
        "60",
        "Voltage,Energy.Active.Import.Register",
        "false",
    ]


@pytest.mark.requirement("S16-CFG-01", "S16-MV-05")
@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("Nonsense", "1", "NotSupported"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("WebSocketPingInterval", "-1", "Rejected"),
        ("NumberOfConnectors", "2", "Rejected"),
        ("MeterValuesSampledData", "Voltage,SoC", "Rejected"),
        ("MeterValuesSampledData", "Voltage.L3-N", "Rejected"),
    ],
)
async def test_a_refused_change_changes_nothing(
    codec: Codec, model: DeviceModel, key: str, value: str, status: str
) -> None:
    before = configuration(codec, "HeartbeatInterval", "MeterValuesSampledData")
    assert await carried_out(codec, model, key, value) == status
    assert configuration(codec, "HeartbeatInterval", "MeterValuesSampledData") == before


async def test_a_key_writes_what_other_versions_show_as_read_only(
    codec: Codec, model: DeviceModel
) -> None:
    assert await carried_out(codec, model, "MessageTimeout", "45") == "Accepted"
    assert await carried_out(codec, model, "MeterValuesSampledData", "Voltage.L1-N") == "Accepted"
    shown = configuration(codec, "MessageTimeout", "MeterValuesSampledData")
    assert [entry["value"] for entry in shown["configurationKey"]] == ["45", "Voltage.L1-N"]


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["Accepted"], "Accepted"),
        (["Accepted", "RebootRequired"], "RebootRequired"),
        (["Accepted", "Rejected"], "Rejected"),
        (["UnknownVariable"], "Rejected"),
        ([], "Rejected"),
    ],
)
@pytest.mark.requirement("S16-CFG-01")
def test_several_results_give_one_status(codec: Codec, statuses: list[str], status: str) -> None:
    outcome = VariableResults(tuple(VariableResult(HEARTBEAT, s) for s in statuses))
    reply = codec.encode_outcome("ChangeConfiguration", outcome, {}, KNOWN)
    assert check_response(codec, "ChangeConfiguration", reply) == {"status": status}
