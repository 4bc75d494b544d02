"""The lobby of a station: a token that waits for its EVSE, and the orders that concern it."""

from collections.abc import Awaitable, Callable, Mapping

from agent.app.foundations import Foundations
from agent.core.commands import ACCEPTED, Outcome, RequestStop, Reset, Verdict
from agent.core.session_state import Cause, SessionState, StopOrdered
from agent.core.vocabulary import ResetKind, StoppedReason, TriggerReason
from agent.ports import Csms
from agent.services import policies
from agent.services.evse import EvseService
from agent.services.judging import Judge, Observer, Remember
from agent.services.lobby import Lobby, LobbyPorts

_RESET = StopOrdered(Cause(TriggerReason.RESET_COMMAND, StoppedReason.IMMEDIATE_RESET), final=True)


def lobby(f: Foundations, csms: Csms, judge: Judge, remember: Remember) -> Lobby:
    """Return the lobby with whoever waited there before the last restart."""
    ports = LobbyPorts(f.storage.journal, csms, f.clock, judge, remember)
    return Lobby(
        ports,
        policies.session_policy(f.model),
        f.storage.journal.sessions().values(),
        power_was_lost=f.power_was_lost,
    )


def introducing(evses: Mapping[int, EvseService]) -> Observer:
    """Let EVs that were plugged in while the token was being judged be looked at again."""

    def observe(before: SessionState, after: SessionState) -> None:
        if after.authorization is None or before.authorization is not None:
            return
        for evse in evses.values():
            if evse.state.snapshot.plugged_in and evse.state.authorization is None:
                evse.look_again()

    return observe


def stopping(
    waiting: Lobby, elsewhere: Callable[[RequestStop], Outcome]
) -> Callable[[RequestStop], Outcome]:
    """Let RequestStopTransaction reach a transaction that has no EVSE yet (F03)."""

    def stop(command: RequestStop) -> Outcome:
        transaction = waiting.state.transaction
        if transaction is None or transaction.id != command.transaction_id:
            return elsewhere(command)
        waiting.post(StopOrdered(Cause(TriggerReason.REMOTE_STOP, StoppedReason.REMOTE)))
        return ACCEPTED

    return stop


def resetting(
    waiting: Lobby, station: Callable[[Reset], Awaitable[Outcome]]
) -> Callable[[Reset], Awaitable[Outcome]]:
    """End a transaction without EVSE before a reset that does not wait (B12); others outlive it."""

    async def reset(command: Reset) -> Outcome:
        outcome = await station(command)
        at_once = command.evse is None and command.kind is not ResetKind.ON_IDLE
        if at_once and outcome.verdict is Verdict.ACCEPTED:
            waiting.post(_RESET)
        return outcome

    return reset
