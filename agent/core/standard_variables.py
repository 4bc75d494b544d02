"""The addresses of the standard variables that the station's own code reads.

Names are those of OCPP 2.x part 2, appendix of referenced components and variables; the vendor
component `OCPP16Ctrlr` holds what only OCPP 1.6 has a word for.
"""

from agent.core.variable_definition import ComponentKey, ComponentVariable, VariableKey


def _station(component: str, variable: str, instance: str | None = None) -> ComponentVariable:
    return ComponentVariable(ComponentKey(component), VariableKey(variable, instance))


def evse_variable(evse_id: int, component: str, variable: str) -> ComponentVariable:
    """Return a variable of a component that belongs to one EVSE."""
    return ComponentVariable(ComponentKey(component, evse_id=evse_id), VariableKey(variable))


def evse_allow_reset(evse_id: int) -> ComponentVariable:
    """EVSE.AllowReset: whether the EVSE may be reset by itself (B11.FR.10)."""
    return evse_variable(evse_id, "EVSE", "AllowReset")


def fiscal_public_key(evse_id: int) -> ComponentVariable:
    """FiscalMetering.PublicKey: the key that checks the signed values of an EVSE's meter."""
    return evse_variable(evse_id, "FiscalMetering", "PublicKey")


def temperature(evse_id: int, instance: str) -> ComponentVariable:
    """TemperatureSensor.Temperature of one EVSE: a threshold of its derating."""
    variable = VariableKey("Temperature", instance)
    return ComponentVariable(ComponentKey("TemperatureSensor", evse_id=evse_id), variable)


def sensor_lost_current(evse_id: int) -> ComponentVariable:
    """TemperatureSensor.ACCurrent[SensorLost]: the most that is offered without its sensor."""
    variable = VariableKey("ACCurrent", "SensorLost")
    return ComponentVariable(ComponentKey("TemperatureSensor", evse_id=evse_id), variable)


def aligned_send_during_idle(evse_id: int) -> ComponentVariable:
    """AlignedDataCtrlr.SendDuringIdle of one EVSE (J01.FR.19)."""
    return evse_variable(evse_id, "AlignedDataCtrlr", "SendDuringIdle")


ACTIVE_NETWORK_PROFILE = _station("OCPPCommCtrlr", "ActiveNetworkProfile")
FILE_TRANSFER_PROTOCOLS = _station("OCPPCommCtrlr", "FileTransferProtocols")
HEARTBEAT_INTERVAL = _station("OCPPCommCtrlr", "HeartbeatInterval")
MESSAGE_TIMEOUT = _station("OCPPCommCtrlr", "MessageTimeout", "Default")
MESSAGE_ATTEMPTS = _station("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent")
MESSAGE_ATTEMPT_INTERVAL = _station("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent")
NETWORK_CONFIGURATION_PRIORITY = _station("OCPPCommCtrlr", "NetworkConfigurationPriority")
NETWORK_PROFILE_CONNECTION_ATTEMPTS = _station("OCPPCommCtrlr", "NetworkProfileConnectionAttempts")
OFFLINE_THRESHOLD = _station("OCPPCommCtrlr", "OfflineThreshold")
PUBLIC_KEY_WITH_SIGNED_METER_VALUE = _station("OCPPCommCtrlr", "PublicKeyWithSignedMeterValue")
QUEUE_ALL_MESSAGES = _station("OCPPCommCtrlr", "QueueAllMessages")
RESET_RETRIES = _station("OCPPCommCtrlr", "ResetRetries")
RETRY_BACK_OFF_RANDOM_RANGE = _station("OCPPCommCtrlr", "RetryBackOffRandomRange")
RETRY_BACK_OFF_REPEAT_TIMES = _station("OCPPCommCtrlr", "RetryBackOffRepeatTimes")
RETRY_BACK_OFF_WAIT_MINIMUM = _station("OCPPCommCtrlr", "RetryBackOffWaitMinimum")
UNLOCK_ON_EV_SIDE_DISCONNECT = _station("OCPPCommCtrlr", "UnlockOnEVSideDisconnect")
WEB_SOCKET_PING_INTERVAL = _station("OCPPCommCtrlr", "WebSocketPingInterval")

