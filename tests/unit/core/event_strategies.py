"""Events as hypothesis makes them: every field, every kind, and texts longer than any schema's."""

from hypothesis import strategies as st

from agent.core.certificates import (
    CertificateHashData,
    CertificateUse,
    HashAlgorithm,
    SigningAsked,
)
from agent.core.component_events import ComponentEvent, EventNotification, EventTrigger
from agent.core.events import (
    AuthorizationAsked,
    Boot,
    EvseChanged,
    HeartbeatDue,
    LocalListConflict,
    MeterValuesEvent,
    ReportEntry,
    ReportPart,
    SecurityEvent,
    StationChanged,
    StationIdentity,
    TransactionEvent,
)
from agent.core.meter_values import MeterValue, SampledValue
from agent.core.progress import (
    FirmwareProgress,
    FirmwareStatus,
    LogUploadProgress,
    LogUploadStatus,
)
from agent.core.reservation import ReservationEnd, ReservationEnded
from agent.core.signed_values import SignedValue
from agent.core.snapshot import EvseSnapshot
from agent.core.variable_definition import AttributeType, DataType, Mutability
from agent.core.vocabulary import (
    BootReason,
    ChargingState,
    IdToken,
    Measurand,
    ReadingContext,
    StoppedReason,
    TokenType,
    TransactionPhase,
    TriggerReason,
)
from tests.unit.core.basic_strategies import (
    decimals,
    finite_decimals,
    instants,
    numbers,
    optional,
    texts,
)
from tests.unit.core.charging_strategies import charging_news

phases = st.sampled_from(["L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"])
tokens = st.builds(IdToken, value=texts(40), type=st.sampled_from(TokenType) | st.text(max_size=30))
signed_values = st.builds(
    SignedValue,
    record=st.text(min_size=1, max_size=60) | st.integers(1800, 1900).map("r".__mul__),
    signing_method=texts(60),
    encoding_method=st.text(min_size=1, max_size=60),
    public_key=st.just("") | st.just("3059" * 40) | st.just("3059" * 1000),
)
samples = st.builds(
    SampledValue,
    value=decimals,
    measurand=st.sampled_from(Measurand),
    context=st.sampled_from(ReadingContext),
    phase=st.none() | phases | st.text(max_size=3),
    signed=st.none() | signed_values,
)
meter_values = st.builds(MeterValue, at=instants, samples=st.lists(samples, max_size=3).map(tuple))
all_meter_values = st.lists(meter_values, max_size=3).map(tuple)


transaction_events = st.builds(
    TransactionEvent,
    phase=st.sampled_from(TransactionPhase),
    at=instants,
    seq_no=numbers,
    transaction_id=st.uuids().map(str) | st.text(max_size=60),
    trigger=st.sampled_from(TriggerReason),
    evse=numbers,
    connector=numbers,
    register_wh=decimals,
    offline=st.booleans(),
    charging_state=optional(st.sampled_from(ChargingState)),
    id_token=optional(tokens),
    names_evse=st.booleans(),
    starts_billing=st.booleans(),
    remote_start_id=optional(st.integers()),
    reservation_id=optional(numbers),
    stopped_reason=optional(st.sampled_from(StoppedReason)),
    time_spent_charging_s=optional(numbers),
    cable_max_a=optional(numbers),
    phases_used=optional(st.integers(min_value=-1, max_value=5)),
    meter_values=all_meter_values,
)
meter_values_events = st.builds(
    MeterValuesEvent, at=instants, evse=numbers, connector=numbers, meter_values=all_meter_values
)
security_events = st.builds(
    SecurityEvent,
    at=instants,
    kind=texts(),
    technical_info=optional(texts(300)),
    critical=st.booleans(),
)
reservation_ends = st.builds(
    ReservationEnded, at=instants, reservation_id=numbers, end=st.sampled_from(ReservationEnd)
)
component_events = st.builds(
    ComponentEvent,
    at=instants,
    event_id=numbers,
    trigger=st.sampled_from(EventTrigger),
    notification=st.sampled_from(EventNotification),
    component=texts(),
    variable=texts(),
    value=texts(),
    component_instance=optional(texts()),
    variable_instance=optional(texts()),
    evse=optional(numbers),
    connector=optional(numbers),
    cleared=optional(st.booleans()),
    cause=optional(numbers),
    tech_code=optional(texts()),
    tech_info=optional(texts()),
    transaction_id=optional(st.uuids().map(str) | st.text(max_size=60)),
    monitoring_id=optional(numbers),
    severity=optional(st.integers(0, 9)),
)
firmware_progress = st.builds(
    FirmwareProgress,
    status=st.sampled_from(FirmwareStatus),
    request_id=optional(st.integers()),
    signed=st.booleans(),
    asked_for=st.booleans(),
)
stored_events = (
    transaction_events
    | meter_values_events
    | security_events
    | reservation_ends
    | component_events
    | firmware_progress
)

