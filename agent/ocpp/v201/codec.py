"""OCPP 2.0.1 as tables: which event becomes which message, and which message which command."""

from typing import Final

from agent.core.certificate_status import CertificateStatusAsked
from agent.core.certificates import SigningAsked
from agent.core.component_events import ComponentEvent
from agent.core.events import (
    AuthorizationAsked,
    Boot,
    EvseChanged,
    HeartbeatDue,
    MeterValuesEvent,
    ReportPart,
    SecurityEvent,
    TransactionEvent,
)
from agent.core.progress import FirmwareProgress, LogUploadProgress
from agent.core.reservation import ReservationEnded
from agent.core.smart_charging.news import (
    ChargingLimitCleared,
    ChargingLimitTold,
    EvScheduleTold,
    NeedsTold,
    ProfilesReport,
)
from agent.core.vehicle_certificates import VehicleCertificateAsked
from agent.ocpp import common
from agent.ocpp.codec import Codec, Rules, WhileRejected
from agent.ocpp.rpc import Dialect
from agent.ocpp.v201 import (
    authorization,
    availability,
    certificates,
    charging_news,
    data_transfer,
    device_model,
    diagnostics,
    firmware,
    local_authorization,
    metering,
    network_profiles,
    provisioning,
    remote_control,
    reservation,
    security,
    smart_charging,
    transactions,
    vehicle_certificates,
)
from agent.ocpp.v201.status_info import accepted_or_rejected, accepted_scheduled_or_rejected

CODEC: Final = Codec(
    subprotocol="ocpp2.0.1",
    schemas="v201",
    dialect=Dialect(answers_unreadable_frames=True, rejects_unknown_message_types=True),
    rules=Rules(while_rejected=WhileRejected.SECURITY_ERROR, unlock_stops_transaction=False),
)

CODEC.encodes(Boot)(provisioning.boot_notification)
CODEC.encodes(HeartbeatDue)(common.heartbeat)
CODEC.encodes(ReportPart)(device_model.notify_report)
CODEC.encodes(AuthorizationAsked)(authorization.authorize)
CODEC.encodes(TransactionEvent)(transactions.transaction_event)
CODEC.encodes(MeterValuesEvent)(metering.meter_values_call)
CODEC.encodes(EvseChanged)(availability.status_notification)
CODEC.encodes(SecurityEvent)(security.security_event_notification)
CODEC.encodes(SigningAsked)(certificates.sign_certificate)
CODEC.encodes(CertificateStatusAsked)(vehicle_certificates.get_certificate_status)
CODEC.encodes(VehicleCertificateAsked)(vehicle_certificates.get_15118_ev_certificate)
CODEC.encodes(ReservationEnded)(reservation.reservation_status_update)
CODEC.encodes(ComponentEvent)(diagnostics.notify_event)
CODEC.encodes(LogUploadProgress)(diagnostics.log_status_notification)
CODEC.encodes(FirmwareProgress)(firmware.firmware_status_notification)
CODEC.encodes(ProfilesReport)(charging_news.report_charging_profiles)
CODEC.encodes(ChargingLimitTold)(charging_news.notify_charging_limit)
CODEC.encodes(ChargingLimitCleared)(charging_news.cleared_charging_limit)
CODEC.encodes(NeedsTold)(charging_news.notify_ev_charging_needs)
CODEC.encodes(EvScheduleTold)(charging_news.notify_ev_charging_schedule)