AUTH_ENABLED = _station("AuthCtrlr", "Enabled")
AUTHORIZE_REMOTE_START = _station("AuthCtrlr", "AuthorizeRemoteStart")
LOCAL_AUTHORIZE_OFFLINE = _station("AuthCtrlr", "LocalAuthorizeOffline")
LOCAL_PRE_AUTHORIZE = _station("AuthCtrlr", "LocalPreAuthorize")
MASTER_PASS_GROUP_ID = _station("AuthCtrlr", "MasterPassGroupId")
OFFLINE_TX_FOR_UNKNOWN_ID_ENABLED = _station("AuthCtrlr", "OfflineTxForUnknownIdEnabled")
DISABLE_REMOTE_AUTHORIZATION = _station("AuthCtrlr", "DisableRemoteAuthorization")
AUTH_CACHE_DISABLE_POST_AUTHORIZE = _station("AuthCacheCtrlr", "DisablePostAuthorize")
AUTH_CACHE_ENABLED = _station("AuthCacheCtrlr", "Enabled")
AUTH_CACHE_LIFE_TIME = _station("AuthCacheCtrlr", "LifeTime")
AUTH_CACHE_POLICY = _station("AuthCacheCtrlr", "Policy")
AUTH_CACHE_STORAGE = _station("AuthCacheCtrlr", "Storage")
LOCAL_AUTH_LIST_BYTES_PER_MESSAGE = _station("LocalAuthListCtrlr", "BytesPerMessage")
LOCAL_AUTH_LIST_DISABLE_POST_AUTHORIZE = _station("LocalAuthListCtrlr", "DisablePostAuthorize")
LOCAL_AUTH_LIST_ENABLED = _station("LocalAuthListCtrlr", "Enabled")
LOCAL_AUTH_LIST_ENTRIES = _station("LocalAuthListCtrlr", "Entries")
LOCAL_AUTH_LIST_ITEMS_PER_MESSAGE = _station("LocalAuthListCtrlr", "ItemsPerMessage")
LOCAL_AUTH_LIST_STORAGE = _station("LocalAuthListCtrlr", "Storage")

CENTRAL_CONTRACT_VALIDATION_ALLOWED = _station("ISO15118Ctrlr", "CentralContractValidationAllowed")
CONTRACT_VALIDATION_OFFLINE = _station("ISO15118Ctrlr", "ContractValidationOffline")
CONTRACT_CERTIFICATE_INSTALLATION = _station(
    "ISO15118Ctrlr", "ContractCertificateInstallationEnabled"
)
V2G_CERTIFICATE_INSTALLATION = _station("ISO15118Ctrlr", "V2GCertificateInstallationEnabled")
V2G_COUNTRY_NAME = _station("ISO15118Ctrlr", "CountryName")
V2G_ORGANIZATION_NAME = _station("ISO15118Ctrlr", "OrganizationName")
V2G_SECC_ID = _station("ISO15118Ctrlr", "SeccId")
PNC_ENABLED = _station("ISO15118Ctrlr", "PnCEnabled")

EV_CONNECTION_TIME_OUT = _station("TxCtrlr", "EVConnectionTimeOut")
MAX_ENERGY_ON_INVALID_ID = _station("TxCtrlr", "MaxEnergyOnInvalidId")
STOP_TX_ON_EV_SIDE_DISCONNECT = _station("TxCtrlr", "StopTxOnEVSideDisconnect")
STOP_TX_ON_INVALID_ID = _station("TxCtrlr", "StopTxOnInvalidId")
TX_START_POINT = _station("TxCtrlr", "TxStartPoint")
TX_STOP_POINT = _station("TxCtrlr", "TxStopPoint")

