"""What a codec makes of a conversation, as a JSON document for the golden files.

A scene is a list of steps in the core's words. Playing it with a codec gives the frames of that
version; every frame is checked against the official schema on the way.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from agent.core.commands import CommandOutcome
from agent.core.events import DomainEvent
from agent.ocpp.codec import Answer, CallRejected, Codec, CodecContext, Payload
from tests.wire.official_schemas import check_calls, check_incoming, check_response


@dataclass(frozen=True)
class Tells:
    """The station tells an event; the CSMS's reply to the last call follows, if there is one."""

    event: DomainEvent
    offline: bool = False
    reply: Payload | None = None


@dataclass(frozen=True)
class Asks:
    """The CSMS asks for `action`; the service's outcome follows unless the codec answers alone."""

    action: str
    payload: Payload
    outcome: CommandOutcome | None = None


Scene = Iterable[Tells | Asks]


def play(codec: Codec, scene: Scene, context: CodecContext) -> list[dict[str, Any]]:
    transcript = []
    for step in scene:
        if isinstance(step, Tells):
            transcript += _told(codec, step, replace(context, offline=step.offline))
        else:
            transcript += _asked(codec, step, context)
    return transcript


def _told(codec: Codec, step: Tells, context: CodecContext) -> list[dict[str, Any]]:
    calls = codec.encode(step.event, context)
    payloads = check_calls(codec, calls)
    told: list[dict[str, Any]] = [
        {"call": call.action, "payload": payload}
        for call, payload in zip(calls, payloads, strict=True)
    ]
    if not told:
        return [{"no call": type(step.event).__name__}]
    if step.reply is not None:
        reply = check_response(codec, calls[-1].action, step.reply)
        fact = codec.fact(calls[-1], step.event, reply, context)
        told.append({"reply": reply, "fact": repr(fact)})
    return told


def _asked(codec: Codec, step: Asks, context: CodecContext) -> list[dict[str, Any]]:
    request = check_incoming(codec, step.action, step.payload)
    command = codec.decode(step.action, request, context)
    asked = {"call of the CSMS": step.action, "payload": request}
    if isinstance(command, Answer):
        answer = check_response(codec, step.action, command.payload)
        return [asked, {"answer without service": answer}]
    assert step.outcome is not None, f"{step.action} needs an outcome"
    asked["command"] = repr(command)
    try:
        reply = codec.encode_outcome(step.action, step.outcome, request, context)
    except CallRejected as rejected:
        return [asked, {"call error": rejected.code.value, "description": rejected.description}]
    return [asked, {"answer": check_response(codec, step.action, reply)}]
