"""The sentences by which a station says why: hindrances of the guard, limits and refusals."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from agent.core.limits import LimitCause
from agent.core.refusals import RefusalCause
from agent.core.vocabulary import AuthorizationStatus, AuthorizedBy

HINDRANCES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "shut_off": (
            "The second shut-off has cut the mains, because the contactor did not open.",
            "Replace the contactor, then reset the shut-off by hand.",
        ),
        "shutting_down": ("The safety guard is being shut down.", "Start stationd-guard again."),
        "contactor_not_open": (
            "The contactor is not proven open yet.",
            "If this stays, check the mirror contact.",
        ),
        "fault": ("The safety guard sees a fault.", "See the guard's log."),
        "cable_limit": (
            "The cable's rating cannot be read, or is below 6 A.",
            "Try another cable; check the proximity circuit.",
        ),
        "lock": ("The plug is not locked yet.", "Push the plug in fully."),
        "phase_switch": ("The station is changing between one phase and three.", ""),
        "wake_up": ("The station is waking up a car that does not answer.", ""),
        "no_lease": (
            "The safety guard has no permission of the station's software.",
            "If this stays, see the agent's log.",
        ),
        "no_offer": ("The current is being offered to the car in this moment.", ""),
        "vehicle_not_ready": (
            "The car does not ask for energy: it is full, has a timer, or pauses.",
            "",
        ),
        "no_vehicle": ("The car is not plugged in.", ""),
        "self_test": ("The residual current monitor is being tested.", ""),
        "pilot_unproven": ("The car's charging circuit is being checked.", ""),
        "contactor_rests": ("The contactor rests for some seconds between two closings.", ""),
    }
)
"""Of every hindrance the sentence and the remedy, the one that matters most first."""

LIMITS: Final[Mapping[LimitCause, str]] = MappingProxyType(
    {
        LimitCause.HARDWARE: "the EVSE is built for no more",
        LimitCause.CABLE: "the cable is rated for no more",
        LimitCause.SUPPLY: "the supply of the station allows no more",
        LimitCause.SHARING: "other EVSEs share the supply",
        LimitCause.PROFILE: "a charging profile allows no more",
        LimitCause.EXTERNAL: "somebody outside the station limits it",
        LimitCause.OFFLINE: "there is no connection to the CSMS",
        LimitCause.TEMPERATURE: "the station is hot",
        LimitCause.SENSOR_LOST: "its temperature is not known",
        LimitCause.FALLBACK: "the guard holds a session whose software is away",
    }
)

REFUSALS: Final[Mapping[RefusalCause, str]] = MappingProxyType(
    {
        RefusalCause.NOBODY_TO_ASK: "there was nobody to ask, and the station does not know it",
        RefusalCause.OTHER_EVSE: "it may charge at another EVSE only",
        RefusalCause.FAULTED: "the outlet had a fault",
        RefusalCause.INOPERATIVE: "the outlet was out of service",
        RefusalCause.RESERVED: "the outlet was reserved for somebody else",
        RefusalCause.IN_USE: "somebody else was using the outlet",
    }
)

VERDICTS: Final[Mapping[AuthorizationStatus, str]] = MappingProxyType(
    {
        AuthorizationStatus.ACCEPTED: "accepted",
        AuthorizationStatus.BLOCKED: "blocked",
        AuthorizationStatus.CONCURRENT_TX: "already charging elsewhere",
        AuthorizationStatus.EXPIRED: "expired",
        AuthorizationStatus.INVALID: "unknown or invalid",
        AuthorizationStatus.NO_CREDIT: "without credit",
        AuthorizationStatus.NOT_ALLOWED_TYPE_EVSE: "not allowed at this kind of outlet",
        AuthorizationStatus.NOT_AT_THIS_LOCATION: "not allowed at this place",
        AuthorizationStatus.NOT_AT_THIS_TIME: "not allowed at this time",
        AuthorizationStatus.UNKNOWN: "unknown",
    }
)

JUDGES: Final[Mapping[AuthorizedBy, str]] = MappingProxyType(
    {
        AuthorizedBy.CSMS: "the CSMS",
        AuthorizedBy.CACHE: "the authorization cache",
        AuthorizedBy.LOCAL_LIST: "the local authorization list",
        AuthorizedBy.OFFLINE: "the rule for times without connection",
        AuthorizedBy.REMOTE: "the CSMS",
        AuthorizedBy.NOBODY: "the station",
    }
)
