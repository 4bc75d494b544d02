from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from agent.config.backend import BackendConfig
from agent.config.components import (
    Capability,
    ComponentFileError,
    StationSupport,
    definitions_for,
)
from agent.config.initial_values import device_model_for
from agent.config.load import load
from agent.config.model import EvseConfig, HardwareRole, StationConfig
from agent.config.problems import ConfigError
from agent.core import standard_variables as sv
from agent.core.commands import ReportBase
from agent.core.device_model import DeviceModel
from agent.core.fault_taxonomy import FAULTS
from agent.core.reporting import base_report
from agent.core.variable_access import Assignment, SetStatus, ValueOrigin
from agent.core.variable_definition import (
    LIST_TYPES,
    ComponentKey,
    ComponentVariable,
    DataType,
    Mutability,
    VariableKey,
)
from agent.core.vocabulary import Measurand

EVSE = """
[[evse]]
id = {id}
connector_type = "{type}"
max_current_a = 32
phases = {phases}
pilot = {{ backend = "mock" }}
contactor = {{ backend = "mock" }}
meter = {{ backend = "mock" }}
"""
HEAD = """
[station]
vendor = "Example"
model = "AC22"
serial_number = "0001"
[csms]
url = "ws://127.0.0.1:9000/ocpp"
identity = "CS001"
security_profile = 0
allow_insecure = true
"""
MEASURANDS = ("Energy.Active.Import.Register", "Voltage")
EVERYTHING = StationSupport(
    firmware_version="1.2.3",
    capabilities=frozenset(Capability),
    measurands=tuple(Measurand),
    phased_measurands=("Voltage.L1-N",),
    file_transfer_protocols=("HTTP", "HTTPS"),
)
BARE = StationSupport(firmware_version="1.2.3", measurands=MEASURANDS)


def station(folder: Path, tail: str = "", *evses: tuple[str, int]) -> StationConfig:
    file = folder / "station.toml"
    blocks = (
        EVSE.format(id=n, type=kind, phases=phases)
        for n, (kind, phases) in enumerate(evses or (("sType2", 3),), start=1)
    )
    file.write_text(HEAD + "".join(blocks) + tail)
    return load(file)


def component(
    name: str, variable: str, evse: int | None = None, connector: int | None = None
) -> ComponentVariable:
    return ComponentVariable(ComponentKey(name, None, evse, connector), VariableKey(variable))


def test_components_stand_where_their_scope_says(tmp_path: Path) -> None:
    config = station(tmp_path, "", ("sType2", 3), ("cType2", 1))
    model = device_model_for(config, BARE)
    assert model.integer(component("ChargingStation", "SupplyPhases")) == 3
    assert model.integer(component("EVSE", "SupplyPhases", 2)) == 1
    assert model.definition(component("EVSE", "Power", 1)).max_limit == Decimal(22080)
    assert model.definition(component("EVSE", "Power", 2)).max_limit == Decimal(7360)
    assert model.text(component("Connector", "ConnectorType", 2, 1)) == "cType2"
    assert model.has(component("ConnectorPlugRetentionLock", "Problem", 1, 1))
    assert not model.has(component("ConnectorPlugRetentionLock", "Problem", 2, 1))


def test_the_station_reports_what_its_configuration_says(tmp_path: Path) -> None:
    model = device_model_for(station(tmp_path), BARE)
    assert model.text(sv.IDENTITY) == "CS001"
    assert model.integer(sv.SECURITY_PROFILE) == 0
    firmware = ComponentVariable(ComponentKey("Controller"), VariableKey("FirmwareVersion"))
    assert model.text(firmware) == "1.2.3"


def test_features_that_do_not_exist_are_not_listed(tmp_path: Path) -> None:
    model = device_model_for(station(tmp_path), BARE)
    missing = (
        sv.SAMPLED_SIGN_READINGS,
        sv.PUBLIC_KEY_WITH_SIGNED_METER_VALUE,
        sv.fiscal_public_key(1),
        sv.PROFILE_STACK_LEVEL,
        sv.AUTH_CACHE_ENABLED,
        sv.LOCAL_AUTH_LIST_ENABLED,
    )
    assert not any(model.has(key) for key in missing)
    for name in ("AuthCacheCtrlr", "LocalAuthListCtrlr", "SmartChargingCtrlr"):
        available = ComponentVariable(ComponentKey(name), VariableKey("Available"))
        assert model.boolean(available) is False
    complete = device_model_for(station(tmp_path), EVERYTHING)
    assert all(complete.has(key) for key in missing)


