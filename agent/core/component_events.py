"""Events of the device model: a variable of a component has a value worth telling (G05, N07)."""

from datetime import datetime
from enum import StrEnum

from agent.core.records import dataclass


class EventTrigger(StrEnum):
    """EventTriggerEnumType: what made the event."""

    ALERTING = "Alerting"
    DELTA = "Delta"
    PERIODIC = "Periodic"


class EventNotification(StrEnum):
    """EventNotificationEnumType: who wanted the event."""

    HARD_WIRED_NOTIFICATION = "HardWiredNotification"
    HARD_WIRED_MONITOR = "HardWiredMonitor"
    PRECONFIGURED_MONITOR = "PreconfiguredMonitor"
    CUSTOM_MONITOR = "CustomMonitor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentEvent:
    """One EventDataType; `cleared` tells the return to normal.

    `event_id` never repeats, so that `cause` may name an earlier event. `severity` runs from 0,
    danger, to 9, debug.
    """

    at: datetime
    event_id: int
    trigger: EventTrigger
    notification: EventNotification
    component: str
    variable: str
    value: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    cleared: bool | None = None
    cause: int | None = None
    tech_code: str | None = None
    tech_info: str | None = None
    transaction_id: str | None = None
    monitoring_id: int | None = None
    severity: int | None = None
