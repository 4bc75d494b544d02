"""What happens at a station, in the core's words: the same for every version of the protocol."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from agent.core.component_events import ComponentEvent, EventNotification, EventTrigger
from agent.core.events import (
    AuthorizationAsked,
    Boot,
    EvseChanged,
    HeartbeatDue,
    MeterValuesEvent,
    ReportEntry,
    ReportPart,
    SecurityEvent,
    StationChanged,
    StationIdentity,
    TransactionEvent,
)
from agent.core.meter_values import MeterValue, SampledValue
from agent.core.reservation import ReservationEnd, ReservationEnded
from agent.core.signed_values import SignedValue
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import (
    BootReason,
    ChargingState,
    IdToken,
    Measurand,
    ReadingContext,
    StoppedReason,
    TransactionPhase,
    TriggerReason,
)

TRANSACTION_ID: Final = "7f6d3a52-4c55-4b0e-8a53-1f1f8e3f2a10"
TOKEN: Final = IdToken("04A2B3C4D5E6F7")
_MORNING: Final = datetime(2025, 5, 17, 6, 30, tzinfo=UTC)
_SIGNED_BEGIN: Final = 'OCMF|{"FV":"1.3","PG":"T1","RD":[{"TX":"B","RV":12.34}]}|{"SD":"3045"}'
_SIGNED_END: Final = 'OCMF|{"FV":"1.3","PG":"T2","RD":[{"TX":"E","RV":15.09}]}|{"SD":"3046"}'
_PUBLIC_KEY: Final = "3059301306072A8648CE3D020106082A8648CE3D030107034200"


def at(minutes: float) -> datetime:
    return _MORNING + timedelta(minutes=minutes)


def _register(
    minutes: float, energy_wh: str, context: ReadingContext, signed: SignedValue | None = None
) -> MeterValue:
    sample = SampledValue(Decimal(energy_wh), context=context, signed=signed)
    return MeterValue(at(minutes), (sample,))


def _periodic(minutes: float, energy_wh: str) -> MeterValue:
    currents = ("15.9", "16.0", "15.85")
    samples = (
        SampledValue(Decimal(energy_wh)),
        SampledValue(Decimal("10987.4"), Measurand.POWER_ACTIVE_IMPORT),
        *(
            SampledValue(Decimal(current), Measurand.CURRENT_IMPORT, phase=phase)
            for current, phase in zip(currents, ("L1", "L2", "L3"), strict=True)
        ),
    )
    return MeterValue(at(minutes), samples)


BOOT: Final = Boot(
    identity=StationIdentity(
        vendor="Example",
        model="AC22",
        serial_number="0001",
        firmware_version="1.0.0",
        meter_serial_number="M-77",
        meter_type="EM",
    ),
    reason=BootReason.POWER_UP,
)
IDLE: Final = EvseSnapshot()
PLUGGED_IN: Final = EvseSnapshot(plugged_in=True)
CHARGING: Final = EvseSnapshot(
    plugged_in=True,
    ev_ready=True,
    authorized=True,
    offered=True,
    power_path_closed=True,
    in_transaction=True,
)
AFTER_BOOT: Final = (
    EvseChanged(at=at(0), evse=1, after=IDLE),
    EvseChanged(at=at(0), evse=2, after=replace(IDLE, operative=False)),
    StationChanged(at=at(0), operative=True),
    SecurityEvent(at=at(0), kind="StartupOfTheDevice"),
    SecurityEvent(at=at(0), kind="FailedToAuthenticateAtCsms", critical=False),
)
HEARTBEAT: Final = HeartbeatDue()

PLUG_IN: Final = EvseChanged(at=at(1), evse=1, before=IDLE, after=PLUGGED_IN)
STARTED: Final = TransactionEvent(
    phase=TransactionPhase.STARTED,
    at=at(1),
    seq_no=0,
    transaction_id=TRANSACTION_ID,
    trigger=TriggerReason.CABLE_PLUGGED_IN,
    evse=1,
    register_wh=Decimal("12340.0"),
    charging_state=ChargingState.EV_CONNECTED,
    names_evse=True,
    cable_max_a=32,
    meter_values=(
        _register(
            1,
            "12340.0",
            ReadingContext.TRANSACTION_BEGIN,
            SignedValue(_SIGNED_BEGIN, public_key=_PUBLIC_KEY),
        ),
    ),
)
ASKED: Final = AuthorizationAsked(id_token=TOKEN, evse=1)
AUTHORIZED: Final = TransactionEvent(
    phase=TransactionPhase.UPDATED,
    at=at(2),
    seq_no=1,
    transaction_id=TRANSACTION_ID,
    trigger=TriggerReason.AUTHORIZED,
    evse=1,
    register_wh=Decimal("12340.0"),
    id_token=TOKEN,
    starts_billing=True,
)
CHARGES: Final = TransactionEvent(
    phase=TransactionPhase.UPDATED,
    at=at(2.5),
    seq_no=2,
    transaction_id=TRANSACTION_ID,
    trigger=TriggerReason.CHARGING_STATE_CHANGED,
    evse=1,
    register_wh=Decimal("12340.0"),
    charging_state=ChargingState.CHARGING,
    phases_used=3,
)
POWER_PATH_CLOSED: Final = EvseChanged(at=at(2.5), evse=1, before=PLUGGED_IN, after=CHARGING)
PERIODIC: Final = TransactionEvent(
    phase=TransactionPhase.UPDATED,
    at=at(7),
    seq_no=3,
    transaction_id=TRANSACTION_ID,
    trigger=TriggerReason.METER_VALUE_PERIODIC,
    evse=1,
    register_wh=Decimal("13164.1"),
    meter_values=(_periodic(7, "13164.1"),),
)
LIMIT_CHANGED: Final = TransactionEvent(
    phase=TransactionPhase.UPDATED,
    at=at(9),
    seq_no=4,
    transaction_id=TRANSACTION_ID,
    trigger=TriggerReason.CHARGING_RATE_CHANGED,
    evse=1,
    register_wh=Decimal("13530.0"),
    charging_state=ChargingState.CHARGING,
)
ENDED: Final = TransactionEvent(
    phase=TransactionPhase.ENDED,
    at=at(17.5),
    seq_no=4,
    transaction_id=TRANSACTION_ID,
    trigger=TriggerReason.STOP_AUTHORIZED,
    evse=1,
    register_wh=Decimal("15090.30"),
    charging_state=ChargingState.EV_CONNECTED,
    id_token=TOKEN,
    stopped_reason=StoppedReason.LOCAL,
    time_spent_charging_s=900,
    meter_values=(
        _register(
            1,
            "12340.0",
            ReadingContext.TRANSACTION_BEGIN,
            SignedValue(_SIGNED_BEGIN, public_key=_PUBLIC_KEY),
        ),
        _periodic(7, "13164.1"),
        _register(17.5, "15090.30", ReadingContext.TRANSACTION_END, SignedValue(_SIGNED_END)),
    ),
)
PLUG_OUT: Final = EvseChanged(
    at=at(18), evse=1, before=replace(PLUGGED_IN, transaction_ended=True), after=IDLE
)
POWER_LOSS: Final = replace(
    ENDED,
    trigger=TriggerReason.ABNORMAL_CONDITION,
    stopped_reason=StoppedReason.POWER_LOSS,
    id_token=None,
    charging_state=None,
    offline=True,
    meter_values=(),
)
REMOTE_STARTED: Final = replace(
    AUTHORIZED,
    phase=TransactionPhase.STARTED,
    seq_no=0,
    trigger=TriggerReason.REMOTE_START,
    remote_start_id=17,
    names_evse=True,
)
REMOTE_STOPPED: Final = replace(
    ENDED,
    seq_no=1,
    trigger=TriggerReason.REMOTE_STOP,
    stopped_reason=StoppedReason.REMOTE,
    id_token=None,
    meter_values=(),
)
CLOCK_ALIGNED: Final = MeterValuesEvent(
    at=at(30), evse=1, meter_values=(_register(30, "15090.30", ReadingContext.SAMPLE_CLOCK),)
)
MAIN_METER: Final = replace(CLOCK_ALIGNED, evse=0)
REPORT: Final = ReportPart(
    at=at(40),
    request_id=3,
    seq_no=0,
    to_be_continued=False,
    entries=(
        ReportEntry(
            component="OCPPCommCtrlr",
            variable="HeartbeatInterval",
            value="300",
            data_type="integer",
            unit="s",
            min_limit=Decimal(1),
        ),
        ReportEntry(
            component="SecurityCtrlr",
            variable="BasicAuthPassword",
            value="never to be told!",
            mutability="WriteOnly",
            max_limit=Decimal(40),
        ),
        ReportEntry(
            component="EVSE",
            evse=1,
            variable="Power",
            mutability="ReadOnly",
            persistent=False,
            data_type="decimal",
            unit="W",
            max_limit=Decimal("22080.0"),
        ),
    ),
)
RESERVED: Final = EvseChanged(at=at(0), evse=1, before=IDLE, after=replace(IDLE, reserved=True))
RESERVATION_USED: Final = replace(
    REMOTE_STARTED, trigger=TriggerReason.AUTHORIZED, remote_start_id=None, reservation_id=7
)
RESERVATION_EXPIRED: Final = ReservationEnded(
    at=at(60), reservation_id=8, end=ReservationEnd.EXPIRED
)
RESERVATION_UNUSED: Final = replace(RESERVATION_EXPIRED, end=ReservationEnd.NO_TRANSACTION)
LOCK_FAILED: Final = ComponentEvent(
    at=at(1),
    event_id=5,
    trigger=EventTrigger.ALERTING,
    notification=EventNotification.HARD_WIRED_NOTIFICATION,
    component="ConnectorPlugRetentionLock",
    variable="Problem",
    value="true",
    evse=1,
    connector=1,
    transaction_id=TRANSACTION_ID,
    severity=2,
)
