"""How the CSMS is dialled and told, read from configuration and device model when it is needed."""

from agent.app.foundations import Foundations
from agent.core import standard_variables as sv
from agent.core.device_model import DeviceModel
from agent.core.events import StationIdentity
from agent.ocpp.dispatch import RetryPolicy
from agent.ocpp.retry_back_off import RetryBackOff


def identity(f: Foundations) -> StationIdentity:
    """Return what BootNotification says of this station."""
    station = f.config.station
    return StationIdentity(
        vendor=station.vendor,
        model=station.model,
        serial_number=station.serial_number,
        firmware_version=station.firmware_version or f.version,
    )


def back_off(model: DeviceModel) -> RetryBackOff:
    """Return the waits between attempts to connect."""
    return RetryBackOff(
        model.integer(sv.RETRY_BACK_OFF_WAIT_MINIMUM),
        model.integer(sv.RETRY_BACK_OFF_REPEAT_TIMES),
        model.integer(sv.RETRY_BACK_OFF_RANDOM_RANGE),
    )


def retry_policy(model: DeviceModel) -> RetryPolicy:
    """Return how often and how late a transaction message is tried again (E13)."""
    return RetryPolicy(
        model.integer(sv.MESSAGE_ATTEMPTS), model.integer(sv.MESSAGE_ATTEMPT_INTERVAL)
    )


def minimum_status_s(model: DeviceModel) -> int:
    """Return how long a status must last before it is told (MinimumStatusDuration)."""
    return model.integer(sv.V16_MINIMUM_STATUS_DURATION, default=0)
