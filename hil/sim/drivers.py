"""Which driver drives which resource of the bench `sim`."""

from hil.sim.board import BoardDriver, BoardMeterDriver, BoardReaderDriver
from hil.sim.instruments import BayDriver, PtyLineDriver, PtyMeterDriver, PtyReaderDriver
from hil.sim.resources import (
    BoardMeter,
    BoardProcess,
    BoardReader,
    DeviceBay,
    LocalStation,
    PtyLine,
    PtyMeter,
    PtyReader,
)
from hil.sim.station import LocalStationDriver
from hil.target import Drivers

DRIVERS: Drivers = {
    LocalStation: LocalStationDriver,
    BoardProcess: BoardDriver,
    BoardMeter: BoardMeterDriver,
    BoardReader: BoardReaderDriver,
    DeviceBay: BayDriver,
    PtyLine: PtyLineDriver,
    PtyMeter: PtyMeterDriver,
    PtyReader: PtyReaderDriver,
}
