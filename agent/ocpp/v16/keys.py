"""OCPP 1.6's configuration keys: one table of names for variables of the device model.

A key exists if the station has its variable. Keys are case-insensitive. A list of measurands may
name phases in 1.6 and not in 2.x: the text as set is kept beside the variable and shown again for
as long as both say the same.

MeterValueSampleInterval is the interval of MeterValues; the series in StopTransaction has its own,
`SampledDataCtrlr.TxEndedInterval`, so that a short sampling interval cannot make that message too
long to send. Its first and last values are always there; there are at most
`StopTransactionMaxMeterValues`.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from agent.core import standard_variables as sv
from agent.core.device_model import DeviceModel
from agent.core.records import dataclass
from agent.core.variable_access import Assignment, SetStatus
from agent.core.variable_definition import (
    ComponentVariable,
    DataType,
    Mutability,
    value_text,
)
from agent.ocpp.v16.cost import default_price
from agent.ocpp.v16.key_conversions import (
    BOOLEAN,
    MEASURANDS,
    PLAIN,
    RATE_UNITS,
    WHOLE,
    Conversion,
    measurands_of,
    password_from_hex,
    password_from_text,
    phase_rotation,
    selections,
)

_LONGEST_VALUE = 500
DEFAULT_PRICE = Conversion(str, default_price)


class Shown(StrEnum):
    """What of a variable a key shows."""

    VALUE = "value"
    CAPACITY = "maxLimit"
    ITEM_COUNT = "number of allowed values"


class ConfigurationStatus(StrEnum):
    """ConfigurationStatus of ChangeConfiguration.conf."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    NOT_SUPPORTED = "NotSupported"


