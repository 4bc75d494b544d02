"""Block B, network connection profiles: SetNetworkProfile (B09)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from agent.core.commands import Command, Verdict
from agent.core.network_profiles import NetworkProfile, SetNetworkProfile
from agent.ocpp.codec import Answer, CodecContext, Payload
from agent.ocpp.v201.status_info import status_reply

SUBPROTOCOLS: Final = MappingProxyType({"OCPP16": "ocpp1.6", "OCPP20": "ocpp2.0.1"})
"""The versions that an ocppVersion can name; OCPP20 means 2.0.1, there is nothing else of it."""

set_network_profile_reply = status_reply(
    Verdict.ACCEPTED, Verdict.FAILED, otherwise=Verdict.REJECTED
)


def set_network_profile(
    payload: Payload,
    _context: CodecContext,
    *,
    subprotocols: Mapping[str, str] | None = SUBPROTOCOLS,
) -> Command | Answer:
    """Read SetNetworkProfile; with `subprotocols` None the version is left to the handshake."""
    data = payload["connectionData"]
    named = data.get("ocppVersion")
    known = subprotocols or {}
    profile = NetworkProfile(
        url=data["ocppCsmsUrl"],
        security_profile=int(data["securityProfile"]),
        interface=data["ocppInterface"],
        message_timeout_s=int(data["messageTimeout"]),
        version=known.get(named),
        identity=data.get("identity"),
        password=data.get("basicAuthPassword"),
    )
    is_unknown = subprotocols is not None and named not in known
    problem = f"ocppVersion {named} is not spoken here" if is_unknown else _unusable(data)
    return SetNetworkProfile(int(payload["configurationSlot"]), profile, problem)


def _unusable(data: Mapping[str, Any]) -> str | None:
    """Return what the platform does not do: it is the operating system that sets up networks."""
    if data["ocppTransport"] != "JSON":
        return f"ocppTransport {data['ocppTransport']} is not supported"
    if "apn" in data:
        return "this station sets up no cellular link: apn cannot be used"
    if "vpn" in data:
        return "this station sets up no VPN: vpn cannot be used"
    return None
