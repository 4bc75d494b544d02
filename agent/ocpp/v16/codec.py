"""OCPP 1.6 as tables: which event becomes which message, and which message which command."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from agent.core.certificate_status import CertificateStatusAsked
from agent.core.certificates import SigningAsked
from agent.core.device_model import DeviceModel
from agent.core.events import (
    AuthorizationAsked,
    Boot,
    ConnectorUnplugged,
    EvseChanged,
    HeartbeatDue,
    LocalListConflict,
    MeterValuesEvent,
    SecurityEvent,
    StationChanged,
    TransactionEvent,
)
from agent.core.progress import FirmwareProgress, LogUploadProgress
from agent.core.vehicle_certificates import VehicleCertificateAsked
from agent.ocpp import common
from agent.ocpp.codec import Codec, Rules, WhileRejected
from agent.ocpp.rpc import Dialect, RpcErrorCode
from agent.ocpp.v16 import (
    authorization,
    availability,
    certificates,
    configuration,
    cost,
    data_transfer,
    diagnostics,
    firmware,
    local_authorization,
    metering,
    plug_and_charge,
    provisioning,
    remote_control,
    reservation,
    security,
    smart_charging,
    status,
    transactions,
)
from agent.ocpp.v16.keys import AuthorizationKeyForm
from agent.ocpp.v16.verdicts import accepted_or_rejected

CODEC: Final = Codec(
    subprotocol="ocpp1.6",
    schemas="v16",
    dialect=Dialect(
        answers_unreadable_frames=False,
        rejects_unknown_message_types=False,
        error_spelling=MappingProxyType(
            {
                RpcErrorCode.FORMAT_VIOLATION: "FormationViolation",
                RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
                RpcErrorCode.RPC_FRAMEWORK_ERROR: "FormationViolation",
                RpcErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "NotSupported",
            }
        ),
    ),
    rules=Rules(
        while_rejected=WhileRejected.SILENCE,
        unlock_stops_transaction=True,
        caches_listed_tokens=False,
        keeps_last_csms_root=True,
        statuses_must_last=True,
        tells_price_of_token=True,
        triggered_values_join_transaction=True,
    ),
)
"""All but the configuration keys, which `with_keys` adds for a station's device model."""

CODEC.encodes(Boot)(provisioning.boot_notification)
CODEC.encodes(HeartbeatDue)(common.heartbeat)
CODEC.encodes(AuthorizationAsked)(authorization.authorize)
CODEC.encodes(TransactionEvent)(transactions.transaction_event)
CODEC.encodes(MeterValuesEvent)(metering.meter_values_call)
CODEC.encodes(ConnectorUnplugged)(cost.connector_unplugged)
CODEC.encodes(EvseChanged)(status.status_notification)
CODEC.encodes(StationChanged)(status.station_status_notification)
CODEC.encodes(LocalListConflict)(status.local_list_conflict)
CODEC.encodes(SecurityEvent)(security.security_event_notification)
CODEC.encodes(SigningAsked)(certificates.sign_certificate)
CODEC.encodes(CertificateStatusAsked)(plug_and_charge.get_certificate_status)
CODEC.encodes(VehicleCertificateAsked)(plug_and_charge.get_15118_ev_certificate)
CODEC.encodes(LogUploadProgress)(diagnostics.upload_status_notification)
CODEC.encodes(FirmwareProgress)(firmware.firmware_status_notification)