SAMPLED_TX_STARTED_MEASURANDS = _station("SampledDataCtrlr", "TxStartedMeasurands")
SAMPLED_TX_UPDATED_MEASURANDS = _station("SampledDataCtrlr", "TxUpdatedMeasurands")
SAMPLED_TX_UPDATED_INTERVAL = _station("SampledDataCtrlr", "TxUpdatedInterval")
SAMPLED_TX_ENDED_MEASURANDS = _station("SampledDataCtrlr", "TxEndedMeasurands")
SAMPLED_TX_ENDED_INTERVAL = _station("SampledDataCtrlr", "TxEndedInterval")
SAMPLED_SIGN_READINGS = _station("SampledDataCtrlr", "SignReadings")
SAMPLED_SIGN_STARTED_READINGS = _station("SampledDataCtrlr", "SignStartedReadings")
SAMPLED_SIGN_UPDATED_READINGS = _station("SampledDataCtrlr", "SignUpdatedReadings")
ALIGNED_MEASURANDS = _station("AlignedDataCtrlr", "Measurands")
ALIGNED_INTERVAL = _station("AlignedDataCtrlr", "Interval")
ALIGNED_TX_ENDED_MEASURANDS = _station("AlignedDataCtrlr", "TxEndedMeasurands")
ALIGNED_TX_ENDED_INTERVAL = _station("AlignedDataCtrlr", "TxEndedInterval")
ALIGNED_SEND_DURING_IDLE = _station("AlignedDataCtrlr", "SendDuringIdle")
ALIGNED_SIGN_READINGS = _station("AlignedDataCtrlr", "SignReadings")
ALIGNED_SIGN_UPDATED_READINGS = _station("AlignedDataCtrlr", "SignUpdatedReadings")

RESERVATION_ENABLED = _station("ReservationCtrlr", "Enabled")
RESERVATION_NON_EVSE_SPECIFIC = _station("ReservationCtrlr", "NonEvseSpecific")

ALLOW_SECURITY_PROFILE_DOWNGRADE = _station("SecurityCtrlr", "AllowSecurityProfileDowngrade")
ADDITIONAL_ROOT_CERTIFICATE_CHECK = _station("SecurityCtrlr", "AdditionalRootCertificateCheck")
ALLOW_CSMS_TLS_WILDCARDS = _station("SecurityCtrlr", "AllowCSMSTLSWildcards")
BASIC_AUTH_PASSWORD = _station("SecurityCtrlr", "BasicAuthPassword")
CERTIFICATE_ENTRIES = _station("SecurityCtrlr", "CertificateEntries")
CERT_SIGNING_REPEAT_TIMES = _station("SecurityCtrlr", "CertSigningRepeatTimes")
CERT_SIGNING_WAIT_MINIMUM = _station("SecurityCtrlr", "CertSigningWaitMinimum")
IDENTITY = _station("SecurityCtrlr", "Identity")
MAX_CERTIFICATE_CHAIN_SIZE = _station("SecurityCtrlr", "MaxCertificateChainSize")
ORGANIZATION_NAME = _station("SecurityCtrlr", "OrganizationName")
SECURITY_PROFILE = _station("SecurityCtrlr", "SecurityProfile")

ALLOW_NEW_SESSIONS_PENDING_FIRMWARE_UPDATE = _station(
    "ChargingStation", "AllowNewSessionsPendingFirmwareUpdate"
)

NEXT_TIME_OFFSET = _station("ClockCtrlr", "TimeOffset", "NextTransition")
NEXT_TIME_OFFSET_TRANSITION = _station("ClockCtrlr", "NextTimeOffsetTransitionDateTime")
TIME_OFFSET = _station("ClockCtrlr", "TimeOffset")
TIME_SOURCE = _station("ClockCtrlr", "TimeSource")
TIME_ADJUSTMENT_REPORTING_THRESHOLD = _station("ClockCtrlr", "TimeAdjustmentReportingThreshold")
BYTES_PER_GET_REPORT = _station("DeviceDataCtrlr", "BytesPerMessage", "GetReport")
BYTES_PER_GET_VARIABLES = _station("DeviceDataCtrlr", "BytesPerMessage", "GetVariables")
BYTES_PER_SET_VARIABLES = _station("DeviceDataCtrlr", "BytesPerMessage", "SetVariables")
ITEMS_PER_GET_REPORT = _station("DeviceDataCtrlr", "ItemsPerMessage", "GetReport")
ITEMS_PER_GET_VARIABLES = _station("DeviceDataCtrlr", "ItemsPerMessage", "GetVariables")
ITEMS_PER_SET_VARIABLES = _station("DeviceDataCtrlr", "ItemsPerMessage", "SetVariables")

