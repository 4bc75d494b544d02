"""How the CSMS is dialled and told, read from configuration and device model when it is needed."""

from agent.app.certificates import Certificates
from agent.app.foundations import Foundations
from agent.core import standard_variables as sv
from agent.core.basic_auth_password import password_octets
from agent.core.device_model import DeviceModel
from agent.core.events import StationIdentity
from agent.ocpp.dispatch import RetryPolicy
from agent.ocpp.endpoint import Endpoint, SecurityProfile
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


def endpoint(f: Foundations, certificates: Certificates) -> Endpoint:
    """Return where and how the CSMS is dialled."""
    csms, model = f.config.csms, f.model
    password = model.text(sv.BASIC_AUTH_PASSWORD)
    own = next(iter(certificates.identities.usable()), None)
    return Endpoint(
        url=csms.url,
        identity=csms.identity,
        subprotocols=csms.versions,
        security_profile=SecurityProfile(csms.security_profile),
        allow_insecure=csms.allow_insecure,
        password=(lambda: password_octets(password)) if password else None,
        ca_file=csms.ca_file,
        csms_roots=certificates.roots.csms_roots_pem,
        client_certificate_file=None if own is None else own.certificate_file,
        client_key_file=None if own is None else own.key_file,
        allow_wildcard_certificate=model.boolean(sv.ALLOW_CSMS_TLS_WILDCARDS),
        ping_interval_s=model.integer(sv.WEB_SOCKET_PING_INTERVAL),
        call_timeout_s=model.integer(sv.MESSAGE_TIMEOUT),
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
