"""Which driver drives which resource of a desk."""

from hil.desk.car import RelayCarDriver
from hil.desk.card import SerialCardDriver
from hil.desk.meter import DeskBayDriver, SerialMeterDriver
from hil.desk.relays import RelayBoardDriver, RelayFaultDriver, RelayPowerDriver
from hil.desk.resources import (
    DeskBay,
    RelayBoard,
    RelayCar,
    RelayFaults,
    RelayPower,
    SerialCard,
    SerialMeter,
    SshStation,
)
from hil.desk.station import SshStationDriver
from hil.target import Drivers

DRIVERS: Drivers = {
    SshStation: SshStationDriver,
    RelayBoard: RelayBoardDriver,
    RelayCar: RelayCarDriver,
    RelayFaults: RelayFaultDriver,
    RelayPower: RelayPowerDriver,
    SerialCard: SerialCardDriver,
    DeskBay: DeskBayDriver,
    SerialMeter: SerialMeterDriver,
}
