"""Which network profile may be stored and used (B09, A00.FR.005, A05).

A security profile is never lowered by the CSMS, except from 3 to 2 where the operator of the
station allowed it (A05.FR.08 to A05.FR.10).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from agent.core.commands import Refusal
from agent.core.network_profiles import (
    SLOTS,
    TLS_WITH_BASIC_AUTH,
    TLS_WITH_CLIENT_CERTIFICATE,
    NetworkProfile,
    SetNetworkProfile,
)

LONGEST_MESSAGE_TIMEOUT_S: Final = 600
PASSWORD_LENGTHS: Final = range(16, 65)
IDENTITY_LENGTH: Final = 48


def is_permitted_change(active: int, wanted: int, *, downgrade_allowed: bool) -> bool:
    """Tell whether the CSMS may move the station from one security profile to another."""
    if wanted >= active:
        return True
    is_small_step = active == TLS_WITH_CLIENT_CERTIFICATE and wanted == TLS_WITH_BASIC_AUTH
    return is_small_step and downgrade_allowed


def at_security_profile(
    profile: NetworkProfile, security_profile: int, secure_url: str | None = None
) -> NetworkProfile:
    """Return a profile with another security profile (A05 of 1.6).

    1.6 names no address with it: host, port and path stay, ws becomes wss and the other way round.
    `secure_url` is where the CSMS is found with TLS instead, if it is elsewhere.
    """
    if security_profile == profile.security_profile:
        return profile
    secure = security_profile >= TLS_WITH_BASIC_AUTH
    was_secure = profile.security_profile >= TLS_WITH_BASIC_AUTH
    url = f"{'wss' if secure else 'ws'}://{address_of(profile)}"
    if secure and not was_secure and secure_url is not None:
        url = secure_url
    return replace(profile, url=url, security_profile=security_profile)


def address_of(profile: NetworkProfile) -> str:
    """Return the part of the URL that is the same with and without TLS."""
    return profile.url.partition("://")[2]


def refusal_of(
    command: SetNetworkProfile, active_security_profile: int, *, downgrade_allowed: bool
) -> Refusal | None:
    """Return why a profile may not be stored (B09.FR.02, .04, .05 and .31), or None."""
    profile = command.profile
    if command.slot not in SLOTS:
        slots = ", ".join(map(str, SLOTS))
        return Refusal("InvalidConfSlot", f"this station has the slots {slots}")
    problem = command.unusable or profile_problem(profile)
    if problem is not None:
        return Refusal("InvalidNetworkConf", problem)
    if not is_permitted_change(
        active_security_profile, profile.security_profile, downgrade_allowed=downgrade_allowed
    ):
        return Refusal("NoSecurityDowngrade", "the security profile cannot be lowered")
    return None


def profile_problem(profile: NetworkProfile) -> str | None:
    """Return what is wrong with a profile's plain values, or None; the URL is judged elsewhere."""
    if not 0 <= profile.security_profile <= TLS_WITH_CLIENT_CERTIFICATE:
        return f"securityProfile {profile.security_profile} does not exist"
    timeout_s = profile.message_timeout_s
    if timeout_s is not None and not 1 <= timeout_s <= LONGEST_MESSAGE_TIMEOUT_S:
        return f"messageTimeout must be 1 to {LONGEST_MESSAGE_TIMEOUT_S} s"
    if profile.identity is not None and not 1 <= len(profile.identity) <= IDENTITY_LENGTH:
        return f"identity must have 1 to {IDENTITY_LENGTH} characters"
    if profile.password is not None and not _is_password(profile.password):
        return "basicAuthPassword must have 16 to 64 printable characters"
    return None


def _is_password(text: str) -> bool:
    return len(text) in PASSWORD_LENGTHS and text.isprintable()


def without_lower(
    slots: Mapping[int, NetworkProfile], security_profile: int
) -> dict[int, NetworkProfile]:
    """Return the slots that stay once a security profile is reached (A05.FR.06)."""
    return {n: p for n, p in slots.items() if p.security_profile >= security_profile}
