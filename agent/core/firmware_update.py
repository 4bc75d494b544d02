"""A firmware update from the order to the confirmed slot (L01, L02), as a transition table.

Where an update stands is one `Stage`; the status that the CSMS is told is a projection of it, and
so is the work that is to be done. The stage is on the disk before the work begins, so that after a
restart or a power cut `work` says how to go on. The image goes into the slot that is not in use;
only what runs in the new slot and is healthy may call the update installed.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from agent.core.firmware_order import FirmwareOrder
from agent.core.progress import FirmwareStatus
from agent.core.records import dataclass


class Stage(StrEnum):
    """Where an update stands."""

    ORDERED = "Ordered"
    """The order is accepted and kept; nothing was told of it yet but the answer."""
    AWAITS_RETRIEVAL = "AwaitsRetrieval"
    DOWNLOADING = "Downloading"
    RESTS = "Rests"
    """A download was interrupted and is resumed later."""
    CHECKS_SIGNATURE = "ChecksSignature"
    AWAITS_INSTALLATION = "AwaitsInstallation"
    INSTALLING = "Installing"
    AWAITS_IDLE = "AwaitsIdle"
    """The other slot holds the new image; transactions keep it from being activated."""
    ACTIVATING = "Activating"
    ON_TRIAL = "OnTrial"
    """The new slot runs and is not confirmed yet."""
    INSTALLED = "Installed"
    DOWNLOAD_FAILED = "DownloadFailed"
    INVALID_SIGNATURE = "InvalidSignature"
    INSTALL_VERIFICATION_FAILED = "InstallVerificationFailed"
    INSTALLATION_FAILED = "InstallationFailed"


class Work(StrEnum):
    """What an update needs to be done next."""

    NOTHING = "Nothing"
    BEGIN = "Begin"
    WAIT = "Wait"
    DOWNLOAD = "Download"
    CHECK_SIGNATURE = "CheckSignature"
    INSTALL = "Install"
    ACTIVATE = "Activate"
    CONFIRM = "Confirm"


class Happening(StrEnum):
    """What may happen to an update."""

    BEGUN = "Begun"
    RETRIEVAL_IS_DUE = "RetrievalIsDue"
    DOWNLOADED = "Downloaded"
    INTERRUPTED = "Interrupted"
    """The download broke off; what has come is kept."""
    RETRY_IS_DUE = "RetryIsDue"
    REFUSED = "Refused"
    """The file is never to be had: it is too large, or its address is not allowed."""
    SIGNATURE_IS_VALID = "SignatureIsValid"
    SIGNATURE_IS_INVALID = "SignatureIsInvalid"
    INSTALLATION_IS_DUE = "InstallationIsDue"
    WRITTEN = "Written"
    IMAGE_IS_INVALID = "ImageIsInvalid"
    """The bundle's own verification failed, or it is for other hardware, or older."""
    WRITING_FAILED = "WritingFailed"
    IS_IDLE = "IsIdle"
    ACTIVATION_FAILED = "ActivationFailed"
    NEW_SLOT_RUNS = "NewSlotRuns"
    OLD_SLOT_RUNS = "OldSlotRuns"
    """The new slot did not come up, or gave up, and the old one was fallen back to."""
    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareUpdate:
    """One update; `interruptions` counts broken downloads, `retry_at` says when to go on.

    `from_version` is what ran when it was ordered, `detail` why it failed, for people.
    `from_slot` and `faults_before` are the slot that ran, and the faults that the station had,
    before the new slot was started; a document of an older version tells no slot.
    """

    order: FirmwareOrder
    from_version: str
    accepted_at: datetime
    stage: Stage = Stage.ORDERED
    interruptions: int = 0
    retry_at: datetime | None = None
    detail: str = ""
    faults_before: frozenset[str] = frozenset()
    from_slot: str | None = None

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more will come of it."""
        return self.stage in _ENDS

    @property
    def is_switched(self) -> bool:
        """Tell whether the switch of slots is under way, or made and not proven right."""
        return self.stage in (Stage.ACTIVATING, Stage.ON_TRIAL)

    @property
    def may_be_canceled(self) -> bool:
        """Tell whether it can still be given up (FR.27)."""
        return not self.is_switched


DEFAULT_RETRIES = 3
DEFAULT_RETRY_INTERVAL_S = 60
MOST_RETRIES = 100
LONGEST_RETRY_INTERVAL_S = 86_400
_LONGEST_PAUSE = timedelta(seconds=LONGEST_RETRY_INTERVAL_S)
_AT_ONCE = datetime.min.replace(tzinfo=UTC)

_ENDS = frozenset(
    {
        Stage.INSTALLED,
        Stage.DOWNLOAD_FAILED,
        Stage.INVALID_SIGNATURE,
        Stage.INSTALL_VERIFICATION_FAILED,
        Stage.INSTALLATION_FAILED,
    }
)

_AFTER: Mapping[tuple[Stage, Happening], Stage] = MappingProxyType(
    {
        (Stage.ORDERED, Happening.BEGUN): Stage.AWAITS_RETRIEVAL,
        (Stage.AWAITS_RETRIEVAL, Happening.RETRIEVAL_IS_DUE): Stage.DOWNLOADING,
        (Stage.DOWNLOADING, Happening.DOWNLOADED): Stage.CHECKS_SIGNATURE,
        (Stage.DOWNLOADING, Happening.INTERRUPTED): Stage.RESTS,
        (Stage.DOWNLOADING, Happening.REFUSED): Stage.DOWNLOAD_FAILED,
        (Stage.RESTS, Happening.RETRY_IS_DUE): Stage.DOWNLOADING,
        (Stage.CHECKS_SIGNATURE, Happening.SIGNATURE_IS_VALID): Stage.AWAITS_INSTALLATION,
        (Stage.CHECKS_SIGNATURE, Happening.SIGNATURE_IS_INVALID): Stage.INVALID_SIGNATURE,
        (Stage.AWAITS_INSTALLATION, Happening.INSTALLATION_IS_DUE): Stage.INSTALLING,
        (Stage.INSTALLING, Happening.WRITTEN): Stage.AWAITS_IDLE,
        (Stage.INSTALLING, Happening.IMAGE_IS_INVALID): Stage.INSTALL_VERIFICATION_FAILED,
        (Stage.INSTALLING, Happening.WRITING_FAILED): Stage.INSTALLATION_FAILED,
        (Stage.AWAITS_IDLE, Happening.IS_IDLE): Stage.ACTIVATING,
        (Stage.ACTIVATING, Happening.ACTIVATION_FAILED): Stage.INSTALLATION_FAILED,
        (Stage.ACTIVATING, Happening.NEW_SLOT_RUNS): Stage.ON_TRIAL,
        (Stage.ACTIVATING, Happening.OLD_SLOT_RUNS): Stage.INSTALLATION_FAILED,
        (Stage.ON_TRIAL, Happening.NEW_SLOT_RUNS): Stage.ON_TRIAL,
        (Stage.ON_TRIAL, Happening.OLD_SLOT_RUNS): Stage.INSTALLATION_FAILED,
        (Stage.ON_TRIAL, Happening.HEALTHY): Stage.INSTALLED,
        (Stage.ON_TRIAL, Happening.UNHEALTHY): Stage.INSTALLATION_FAILED,
    }
)

_STATUSES: Mapping[Stage, FirmwareStatus] = MappingProxyType(
    {
        Stage.ORDERED: FirmwareStatus.IDLE,
        Stage.AWAITS_RETRIEVAL: FirmwareStatus.DOWNLOAD_SCHEDULED,
        Stage.DOWNLOADING: FirmwareStatus.DOWNLOADING,
        Stage.RESTS: FirmwareStatus.DOWNLOAD_PAUSED,
        Stage.CHECKS_SIGNATURE: FirmwareStatus.DOWNLOADED,
        Stage.AWAITS_INSTALLATION: FirmwareStatus.INSTALL_SCHEDULED,
        Stage.INSTALLING: FirmwareStatus.INSTALLING,
        Stage.AWAITS_IDLE: FirmwareStatus.INSTALLING,
        Stage.ACTIVATING: FirmwareStatus.INSTALL_REBOOTING,
        Stage.ON_TRIAL: FirmwareStatus.INSTALL_REBOOTING,
        Stage.INSTALLED: FirmwareStatus.INSTALLED,
        Stage.DOWNLOAD_FAILED: FirmwareStatus.DOWNLOAD_FAILED,
        Stage.INVALID_SIGNATURE: FirmwareStatus.INVALID_SIGNATURE,
        Stage.INSTALL_VERIFICATION_FAILED: FirmwareStatus.INSTALL_VERIFICATION_FAILED,
        Stage.INSTALLATION_FAILED: FirmwareStatus.INSTALLATION_FAILED,
    }
)

_WORK: Mapping[Stage, Work] = MappingProxyType(
    {
        Stage.ORDERED: Work.BEGIN,
        Stage.AWAITS_RETRIEVAL: Work.WAIT,
        Stage.DOWNLOADING: Work.DOWNLOAD,
        Stage.RESTS: Work.WAIT,
        Stage.CHECKS_SIGNATURE: Work.CHECK_SIGNATURE,
        Stage.AWAITS_INSTALLATION: Work.WAIT,
        Stage.INSTALLING: Work.INSTALL,
        Stage.AWAITS_IDLE: Work.WAIT,
        Stage.ACTIVATING: Work.ACTIVATE,
        Stage.ON_TRIAL: Work.CONFIRM,
    }
)


def ordered(order: FirmwareOrder, running_version: str, now: datetime) -> FirmwareUpdate:
    """Return the update that an order begins; nothing is told before the order is answered."""
    return FirmwareUpdate(order=order, from_version=running_version, accepted_at=now)


def after(
    update: FirmwareUpdate, happening: Happening, now: datetime, detail: str = ""
) -> FirmwareUpdate:
    """Return the update after something happened to it; what cannot concern it changes nothing.

    A download that breaks off is resumed until its retries are used up (L01.FR.30).
    """
    stage = _AFTER.get((update.stage, happening))
    if stage is None:
        return update
    if stage is Stage.RESTS:
        return waited(_interrupted(update, now, detail), now)
    kept = detail if stage in _ENDS else ""
    moved = replace(update, stage=stage, retry_at=None, detail=kept)
    return waited(moved, now)


def waited(update: FirmwareUpdate, now: datetime) -> FirmwareUpdate:
    """Return the update as it stands now: whatever was awaited and is due has begun.

    A pause longer than any that may be asked for means that the clock was set back: it is over.
    """
    due_at = due(update)
    if due_at is None:
        return update
    was_set_back = update.stage is Stage.RESTS and due_at - now > _LONGEST_PAUSE
    if now < due_at and not was_set_back:
        return update
    happening = _WHEN_DUE[update.stage]
    return replace(update, stage=_AFTER[update.stage, happening], retry_at=None)


def due(update: FirmwareUpdate) -> datetime | None:
    """Return when the update goes on by itself, None if it does not wait for a time."""
    match update.stage:
        case Stage.AWAITS_RETRIEVAL:
            return update.order.retrieve_at
        case Stage.RESTS:
            return update.retry_at
        case Stage.AWAITS_INSTALLATION:
            return update.order.install_at or _AT_ONCE
        case _:
            return None


def work(update: FirmwareUpdate) -> Work:
    """Return what is to be done now, also as the first thing after a restart."""
    return _WORK.get(update.stage, Work.NOTHING)


def statuses(before: FirmwareUpdate, now: FirmwareUpdate) -> tuple[FirmwareStatus, ...]:
    """Return what the CSMS must hear of a step, in order (L01.FR.01, FR.13 to FR.16, FR.34).

    A valid signature is told before the wait or the work that follows it. Waiting for transactions
    after writing is still Installing.
    """
    told: list[FirmwareStatus] = []
    checked = before.stage is Stage.CHECKS_SIGNATURE
    if checked and now.order.is_signed and now.stage in _WITH_VALID_SIGNATURE:
        told.append(FirmwareStatus.SIGNATURE_VERIFIED)
    status = _STATUSES[now.stage]
    if status is not _STATUSES[before.stage]:
        told.append(status)
    return tuple(told)


def status(update: FirmwareUpdate | None) -> FirmwareStatus:
    """Return what a trigger is answered with: Idle after success, else the last status (FR.25)."""
    if update is None or update.stage is Stage.INSTALLED:
        return FirmwareStatus.IDLE
    return _STATUSES[update.stage]


def holds_back_sessions(update: FirmwareUpdate | None, *, allowed: bool) -> bool:
    """Tell whether idle EVSEs must be Unavailable (L01.FR.07): an image waits to be activated.

    `allowed` is AllowNewSessionsPendingFirmwareUpdate. At the switch itself nobody may begin.
    """
    if update is None or update.stage is Stage.ACTIVATING:
        return update is not None
    return update.stage is Stage.AWAITS_IDLE and not allowed


def resumed(update: FirmwareUpdate, standing: "Standing") -> Happening | None:
    """Return what a start of the software means to an update, None if nothing.

    A restart before the switch means nothing: the work is simply done again. After it the slots
    say which of them runs.
    """
    if not update.is_switched:
        return None
    if standing.trial_failed:
        return Happening.OLD_SLOT_RUNS
    if standing.on_trial or _runs_new(update, standing):
        return Happening.NEW_SLOT_RUNS
    return Happening.OLD_SLOT_RUNS if update.stage is Stage.ON_TRIAL else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the slots say of themselves: see `agent.ports.SlotStanding` and `Slots.running`."""

    version: str
    slot: str
    on_trial: bool
    trial_failed: bool


