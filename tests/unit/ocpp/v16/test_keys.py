from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.components import Capability, StationSupport
from agent.config.initial_values import device_model_for
from agent.config.load import load
from agent.core import standard_variables as sv
from agent.core.basic_auth_password import password_octets
from agent.core.device_model import DeviceModel
from agent.core.variable_access import Assignment, ValueOrigin, VariableRule
from agent.ocpp.v16.keys import (
    AuthorizationKeyForm,
    ConfigurationStatus,
    KeyChange,
    KeyValue,
    change_configuration,
    get_configuration,
    initial_assignments,
)

EXAMPLE = Path(__file__).parents[4] / "config" / "station.toml"
MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
    "Energy.Active.Import.CableLoss",
)
PHASED = ("Current.Import.L1", "Current.Import.L2", "Voltage.L1-N", "Voltage.L2-N")
REQUIRED_CORE = """
AuthorizeRemoteTxRequests ClockAlignedDataInterval ConnectionTimeOut ConnectorPhaseRotation
GetConfigurationMaxKeys HeartbeatInterval LocalAuthorizeOffline LocalPreAuthorize
MeterValuesAlignedData MeterValuesSampledData MeterValueSampleInterval NumberOfConnectors
ResetRetries StopTransactionOnInvalidId StopTxnAlignedData StopTxnSampledData
SupportedFeatureProfiles TransactionMessageAttempts TransactionMessageRetryInterval
UnlockConnectorOnEVSideDisconnect
"""
ACCEPTED, REJECTED = ConfigurationStatus.ACCEPTED, ConfigurationStatus.REJECTED


def build(*without: Capability) -> DeviceModel:
    support = StationSupport(
        firmware_version="1.0.0",
        capabilities=frozenset(Capability) - set(without),
        measurands=MEASURANDS,
        phased_measurands=PHASED,
        file_transfer_protocols=("HTTP", "HTTPS"),
    )
    return device_model_for(load(EXAMPLE), support)


@pytest.fixture
def model() -> DeviceModel:
    return build()


def change(
    model: DeviceModel, key: str, value: str, form: AuthorizationKeyForm = AuthorizationKeyForm.HEX
) -> KeyChange:
    outcome = change_configuration(model, key, value, form)
    for assignment in outcome.assignments:
        model.apply(assignment)
    return outcome


def get(model: DeviceModel, key: str) -> KeyValue:
    (found,) = get_configuration(model, [key]).known
    return found


@pytest.mark.requirement("S16-CFG-03")
def test_all_keys_are_told_when_none_is_named(model: DeviceModel) -> None:
    answer = get_configuration(model, [])
    names = [entry.key for entry in answer.known]
    assert len(set(names)) == len(names)
    assert set(REQUIRED_CORE.split()) <= set(names)
    assert answer.unknown == ()
    assert len(names) <= int(get(model, "GetConfigurationMaxKeys").value or 0)
    assert all(len(entry.key) <= 50 for entry in answer.known)
    assert all(len(entry.value or "") <= 500 for entry in answer.known)


@pytest.mark.requirement("S16-CFG-03")
def test_known_keys_are_told_and_unknown_ones_echoed(model: DeviceModel) -> None:
    answer = get_configuration(model, ["heartbeatINTERVAL", "Nonsense", "HeartbeatInterval"])
    assert answer.known == (KeyValue("HeartbeatInterval", read_only=False, value="300"),)
    assert answer.unknown == ("Nonsense",)


@pytest.mark.requirement("S16-CFG-05")
def test_the_authorization_key_is_never_disclosed(model: DeviceModel) -> None:
    change(model, "AuthorizationKey", b"correct-horse-batt".hex())
    assert get(model, "AuthorizationKey") == KeyValue(
        "AuthorizationKey", read_only=False, value=None
    )
    everything = get_configuration(model, []).known
    assert "AuthorizationKey" not in [entry.key for entry in everything]


