"""The sessions that fill the outbox are sessions as the station stores them."""

from pathlib import Path

from agent.core.vocabulary import TransactionPhase
from tests.benchmarks import sessions
from tests.benchmarks.station import BenchStation


async def test_whole_signed_sessions_are_stored(tmp_path: Path) -> None:
    station = BenchStation(tmp_path, "ws://127.0.0.1:9/ocpp", "ocpp2.0.1")
    async with station:
        async with sessions.opened(station.config_file) as stored:
            await stored.store(15)
            phases = [event.phase for event in stored.events]
            queued = len(stored._journal)
        async with sessions.opened(station.config_file) as again:
            assert len(again._journal) == queued == len(phases) >= 15
            assert all(s.transaction is None for s in again._journal.sessions().values())
    assert phases[0] is TransactionPhase.STARTED
    assert phases[-1] is TransactionPhase.ENDED
    assert phases.count(TransactionPhase.STARTED) == phases.count(TransactionPhase.ENDED)
    signed = [e for e in stored.events if any(s.signed for v in e.meter_values for s in v.samples)]
    assert len(signed) == 2 * phases.count(TransactionPhase.STARTED)
    sampled = [e for e in stored.events if e.phase is TransactionPhase.UPDATED and e.meter_values]
    assert len(sampled) == sessions.SAMPLES_PER_SESSION * phases.count(TransactionPhase.STARTED)