CODEC.decodes("GetVariables")(device_model.get_variables)
CODEC.replies("GetVariables")(device_model.get_variables_reply)
CODEC.decodes("SetVariables")(device_model.set_variables)
CODEC.replies("SetVariables")(device_model.set_variables_reply)
CODEC.decodes("GetBaseReport")(device_model.get_base_report)
CODEC.replies("GetBaseReport")(device_model.report_reply)
CODEC.decodes("GetReport")(device_model.get_report)
CODEC.replies("GetReport")(device_model.report_reply)
CODEC.decodes("SetNetworkProfile")(network_profiles.set_network_profile)
CODEC.replies("SetNetworkProfile")(network_profiles.set_network_profile_reply)
CODEC.decodes("Reset")(provisioning.reset)
CODEC.replies("Reset")(accepted_scheduled_or_rejected)
CODEC.decodes("RequestStartTransaction")(remote_control.request_start)
CODEC.replies("RequestStartTransaction")(remote_control.request_start_reply)
CODEC.decodes("RequestStopTransaction")(remote_control.request_stop)
CODEC.replies("RequestStopTransaction")(accepted_or_rejected)
CODEC.decodes("TriggerMessage")(remote_control.trigger_message)
CODEC.replies("TriggerMessage")(remote_control.trigger_message_reply)
CODEC.decodes("UnlockConnector")(remote_control.unlock_connector)
CODEC.replies("UnlockConnector")(remote_control.unlock_connector_reply)
CODEC.decodes("ChangeAvailability")(availability.change_availability)
CODEC.replies("ChangeAvailability")(accepted_scheduled_or_rejected)
CODEC.decodes("ReserveNow")(reservation.reserve_now)
CODEC.replies("ReserveNow")(reservation.reserve_now_reply)
CODEC.decodes("CancelReservation")(reservation.cancel_reservation)
CODEC.replies("CancelReservation")(accepted_or_rejected)
CODEC.decodes("SetChargingProfile")(smart_charging.set_charging_profile)
CODEC.replies("SetChargingProfile")(accepted_or_rejected)
CODEC.decodes("ClearChargingProfile")(smart_charging.clear_charging_profile)
CODEC.replies("ClearChargingProfile")(smart_charging.clear_charging_profile_reply)
CODEC.decodes("GetChargingProfiles")(smart_charging.get_charging_profiles)
CODEC.replies("GetChargingProfiles")(smart_charging.get_charging_profiles_reply)
CODEC.decodes("GetCompositeSchedule")(smart_charging.get_composite_schedule)
CODEC.replies("GetCompositeSchedule")(smart_charging.get_composite_schedule_reply)
CODEC.decodes("GetTransactionStatus")(transactions.get_transaction_status)
CODEC.replies("GetTransactionStatus")(transactions.get_transaction_status_reply)
CODEC.decodes("ClearCache")(local_authorization.clear_cache)
CODEC.replies("ClearCache")(accepted_or_rejected)
CODEC.decodes("SendLocalList")(local_authorization.send_local_list)
CODEC.replies("SendLocalList")(local_authorization.send_local_list_reply)
CODEC.decodes("GetLocalListVersion")(local_authorization.get_local_list_version)
CODEC.replies("GetLocalListVersion")(local_authorization.get_local_list_version_reply)
CODEC.decodes("DataTransfer")(data_transfer.data_transfer)
CODEC.replies("DataTransfer")(data_transfer.data_transfer_reply)
CODEC.decodes("UpdateFirmware")(firmware.update_firmware)
CODEC.replies("UpdateFirmware")(firmware.update_firmware_reply)
CODEC.decodes("CertificateSigned")(certificates.certificate_signed)
CODEC.replies("CertificateSigned")(accepted_or_rejected)
CODEC.decodes("InstallCertificate")(certificates.install_certificate)
CODEC.replies("InstallCertificate")(certificates.change_reply)
CODEC.decodes("DeleteCertificate")(certificates.delete_certificate)
CODEC.replies("DeleteCertificate")(certificates.change_reply)
CODEC.decodes("GetInstalledCertificateIds")(certificates.get_installed_certificate_ids)
CODEC.replies("GetInstalledCertificateIds")(certificates.listing_reply())
CODEC.decodes("GetLog")(common.get_log)
CODEC.replies("GetLog")(diagnostics.get_log_reply)

CODEC.learns("BootNotification")(common.registered)
CODEC.learns("Heartbeat")(common.clock_told)
CODEC.learns("SignCertificate")(certificates.signing_answered)
CODEC.learns("GetCertificateStatus")(vehicle_certificates.certificate_status_told)
CODEC.learns("Get15118EVCertificate")(vehicle_certificates.vehicle_certificate_told)
CODEC.learns("Authorize")(authorization.token_judged)
CODEC.learns("TransactionEvent")(transactions.transaction_acknowledged)
CODEC.learns("NotifyEVChargingNeeds")(charging_news.needs_answered)
