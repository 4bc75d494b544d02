"""What a charging session consists of: its state, what can happen to it, and the rules it obeys."""

from dataclasses import field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from agent.core.events import TransactionEvent
from agent.core.limits import LimitSource
from agent.core.meter_values import MeterValue
from agent.core.metering import MOST_ENDED_VALUES, Offer, Reading
from agent.core.records import dataclass
from agent.core.reservation import Hold
from agent.core.signed_values import SigningRules
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import (
    AuthorizedBy,
    ChargingState,
    IdToken,
    IdTokenInfo,
    Measurand,
    StoppedReason,
    TriggerReason,
    TxPoint,
)

MINIMUM_CURRENT_A = Decimal(6)
"""Below it IEC 61851-1 has no duty cycle: the EVSE suspends."""
UNDECIDED = 0
"""Stands for the EVSE of a session as long as nobody knows where the EV will be plugged in."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """A token that may charge here.

    `evses` names the only ones where it may (C01.FR.21), `reservation_id` the reservation that it
    used up. `priority` is its chargingPriority.
    """

    token: IdToken
    by: AuthorizedBy
    group: IdToken | None = None
    remote_start_id: int | None = None
    evses: tuple[int, ...] | None = None
    reservation_id: int | None = None
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something happens, in the words of a transaction event."""

    trigger: TriggerReason
    stopped_reason: StoppedReason = StoppedReason.OTHER
    token: IdToken | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """A running transaction; its `told` fields say what events have told, so that it is told once.

    `holder` is the authorization that was told first; it stays when the authorization ends.
    `told_at` and `told_register_wh` are the latest ones told: neither steps back within a
    transaction. `charging_since_s` is on the monotonic clock. `stopped_reason` says why the
    authorization ended while the transaction goes on. `ending` is set once a stop point is reached;
    the event follows when the power path is open. `energy_until_wh` is the register at which energy
    is cut after the CSMS refused the token. `awaits_begin`: the EVSE was not known at the start, so
    that the begin values are told when charging starts (E01.FR.17; None is no). `ready_at` is when
    its EV was connected and its driver authorized for the first time (K01.FR.42).
    """

    id: str
    started_at: datetime
    register_at_start_wh: Decimal
    next_seq_no: int = 0
    holder: Authorization | None = None
    told_token: bool = False
    told_evse: bool = False
    told_remote_start: bool = False
    told_reservation_id: int | None = None
    told_state: ChargingState | None = None
    told_at: datetime | None = None
    told_register_wh: Decimal | None = None
    charging_since_s: float | None = None
    charged_s: float = 0.0
    stopped_reason: StoppedReason | None = None
    ending: Cause | None = None
    energy_until_wh: Decimal | None = None
    energy_cut: bool = False
    awaits_begin: bool | None = None
    ready_at: datetime | None = None
    begin: MeterValue | None = None
    series: tuple[MeterValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Instants on the monotonic clock; they are not kept over a restart."""

    connect_s: float | None = None
    sample_s: float | None = None
    ended_sample_s: float | None = None
    ending_s: float | None = None

    def earliest_s(self) -> float | None:
        """Return the next instant at which something is due."""
        due = (self.connect_s, self.sample_s, self.ended_sample_s, self.ending_s)
        return min((d for d in due if d is not None), default=None)


@dataclass(frozen=True, slots=True)
class SessionState:
    """Everything that one EVSE's session must remember; `pending` awaits the CSMS's verdict.

    `rest` is the last reading taken while the power path was open; `connection` is the guard's
    number of the present plug-in (0: not known), by which a car that was swapped unseen is noticed.
    `cable_keeper` is whose cable stays locked in the outlet until its token comes back.
    `ended` is the transaction that ended and whose cable is still in.
    `hold` is what reservations mean here, None for nothing. `limit_a`, `wanted_phases` and
    `wanted_phase` are what smart charging tells (None: the usual phases, L1), `ceiling_a` is what
    nothing may exceed, whatever that tells, None for no ceiling.
    """

    evse: int
    snapshot: EvseSnapshot = field(default_factory=EvseSnapshot)
    authorization: Authorization | None = None
    pending: Authorization | None = None
    transaction: Transaction | None = None
    limit_a: Decimal = Decimal(0)
    wanted_phases: int | None = None
    wanted_phase: int | None = None
    ceiling_a: Decimal | None = None
    rest: Reading | None = None
    connection: int = 0
    cable_max_a: int | None = None
    cable_keeper: Authorization | None = None
    ended: str | None = None
    hold: Hold | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)

    @property
    def granted_a(self) -> Decimal:
        """The current that may be offered, A per phase."""
        return self.limit_a if self.ceiling_a is None else min(self.limit_a, self.ceiling_a)


def worth_keeping(state: SessionState) -> SessionState:
    """Return the state without what a restart forgets anyway."""
    return replace(state, deadlines=Deadlines(), rest=None, pending=None, ceiling_a=None)


def last_told(state: SessionState | None) -> Reading | None:
    """Return the highest register that is known of an EVSE, None if there is none."""
    if state is None:
        return None
    transaction, rest = state.transaction, state.rest
    told_wh = None if transaction is None else transaction.told_register_wh
    if told_wh is None or (rest is not None and told_wh <= rest.register_wh):
        return rest
    return Reading(told_wh, power_w=None)


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """The device-model variables that steer a session."""

    start_points: frozenset[TxPoint] = frozenset({TxPoint.POWER_PATH_CLOSED})
    stop_points: frozenset[TxPoint] = frozenset({TxPoint.EV_CONNECTED, TxPoint.AUTHORIZED})
    connection_timeout_s: int = 60
    stop_on_invalid_id: bool = True
    stop_on_ev_side_disconnect: bool = True
    unlock_on_ev_side_disconnect: bool = True
    tells_unplugged: bool = False
    max_energy_on_invalid_id_wh: int | None = None
    authorization_required: bool = True
    master_pass_group_id: str = ""
    started_measurands: tuple[Measurand, ...] = (Measurand.ENERGY_ACTIVE_IMPORT_REGISTER,)
    updated_measurands: tuple[Measurand, ...] = (Measurand.ENERGY_ACTIVE_IMPORT_REGISTER,)
    ended_measurands: tuple[Measurand, ...] = (Measurand.ENERGY_ACTIVE_IMPORT_REGISTER,)
    aligned_measurands: tuple[Measurand, ...] = (Measurand.ENERGY_ACTIVE_IMPORT_REGISTER,)
    aligned_ended_measurands: tuple[Measurand, ...] = ()
    updated_interval_s: int = 60
    ended_interval_s: int = 0
    ended_values_at_most: int = MOST_ENDED_VALUES
    ended_samples_at_most: int = 300
    ending_timeout_s: float = 10.0
    signing: SigningRules = field(default_factory=SigningRules)


@dataclass(frozen=True, slots=True)
class Moment:
    """The instant of a stimulus: both clocks, meter, and a never-used id.

    `learned` is by how much the wall clock had moved as the time became known, None until then.
    """

    at: datetime
    now_s: float
    reading: Reading
    fresh_id: str
    online: bool = True
    phases: int = 3
    nominal_voltage_v: int = 230
    learned: timedelta | None = None

    def offer(self, limit_a: Decimal) -> Offer:
        """Return the offer that a current limit means here."""
        return Offer(limit_a, self.phases, self.nominal_voltage_v)


def due(deadline_s: float | None, moment: Moment) -> bool:
    """Tell whether a deadline has passed."""
    return deadline_s is not None and moment.now_s >= deadline_s


# --- Stimuli: what can happen to a session.


@dataclass(frozen=True, slots=True)
class LinesChanged:
    """The guard's view: plug, EV readiness, contactor, faults."""

    plugged_in: bool
    ev_ready: bool
    power_path_closed: bool
    faults: frozenset[str] = frozenset()
    connection: int = 0
    cable_max_a: int | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """An EV is plugged in here for a token that was presented before its EVSE was known (E03).

    `transaction` runs already if the token started it.
    """

    lines: LinesChanged
    authorization: Authorization
    transaction: Transaction | None = None


@dataclass(frozen=True, slots=True)
class TokenPresented:
    """A token was held before the reader; `contract` is the chain that a vehicle presented."""

    token: IdToken
    contract: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TokenJudged:
    """The verdict on a presented token, from whoever judged it."""

    token: IdToken
    info: IdTokenInfo
    by: AuthorizedBy


@dataclass(frozen=True, slots=True)
class RemoteStarted:
    """The CSMS starts this EVSE for a token; `to_be_judged` asks for authorization first."""

    token: IdToken
    group: IdToken | None = None
    remote_start_id: int | None = None
    to_be_judged: bool = False


@dataclass(frozen=True, slots=True)
class TokenRevoked:
    """The CSMS refused the transaction's token in its answer to an event (E05)."""

    transaction_id: str


@dataclass(frozen=True, slots=True)
class GroupTold:
    """The CSMS told the group of the transaction's token in its answer to an event (C09)."""

    transaction_id: str
    token: IdToken
    group: IdToken


@dataclass(frozen=True, slots=True)
class StopOrdered:
    """Somebody other than the driver stops the transaction: remote, reset, unlock.

    `final` ends it even if its stop point is not reached, as before a reboot.
    """

    cause: Cause
    final: bool = False


@dataclass(frozen=True, slots=True)
class CableReleased:
    """The CSMS has the retention lock opened (F05): the cable is kept for nobody any more."""


@dataclass(frozen=True, slots=True)
class LimitChanged:
    """The current that smart charging allows, A per phase.

    `source` says which limit it is, None for charging profiles. Where the EVSE can switch `phases`
    is 1 or 3 and `phase` which one, None for the usual. `significant`: worth telling the CSMS.
    """

    limit_a: Decimal
    source: LimitSource | None = None
    phases: int | None = None
    significant: bool = True
    phase: int | None = None


@dataclass(frozen=True, slots=True)
class CeilingChanged:
    """What is offered may not exceed this, A per phase, whatever smart charging allows."""

    ceiling_a: Decimal | None


@dataclass(frozen=True, slots=True)
class AvailabilityChanged:
    """The effective availability of the EVSE."""

    operative: bool


@dataclass(frozen=True, slots=True)
class HoldChanged:
    """What reservations mean for the EVSE from now on (H01-H04)."""

    hold: Hold


@dataclass(frozen=True, slots=True)
class AlignedDue:
    """A clock-aligned instant has come while a transaction runs.

    `tell` it now (Interval), `keep` it for the end (TxEndedInterval), or both.
    """

    tell: bool = True
    keep: bool = False


@dataclass(frozen=True, slots=True)
class EventTriggered:
    """The CSMS wants a TransactionEvent now (F06.FR.07)."""


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Time passed: a deadline may be due, the register may have reached its bound."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The software restarted; `power_was_lost` tells a power cut from a mere restart."""

    lines: LinesChanged
    power_was_lost: bool


Stimulus = (
    LinesChanged
    | Arrived
    | TokenPresented
    | TokenJudged
    | RemoteStarted
    | TokenRevoked
    | GroupTold
    | StopOrdered
    | CableReleased
    | LimitChanged
    | CeilingChanged
    | AvailabilityChanged
    | HoldChanged
    | AlignedDue
    | EventTriggered
    | Elapsed
    | Resumed
)


@dataclass(frozen=True, slots=True)
class Step:
    """What a stimulus led to, besides the new state.

    `judge` is a token to be judged now, with its `contract` if a vehicle presented one;
    `master_pass` is one that stops all transactions.
    """

    events: tuple[TransactionEvent, ...] = ()
    judge: IdToken | None = None
    refused: IdToken | None = None
    master_pass: IdToken | None = None
    contract: str | None = field(default=None, repr=False)
