"""Scripted faults of a CSMS, for tests of what a station must survive.

Every hook sees each CALL (and each handshake) and may change the plan for it; hooks compose in the
order in which they were added. Raw frames and going down need no hook: the CSMS itself does that.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Protocol

from agent.sim import csms_v2, csms_v16
from agent.sim.frames import Call, error_text

TRANSACTION_MESSAGES = csms_v16.TRANSACTION_MESSAGES | csms_v2.TRANSACTION_MESSAGES


class Ending(StrEnum):
    """What becomes of the connection after the planned answers."""

    KEEP = "keep"
    CLOSE = "close"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the CSMS does with one CALL; the default is to take it over and answer it once.

    With `record` false the message is treated as if it had never been received: there is no honest
    answer then. `answer` replaces the honest answer's text. `copies` is how often it is sent.
    """

    record: bool = True
    answer: str | None = None
    copies: int = 1
    delay_s: float = 0.0
    ending: Ending = Ending.KEEP
    close_code: int = 1011


@dataclass(frozen=True, slots=True)
class HandshakePlan:
    """What the CSMS does with one WebSocket handshake.

    With `overrule_subprotocol` the server echoes `subprotocol` whatever was offered (None echoes
    none) and then ignores every frame, the way servers do that speak no common version.
    """

    refuse_status: HTTPStatus | None = None
    overrule_subprotocol: bool = False
    subprotocol: str | None = None


class Misbehaviour(Protocol):
    """A hook: sees a CALL or a handshake and the plan for it, and returns the plan to follow."""

    def on_call(self, call: Call, plan: Plan) -> Plan:
        """Decide about a CALL of the station."""
        ...

    def on_handshake(self, identity: str, plan: HandshakePlan) -> HandshakePlan:
        """Decide about a handshake."""
        ...


class CallHook:
    """Changes the plan for the given actions (None: all), so many times (None: always).

    `count` tells how often it has acted.
    """

    def __init__(
        self,
        change: Callable[[Call, Plan], Plan],
        actions: Collection[str] | None = None,
        times: int | None = None,
    ) -> None:
        self._change = change
        self._actions = actions
        self._left = times
        self.count = 0

    def on_call(self, call: Call, plan: Plan) -> Plan:
        """Apply the change if this CALL is concerned and there are turns left."""
        if self._left == 0 or (self._actions is not None and call.action not in self._actions):
            return plan
        if self._left is not None:
            self._left -= 1
        self.count += 1
        return self._change(call, plan)

    def on_handshake(self, identity: str, plan: HandshakePlan) -> HandshakePlan:
        """Leave handshakes alone."""
        del identity
        return plan


class HandshakeHook:
    """Follows the given plan for so many handshakes (None: always)."""

    def __init__(self, plan: HandshakePlan, times: int | None = None) -> None:
        self._plan = plan
        self._left = times
        self.count = 0

    def on_call(self, call: Call, plan: Plan) -> Plan:
        """Leave CALLs alone."""
        del call
        return plan

    def on_handshake(self, identity: str, plan: HandshakePlan) -> HandshakePlan:
        """Apply the scripted plan if there are turns left."""
        del identity
        if self._left == 0:
            return plan
        if self._left is not None:
            self._left -= 1
        self.count += 1
        return self._plan


def never_answer(
    actions: Collection[str] | None = None, times: int | None = None, *, record: bool = True
) -> CallHook:
    """Say nothing; the message is taken over, or with `record` false lost before that."""
    return CallHook(lambda _, plan: replace(plan, copies=0, record=record), actions, times)


def lose_answers(times: int) -> CallHook:
    """Take the next `times` transaction messages over and lose the answers on the way."""
    return never_answer(TRANSACTION_MESSAGES, times)


def stop_acknowledging() -> CallHook:
    """Answer no transaction message any more and keep none of them."""
    return never_answer(TRANSACTION_MESSAGES, record=False)


def answer_late(
    delay_s: float, actions: Collection[str] | None = None, times: int | None = None
) -> CallHook:
    """Answer after `delay_s`; without actions it is the latency of a slow CSMS."""
    return CallHook(lambda _, plan: replace(plan, delay_s=plan.delay_s + delay_s), actions, times)


def answer_twice(actions: Collection[str] | None = None, times: int | None = None) -> CallHook:
    """Send the answer twice."""
    return CallHook(lambda _, plan: replace(plan, copies=2), actions, times)


def answer_call_error(
    code: str = "InternalError",
    actions: Collection[str] | None = None,
    times: int | None = None,
    *,
    odd_id: Callable[[str], str | None] = str,
) -> CallHook:
    """Refuse with a CALLERROR and keep nothing; `odd_id` sends another messageId, or null."""

    def change(call: Call, plan: Plan) -> Plan:
        text = error_text(odd_id(call.message_id), code, "a scripted refusal")
        return replace(plan, answer=text, record=False)

    return CallHook(change, actions, times)


def end_connection(
    ending: Ending,
    actions: Collection[str] | None = None,
    times: int | None = 1,
    *,
    record: bool = False,
    answered: bool = False,
) -> CallHook:
    """End the connection in the middle of a CALL, by a close frame or by killing TCP.

    An answered message is always recorded.
    """

    def change(call: Call, plan: Plan) -> Plan:
        del call
        copies = plan.copies if answered else 0
        return replace(plan, copies=copies, record=record or answered, ending=ending)

    return CallHook(change, actions, times)


def refuse_handshake(status: int, times: int | None = None) -> HandshakeHook:
    """Refuse the WebSocket handshake with an HTTP status."""
    return HandshakeHook(HandshakePlan(refuse_status=HTTPStatus(status)), times)


def select_subprotocol(subprotocol: str | None, times: int | None = None) -> HandshakeHook:
    """Echo a subprotocol of the server's own choice, or none, and be deaf afterwards."""
    plan = HandshakePlan(overrule_subprotocol=True, subprotocol=subprotocol)
    return HandshakeHook(plan, times)