def test_defaults_ask_only_for_what_the_meters_supply(tmp_path: Path) -> None:
    model = device_model_for(station(tmp_path), BARE)
    assert model.member_list(sv.SAMPLED_TX_UPDATED_MEASURANDS) == MEASURANDS


def test_the_16_vendor_component_exists_only_with_16(tmp_path: Path) -> None:
    assert device_model_for(station(tmp_path), BARE).has(sv.V16_NUMBER_OF_CONNECTORS)
    file = tmp_path / "station.toml"
    file.write_text(file.read_text().replace("[csms]", '[csms]\nversions = ["ocpp2.1"]'))
    assert not device_model_for(load(file), BARE).has(sv.V16_NUMBER_OF_CONNECTORS)


def test_a_fixed_cable_is_never_unlocked(tmp_path: Path) -> None:
    fixed = device_model_for(station(tmp_path, "", ("cType2", 3)), BARE)
    key = sv.UNLOCK_ON_EV_SIDE_DISCONNECT
    assert fixed.definition(key).mutability is Mutability.READ_ONLY
    assert fixed.boolean(key) is False
    socket = device_model_for(station(tmp_path), BARE)
    assert socket.definition(key).mutability is Mutability.READ_WRITE
    assert socket.boolean(key) is True


@pytest.mark.requirement("B07.FR.08")
@pytest.mark.parametrize("support", [BARE, EVERYTHING])
def test_every_entry_fits_the_fields_of_a_report(tmp_path: Path, support: StationSupport) -> None:
    model = device_model_for(station(tmp_path), support)
    for entry in base_report(model, ReportBase.FULL_INVENTORY):
        assert len(entry.component) <= 50
        assert len(entry.variable) <= 50
        assert len(entry.unit or "") <= 16
        assert len(entry.value or "") <= 2500
    lists = [d for d in model.definitions() if d.data_type in LIST_TYPES]
    assert all(len(",".join(d.values_list)) <= 1000 for d in lists)


def fully_fitted(config: StationConfig) -> StationConfig:
    """Give the only EVSE of a station all hardware that there is."""
    (evse,) = config.evses
    roles = {*evse.hardware, *HardwareRole}
    fitted = replace(evse, hardware=dict.fromkeys(roles, BackendConfig(backend="mock")))
    return replace(config, evses=(fitted,))


def test_standard_variables_all_exist_in_a_complete_station(tmp_path: Path) -> None:
    model = device_model_for(fully_fitted(station(tmp_path)), EVERYTHING)
    keys = {n: k for n, k in vars(sv).items() if isinstance(k, ComponentVariable)}
    assert len(keys) > 80
    assert [name for name, key in keys.items() if not model.has(key)] == []


REQUIRED = """
OCPPCommCtrlr.FileTransferProtocols OCPPCommCtrlr.MessageTimeout[Default]
OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent] OCPPCommCtrlr.OfflineThreshold
OCPPCommCtrlr.MessageAttempts[TransactionEvent] OCPPCommCtrlr.NetworkConfigurationPriority
OCPPCommCtrlr.NetworkProfileConnectionAttempts OCPPCommCtrlr.ResetRetries
OCPPCommCtrlr.RetryBackOffRandomRange OCPPCommCtrlr.RetryBackOffRepeatTimes
OCPPCommCtrlr.RetryBackOffWaitMinimum OCPPCommCtrlr.UnlockOnEVSideDisconnect
OCPPCommCtrlr.WebSocketPingInterval AuthCtrlr.AuthorizeRemoteStart AuthCtrlr.LocalAuthorizeOffline
AuthCtrlr.LocalPreAuthorize TxCtrlr.EVConnectionTimeOut TxCtrlr.StopTxOnEVSideDisconnect
TxCtrlr.StopTxOnInvalidId TxCtrlr.TxStartPoint TxCtrlr.TxStopPoint AlignedDataCtrlr.Interval
AlignedDataCtrlr.Measurands AlignedDataCtrlr.TxEndedInterval AlignedDataCtrlr.TxEndedMeasurands
SampledDataCtrlr.TxEndedInterval SampledDataCtrlr.TxEndedMeasurands
SampledDataCtrlr.TxStartedMeasurands SampledDataCtrlr.TxUpdatedInterval
SampledDataCtrlr.TxUpdatedMeasurands SecurityCtrlr.CertificateEntries SecurityCtrlr.SecurityProfile
SecurityCtrlr.OrganizationName ClockCtrlr.DateTime ClockCtrlr.TimeSource
DeviceDataCtrlr.ItemsPerMessage[GetReport] DeviceDataCtrlr.ItemsPerMessage[GetVariables]
DeviceDataCtrlr.ItemsPerMessage[SetVariables] DeviceDataCtrlr.BytesPerMessage[GetReport]
DeviceDataCtrlr.BytesPerMessage[GetVariables] DeviceDataCtrlr.BytesPerMessage[SetVariables]
ChargingStation.AvailabilityState ChargingStation.Available ChargingStation.SupplyPhases
EVSE@1.AvailabilityState EVSE@1.Available EVSE@1.Power EVSE@1.SupplyPhases
Connector@1:1.AvailabilityState Connector@1:1.Available Connector@1:1.ConnectorType
Connector@1:1.SupplyPhases
"""
"""What OCPP 2.x part 2 requires of every station of the implemented blocks."""


