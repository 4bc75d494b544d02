"""What a CSMS is asked and orders about certificates for vehicles, in words of all versions.

In 1.6 the messages go inside DataTransfer; `Office` reads and answers them in either form.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agent.sim.frames import Call, Payload, result_text
from agent.sim.misbehaviour import CallHook, Plan
from tests.stories.desk import Desk
from tests.stories.world import World

PNC: Final = "org.openchargealliance.iso15118pnc"
Reply = Callable[[Payload], Payload | None]


@dataclass
class Office:
    """What a CSMS is asked about certificates, and what it answers, in the words of 2.x.

    An action without an answer here is one that the CSMS does not know.
    """

    csms: Desk
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[tuple[str, Payload]] = field(default_factory=list)
    delay_s: float = 0.0

    def opens(self) -> None:
        actions = {"DataTransfer"} if self.csms.is_16 else set(ACTIONS)
        self.csms.csms.misbehave(CallHook(self._answer, actions))

    def requests(self, action: str) -> list[Payload]:
        return [payload for name, payload in self.asked if name == action]

    async def sees(self, world: World, action: str, count: int = 1, within_s: float = 30) -> Any:
        await world.until(
            lambda: len(self.requests(action)) >= count, f"{count} {action}", within_s
        )
        return self.requests(action)[count - 1]

    def _answer(self, call: Call, plan: Plan) -> Plan:
        action, payload = call.action, call.payload
        if self.csms.is_16:
            assert payload["vendorId"] == PNC
            action, payload = payload["messageId"], json.loads(payload["data"])
        self.asked.append((action, payload))
        reply = self.replies.get(action, lambda _: None)(payload)
        if self.csms.is_16:
            wrapped = {"status": "Accepted", "data": json.dumps(reply)}
            reply = {"status": "UnknownMessageId"} if reply is None else wrapped
        text = None if reply is None else result_text(call.message_id, reply)
        return replace(plan, answer=text, delay_s=self.delay_s)


ACTIONS: Final = (
    *("Authorize", "Get15118EVCertificate", "GetCertificateStatus", "SignCertificate"),
)


async def orders(csms: Desk, action: str, payload: Payload) -> Payload:
    """Send an order about certificates; return its answer, from inside where it is inside."""
    if not csms.is_16:
        return await csms.call(action, payload)
    order = {"vendorId": PNC, "messageId": action, "data": json.dumps(payload)}
    answer = await csms.call("DataTransfer", order)
    assert answer["status"] == "Accepted"
    return dict(json.loads(answer["data"]))
