"""Messages that 1.6 and 2.x word alike: the news of being alive, answers with the time, GetLog."""

from agent.core.commands import Command
from agent.core.events import DomainEvent, HeartbeatDue
from agent.core.facts import ClockTold, Registered
from agent.core.log_upload import GetLog, LogType
from agent.core.vocabulary import RegistrationStatus
from agent.ocpp.codec import Answer, Call, CodecContext, Payload
from agent.ocpp.payloads import instant, integer, told_instant


def registered(_event: DomainEvent, reply: Payload, _context: CodecContext) -> Registered:
    """Read the answer to BootNotification (B01, S16-BOOT-01)."""
    return Registered(
        status=RegistrationStatus(reply["status"]),
        current_time=told_instant(reply, "currentTime"),
        interval_s=int(reply["interval"]),
    )


def heartbeat(_event: HeartbeatDue, _context: CodecContext) -> tuple[Call, ...]:
    """Show that the station is alive and ask for the time (G02, S16-HB-01)."""
    return (Call("Heartbeat", {}),)


def clock_told(_event: DomainEvent, reply: Payload, _context: CodecContext) -> ClockTold | None:
    """Read the answer to Heartbeat."""
    current_time = told_instant(reply, "currentTime")
    return None if current_time is None else ClockTold(current_time)


def get_log(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read GetLog (N01)."""
    log = payload["log"]
    return GetLog(
        type=LogType(payload["logType"]),
        location=log["remoteLocation"],
        request_id=int(payload["requestId"]),
        oldest=instant(log, "oldestTimestamp"),
        latest=instant(log, "latestTimestamp"),
        retries=integer(payload, "retries"),
        retry_interval_s=integer(payload, "retryInterval"),
    )
