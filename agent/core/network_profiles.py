"""Network connection profiles: what a configuration slot holds (B09)."""

from dataclasses import field
from typing import Final

from agent.core.records import dataclass

SLOTS: Final = (0, 1, 2)
"""The configuration slots of this station; more than the two that are asked for (B09.FR.06)."""

SEEDED_SLOT: Final = 1
"""The slot that the station's configuration file fills."""

TLS_WITH_CLIENT_CERTIFICATE: Final = 3
TLS_WITH_BASIC_AUTH: Final = 2
_WITH_PASSWORD = frozenset({1, 2})


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkProfile:
    """NetworkConnectionProfileType, as far as this station has use for it.

    `version` is the subprotocol to offer first; without `identity` and `password` those of the
    station hold, without `message_timeout_s` its OCPPCommCtrlr.MessageTimeout.
    """

    url: str
    security_profile: int
    interface: str = "Any"
    message_timeout_s: int | None = None
    version: str | None = None
    identity: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def uses_password(self) -> bool:
        """Tell whether HTTP Basic authentication is part of the security profile."""
        return self.security_profile in _WITH_PASSWORD


@dataclass(frozen=True, slots=True)
class SetNetworkProfile:
    """SetNetworkProfile (B09); `unusable` says what of the request this station cannot do."""

    slot: int
    profile: NetworkProfile
    unusable: str | None = None