class AuthorizationKeyForm(StrEnum):
    """What the CSMS writes into AuthorizationKey."""

    HEX = "hex"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class KeyDefinition:
    """A key: the variable it names, what it shows of it, and the text that 1.6 uses.

    `writable` None follows the variable. `text_as_set` is where a measurand list keeps its phases.
    """

    name: str
    variable: ComponentVariable
    conversion: Conversion = PLAIN
    shown: Shown = Shown.VALUE
    writable: bool | None = None
    text_as_set: ComponentVariable | None = None


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One KeyValue of GetConfiguration.conf; no value: secret, or too long for the message."""

    key: str
    read_only: bool
    value: str | None


@dataclass(frozen=True, slots=True)
class Configuration:
    """The answer to GetConfiguration."""

    known: tuple[KeyValue, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyChange:
    """The verdict on ChangeConfiguration, and what to store and apply if it was accepted."""

    status: ConfigurationStatus
    assignments: tuple[Assignment, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KeyProblem:
    """An initial value by 1.6 key that cannot be used, and why."""

    key: str
    reason: str


def get_configuration(model: DeviceModel, requested: Iterable[str]) -> Configuration:
    """Answer GetConfiguration: the keys asked for, or all when none is named (S16-CFG-03)."""
    keys = _keys_of(model)
    wanted = tuple(dict.fromkeys(requested))
    if not wanted:
        readable = (key for key in keys.values() if not _is_secret(model, key))
        return Configuration(tuple(_key_value(model, key) for key in readable), ())
    known = [keys[name.lower()] for name in wanted if name.lower() in keys]
    unknown = tuple(name for name in wanted if name.lower() not in keys)
    return Configuration(tuple(_key_value(model, k) for k in dict.fromkeys(known)), unknown)


def change_configuration(
    model: DeviceModel,
    key: str,
    value: str,
    authorization_key_form: AuthorizationKeyForm = AuthorizationKeyForm.HEX,
) -> KeyChange:
    """Judge ChangeConfiguration without changing anything (S16-CFG-01, S16-MV-05).

    Store and apply all assignments of an accepted change together.
    """
    definition = _keys_of(model).get(key.lower())
    if definition is None:
        return KeyChange(ConfigurationStatus.NOT_SUPPORTED, reason="this station has no such key")
    if not _is_writable(model, definition):
        return _rejected("the key is read-only")
    assignments = _assignments(model, definition, value, authorization_key_form)
    return _judged(model, assignments) if assignments else _rejected("the value is malformed")


def initial_assignments(
    model: DeviceModel, settings: Mapping[str, str]
) -> tuple[tuple[Assignment, ...], tuple[KeyProblem, ...]]:
    """Turn initial values by 1.6 key into ones for the device model; name those that do not fit."""
    assignments: list[Assignment] = []
    problems = []
    for name, value in settings.items():
        definition = _keys_of(model).get(name.lower())
        if definition is not None and _is_secret(model, definition):
            problems.append(KeyProblem(name, "is a secret: use csms.password_file"))
            continue
        change = change_configuration(model, name, value)
        assignments.extend(change.assignments)
        if not change.assignments:
            problems.append(KeyProblem(name, change.reason))
    return tuple(assignments), tuple(problems)


def _keys_of(model: DeviceModel) -> dict[str, KeyDefinition]:
    keys = {key.name.lower(): key for key in _KEYS if model.has(key.variable)}
    return keys | {key.name.lower(): key for key in _meter_public_keys(model)}


def _meter_public_keys(model: DeviceModel) -> Iterator[KeyDefinition]:
    """Return a meter serves one EVSE with one connector, so their numbers are the same."""
    for number in range(1, model.integer(sv.V16_NUMBER_OF_CONNECTORS, default=0) + 1):
        if model.has(sv.fiscal_public_key(number)):
            yield KeyDefinition(f"MeterPublicKey{number}", sv.fiscal_public_key(number))


def _is_secret(model: DeviceModel, key: KeyDefinition) -> bool:
    return model.definition(key.variable).mutability is Mutability.WRITE_ONLY


def _is_writable(model: DeviceModel, key: KeyDefinition) -> bool:
    if key.shown is not Shown.VALUE or not model.is_changeable(key.variable):
        return False
    if key.writable is not None:
        return key.writable
    return model.definition(key.variable).mutability is not Mutability.READ_ONLY


def _key_value(model: DeviceModel, key: KeyDefinition) -> KeyValue:
    value = None if _is_secret(model, key) else _shown_text(model, key)
    if value is not None and len(value) > _LONGEST_VALUE:
        value = None
    return KeyValue(key.name, not _is_writable(model, key), value)


def _shown_text(model: DeviceModel, key: KeyDefinition) -> str:
    definition = model.definition(key.variable)
    match key.shown:
        case Shown.CAPACITY:
            return "0" if definition.max_limit is None else value_text(definition.max_limit)
        case Shown.ITEM_COUNT:
            return str(len(definition.values_list))
        case Shown.VALUE if key.text_as_set is not None:
            return _measurand_text(model, key)
        case Shown.VALUE:
            return key.conversion.to_key(model.value(key.variable))


def _measurand_text(model: DeviceModel, key: KeyDefinition) -> str:
    chosen = tuple(m for m in model.member_list(key.variable) if m in MEASURANDS)
    as_set = "" if key.text_as_set is None else model.text(key.text_as_set, default="")
    return as_set if measurands_of(selections(as_set)) == chosen else ",".join(chosen)


def _assignments(
    model: DeviceModel, key: KeyDefinition, value: str, form: AuthorizationKeyForm
) -> tuple[Assignment, ...]:
    if key.text_as_set is not None:
        measurands = ",".join(measurands_of(selections(value)))
        return (Assignment(key.text_as_set, value), Assignment(key.variable, measurands))
    text = _variable_text(model, key, value, form)
    return () if text is None else (Assignment(key.variable, text),)


def _variable_text(
    model: DeviceModel, key: KeyDefinition, value: str, form: AuthorizationKeyForm
) -> str | None:
    if key.variable == sv.BASIC_AUTH_PASSWORD:
        is_hex = form is AuthorizationKeyForm.HEX
        return password_from_hex(value) if is_hex else password_from_text(value)
    if key.variable == sv.V16_CONNECTOR_PHASE_ROTATION:
        return phase_rotation(value, model.integer(sv.V16_NUMBER_OF_CONNECTORS))
    is_boolean = model.definition(key.variable).data_type is DataType.BOOLEAN
    return (BOOLEAN if is_boolean else key.conversion).to_variable(value)


def _judged(model: DeviceModel, assignments: tuple[Assignment, ...]) -> KeyChange:
    outcomes = [model.validate_value(a, assignments) for a in assignments]
    refusal = next((outcome for outcome in outcomes if not outcome.accepted), None)
    if refusal is not None:
        return _rejected(refusal.reason)
    needs_reboot = any(outcome.status is SetStatus.REBOOT_REQUIRED for outcome in outcomes)
    status = ConfigurationStatus.REBOOT_REQUIRED if needs_reboot else ConfigurationStatus.ACCEPTED
    return KeyChange(status, assignments)


def _rejected(reason: str) -> KeyChange:
    return KeyChange(ConfigurationStatus.REJECTED, reason=reason)


def _measurands(
    name: str, variable: ComponentVariable, text_as_set: ComponentVariable
) -> tuple[KeyDefinition, KeyDefinition]:
    """Return a list key and its companion with the number of items that the list may have."""
    return (
        KeyDefinition(name, variable, text_as_set=text_as_set),
        KeyDefinition(f"{name}MaxLength", text_as_set, shown=Shown.ITEM_COUNT),
    )


_KEYS: tuple[KeyDefinition, ...] = (
    KeyDefinition("AllowOfflineTxForUnknownId", sv.OFFLINE_TX_FOR_UNKNOWN_ID_ENABLED),
    KeyDefinition("AuthorizationCacheEnabled", sv.AUTH_CACHE_ENABLED),
    KeyDefinition("AuthorizeRemoteTxRequests", sv.AUTHORIZE_REMOTE_START),
    KeyDefinition("BlinkRepeat", sv.BLINK_REPEAT),
    KeyDefinition("ClockAlignedDataInterval", sv.ALIGNED_INTERVAL),
    KeyDefinition("ConnectionTimeOut", sv.EV_CONNECTION_TIME_OUT),
    KeyDefinition("ConnectorPhaseRotation", sv.V16_CONNECTOR_PHASE_ROTATION, writable=True),
    KeyDefinition("ConnectorPhaseRotationMaxLength", sv.V16_CONNECTOR_PHASE_ROTATION_MAX_LENGTH),
    KeyDefinition("GetConfigurationMaxKeys", sv.V16_MAX_CONFIGURATION_KEYS),
    KeyDefinition("HeartbeatInterval", sv.HEARTBEAT_INTERVAL),
    KeyDefinition("LightIntensity", sv.LIGHT_INTENSITY, WHOLE),
    KeyDefinition("LocalAuthorizeOffline", sv.LOCAL_AUTHORIZE_OFFLINE),
    KeyDefinition("LocalPreAuthorize", sv.LOCAL_PRE_AUTHORIZE),
    KeyDefinition("MaxEnergyOnInvalidId", sv.MAX_ENERGY_ON_INVALID_ID),
    KeyDefinition("MessageTimeout", sv.MESSAGE_TIMEOUT, writable=True),
    *_measurands("MeterValuesAlignedData", sv.ALIGNED_MEASURANDS, sv.V16_METER_VALUES_ALIGNED_DATA),
    *_measurands(
        "MeterValuesSampledData",
        sv.SAMPLED_TX_UPDATED_MEASURANDS,
        sv.V16_METER_VALUES_SAMPLED_DATA,
    ),
    KeyDefinition("MeterValueSampleInterval", sv.SAMPLED_TX_UPDATED_INTERVAL),
    KeyDefinition("MinimumStatusDuration", sv.V16_MINIMUM_STATUS_DURATION),
    KeyDefinition("NumberOfConnectors", sv.V16_NUMBER_OF_CONNECTORS),
    KeyDefinition("ResetRetries", sv.RESET_RETRIES),
    KeyDefinition("StopTransactionOnEVSideDisconnect", sv.STOP_TX_ON_EV_SIDE_DISCONNECT),
    KeyDefinition("StopTransactionOnInvalidId", sv.STOP_TX_ON_INVALID_ID),
    *_measurands(
        "StopTxnAlignedData", sv.ALIGNED_TX_ENDED_MEASURANDS, sv.V16_STOP_TXN_ALIGNED_DATA
    ),
    *_measurands(
        "StopTxnSampledData", sv.SAMPLED_TX_ENDED_MEASURANDS, sv.V16_STOP_TXN_SAMPLED_DATA
    ),
    KeyDefinition("StopTransactionMaxMeterValues", sv.V16_STOP_TRANSACTION_MAX_METER_VALUES),
    KeyDefinition("SupportedFeatureProfiles", sv.V16_SUPPORTED_FEATURE_PROFILES),
    KeyDefinition(
        "SupportedFeatureProfilesMaxLength",
        sv.V16_SUPPORTED_FEATURE_PROFILES,
        shown=Shown.ITEM_COUNT,
    ),
    KeyDefinition("TransactionMessageAttempts", sv.MESSAGE_ATTEMPTS),
    KeyDefinition("TransactionMessageRetryInterval", sv.MESSAGE_ATTEMPT_INTERVAL),
    KeyDefinition("UnlockConnectorOnEVSideDisconnect", sv.UNLOCK_ON_EV_SIDE_DISCONNECT),
    KeyDefinition("WebSocketPingInterval", sv.WEB_SOCKET_PING_INTERVAL),
    KeyDefinition("SupportedFileTransferProtocols", sv.FILE_TRANSFER_PROTOCOLS),
    KeyDefinition("LocalAuthListEnabled", sv.LOCAL_AUTH_LIST_ENABLED),
    KeyDefinition("LocalAuthListMaxLength", sv.LOCAL_AUTH_LIST_ENTRIES, shown=Shown.CAPACITY),
    KeyDefinition("SendLocalListMaxLength", sv.LOCAL_AUTH_LIST_ITEMS_PER_MESSAGE),
    KeyDefinition("ReserveConnectorZeroSupported", sv.RESERVATION_NON_EVSE_SPECIFIC),
    KeyDefinition("ChargeProfileMaxStackLevel", sv.PROFILE_STACK_LEVEL),
    KeyDefinition("ChargingScheduleAllowedChargingRateUnit", sv.RATE_UNIT, RATE_UNITS),
    KeyDefinition("ChargingScheduleMaxPeriods", sv.PERIODS_PER_SCHEDULE),
    KeyDefinition("ConnectorSwitch3to1PhaseSupported", sv.PHASES_3_TO_1),
    KeyDefinition(
        "MaxChargingProfilesInstalled", sv.CHARGING_PROFILE_ENTRIES, shown=Shown.CAPACITY
    ),
    KeyDefinition("AdditionalRootCertificateCheck", sv.ADDITIONAL_ROOT_CERTIFICATE_CHECK),
    KeyDefinition("AllowCentralSystemTLSWildcards", sv.ALLOW_CSMS_TLS_WILDCARDS),
    KeyDefinition("AllowSecurityProfileDowngrade", sv.ALLOW_SECURITY_PROFILE_DOWNGRADE),
    KeyDefinition("AuthorizationKey", sv.BASIC_AUTH_PASSWORD),
    KeyDefinition("CertificateSignedMaxChainSize", sv.MAX_CERTIFICATE_CHAIN_SIZE),
    KeyDefinition("CertificateStoreMaxLength", sv.CERTIFICATE_ENTRIES, shown=Shown.CAPACITY),
    KeyDefinition("CertSigningRepeatTimes", sv.CERT_SIGNING_REPEAT_TIMES),
    KeyDefinition("CertSigningWaitMinimum", sv.CERT_SIGNING_WAIT_MINIMUM),
    KeyDefinition("CpoName", sv.ORGANIZATION_NAME),
    KeyDefinition("SecurityProfile", sv.SECURITY_PROFILE, writable=True),
    KeyDefinition("ISO15118PnCEnabled", sv.PNC_ENABLED),
    KeyDefinition("ISO15118CertificateManagementEnabled", sv.V2G_CERTIFICATE_INSTALLATION),
    KeyDefinition("ContractValidationOffline", sv.CONTRACT_VALIDATION_OFFLINE),
    KeyDefinition("CentralContractValidationAllowed", sv.CENTRAL_CONTRACT_VALIDATION_ALLOWED),
    KeyDefinition("CustomDisplayCostAndPrice", sv.V16_DISPLAYS_COST_AND_PRICE),
    KeyDefinition("CustomMultiLanguageMessages", sv.V16_MULTI_LANGUAGE_MESSAGES),
    KeyDefinition("DefaultPrice", sv.V16_DEFAULT_PRICE, DEFAULT_PRICE),
    KeyDefinition("DefaultPriceText,en", sv.V16_DEFAULT_PRICE_TEXT_EN, DEFAULT_PRICE),
    KeyDefinition("DefaultPriceText,de", sv.V16_DEFAULT_PRICE_TEXT_DE, DEFAULT_PRICE),
    KeyDefinition("DefaultPriceText,fr", sv.V16_DEFAULT_PRICE_TEXT_FR, DEFAULT_PRICE),
    KeyDefinition("DefaultPriceText,nl", sv.V16_DEFAULT_PRICE_TEXT_NL, DEFAULT_PRICE),
    KeyDefinition("Language", sv.V16_LANGUAGE),
    KeyDefinition("SupportedLanguages", sv.V16_SUPPORTED_LANGUAGES),
    KeyDefinition("CustomIdleFeeAfterStop", sv.V16_IDLE_FEE_AFTER_STOP),
    KeyDefinition("NumberOfDecimalsForCostValues", sv.V16_COST_DECIMALS),
    KeyDefinition("WaitForSetUserPriceTimeout", sv.V16_USER_PRICE_TIMEOUT),
    KeyDefinition("TimeOffset", sv.TIME_OFFSET),
    KeyDefinition("NextTimeOffsetTransitionDateTime", sv.NEXT_TIME_OFFSET_TRANSITION),
    KeyDefinition("TimeOffsetNextTransition", sv.NEXT_TIME_OFFSET),
    KeyDefinition("PublicKeyWithSignedMeterValue", sv.PUBLIC_KEY_WITH_SIGNED_METER_VALUE),
    KeyDefinition("SampledDataSignReadings", sv.SAMPLED_SIGN_READINGS),
    KeyDefinition("SampledDataSignStartedReadings", sv.SAMPLED_SIGN_STARTED_READINGS),
    KeyDefinition("SampledDataSignUpdatedReadings", sv.SAMPLED_SIGN_UPDATED_READINGS),
    *_measurands(
        "StartTxnSampledData", sv.SAMPLED_TX_STARTED_MEASURANDS, sv.V16_START_TXN_SAMPLED_DATA
    ),
    KeyDefinition("AlignedDataSignReadings", sv.ALIGNED_SIGN_READINGS),
    KeyDefinition("AlignedDataSignUpdatedReadings", sv.ALIGNED_SIGN_UPDATED_READINGS),
)
