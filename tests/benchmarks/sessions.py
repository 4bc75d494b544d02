"""Sessions of an offline station: real core, real signatures, real store; only time is made up."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from agent import __version__
from agent.app.initial import device_model
from agent.app.storage import Pagination, RememberedKey, Storage, open_storage
from agent.config.load import load
from agent.core.events import TransactionEvent
from agent.core.meter_values import with_signed
from agent.core.metering import Reading
from agent.core.session import Session, idle_state
from agent.core.session_state import (
    Elapsed,
    LimitChanged,
    LinesChanged,
    Moment,
    Resumed,
    SessionState,
    Stimulus,
    TokenJudged,
    TokenPresented,
)
from agent.core.vocabulary import (
    AuthorizationStatus,
    AuthorizedBy,
    IdToken,
    IdTokenInfo,
    ReadingContext,
    TransactionPhase,
)
from agent.metering.ocmf import ClockStatus, SigningDevice
from agent.metering.station_signer import SigningPolicy, StationSigner
from agent.ports import SigningRequest
from agent.services import policies
from agent.services.history import TransactionHistory
from agent.services.system_clock import SystemClock

EVSE = 1
POWER_W = Decimal(11000)
SAMPLE_S = 60
SAMPLES_PER_SESSION = 6
BOOT_ID = "00000000-0000-4000-8000-000000000000"
_BEGIN = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
_TOKEN = IdToken("04A2B3C4")
_ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED)
_AWAY = LinesChanged(plugged_in=False, ev_ready=False, power_path_closed=False)


@asynccontextmanager
async def opened(config_file: Path) -> AsyncIterator["OfflineSessions"]:
    """Open the state directory of a stopped station; everything is on the disk on leaving."""
    config, clock = load(config_file), SystemClock()
    storage = await open_storage(config, clock, BOOT_ID, lambda: True)
    try:
        model = device_model(config, __version__)
        key_file = config.station.state_dir / "keys" / "meter_signing.pem"
        policy = SigningPolicy(
            public_key=policies.public_key_policy(model),
            clock_status=ClockStatus.SYNCHRONIZED,
            over_tls=False,
        )
        signer = StationSigner(
            key_file,
            RememberedKey(storage.documents),
            Pagination(storage.counters),
            _OneMeter(),
            lambda: policy,
        )
        session = Session(idle_state(EVSE), policies.session_policy(model))
        yield OfflineSessions(storage, session, signer)
    finally:
        await storage.close()


class OfflineSessions:
    """Charges one car after the other at one EVSE; `events` are all that was stored."""

    def __init__(self, storage: Storage, session: Session, signer: StationSigner) -> None:
        self.events: list[TransactionEvent] = []
        self._journal = storage.journal
        self._session = session
        self._history = TransactionHistory(storage.documents)
        self._signer = signer
        self._passed_s = 0.0
        self._register_wh = Decimal("1234.567")

    async def store(self, count: int) -> None:
        """Store whole sessions until there are at least so many events."""
        await self._take(Resumed(_AWAY, power_was_lost=False))
        await self._take(LimitChanged(Decimal(32)))
        connection = 0
        while len(self.events) < count:
            connection += 1
            await self._charge(replace(_AWAY, plugged_in=True, connection=connection))

    async def _charge(self, plugged: LinesChanged) -> None:
        await self._take(plugged)
        await self._take(TokenPresented(_TOKEN))
        await self._take(TokenJudged(_TOKEN, _ACCEPTED, AuthorizedBy.OFFLINE))
        await self._take(replace(plugged, ev_ready=True))
        await self._take(replace(plugged, ev_ready=True, power_path_closed=True))
        for _ in range(SAMPLES_PER_SESSION):
            self._pass(SAMPLE_S)
            await self._take(Elapsed())
        self._pass(10)
        await self._take(replace(_AWAY, connection=plugged.connection))

    def _pass(self, seconds: int) -> None:
        self._passed_s += seconds
        self._register_wh += (POWER_W * seconds / 3600).quantize(Decimal("0.001"))

    async def _take(self, stimulus: Stimulus) -> None:
        """Do with a stimulus what the station does with it: judge, sign, remember, store."""
        self._pass(1)
        before = self._session.state
        step = self._session.handle(stimulus, self._moment())
        events = [await self._signed(event, before) for event in step.events]
        for event in events:
            await self._history.note(event, before, self._signer.public_key_hex)
        if events or before.snapshot != self._session.state.snapshot:
            await self._journal.record(self._session.state, events, before_effect=True)
        self.events += events

    def _moment(self) -> Moment:
        return Moment(
            at=_BEGIN + timedelta(seconds=self._passed_s),
            now_s=self._passed_s,
            reading=Reading(
                self._register_wh,
                power_w=POWER_W,
                voltage_v=(Decimal("230.1"), Decimal("229.8"), Decimal("230.4")),
                current_a=(Decimal("15.93"), Decimal("15.97"), Decimal("15.90")),
                frequency_hz=Decimal("50.00"),
            ),
            fresh_id=str(uuid.uuid4()),
            online=False,
        )

    async def _signed(self, event: TransactionEvent, before: SessionState) -> TransactionEvent:
        if event.phase is TransactionPhase.UPDATED:
            return event
        begins = event.phase is TransactionPhase.STARTED
        context = ReadingContext.TRANSACTION_BEGIN if begins else ReadingContext.TRANSACTION_END
        held = before.transaction
        request = SigningRequest(
            evse=EVSE,
            transaction_id=event.transaction_id,
            at=event.at,
            register_wh=event.register_wh,
            context=context,
            authorization=self._session.state.authorization or (held.holder if held else None),
        )
        signed = await self._signer.sign(request)
        if signed is None:
            return event
        if begins and (transaction := self._session.state.transaction) is not None:
            begin = () if transaction.begin is None else (transaction.begin,)
            kept = with_signed(begin, event.at, event.register_wh, context, signed)
            self._session.remember_begin(replace(transaction, begin=kept[0]))
        values = with_signed(event.meter_values, event.at, event.register_wh, context, signed)
        return replace(event, meter_values=values)


class _OneMeter:
    """Says of the meter what a simulated board's says."""

    async def device(self, evse: int) -> SigningDevice:
        """Return what a record says of meter and station."""
        return SigningDevice(
            meter_serial=f"0A1B2C3D-{evse}",
            station_software_version="stationd",
            meter_vendor="stationd",
            meter_model="Simulated meter",
            meter_firmware="1",
            gateway_model="AC22",
            gateway_serial="0001",
            gateway_version="1",
        )
