"""What the registration at the CSMS needs of the device model, the clock and other parts."""

from collections.abc import Callable

from agent.app.foundations import Foundations
from agent.core import standard_variables as sv
from agent.core.variable_access import Assignment
from agent.services.kept_time import KeptTime
from agent.services.network import NetworkService
from agent.services.provisioning import ProvisioningSettings
from agent.services.security import SecurityService
from agent.services.tasks import Spawn
from agent.services.variables import VariablesService


class Registration:
    """Takes over what the CSMS tells with its acceptance: interval and time."""

    def __init__(
        self,
        f: Foundations,
        variables: VariablesService,
        security: SecurityService,
        spawn: Spawn,
    ) -> None:
        self._model = f.model
        self._variables = variables
        self._security = security
        self._clock = f.clock
        self._time = KeptTime(f.clock, f.storage.documents, f.boot_id)
        self._time_is_kept = False
        self._spawn = spawn

    def settings(
        self, network: NetworkService, station_operative: Callable[[], bool]
    ) -> ProvisioningSettings:
        """Return what the provisioning service asks and tells."""
        model = self._model
        return ProvisioningSettings(
            heartbeat_interval_s=lambda: model.integer(sv.HEARTBEAT_INTERVAL),
            take_heartbeat_interval=self._take_heartbeat_interval,
            offline_threshold_s=lambda: model.integer(sv.OFFLINE_THRESHOLD),
            clock_from_csms=lambda: "Heartbeat" in model.member_list(sv.TIME_SOURCE),
            station_operative=station_operative,
            clock_moved=self._clock_moved,
            registration_refused=network.registration_refused,
        )

    def _clock_moved(self, by_s: float) -> None:
        if self._clock.synchronized and (by_s or not self._time_is_kept):
            self._time_is_kept = True
            self._spawn(self._time.keep())
        threshold_s = self._model.integer(sv.TIME_ADJUSTMENT_REPORTING_THRESHOLD)
        self._security.clock_moved(by_s, threshold_s)

    def _take_heartbeat_interval(self, interval_s: int) -> None:
        if interval_s != self._model.integer(sv.HEARTBEAT_INTERVAL):
            assignment = Assignment(sv.HEARTBEAT_INTERVAL, str(interval_s))
            self._spawn(self._variables.store([assignment]))