@pytest.mark.requirement("S16-CFG-01")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("AllowOfflineTxForUnknownId", "true"),
        ("AuthorizeRemoteTxRequests", "false"),
        ("ClockAlignedDataInterval", "900"),
        ("ConnectionTimeOut", "120"),
        ("ConnectorPhaseRotation", "0.RST,1.RST"),
        ("HeartbeatInterval", "86400"),
        ("LocalAuthorizeOffline", "false"),
        ("LocalPreAuthorize", "true"),
        ("MaxEnergyOnInvalidId", "1500"),
        ("MessageTimeout", "45"),
        ("MeterValuesAlignedData", "Voltage"),
        ("MeterValuesSampledData", "Voltage.L1-N,Energy.Active.Import.Register"),
        ("MeterValuesSampledData", ""),
        ("MeterValueSampleInterval", "0"),
        ("MinimumStatusDuration", "5"),
        ("ResetRetries", "3"),
        ("StopTransactionOnEVSideDisconnect", "false"),
        ("StopTransactionOnInvalidId", "false"),
        ("StopTxnAlignedData", "Voltage,Current.Import"),
        ("StopTxnSampledData", "Current.Import.L1, Current.Import.L2"),
        ("StartTxnSampledData", "Energy.Active.Import.Register"),
        ("TransactionMessageAttempts", "5"),
        ("TransactionMessageRetryInterval", "10"),
        ("UnlockConnectorOnEVSideDisconnect", "false"),
        ("WebSocketPingInterval", "0"),
        ("LocalAuthListEnabled", "false"),
        ("AuthorizationCacheEnabled", "false"),
        ("CpoName", "Example CPO"),
        ("CertSigningWaitMinimum", "60"),
        ("CertSigningRepeatTimes", "2"),
        ("AllowCentralSystemTLSWildcards", "true"),
        ("PublicKeyWithSignedMeterValue", "EveryMeterValue"),
        ("SampledDataSignReadings", "false"),
        ("SampledDataSignStartedReadings", "true"),
        ("SampledDataSignUpdatedReadings", "true"),
        ("AlignedDataSignReadings", "true"),
        ("AlignedDataSignUpdatedReadings", "true"),
    ],
)
def test_what_was_set_is_what_is_read_back(model: DeviceModel, key: str, value: str) -> None:
    assert change(model, key, value).status is ACCEPTED
    assert get(model, key) == KeyValue(key, read_only=False, value=value)


def test_every_writable_key_takes_its_own_value_back(model: DeviceModel) -> None:
    writable = [e for e in get_configuration(model, []).known if not e.read_only]
    assert len(writable) > 30
    for entry in writable:
        assert change(model, entry.key, entry.value or "").status is ACCEPTED, entry
        assert get(model, entry.key) == entry


@pytest.mark.requirement("S16-CFG-01")
def test_read_only_keys_refuse_every_change(model: DeviceModel) -> None:
    read_only = [e for e in get_configuration(model, []).known if e.read_only]
    assert {"NumberOfConnectors", "SupportedFeatureProfiles", "MeterPublicKey1"} <= {
        entry.key for entry in read_only
    }
    for entry in read_only:
        assert change(model, entry.key, entry.value or "1").status is REJECTED


@pytest.mark.requirement("S16-CFG-01")
def test_unknown_keys_are_not_supported(model: DeviceModel) -> None:
    assert change(model, "Nonsense", "1").status is ConfigurationStatus.NOT_SUPPORTED


@pytest.mark.requirement("S16-CFG-01")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("WebSocketPingInterval", "-1"),
        ("HeartbeatInterval", "soon"),
        ("HeartbeatInterval", "-5"),
        ("HeartbeatInterval", "6.5"),
        ("MeterValueSampleInterval", ""),
        ("LocalPreAuthorize", "yes"),
        ("PublicKeyWithSignedMeterValue", "Sometimes"),
        ("ConnectorPhaseRotation", "7.RST"),
        ("AuthorizationKey", "short"),
        ("AuthorizationKey", "not-hexadecimal-at-all-but-long"),
    ],
)
def test_values_that_do_not_fit_are_rejected(model: DeviceModel, key: str, value: str) -> None:
    before = get(model, key)
    assert change(model, key, value).status is REJECTED
    assert get(model, key) == before


