"""Outcomes of commands as hypothesis makes them, with texts longer than any schema's."""

from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from agent.core.certificates import (
    V2G_CHAIN,
    CertificateOutcome,
    CertificateProblem,
    CertificateStatus,
    InstalledCertificate,
    InstalledCertificates,
    RootUse,
)
from agent.core.commands import (
    DataTransferStatus,
    Outcome,
    Refusal,
    ReportVerdict,
    StartOutcome,
    UnlockStatus,
    VariableName,
    VariableResult,
    VariableResults,
    Verdict,
)
from agent.core.firmware_order import UpdateAnswer, UpdateStatus
from agent.core.local_authorization_list import LocalListVersion
from agent.core.log_upload import LogOutcome, LogVerdict
from agent.core.reservation import ReserveOutcome, ReserveStatus
from agent.core.smart_charging.orders import CompositeSchedule
from agent.core.transaction_status import TransactionStatus
from agent.core.variable_definition import AttributeType
from tests.unit.core.basic_strategies import instants, numbers, optional, texts
from tests.unit.core.charging_strategies import composite_periods
from tests.unit.core.event_strategies import certificate_names

update_answers = st.builds(
    UpdateAnswer, st.sampled_from(UpdateStatus), st.just("") | texts(30), texts(), st.booleans()
)
refusals = st.builds(Refusal, reason_code=texts(30), info=texts())
outcomes = st.builds(Outcome, st.sampled_from(Verdict), optional(refusals))
names = st.builds(
    VariableName,
    component=texts(),
    variable=texts(),
    component_instance=optional(texts()),
    variable_instance=optional(texts()),
    evse=optional(numbers),
    connector=optional(numbers),
)


def _results(statuses: list[str]) -> st.SearchStrategy[VariableResults]:
    result = st.builds(
        VariableResult,
        name=names,
        status=st.sampled_from(statuses),
        attribute=optional(st.sampled_from(AttributeType)),
        value=optional(texts()),
        refusal=optional(refusals),
    )
    return st.builds(VariableResults, st.lists(result, min_size=1, max_size=3).map(tuple))


def _changes(*statuses: CertificateStatus) -> st.SearchStrategy[CertificateOutcome]:
    problem = st.builds(CertificateProblem, texts(30), texts())
    return st.builds(CertificateOutcome, st.sampled_from(statuses), optional(problem))


_STATUSES = [
    "Accepted",
    "Rejected",
    "UnknownComponent",
    "UnknownVariable",
    "NotSupportedAttributeType",
]
_periods = st.lists(composite_periods, max_size=4).map(tuple)

OUTCOMES: MappingProxyType[str, st.SearchStrategy[Any]] = MappingProxyType(
    {
        "ChangeAvailability": outcomes,
        "ClearCache": outcomes,
        "UpdateFirmware": update_answers,
        "ClearChargingProfile": outcomes,
        "DataTransfer": st.sampled_from(DataTransferStatus),
        "GetBaseReport": st.sampled_from(ReportVerdict),
        "GetReport": st.sampled_from(ReportVerdict),
        "CertificateSigned": outcomes,
        "InstallCertificate": _changes(
            CertificateStatus.ACCEPTED, CertificateStatus.REJECTED, CertificateStatus.FAILED
        ),
        "DeleteCertificate": _changes(
            CertificateStatus.ACCEPTED, CertificateStatus.FAILED, CertificateStatus.NOT_FOUND
        ),
        "GetInstalledCertificateIds": st.builds(
            InstalledCertificates,
            st.lists(
                st.builds(
                    InstalledCertificate,
                    use=st.sampled_from([*RootUse, V2G_CHAIN]),
                    hash_data=certificate_names,
                    children=st.lists(certificate_names, max_size=6).map(tuple),
                ),
                max_size=3,
            ).map(tuple),
        ),
        "GetChargingProfiles": outcomes,
        "GetLog": st.builds(
            LogOutcome,
            st.sampled_from(LogVerdict),
            optional(st.text(max_size=255)),
            texts(20),
            texts(),
        ),
        "GetCompositeSchedule": st.builds(
            CompositeSchedule,
            evse=numbers,
            start=instants,
            duration_s=numbers,
            unit=st.sampled_from(["A", "W"]),
            periods=optional(_periods),
        ),
        "GetTransactionStatus": st.builds(
            TransactionStatus, st.booleans(), optional(st.booleans())
        ),
        "GetLocalListVersion": st.builds(LocalListVersion, numbers),
        "GetVariables": _results(_STATUSES),
        "CancelReservation": outcomes,
        "ReserveNow": st.builds(
            ReserveOutcome, st.sampled_from(ReserveStatus), optional(texts(30)), texts()
        ),
        "RequestStartTransaction": st.builds(StartOutcome, outcomes, optional(texts())),
        "RequestStopTransaction": outcomes,
        "Reset": outcomes,
        "SendLocalList": outcomes,
        "SetChargingProfile": outcomes,
        "SetNetworkProfile": outcomes,
        "SetVariables": _results([*_STATUSES, "RebootRequired"]),
        "TriggerMessage": outcomes,
        "UnlockConnector": st.sampled_from(UnlockStatus),
    }
)
"""By the action of OCPP 2.0.1 whose reply encoder takes them."""
OUTCOMES_21: MappingProxyType[str, st.SearchStrategy[Any]] = MappingProxyType(
    {**OUTCOMES, "UpdateDynamicSchedule": outcomes, "UsePriorityCharging": outcomes}
)
"""By the action of OCPP 2.1."""
