"""Outcomes of commands as hypothesis makes them, with texts longer than any schema's."""

from decimal import Decimal
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from agent.core.commands import (
    CompositeSchedule,
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
from agent.core.transaction_status import TransactionStatus
from agent.core.variable_definition import AttributeType
from tests.unit.core.event_strategies import instants, numbers, optional, texts

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


_STATUSES = [
    "Accepted",
    "Rejected",
    "UnknownComponent",
    "UnknownVariable",
    "NotSupportedAttributeType",
]
_limits = st.decimals(min_value=0, max_value=10**30) | st.just(Decimal(32) / 3)
_periods = st.lists(st.tuples(numbers, _limits), max_size=4).map(tuple)

OUTCOMES: MappingProxyType[str, st.SearchStrategy[Any]] = MappingProxyType(
    {
        "ChangeAvailability": outcomes,
        "ClearChargingProfile": outcomes,
        "DataTransfer": st.sampled_from(DataTransferStatus),
        "GetBaseReport": st.sampled_from(ReportVerdict),
        "GetReport": st.sampled_from(ReportVerdict),
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
        "GetVariables": _results(_STATUSES),
        "RequestStartTransaction": st.builds(StartOutcome, outcomes, optional(texts())),
        "RequestStopTransaction": outcomes,
        "Reset": outcomes,
        "SetChargingProfile": outcomes,
        "SetVariables": _results([*_STATUSES, "RebootRequired"]),
        "TriggerMessage": outcomes,
        "UnlockConnector": st.sampled_from(UnlockStatus),
    }
)
"""By the action of OCPP 2.x whose reply encoder takes them."""