snapshots = st.builds(
    EvseSnapshot,
    operative=st.booleans(),
    faults=st.frozensets(st.sampled_from(["rcd", "reader_lost"])),
    reserved=st.booleans(),
    plugged_in=st.booleans(),
    ev_ready=st.booleans(),
    authorized=st.booleans(),
    in_transaction=st.booleans(),
)
report_entries = st.builds(
    ReportEntry,
    component=texts(),
    component_instance=optional(texts()),
    evse=optional(numbers),
    connector=optional(numbers),
    variable=texts(),
    variable_instance=optional(texts()),
    attribute=st.sampled_from(AttributeType),
    value=optional(texts()),
    mutability=st.sampled_from(Mutability),
    persistent=st.booleans(),
    constant=st.booleans(),
    data_type=st.sampled_from(DataType),
    unit=optional(texts()),
    min_limit=optional(finite_decimals),
    max_limit=optional(finite_decimals),
    values_list=optional(texts()),
    supports_monitoring=st.booleans(),
)
passing_events = st.one_of(
    st.builds(
        EvseChanged,
        at=instants,
        evse=numbers,
        connector=numbers,
        before=optional(snapshots),
        after=snapshots,
        vendor_error=optional(texts()),
    ),
    st.builds(StationChanged, at=instants, operative=st.booleans()),
    st.builds(LocalListConflict, at=instants, operative=st.booleans()),
    st.builds(
        Boot,
        identity=st.builds(
            StationIdentity,
            vendor=texts(),
            model=texts(),
            serial_number=texts(),
            firmware_version=texts(),
        ),
        reason=st.sampled_from(BootReason),
    ),
    st.just(HeartbeatDue()),
    st.builds(AuthorizationAsked, id_token=tokens, evse=optional(numbers)),
    st.builds(
        ReportPart,
        at=instants,
        request_id=st.integers(),
        seq_no=numbers,
        to_be_continued=st.booleans(),
        entries=st.lists(report_entries, max_size=3).map(tuple),
    ),
    st.builds(
        LogUploadProgress,
        status=st.sampled_from(LogUploadStatus),
        request_id=optional(st.integers()),
    ),
)
certificate_names = st.builds(
    CertificateHashData,
    algorithm=st.sampled_from(HashAlgorithm),
    issuer_name_hash=st.binary(min_size=64, max_size=64).map(bytes.hex),
    issuer_key_hash=st.binary(min_size=64, max_size=64).map(bytes.hex),
    serial_number=st.integers(0, 2**160 - 1).map(lambda number: f"{number:x}"),
)
passing_events |= st.builds(
    SigningAsked,
    csr=st.sampled_from(["-----BEGIN CERTIFICATE REQUEST-----\n", "A" * 5500]),
    use=st.sampled_from([CertificateUse.CHARGING_STATION, CertificateUse.COMBINED]),
    request_id=numbers,
    root=optional(certificate_names),
)
domain_events = stored_events | passing_events | charging_news