@pytest.mark.requirement("B07.FR.08")
def test_even_a_bare_station_has_the_required_variables(tmp_path: Path) -> None:
    model = device_model_for(station(tmp_path), BARE)
    present = {definition.key.notation for definition in model.definitions()}
    assert set(REQUIRED.split()) - present == set()


def test_initial_values_come_from_the_file(tmp_path: Path) -> None:
    tail = """
[variables]
"OCPPCommCtrlr.HeartbeatInterval" = 77
"SampledDataCtrlr.TxUpdatedMeasurands" = ["Voltage"]
"EVSE@1.EvseId" = "DE*ABC*E1"
"""
    model = device_model_for(station(tmp_path, tail), BARE)
    assert model.integer(sv.HEARTBEAT_INTERVAL) == 77
    assert model.origin(sv.HEARTBEAT_INTERVAL) is ValueOrigin.CONFIGURED
    assert model.member_list(sv.SAMPLED_TX_UPDATED_MEASURANDS) == ("Voltage",)
    assert model.text(component("EVSE", "EvseId", 1)) == "DE*ABC*E1"


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ('"OCPPCommCtrlr.HeartbeatIntervall" = 1', "OCPPCommCtrlr.HeartbeatInterval"),
        ('"OCPPCommCtrlr.HeartbeatInterval" = 0', "below the minimum 1"),
        ('"OCPPCommCtrlr.WebSocketPingInterval" = -1', "below the minimum 0"),
        ('"SecurityCtrlr.BasicAuthPassword" = "correct-horse-battery"', "cannot be set"),
        ('"ChargingStation.AvailabilityState" = "Faulted"', "cannot be set"),
        ('"SmartChargingCtrlr.Available" = true', "cannot be set"),
        ('"SecurityCtrlr.SecurityProfile" = 3', "cannot be set"),
        ('"OCPPCommCtrlr.NetworkConfigurationPriority" = "5"', "cannot be set"),
        ('"SampledDataCtrlr.TxUpdatedMeasurands" = "SoC"', "not supported: SoC"),
        ('"TxCtrlr.TxStopPoint" = "EnergyTransfer"', "stay open for ever"),
    ],
)
def test_initial_values_that_do_not_fit_are_named(
    tmp_path: Path, setting: str, reason: str
) -> None:
    config = station(tmp_path, f"[variables]\n{setting}\n")
    with pytest.raises(ConfigError) as caught:
        device_model_for(config, BARE)
    (problem,) = caught.value.problems
    assert reason in problem.reason
    assert problem.key.startswith('variables."')
    assert problem.file == config.file
    assert "correct-horse" not in str(caught.value)


def test_guarded_variables_wait_for_their_rule(tmp_path: Path) -> None:
    model: DeviceModel = device_model_for(station(tmp_path), EVERYTHING)
    for key in (sv.SECURITY_PROFILE, sv.NETWORK_CONFIGURATION_PRIORITY):
        assert model.validate_value(Assignment(key, "1")).status is SetStatus.REJECTED


