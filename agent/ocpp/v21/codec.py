"""OCPP 2.1 as tables: those of 2.0.1 and the differences."""

from functools import partial
from typing import Final

from agent.core.certificate_status import CertificateStatusAsked
from agent.core.certificates import SigningAsked
from agent.core.commands import Command, Refusal, UnlockStatus
from agent.core.component_events import ComponentEvent
from agent.core.events import AuthorizationAsked, MeterValuesEvent, TransactionEvent
from agent.core.reservation import ReservationEnd, ReservationEnded
from agent.core.smart_charging.news import (
    ChargingLimitTold,
    DynamicUpdateAsked,
    EvScheduleTold,
    NeedsTold,
    PriorityChargingTold,
    ProfilesReport,
)
from agent.core.vehicle_certificates import VehicleCertificateAsked
from agent.ocpp.codec import Answer, Codec, CodecContext, Payload, Rules, WhileRejected
from agent.ocpp.rpc import Dialect
from agent.ocpp.v21 import smart_charging
from agent.ocpp.v201 import (
    authorization,
    certificates,
    charging_news,
    diagnostics,
    local_authorization,
    metering,
    network_profiles,
    provisioning,
    remote_control,
    reservation,
    transactions,
    vehicle_certificates,
)
from agent.ocpp.v201.codec import CODEC as V201
from agent.ocpp.v201.limits import Limits
from agent.ocpp.v201.smart_charging import get_charging_profiles, set_charging_profile
from agent.ocpp.v201.status_info import accepted_or_rejected, refused

LIMITS: Final = Limits(
    id_token_length=255,
    token_types=None,
    signed_data_length=32_768,
    tells_empty_signed_fields=False,
    keeps_messages=True,
    contract_chain_length=10_000,
    responder_url_length=2000,
    exi_request_length=11_000,
)
"""Token types are a list that may grow (at most 20 characters), no longer an enumeration."""

CODEC: Final = Codec(
    subprotocol="ocpp2.1",
    schemas="v21",
    dialect=Dialect(
        answers_unreadable_frames=True,
        rejects_unknown_message_types=True,
        has_call_result_error=True,
        has_send=True,
    ),
    rules=Rules(while_rejected=WhileRejected.SECURITY_ERROR, unlock_stops_transaction=False),
)
CODEC.extend(V201)

CODEC.encodes(AuthorizationAsked)(partial(authorization.authorize, limits=LIMITS))
CODEC.encodes(TransactionEvent)(partial(transactions.transaction_event, limits=LIMITS))
CODEC.encodes(MeterValuesEvent)(partial(metering.meter_values_call, limits=LIMITS))
CODEC.encodes(ComponentEvent)(partial(diagnostics.notify_event, tells_severity=True))
CODEC.encodes(ReservationEnded)(
    partial(reservation.reservation_status_update, ends=frozenset(ReservationEnd))
)

CODEC.learns("Authorize")(partial(authorization.token_judged, limits=LIMITS))
CODEC.learns("TransactionEvent")(partial(transactions.transaction_acknowledged, limits=LIMITS))

CODEC.encodes(SigningAsked)(partial(certificates.sign_certificate, correlates=True))
CODEC.encodes(CertificateStatusAsked)(
    partial(vehicle_certificates.get_certificate_status, limits=LIMITS)
)
CODEC.encodes(VehicleCertificateAsked)(
    partial(vehicle_certificates.get_15118_ev_certificate, limits=LIMITS, counts_chains=True)
)
CODEC.replies("GetInstalledCertificateIds")(
    certificates.listing_reply(certificates.LISTED_USES | {"OEMRootCertificate"})
)

CODEC.decodes("SendLocalList")(partial(local_authorization.send_local_list, limits=LIMITS))
CODEC.decodes("SetChargingProfile")(
    partial(
        set_charging_profile,
        read_profile=smart_charging.charging_profile,
        rules=smart_charging.RULES,
    )
)
CODEC.decodes("RequestStartTransaction")(
    partial(
        remote_control.request_start,
        read_profile=smart_charging.charging_profile,
        rules=smart_charging.RULES,
    )
)
CODEC.decodes("GetChargingProfiles")(partial(get_charging_profiles, words=smart_charging.WORDS))
CODEC.decodes("UpdateDynamicSchedule")(smart_charging.update_dynamic_schedule)
CODEC.replies("UpdateDynamicSchedule")(accepted_or_rejected)
CODEC.decodes("UsePriorityCharging")(smart_charging.use_priority_charging)
CODEC.replies("UsePriorityCharging")(smart_charging.use_priority_charging_reply)
CODEC.encodes(ProfilesReport)(
    partial(charging_news.report_charging_profiles, words=smart_charging.WORDS)
)
CODEC.encodes(ChargingLimitTold)(
    partial(charging_news.notify_charging_limit, words=smart_charging.WORDS)
)
CODEC.encodes(NeedsTold)(
    partial(charging_news.notify_ev_charging_needs, words=smart_charging.WORDS)
)
CODEC.encodes(EvScheduleTold)(
    partial(charging_news.notify_ev_charging_schedule, words=smart_charging.WORDS)
)
CODEC.encodes(PriorityChargingTold)(smart_charging.notify_priority_charging)
CODEC.encodes(DynamicUpdateAsked)(smart_charging.pull_dynamic_schedule_update)
CODEC.learns("PullDynamicScheduleUpdate")(smart_charging.dynamic_update_told)


CODEC.decodes("SetNetworkProfile")(partial(network_profiles.set_network_profile, subprotocols=None))


@CODEC.decodes("Reset")
def reset(payload: Payload, context: CodecContext) -> Command | Answer:
    """Read Reset; transactions are not resumed after one (TxResumptionTimeout 0, B13.FR.01)."""
    if payload["type"] == "ImmediateAndResume":
        refusal = Refusal("NotEnabled", "transactions are not resumed after a reset")
        return Answer(refused("Rejected", refusal))
    return provisioning.reset(payload, context)


@CODEC.replies("UnlockConnector")
def unlock_connector_reply(
    outcome: UnlockStatus, request: Payload, context: CodecContext
) -> Payload:
    """Tell how unlocking went; 2.1 has a reason code for a connector without a lock."""
    if outcome is UnlockStatus.NO_LOCK:
        return refused("UnlockFailed", Refusal("FixedCable", "this connector has no lock"))
    return remote_control.unlock_connector_reply(outcome, request, context)
