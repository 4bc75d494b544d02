"""Network profiles connected with configuration, link and codecs."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from agent.app.certificates import Certificates
from agent.app.codecs import station_codec
from agent.app.csms_settings import back_off
from agent.app.foundations import Foundations
from agent.app.message_bounds import message_bounds
from agent.app.security import SecurityWatch
from agent.config.model import CsmsSection
from agent.core import standard_variables as sv
from agent.core.basic_auth_password import password_octets
from agent.core.device_model import DeviceModel, LiveValue
from agent.core.network_profiles import NetworkProfile
from agent.core.variable_definition import ComponentVariable
from agent.core.variable_rules import network_priority_rule, security_profile_rule
from agent.ocpp.connection import CloseCause, Closed
from agent.ocpp.dialing import (
    ConnectFailed,
    CredentialsRefused,
    CredentialsUnusable,
    HandshakeBroken,
    TlsRejected,
)
from agent.ocpp.endpoint import Endpoint, InvalidEndpoint, SecurityProfile, url_problem
from agent.ocpp.link import LinkSettings
from agent.services.network import Dial, NetworkPorts, NetworkService
from agent.services.network_slots import NetworkSlots, SlotPorts
from agent.services.security import SecurityService
from agent.services.tasks import Spawn
from agent.services.variables import VariablesService

NETWORK_CONFIGURATION = "NetworkConfiguration"


class Network:
    """Slots and attempts of one station, and what the link asks and tells of them.

    `offline_since` is None while there is a connection, `trouble` says why there is none.
    """

    def __init__(  # noqa: PLR0913 - the parts that it ties together
        self,
        f: Foundations,
        variables: VariablesService,
        security: SecurityService,
        certificates: Certificates,
        *,
        reconnect: Callable[[], Awaitable[None]],
        meets_another: Callable[[], None],
        ask_anything: Callable[[], Awaitable[None]],
        spawn: Spawn,
    ) -> None:
        self._f = f
        self.offline_since: datetime | None = f.clock.now()
        self.trouble = ""
        self._roots = certificates.roots
        documents = f.storage.documents
        self.slots = NetworkSlots(
            f.model,
            seed_of(f.config.csms),
            SlotPorts(
                settings=documents,
                keeps=lambda: not documents.is_behind,
                store=variables.store,
                identities=certificates.identities,
                anchors=certificates.roots,
                url_problem=self._url_problem,
                tell=security.tell,
            ),
        )
        self.service = NetworkService(
            f.model,
            self.slots,
            f.config.csms.versions,
            NetworkPorts(
                settings=documents,
                identities=certificates.identities,
                roots=certificates.trust,
                reconnect=reconnect,
                meets_another=meets_another,
                ask_anything=ask_anything,
                spawn=spawn,
                secure_url=f.config.ocpp16.secure_url,
            ),
        )
        f.model.add_rule(network_priority_rule(self.slots.objection_to))
        f.model.add_rule(security_profile_rule(self.service.objection_to_security_profile))
        variables.keepers.append(self.service.keep_old_password)
        variables.keepers.append(self.service.keep_profile_before_change)
        variables.listeners.append(self.service.variable_changed)

    def link_settings(self, watch: SecurityWatch) -> LinkSettings:
        """Return how the link works on this station; `watch` is told what concerns security."""
        f = self._f

        def failed(failure: ConnectFailed) -> None:
            watch.connect_failed(failure)
            self.failed(failure)

        def connected(subprotocol: str) -> None:
            watch.connected()
            self.connected(subprotocol)

        return LinkSettings(
            endpoint=self.endpoint,
            back_off=lambda: back_off(f.model),
            boot_id=f.boot_id,
            codec=lambda subprotocol: station_codec(subprotocol, f.config, f.model),
            bounds=message_bounds(f.model),
            on_frame=f.on_frame,
            on_failure=failed,
            on_connected=connected,
            on_proved=self.service.worked,
            on_ended=self.ended,
            on_violation=watch.violated,
        )

    def endpoint(self) -> Endpoint:
        """Return where and how to dial next; raises `ConnectFailed` if that cannot be done."""
        dial = self.service.next_dial()
        if dial is None:
            raise CredentialsUnusable("there is no network profile that may be used")
        try:
            return self._endpoint(dial)
        except InvalidEndpoint as error:
            raise CredentialsUnusable(f"network profile {dial.slot}: {error}") from error

    def failed(self, failure: ConnectFailed) -> None:
        """Pass on how an attempt failed; a server may hang up on a wrong password as well."""
        self.trouble = str(failure)
        refused = isinstance(failure, CredentialsRefused | HandshakeBroken)
        distrusted = isinstance(failure, TlsRejected | CredentialsUnusable)
        self.service.failed(credentials_refused=refused, distrusted=distrusted)

    def connected(self, subprotocol: str) -> None:
        """Pass on that an attempt has succeeded, and in which version."""
        self.offline_since, self.trouble = None, ""
        self.service.connected(subprotocol)

    def ended(self, closed: Closed) -> None:
        """Pass on how a connection ended."""
        self.offline_since, self.trouble = self._f.clock.now(), f"it was {closed.cause.value}"
        self.service.ended(unanswered=closed.cause is CloseCause.CALL_TIMEOUT)

    def _endpoint(self, dial: Dial) -> Endpoint:
        csms, model, profile = self._f.config.csms, self._f.model, dial.profile
        own = dial.client_identity
        timeout_s = profile.message_timeout_s
        return Endpoint(
            url=profile.url,
            identity=profile.identity or csms.identity,
            subprotocols=dial.versions,
            security_profile=SecurityProfile(profile.security_profile),
            allow_insecure=csms.allow_insecure,
            password=(lambda: password_octets(dial.password)) if dial.password else None,
            ca_file=csms.ca_file,
            csms_roots=lambda: self._roots.csms_roots_pem(dial.roots),
            trusts_cross_signed=self._roots.has_cross_signed(),
            client_certificate_file=None if own is None else own.certificate_file,
            client_key_file=None if own is None else own.key_file,
            allow_wildcard_certificate=model.boolean(sv.ALLOW_CSMS_TLS_WILDCARDS),
            ping_interval_s=model.integer(sv.WEB_SOCKET_PING_INTERVAL),
            call_timeout_s=model.integer(sv.MESSAGE_TIMEOUT) if timeout_s is None else timeout_s,
        )

    def _url_problem(self, profile: NetworkProfile) -> str | None:
        csms = self._f.config.csms
        level = SecurityProfile(profile.security_profile)
        if level is SecurityProfile.NONE and not csms.allow_insecure:
            return "securityProfile 0 is not allowed on this station"
        if profile.version is not None and profile.version not in csms.versions:
            return "ocppVersion is none that this station is set up for"
        identity = profile.identity or csms.identity
        if profile.uses_password and ":" in identity:
            return "an identity with ':' cannot be used with a password"
        return url_problem(profile.url, level)


def seed_of(csms: CsmsSection) -> NetworkProfile:
    """Return the profile that the configuration file describes."""
    return NetworkProfile(url=csms.url, security_profile=csms.security_profile)


NETWORK_VARIABLES: Mapping[str, Callable[[NetworkProfile], LiveValue]] = {
    "OcppCsmsUrl": lambda profile: profile.url,
    "OcppInterface": lambda profile: profile.interface,
    "MessageTimeout": lambda profile: profile.message_timeout_s or "",
    "SecurityProfile": lambda profile: profile.security_profile,
    "Identity": lambda profile: profile.identity or "",
}
"""What NetworkConfiguration shows of a slot (B09.FR.09); an empty slot shows nothing."""


def provide_network_variables(model: DeviceModel, network: NetworkService) -> None:
    """Let ActiveNetworkProfile and NetworkConfiguration show what is in use and stored."""
    model.provide(sv.ACTIVE_NETWORK_PROFILE, lambda: str(network.active_slot))
    for key in model.unprovided():
        value = NETWORK_VARIABLES.get(key.variable.name)
        if key.component.name == NETWORK_CONFIGURATION and value is not None:
            model.provide(key, _of_slot(network, value, key))


def _of_slot(
    network: NetworkService,
    value: Callable[[NetworkProfile], LiveValue],
    key: ComponentVariable,
) -> Callable[[], LiveValue]:
    slot = int(key.component.instance or 0)

    def shown() -> LiveValue:
        profile = network.profiles().get(slot)
        return "" if profile is None else value(profile)

    return shown
