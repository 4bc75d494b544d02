"""Which driver drives which resource of the bench `virtual`."""

from hil.target import Drivers
from hil.virtual.machine_driver import MachineDriver
from hil.virtual.resources import (
    UsbLine,
    UsbMeter,
    UsbReader,
    VirtualMachine,
    VirtualStation,
    WiredBoard,
)
from hil.virtual.station import VirtualStationDriver
from hil.virtual.world import UsbLineDriver, UsbMeterDriver, UsbReaderDriver, WiredBoardDriver

DRIVERS: Drivers = {
    VirtualMachine: MachineDriver,
    VirtualStation: VirtualStationDriver,
    WiredBoard: WiredBoardDriver,
    UsbReader: UsbReaderDriver,
    UsbLine: UsbLineDriver,
    UsbMeter: UsbMeterDriver,
}