_WHEN_DUE = MappingProxyType(
    {
        Stage.AWAITS_RETRIEVAL: Happening.RETRIEVAL_IS_DUE,
        Stage.RESTS: Happening.RETRY_IS_DUE,
        Stage.AWAITS_INSTALLATION: Happening.INSTALLATION_IS_DUE,
    }
)
_WITH_VALID_SIGNATURE = frozenset({Stage.AWAITS_INSTALLATION, Stage.INSTALLING})


def _runs_new(update: FirmwareUpdate, standing: Standing) -> bool:
    """Tell whether another slot runs than before the switch; it may hold the same version."""
    if update.from_slot and standing.slot:
        return standing.slot != update.from_slot
    return standing.version != update.from_version


def _interrupted(update: FirmwareUpdate, now: datetime, detail: str) -> FirmwareUpdate:
    retries = DEFAULT_RETRIES if update.order.retries is None else update.order.retries
    if update.interruptions >= min(max(retries, 0), MOST_RETRIES):
        return replace(update, stage=Stage.DOWNLOAD_FAILED, detail=detail)
    asked_s = update.order.retry_interval_s
    wait_s = DEFAULT_RETRY_INTERVAL_S if asked_s is None else asked_s
    wait = timedelta(seconds=min(max(wait_s, 0), LONGEST_RETRY_INTERVAL_S))
    return replace(
        update, stage=Stage.RESTS, interruptions=update.interruptions + 1, retry_at=now + wait
    )
