"""Firmware updates: ordered, fetched, checked, installed, tried and confirmed (L01, L02).

The table in `agent.core.firmware_update` says what comes next; here it is done. Each step is on
the disk, together with the statuses that tell of it, before the work that follows it begins. So
every run simply does the work of the stage that it finds.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from agent.core.certificates import CertificateProblem
from agent.core.firmware_order import (
    DownloadInterrupted,
    DownloadRefused,
    FirmwareOrder,
    SignatureRefused,
    UpdateAnswer,
    UpdateStatus,
)
from agent.core.firmware_update import (
    FirmwareUpdate,
    Happening,
    Stage,
    Work,
    after,
    due,
    holds_back_sessions,
    ordered,
    status,
    statuses,
    waited,
    work,
)
from agent.core.progress import FirmwareProgress, FirmwareStatus
from agent.core.security_events import SecurityEventKind
from agent.ports import ImageRefused, InstallationFailed, StorageRefused
from agent.services.firmware_judgement import judgement
from agent.services.firmware_ports import FirmwarePorts, FirmwareSettings
from agent.services.firmware_start import meaning, told_by_slots
from agent.services.firmware_trial import stand_trial

DELIVERY_S = 10.0
DELIVERY_LOOK_S = 0.1
LONGEST_REST_S = 60.0
LOOK_AGAIN_S = 1.0
RESTART_S = 300.0
"""How long the slots may take to restart the software; then they are asked again."""
STORAGE_RETRY_S = 5.0

log = logging.getLogger(__name__)


class FirmwareUpdateService:
    """Runs one update at a time; a new order takes its place while it can be given up."""

    def __init__(self, ports: FirmwarePorts, settings: FirmwareSettings) -> None:
        self._ports = ports
        self._settings = settings
        self._update = ports.store.found
        self._version = settings.version
        self._is_resumed = False
        self._percent: int | None = None
        self._turn = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._ordered = asyncio.Event()
        self._job: asyncio.Task[None] | None = None
        self._works: dict[Work, Callable[[FirmwareUpdate], Awaitable[None]]] = {
            Work.BEGIN: lambda _: self._step(Happening.BEGUN),
            Work.WAIT: self._wait,
            Work.DOWNLOAD: self._download,
            Work.CHECK_SIGNATURE: self._check_signature,
            Work.INSTALL: self._install,
            Work.ACTIVATE: self._activate,
            Work.CONFIRM: self._confirm,
        }

    @property
    def update(self) -> FirmwareUpdate | None:
        """The latest update, also one that is over."""
        return self._update

    @property
    def percent(self) -> int | None:
        """How much of the download or the installation is done, None while neither runs."""
        return self._percent

    @property
    def is_switching(self) -> bool:
        """Tell whether the software is about to be restarted in the other slot."""
        return self._update is not None and self._update.stage is Stage.ACTIVATING

    def progress(self, *, signed: bool = True) -> FirmwareProgress:
        """Return what a trigger is answered with (L01.FR.25, FR.26; L02.FR.16, FR.17)."""
        update, told = self._update, status(self._update)
        request_id = None if update is None else update.order.request_id
        if signed and request_id is None:
            # The news of signed updates name the order in every status but Idle.
            told = FirmwareStatus.IDLE
        if told is FirmwareStatus.IDLE:
            request_id = None
        return FirmwareProgress(status=told, request_id=request_id, signed=signed, asked_for=True)

    async def order(self, order: FirmwareOrder) -> UpdateAnswer:
        """Take an order over, or refuse it; it is durable before it is answered (L01.FR.21-24)."""
        async with self._turn:
            refusal = await judgement(order, self._ports, self._settings)
            if refusal is not None:
                return refusal
            return await self._take(order)

    async def run(self) -> None:
        """Do for ever what the update needs next."""
        try:
            while True:
                async with self._turn:
                    self._ordered.clear()
                    self._job = asyncio.create_task(self._work_off())
                await asyncio.wait({self._job})
                await self._after_job(self._job)
        finally:
            await self._stop_job()

    # --- Orders.

    async def _take(self, order: FirmwareOrder) -> UpdateAnswer:
        running = self._running()
        if running is not None and not running.may_be_canceled:
            return _UNDER_WAY
        await self._stop_job()
        async with self._writing:
            running = self._running()
            if running is not None and not running.may_be_canceled:
                return _UNDER_WAY
            begun = ordered(order, self._version, self._ports.clock.now())
            try:
                await self._ports.store.record(begun, ())
            except StorageRefused as error:
                return UpdateAnswer(UpdateStatus.REJECTED, "OutOfStorage", str(error))
            finally:
                self._ordered.set()
            self._update = begun
        if running is None:
            return UpdateAnswer(UpdateStatus.ACCEPTED)
        log.info("the firmware update %s is given up for another", running.order.request_id)
        return UpdateAnswer(UpdateStatus.ACCEPTED_CANCELED)

    def _running(self) -> FirmwareUpdate | None:
        return None if self._update is None or self._update.is_over else self._update

    async def _stop_job(self) -> None:
        if self._job is not None:
            self._job.cancel()
            await asyncio.gather(self._job, return_exceptions=True)

    # --- The course of an update.

    async def _after_job(self, job: asyncio.Task[None]) -> None:
        """Wait for the next order; work that failed for a fault of ours is tried again later."""
        if job.cancelled():
            return
        if (error := job.exception()) is not None:
            log.error("the firmware update does not get on", exc_info=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ordered.wait(), LONGEST_REST_S)
            return
        await self._ordered.wait()

    async def _work_off(self) -> None:
        if not self._is_resumed:
            await self._resume()
            self._is_resumed = True
        while (update := self._update) is not None:
            self._hold_back()
            needed = work(update)
            if needed is Work.NOTHING:
                return
            self._percent = None
            try:
                await self._works[needed](update)
            finally:
                self._percent = None

    async def _resume(self) -> None:
        """Find out what the start of the software means to the update."""
        standing = await told_by_slots(self._ports.slots.standing)
        self._version = standing.version
        if self._update is not None and self._update.is_switched:
            happening, why = await meaning(self._update, self._ports.slots, standing)
            if happening is not None:
                await self._step(happening, why)
        elif self._update is not None and self._update.is_over:
            self._ports.download.forget(self._settings.image)
        is_ours = self._update is not None and self._update.stage is Stage.ON_TRIAL
        if standing.on_trial and not is_ours:
            await self._try(frozenset())

    async def _wait(self, update: FirmwareUpdate) -> None:
        now = self._ports.clock.now()
        if update.stage is Stage.AWAITS_IDLE:
            if self._ports.busy():
                await asyncio.sleep(LOOK_AGAIN_S)
            else:
                await self._switch(update)
            return
        moved = waited(update, now)
        if moved != update:
            await self._move(update, moved)
            return
        rest = (due(update) or now) - now
        await asyncio.sleep(min(max(rest, timedelta(0)).total_seconds(), LONGEST_REST_S))

    async def _switch(self, update: FirmwareUpdate) -> None:
        """Note what the station is like before another slot runs it."""
        slot = await told_by_slots(self._ports.slots.running)
        moved = after(update, Happening.IS_IDLE, self._ports.clock.now())
        noted = replace(moved, faults_before=self._ports.faults(), from_slot=slot)
        await self._move(update, noted)

    async def _download(self, update: FirmwareUpdate) -> None:
        try:
            await self._ports.download.fetch(
                update.order.location, self._settings.image, self._note_percent
            )
        except DownloadInterrupted as error:
            log.warning("the download of the firmware broke off: %s", error)
            await self._step(Happening.INTERRUPTED, str(error))
        except DownloadRefused as error:
            await self._step(Happening.REFUSED, str(error))
        else:
            await self._step(Happening.DOWNLOADED)

    async def _check_signature(self, update: FirmwareUpdate) -> None:
        """Verify the whole file with the signer's certificate (L01.FR.04, FR.12).

        The certificate is checked again, since much may have happened since the order; a clock
        that lost the time does not make it invalid.
        """
        if not update.order.is_signed:
            await self._step(Happening.SIGNATURE_IS_VALID)
            return
        at = max(self._ports.clock.now(), update.accepted_at)
        try:
            await self._ports.trust.check_image(update.order, self._settings.image, at)
        except CertificateProblem as problem:
            kind = SecurityEventKind.INVALID_FIRMWARE_SIGNING_CERTIFICATE
            self._ports.tell(kind, problem.info)
            await self._step(Happening.SIGNATURE_IS_INVALID, problem.info)
        except SignatureRefused as error:
            self._ports.tell(SecurityEventKind.INVALID_FIRMWARE_SIGNATURE, str(error))
            await self._step(Happening.SIGNATURE_IS_INVALID, str(error))
        else:
            await self._step(Happening.SIGNATURE_IS_VALID)

    async def _install(self, _update: FirmwareUpdate) -> None:
        try:
            await self._ports.slots.install(self._settings.image, self._note_percent)
        except ImageRefused as error:
            self._ports.tell(SecurityEventKind.INVALID_FIRMWARE_SIGNATURE, str(error))
            await self._step(Happening.IMAGE_IS_INVALID, str(error))
        except InstallationFailed as error:
            await self._step(Happening.WRITING_FAILED, str(error))
        else:
            await self._step(Happening.WRITTEN)

    async def _activate(self, _update: FirmwareUpdate) -> None:
        """Restart in the new slot, once that was told, with nobody charging (L01.FR.33).

        Whoever was being let in when the switch began is there by now, or was sent away.
        """
        await self._await_delivery()
        if self._ports.busy():
            await asyncio.sleep(LOOK_AGAIN_S)
            return
        log.info("the new firmware is started on trial")
        try:
            await self._ports.slots.activate()
        except InstallationFailed as error:
            await self._step(Happening.ACTIVATION_FAILED, str(error))
            return
        await asyncio.sleep(RESTART_S)
        log.error("the slots did not restart the software in %.0f s", RESTART_S)

    async def _confirm(self, update: FirmwareUpdate) -> None:
        """Keep the new version once it has proven healthy, else go back (L01.FR.28, FR.31).

        One that is kept already, by a run that was cut off before it could note that, stays.
        """
        standing = await told_by_slots(self._ports.slots.standing)
        is_kept = not (standing.on_trial or standing.trial_failed)
        complaint = "" if is_kept else await self._try(update.faults_before, update)
        if not complaint:
            info = f"{update.from_version} became {self._version}"
            self._ports.tell(SecurityEventKind.FIRMWARE_UPDATED, info)
            await self._step(Happening.HEALTHY)
        else:
            await self._step(Happening.UNHEALTHY, complaint)

    async def _try(
        self, faults_before: frozenset[str], update: FirmwareUpdate | None = None
    ) -> str:
        """Let the running version prove itself; return '' once it is kept.

        A version that is not good enough is given up, which ends this process. If even that fails
        it goes on running, and what is wrong with it is returned.
        """
        ports = self._ports
        complaint = await stand_trial(ports, self._settings.trial, faults_before)
        if not complaint:
            return ""
        log.error("the new firmware is given up: %s", complaint)
        if update is not None:
            await self._move(update, replace(update, detail=complaint))
        try:
            await ports.slots.give_up()
        except InstallationFailed as error:
            return f"{complaint}; {error}"
        await asyncio.sleep(RESTART_S)
        return complaint

    # --- Steps.

    async def _step(self, happening: Happening, detail: str = "") -> None:
        update = self._update
        if update is not None:
            await self._move(update, after(update, happening, self._ports.clock.now(), detail))

    async def _move(self, before: FirmwareUpdate, moved: FirmwareUpdate) -> None:
        """Make a step durable, however long the storage refuses it; nothing follows before that."""
        while True:
            if await asyncio.shield(self._commit(before, moved)):
                return
            await asyncio.sleep(STORAGE_RETRY_S)

    async def _commit(self, before: FirmwareUpdate, moved: FirmwareUpdate) -> bool:
        async with self._writing:
            if self._update is not before:
                return True
            try:
                await self._ports.store.record(moved, _told(before, moved))
            except StorageRefused as error:
                log.warning("the firmware update waits for the storage: %s", error)
                return False
            self._update = moved
        log.info("firmware update: %s%s", moved.stage, f" ({moved.detail})" if moved.detail else "")
        if moved.is_over:
            self._ports.download.forget(self._settings.image)
        return True

    def _hold_back(self) -> None:
        allowed = self._settings.allows_new_sessions()
        self._ports.hold_back(holds_back_sessions(self._update, allowed=allowed))

    def _note_percent(self, percent: int) -> None:
        self._percent = percent

    async def _await_delivery(self) -> None:
        """Give the news a chance to go out before the restart; what is left stays queued."""
        for _ in range(int(DELIVERY_S / DELIVERY_LOOK_S)):
            await asyncio.sleep(DELIVERY_LOOK_S)
            if not len(self._ports.queue):
                return


_UNDER_WAY = UpdateAnswer(
    UpdateStatus.REJECTED, "FwUpdateInProgress", "the software is being switched over"
)


def _told(before: FirmwareUpdate, moved: FirmwareUpdate) -> list[FirmwareProgress]:
    """Word the statuses of a step, each with the request id (L01.FR.10, L02.FR.06)."""
    request_id = moved.order.request_id
    return [
        FirmwareProgress(status=told, request_id=request_id, signed=request_id is not None)
        for told in statuses(before, moved)
    ]