CODEC.decodes("Reset")(provisioning.reset)
CODEC.replies("Reset")(accepted_or_rejected)
CODEC.decodes("ChangeAvailability")(availability.change_availability)
CODEC.replies("ChangeAvailability")(availability.change_availability_reply)
CODEC.decodes("RemoteStartTransaction")(remote_control.remote_start)
CODEC.replies("RemoteStartTransaction")(remote_control.remote_start_reply)
CODEC.decodes("RemoteStopTransaction")(remote_control.remote_stop)
CODEC.replies("RemoteStopTransaction")(accepted_or_rejected)
CODEC.decodes("TriggerMessage")(remote_control.trigger_message)
CODEC.replies("TriggerMessage")(remote_control.trigger_message_reply)
CODEC.decodes("ExtendedTriggerMessage")(remote_control.extended_trigger_message)
CODEC.replies("ExtendedTriggerMessage")(remote_control.trigger_message_reply)
CODEC.decodes("UnlockConnector")(remote_control.unlock_connector)
CODEC.replies("UnlockConnector")(remote_control.unlock_connector_reply)
CODEC.decodes("ReserveNow")(reservation.reserve_now)
CODEC.replies("ReserveNow")(reservation.reserve_now_reply)
CODEC.decodes("CancelReservation")(reservation.cancel_reservation)
CODEC.replies("CancelReservation")(accepted_or_rejected)
CODEC.decodes("SetChargingProfile")(smart_charging.set_charging_profile)
CODEC.replies("SetChargingProfile")(accepted_or_rejected)
CODEC.decodes("ClearChargingProfile")(smart_charging.clear_charging_profile)
CODEC.replies("ClearChargingProfile")(smart_charging.clear_charging_profile_reply)
CODEC.decodes("GetCompositeSchedule")(smart_charging.get_composite_schedule)
CODEC.replies("GetCompositeSchedule")(smart_charging.get_composite_schedule_reply)
CODEC.decodes("ClearCache")(local_authorization.clear_cache)
CODEC.replies("ClearCache")(accepted_or_rejected)
CODEC.decodes("SendLocalList")(local_authorization.send_local_list)
CODEC.replies("SendLocalList")(local_authorization.send_local_list_reply)
CODEC.decodes("GetLocalListVersion")(local_authorization.get_local_list_version)
CODEC.replies("GetLocalListVersion")(local_authorization.get_local_list_version_reply)
CODEC.decodes("UpdateFirmware")(firmware.update_firmware)
CODEC.replies("UpdateFirmware")(firmware.update_firmware_reply)
CODEC.decodes("SignedUpdateFirmware")(firmware.signed_update_firmware)
CODEC.replies("SignedUpdateFirmware")(firmware.signed_update_firmware_reply)
CODEC.decodes("DataTransfer")(data_transfer.data_transfer)
CODEC.replies("DataTransfer")(data_transfer.data_transfer_reply)

CODEC.decodes("CertificateSigned")(certificates.certificate_signed)
CODEC.replies("CertificateSigned")(accepted_or_rejected)
CODEC.decodes("InstallCertificate")(certificates.install_certificate)
CODEC.replies("InstallCertificate")(certificates.change_reply)
CODEC.decodes("DeleteCertificate")(certificates.delete_certificate)
CODEC.replies("DeleteCertificate")(certificates.change_reply)
CODEC.decodes("GetInstalledCertificateIds")(certificates.get_installed_certificate_ids)
CODEC.replies("GetInstalledCertificateIds")(certificates.listing_reply)
CODEC.decodes("GetLog")(common.get_log)
CODEC.replies("GetLog")(diagnostics.get_log_reply)
CODEC.decodes("GetDiagnostics")(diagnostics.get_diagnostics)
CODEC.replies("GetDiagnostics")(diagnostics.get_diagnostics_reply)

CODEC.learns("BootNotification")(common.registered)
CODEC.learns("Heartbeat")(common.clock_told)
CODEC.learns("SignCertificate")(certificates.signing_answered)
CODEC.learns("Authorize")(authorization.token_judged)
CODEC.learns("DataTransfer")(data_transfer.answered)
CODEC.learns("StartTransaction")(transactions.started)
CODEC.learns("StopTransaction")(transactions.stopped)


def with_keys(
    model: DeviceModel,
    authorization_key_form: Callable[[], AuthorizationKeyForm] = lambda: AuthorizationKeyForm.HEX,
) -> Codec:
    """Return the whole codec of a station: its configuration keys are variables of `model`."""
    codec = Codec(CODEC.subprotocol, CODEC.schemas, CODEC.dialect, CODEC.rules)
    codec.extend(CODEC)
    codec.decodes("GetConfiguration")(configuration.get_configuration_of(model))
    codec.decodes("ChangeConfiguration")(
        configuration.change_configuration_of(model, authorization_key_form)
    )
    codec.replies("ChangeConfiguration")(configuration.change_configuration_reply)
    return codec