CHARGING_PROFILE_ENTRIES = _station("SmartChargingCtrlr", "Entries", "ChargingProfiles")
PERIODS_PER_SCHEDULE = _station("SmartChargingCtrlr", "PeriodsPerSchedule")
EXTERNAL_CONSTRAINTS_DISALLOWED = _station(
    "SmartChargingCtrlr", "ExternalConstraintsProfileDisallowed"
)
LIGHT_INTENSITY = _station("ChargingStatusIndicator", "Percent", "LightIntensity")
BLINK_REPEAT = _station("ChargingStatusIndicator", "Count", "BlinkRepeat")

EXTERNAL_CONTROL_SIGNALS_ENABLED = _station("SmartChargingCtrlr", "ExternalControlSignalsEnabled")
LIMIT_CHANGE_SIGNIFICANCE = _station("SmartChargingCtrlr", "LimitChangeSignificance")
MAX_EXTERNAL_CONSTRAINTS_ID = _station("SmartChargingCtrlr", "MaxExternalConstraintsId")
NOTIFY_CHARGING_LIMIT_WITH_SCHEDULES = _station(
    "SmartChargingCtrlr", "NotifyChargingLimitWithSchedules"
)
PHASES_3_TO_1 = _station("SmartChargingCtrlr", "Phases3to1")
PROFILE_STACK_LEVEL = _station("SmartChargingCtrlr", "ProfileStackLevel")
RATE_UNIT = _station("SmartChargingCtrlr", "RateUnit")

V16_CONNECTOR_PHASE_ROTATION = _station("OCPP16Ctrlr", "ConnectorPhaseRotation")
V16_CONNECTOR_PHASE_ROTATION_MAX_LENGTH = _station("OCPP16Ctrlr", "ConnectorPhaseRotationMaxLength")
V16_DISPLAYS_COST_AND_PRICE = _station("OCPP16Ctrlr", "CustomDisplayCostAndPrice")
V16_DEFAULT_PRICE = _station("OCPP16Ctrlr", "DefaultPrice")
V16_LANGUAGE = _station("OCPP16Ctrlr", "Language")
V16_MULTI_LANGUAGE_MESSAGES = _station("OCPP16Ctrlr", "CustomMultiLanguageMessages")
V16_SUPPORTED_LANGUAGES = _station("OCPP16Ctrlr", "SupportedLanguages")
V16_DEFAULT_PRICE_TEXT_EN = _station("OCPP16Ctrlr", "DefaultPriceText", "en")
V16_DEFAULT_PRICE_TEXT_DE = _station("OCPP16Ctrlr", "DefaultPriceText", "de")
V16_DEFAULT_PRICE_TEXT_FR = _station("OCPP16Ctrlr", "DefaultPriceText", "fr")
V16_DEFAULT_PRICE_TEXT_NL = _station("OCPP16Ctrlr", "DefaultPriceText", "nl")
V16_IDLE_FEE_AFTER_STOP = _station("OCPP16Ctrlr", "CustomIdleFeeAfterStop")
V16_MAX_CONFIGURATION_KEYS = _station("OCPP16Ctrlr", "GetConfigurationMaxKeys")
V16_METER_VALUES_ALIGNED_DATA = _station("OCPP16Ctrlr", "MeterValuesAlignedData")
V16_METER_VALUES_SAMPLED_DATA = _station("OCPP16Ctrlr", "MeterValuesSampledData")
V16_MINIMUM_STATUS_DURATION = _station("OCPP16Ctrlr", "MinimumStatusDuration")
V16_NUMBER_OF_CONNECTORS = _station("OCPP16Ctrlr", "NumberOfConnectors")
V16_COST_DECIMALS = _station("OCPP16Ctrlr", "NumberOfDecimalsForCostValues")
V16_START_TXN_SAMPLED_DATA = _station("OCPP16Ctrlr", "StartTxnSampledData")
V16_STOP_TRANSACTION_MAX_METER_VALUES = _station("OCPP16Ctrlr", "StopTransactionMaxMeterValues")
V16_STOP_TXN_ALIGNED_DATA = _station("OCPP16Ctrlr", "StopTxnAlignedData")
V16_STOP_TXN_SAMPLED_DATA = _station("OCPP16Ctrlr", "StopTxnSampledData")
V16_SUPPORTED_FEATURE_PROFILES = _station("OCPP16Ctrlr", "SupportedFeatureProfiles")
V16_USER_PRICE_TIMEOUT = _station("OCPP16Ctrlr", "WaitForSetUserPriceTimeout")