@pytest.mark.requirement("S16-MV-05")
@pytest.mark.parametrize(
    "key",
    [
        "MeterValuesSampledData",
        "MeterValuesAlignedData",
        "StopTxnSampledData",
        "StopTxnAlignedData",
        "StartTxnSampledData",
    ],
)
@pytest.mark.parametrize(
    "value", ["Voltage,SoC", "Voltage.L3-N", "Voltage,", "Voltage,Voltage", "Temperature"]
)
def test_a_list_with_one_unsupported_measurand_changes_nothing(
    model: DeviceModel, key: str, value: str
) -> None:
    change(model, key, "Current.Import.L1")
    outcome = change(model, key, value)
    assert (outcome.status, outcome.assignments) == (REJECTED, ())
    assert get(model, key).value == "Current.Import.L1"


def test_phases_stay_in_16_while_2x_sees_the_measurands(model: DeviceModel) -> None:
    change(model, "MeterValuesSampledData", "Voltage.L1-N,Voltage.L2-N,Current.Import")
    assert model.text(sv.SAMPLED_TX_UPDATED_MEASURANDS) == "Voltage,Current.Import"
    text = "Voltage.L1-N,Voltage.L2-N,Current.Import"
    assert get(model, "MeterValuesSampledData").value == text


def test_a_list_set_over_2x_shows_in_16_in_its_words(model: DeviceModel) -> None:
    change(model, "MeterValuesSampledData", "Voltage.L1-N")
    model.apply(
        Assignment(
            sv.SAMPLED_TX_UPDATED_MEASURANDS, "Current.Import,Energy.Active.Import.CableLoss"
        )
    )
    assert get(model, "MeterValuesSampledData").value == "Current.Import"


@given(st.lists(st.sampled_from([*MEASURANDS[:4], *PHASED]), unique=True))
def test_any_supported_list_is_read_back_exactly(items: list[str]) -> None:
    model = SHARED
    assert change(model, "StopTxnSampledData", ",".join(items)).status is ACCEPTED
    assert get(model, "StopTxnSampledData").value == ",".join(items)
    allowed = int(get(model, "StopTxnSampledDataMaxLength").value or 0)
    assert len(items) <= allowed


SHARED = build()


@pytest.mark.parametrize("text", ["TRUE", "True", "true"])
def test_booleans_are_taken_in_any_case_and_told_in_lower_case(
    model: DeviceModel, text: str
) -> None:
    assert change(model, "LocalPreAuthorize", text).status is ACCEPTED
    assert get(model, "LocalPreAuthorize").value == "true"


def test_an_authorization_key_becomes_the_password_octet_for_octet(model: DeviceModel) -> None:
    octets = bytes(range(0xF0, 0x100)) + b"\x00"
    assert change(model, "AuthorizationKey", octets.hex().upper()).status is ACCEPTED
    assert password_octets(model.value(sv.BASIC_AUTH_PASSWORD)) == octets


def test_an_authorization_key_may_be_text_by_configuration(model: DeviceModel) -> None:
    outcome = change(model, "AuthorizationKey", "correct-horse-battery", AuthorizationKeyForm.TEXT)
    assert outcome.status is ACCEPTED
    assert model.value(sv.BASIC_AUTH_PASSWORD) == "correct-horse-battery"
    assert "correct-horse" not in repr(outcome)