@pytest.mark.parametrize(
    "text",
    [
        '[[component]]\nname = "A"\nvariables = [{ name = "B", type = "text" }]',
        '[[component]]\nname = "A"\nvariables = [{ name = "B", type = "string", acces = "rw" }]',
        '[[component]]\nname = "A"\nvariables = [{ name = "B", type = "string", when = "magic" }]',
        '[[component]]\nname = "A"\nvariables = [{ name = "B", type = "string", default = "{x}" }]',
        '[[component]]\nvariables = [{ name = "B", type = "string" }]',
        "[[component",
    ],
)
def test_a_wrong_component_file_is_named(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "components"
    folder.mkdir()
    (folder / "wrong.toml").write_text(text)
    with pytest.raises(ComponentFileError, match=r"wrong\.toml"):
        definitions_for(station(tmp_path), BARE, folder)


def test_no_definition_contradicts_its_neighbours(tmp_path: Path) -> None:
    for definition in definitions_for(station(tmp_path), EVERYTHING):
        if definition.key == sv.NETWORK_CONFIGURATION_PRIORITY:
            continue  # a string that tells the slots there are (B09.FR.05)
        assert bool(definition.values_list) is (
            definition.data_type in LIST_TYPES | {DataType.OPTION_LIST}
        ), definition.key.notation


@pytest.mark.parametrize("switching", [True, False])
def test_it_is_told_whether_one_phase_can_replace_three(tmp_path: Path, switching: bool) -> None:
    config = station(tmp_path)
    (evse,) = config.evses
    config = replace(config, evses=(replace(evse, phase_switching=switching),))
    model = device_model_for(config, EVERYTHING)
    assert model.boolean(component("SmartChargingCtrlr", "Phases3to1")) is switching


@pytest.mark.parametrize(
    ("switching", "strategy", "expected"),
    [(True, "per_phase", True), (True, "series", False), (False, "per_phase", False)],
)
def test_each_evse_tells_whether_its_board_can_connect_the_phase_of_choice(
    tmp_path: Path, switching: bool, strategy: str, expected: bool
) -> None:
    config = station(tmp_path)
    (evse,) = config.evses
    contactor = BackendConfig(backend="mock", options={"strategy": strategy})
    able = replace(
        evse,
        phase_switching=switching,
        hardware={**evse.hardware, HardwareRole.CONTACTOR: contactor},
    )
    unable = replace(evse, id=2)

    def told(*evses: EvseConfig) -> list[bool]:
        model = device_model_for(replace(config, evses=evses), EVERYTHING)
        places = (None, *(one.id for one in evses))
        controller, name = "SmartChargingCtrlr", "ACPhaseSwitchingSupported"
        return [model.boolean(component(controller, name, place)) for place in places]

    assert told(able) == [expected, expected]
    assert told(able, unable) == [False, expected, False]


def test_an_evse_has_the_components_of_the_hardware_that_it_has(tmp_path: Path) -> None:
    config = station(tmp_path)
    bare = device_model_for(config, EVERYTHING)
    assert not bare.has(sv.temperature(1, "DeratingStart"))
    assert not bare.has(component("ChargingStatusIndicator", "Color", 1))
    assert not bare.has(sv.LIGHT_INTENSITY)
    assert not bare.has(sv.BLINK_REPEAT)
    full = device_model_for(fully_fitted(config), EVERYTHING)
    assert full.has(sv.temperature(1, "DeratingStart"))
    assert full.value(sv.LIGHT_INTENSITY) == "100"
    assert full.value(sv.BLINK_REPEAT) == "3"
    for kind in FAULTS:
        connector = 1 if kind.at_connector else None
        assert full.has(component(kind.component, kind.variable, 1, connector)), kind.name


def test_thresholds_of_derating_must_rise(tmp_path: Path) -> None:
    config = station(tmp_path, '[variables]\n"TemperatureSensor@1.Temperature[Limit]" = 70\n')
    (evse,) = config.evses
    hardware = {**evse.hardware, HardwareRole.TEMPERATURE: BackendConfig(backend="mock")}
    config = replace(config, evses=(replace(evse, hardware=hardware),))
    with pytest.raises(ConfigError, match="must rise in this order"):
        device_model_for(config, EVERYTHING)
