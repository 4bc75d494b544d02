"""Who computes the live variables of the device model."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from agent.app.watches import Watches
from agent.core.device_model import DeviceModel, LiveValue
from agent.core.fault_taxonomy import FAULTS
from agent.core.snapshot import charging_state, connector_status
from agent.core.variable_definition import ComponentVariable
from agent.core.vocabulary import ChargingState, ConnectorStatus
from agent.ports import Clock
from agent.services.evse import EvseService
from hal.api import IndicatorColour

_RGB: Mapping[IndicatorColour, str] = {
    IndicatorColour.OFF: "000000",
    IndicatorColour.WHITE: "FFFFFF",
    IndicatorColour.GREEN: "00FF00",
    IndicatorColour.BLUE: "0000FF",
    IndicatorColour.YELLOW: "FFFF00",
    IndicatorColour.RED: "FF0000",
}
_FAULTS_OF = {
    name: frozenset(k.name for k in FAULTS if f"{k.component}.{k.variable}" == name)
    for name in (f"{kind.component}.{kind.variable}" for kind in FAULTS)
}


def provide_live_variables(
    model: DeviceModel,
    evses: Mapping[int, EvseService],
    clock: Clock,
    public_key: Callable[[int], str],
    counts: Mapping[str, Callable[[], int]],
    watches: Watches,
) -> None:
    """Connect every live variable that this station has to its source.

    `counts` are those that its parts keep, by the names of component and variable; `public_key`
    returns that of an EVSE's signed values.
    """
    found: dict[str, Callable[[ComponentVariable], Callable[[], LiveValue]]] = {
        "ChargingStation.AvailabilityState": lambda _key: lambda: station_status(evses),
        "EVSE.AvailabilityState": lambda key: lambda: _status(evses, key),
        "Connector.AvailabilityState": lambda key: lambda: _status(evses, key),
        "EVSE.ChargingState": lambda key: lambda: _charging_state(evses, key),
        "EVSE.ActiveTransactionId": lambda key: lambda: _transaction_id(evses, key),
        "EVSE.Power": lambda key: lambda: _power_w(evses, key),
        "ClockCtrlr.DateTime": lambda _key: clock.now,
        "FiscalMetering.EnergyImportRegister": lambda key: lambda: _register_wh(evses, key),
        "FiscalMetering.PublicKey": lambda key: lambda: public_key(key.component.evse_id or 0),
        "CPPWMController.State": lambda key: lambda: _pilot_state(evses, key),
        "PowerContactor.Active": lambda key: (
            lambda: _evse(evses, key).state.snapshot.power_path_closed
        ),
        "TemperatureSensor.Temperature": lambda key: lambda: _celsius(watches, key),
        "CaseAccessSensor.Active": lambda key: (
            lambda: key.component.evse_id in watches.tamper.open_at
        ),
        "ChargingStatusIndicator.Active": lambda key: (
            lambda: _colour(watches, key) not in ("", "000000")
        ),
        "ChargingStatusIndicator.Color": lambda key: lambda: _colour(watches, key),
        **{name: lambda key: lambda: _has_fault(evses, key) for name in _FAULTS_OF},
    }
    for key in model.unprovided():
        name = f"{key.component.name}.{key.variable.name}"
        if name in counts:
            model.provide(key, counts[name])
        elif name in found:
            model.provide(key, found[name](key))
    if left := model.unprovided():
        raise LookupError(f"nobody computes {', '.join(key.notation for key in left)}")


def station_status(evses: Mapping[int, EvseService]) -> str:
    """Return the station's own availability: free if any EVSE is, else what most hinders."""
    states = {connector_status(evse.state.snapshot) for evse in evses.values()}
    best_first = (
        ConnectorStatus.AVAILABLE,
        ConnectorStatus.OCCUPIED,
        ConnectorStatus.RESERVED,
        ConnectorStatus.UNAVAILABLE,
        ConnectorStatus.FAULTED,
    )
    return next(state for state in best_first if state in states)


def _evse(evses: Mapping[int, EvseService], key: ComponentVariable) -> EvseService:
    return evses[key.component.evse_id or next(iter(evses))]


def _status(evses: Mapping[int, EvseService], key: ComponentVariable) -> str:
    return connector_status(_evse(evses, key).state.snapshot)


def _charging_state(evses: Mapping[int, EvseService], key: ComponentVariable) -> str:
    return charging_state(_evse(evses, key).state.snapshot) or ChargingState.IDLE


def _transaction_id(evses: Mapping[int, EvseService], key: ComponentVariable) -> str:
    transaction = _evse(evses, key).state.transaction
    return "" if transaction is None else transaction.id


def _power_w(evses: Mapping[int, EvseService], key: ComponentVariable) -> LiveValue:
    power_w = _evse(evses, key).last_reading.power_w
    return "" if power_w is None else power_w


def _register_wh(evses: Mapping[int, EvseService], key: ComponentVariable) -> Decimal:
    return _evse(evses, key).last_reading.register_wh


def _pilot_state(evses: Mapping[int, EvseService], key: ComponentVariable) -> str:
    status = _evse(evses, key).guard_status
    return "" if status is None else status.pilot_state.value


def _has_fault(evses: Mapping[int, EvseService], key: ComponentVariable) -> bool:
    faults = _FAULTS_OF[f"{key.component.name}.{key.variable.name}"]
    return not faults.isdisjoint(_evse(evses, key).state.snapshot.faults)


def _celsius(watches: Watches, key: ComponentVariable) -> LiveValue:
    celsius = watches.thermometers[key.component.evse_id or 0].celsius
    return "" if celsius is None else Decimal(f"{celsius:.1f}")


def _colour(watches: Watches, key: ComponentVariable) -> str:
    shown = watches.lights[key.component.evse_id or 0].shown
    if shown is None:
        return ""
    return _RGB[IndicatorColour.OFF if shown.is_dark else shown.colour]