@pytest.mark.requirement("A05.FR.01 (1.6)")
def test_the_security_profile_is_writable_once_a_rule_judges_it(model: DeviceModel) -> None:
    assert get(model, "SecurityProfile").read_only
    assert change(model, "SecurityProfile", "1").status is REJECTED
    model.add_rule(
        VariableRule(
            frozenset({sv.SECURITY_PROFILE}),
            lambda _, proposed: None if proposed(sv.SECURITY_PROFILE) == "1" else "not now",
        )
    )
    assert not get(model, "SecurityProfile").read_only
    assert change(model, "SecurityProfile", "2").reason == "not now"
    assert change(model, "SecurityProfile", "1").status is ACCEPTED


def test_keys_show_limits_and_units_in_16_words(model: DeviceModel) -> None:
    shown = {entry.key: entry.value for entry in get_configuration(model, []).known}
    assert shown["ChargingScheduleAllowedChargingRateUnit"] == "Current,Power"
    assert shown["MaxChargingProfilesInstalled"] == "20"
    assert shown["LocalAuthListMaxLength"] == "10000"
    assert shown["CertificateStoreMaxLength"] == "20"
    assert shown["NumberOfConnectors"] == "1"
    assert shown["ConnectorPhaseRotationMaxLength"] == "2"
    assert shown["MeterValuesSampledDataMaxLength"] == str(len(MEASURANDS) + len(PHASED))
    assert set((shown["SupportedFeatureProfiles"] or "").split(",")) == {
        *("Core", "FirmwareManagement", "LocalAuthListManagement"),
        *("Reservation", "SmartCharging", "RemoteTrigger"),
    }


def test_the_public_key_of_each_meter_has_a_key(model: DeviceModel) -> None:
    model.provide(sv.fiscal_public_key(1), lambda: "b2NhOmJhc2UxNjphc24xOjMw")
    assert get(model, "MeterPublicKey1").value == "b2NhOmJhc2UxNjphc24xOjMw"
    model.provide(sv.fiscal_public_key(1), lambda: "x" * 501)
    assert get(model, "MeterPublicKey1").value is None, "half a key would be no key"


def test_keys_of_missing_features_do_not_exist() -> None:
    model = build(
        Capability.SIGNED_METERING,
        Capability.LOCAL_AUTHORIZATION_LIST,
        Capability.AUTHORIZATION_CACHE,
        Capability.SMART_CHARGING,
    )
    asked = [
        "MeterPublicKey1",
        "SampledDataSignReadings",
        "LocalAuthListEnabled",
        "AuthorizationCacheEnabled",
        "ChargeProfileMaxStackLevel",
    ]
    assert get_configuration(model, asked).unknown == tuple(asked)
    profiles = get(model, "SupportedFeatureProfiles").value or ""
    assert "SmartCharging" not in profiles
    assert "LocalAuthListManagement" not in profiles


def test_the_configuration_file_may_use_16_keys(model: DeviceModel) -> None:
    settings = {"MeterValueSampleInterval": "15", "meterValuesSampledData": "Voltage.L1-N"}
    assignments, problems = initial_assignments(model, settings)
    assert problems == ()
    assert model.set_initial(assignments) == ()
    assert get(model, "MeterValueSampleInterval").value == "15"
    assert get(model, "MeterValuesSampledData").value == "Voltage.L1-N"
    assert model.origin(sv.SAMPLED_TX_UPDATED_INTERVAL) is ValueOrigin.CONFIGURED


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("Nonsense", "1", "no such key"),
        ("NumberOfConnectors", "2", "read-only"),
        ("MeterValueSampleInterval", "-1", "below the minimum"),
        ("AuthorizationKey", "00" * 16, "password_file"),
    ],
)
def test_initial_values_by_key_that_do_not_fit_are_named(
    model: DeviceModel, key: str, value: str, reason: str
) -> None:
    assignments, (problem,) = initial_assignments(model, {key: value})
    assert assignments == ()
    assert problem.key == key
    assert reason in problem.reason


def test_a_key_and_a_variable_of_the_file_may_not_contradict_each_other(
    model: DeviceModel,
) -> None:
    assignments, _ = initial_assignments(model, {"HeartbeatInterval": "10"})
    (problem,) = model.set_initial(assignments)
    assert "two different" in problem.reason
