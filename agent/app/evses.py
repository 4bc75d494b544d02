"""The EVSEs of a station with their meters and the signer of their values."""

from dataclasses import replace

from agent.app.foundations import Foundations
from agent.app.hardware import MeterDevices
from agent.app.storage import FISCAL_PAGINATION, Pagination, RememberedKey
from agent.config.model import Cable, StationConfig
from agent.core import standard_variables as sv
from agent.core.session import Session, after_restart, idle_state
from agent.core.session_state import last_told
from agent.metering.ocmf import ClockStatus
from agent.metering.signers import Signers
from agent.metering.station_signer import SigningPolicy, StationSigner
from agent.ocpp.endpoint import SecurityProfile
from agent.services import policies
from agent.services.availability import restored
from agent.services.evse import EvseService
from agent.services.evse_ports import EvseDescription, EvsePorts
from agent.services.meter_reader import MeterReader


def descriptions(config: StationConfig) -> list[EvseDescription]:
    """Return what each configured EVSE can do."""
    return [
        EvseDescription(
            evse=evse.id,
            phases=evse.phases,
            nominal_voltage_v=evse.nominal_voltage_v,
            max_current_a=evse.max_current_a,
            lockable=evse.cable is Cable.SOCKET,
            phase_switching=evse.phase_switching,
            usual_phases=evse.usual_phases,
            phase_choice=evse.phase_choice,
        )
        for evse in config.evses
    ]


def meter_readers(f: Foundations) -> dict[int, MeterReader]:
    """Return the meters by EVSE, each with the last register that was told."""
    sessions = f.storage.journal.sessions()
    return {
        evse.id: MeterReader(
            evse.id,
            f.hardware.meters[evse.id],
            last_told(sessions.get(evse.id)),
            evse.rated_power_w,
        )
        for evse in f.config.evses
    }


def evse_service(f: Foundations, description: EvseDescription, ports: EvsePorts) -> EvseService:
    """Return an EVSE in the state that it had before the last restart."""
    operative = restored(f.storage.documents).operative(description.evse)
    state = f.storage.journal.sessions().get(description.evse)
    if state is None:
        state = idle_state(description.evse, operative=operative)
    state = after_restart(state)
    # What was kept last may be from the middle of a reset, during which nobody may use an EVSE.
    state = replace(state, snapshot=replace(state.snapshot, operative=operative))
    session = Session(state, policies.session_policy(f.model))
    return EvseService(description, session, ports, power_was_lost=f.power_was_lost)


def signers(f: Foundations) -> Signers:
    """Return who signs meter values; the policy is read at each value."""
    station = StationSigner(
        f.config.station.state_dir / "keys" / "meter_signing.pem",
        RememberedKey(f.storage.documents),
        Pagination(f.storage.counters),
        MeterDevices(f.config, f.hardware.meters, f.version),
        lambda: _signing_policy(f),
        Pagination(f.storage.counters, FISCAL_PAGINATION),
    )
    meters = f.hardware.signing_meters
    if not meters:
        return Signers(station)
    from agent.app.signing_meters import meter_own_signer  # noqa: PLC0415 - where there are some

    return Signers(station, meter_own_signer(f, meters))


def _signing_policy(f: Foundations) -> SigningPolicy:
    synchronized = f.clock.synchronized
    return SigningPolicy(
        public_key=policies.public_key_policy(f.model),
        clock_status=ClockStatus.SYNCHRONIZED if synchronized else ClockStatus.INFORMATIVE,
        over_tls=f.model.integer(sv.SECURITY_PROFILE) >= SecurityProfile.TLS_BASIC,
    )
