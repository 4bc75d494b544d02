"""A look at every line, PWM channel and converter of real hardware, without driving anything."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from hal.api import Finding, HardwareError
from hal.gpio import chips, iio, inventory, pwm
from hal.gpio.adc import AdcPlace, Converter, IioPlace
from hal.gpio.read_wiring import read_evse
from hal.gpio.safety_board import Machine
from hal.line_place import LinePlace
from hal.tables import Table

Tables = Mapping[int, Mapping[str, Table]]


@dataclass(frozen=True, slots=True)
class _Look:
    """Turns what a check says or complains of into a finding."""

    evse: int

    def at(self, device: str, check: Callable[[], str]) -> Finding:
        try:
            return Finding(self.evse, device, ok=True, message=check())
        except HardwareError as error:
            return Finding(self.evse, device, ok=False, message=str(error))


def look(tables: Tables, machine: Machine | None = None) -> Iterator[Finding]:
    """Yield a finding for each line and device that the tables name; nothing is driven."""
    reached = machine or Machine()
    for evse, ports in tables.items():
        look_at = _Look(evse)
        wiring = read_evse(evse, ports)
        yield look_at.at("pilot.pwm", partial(_pwm, reached, wiring.pilot.pwm))
        for device, adc in inventory.converters(wiring):
            yield look_at.at(device, partial(_converter, reached, adc))
        for device, line in inventory.lines(wiring):
            yield look_at.at(device, partial(_line, reached, line))
    reached.spi.close()


def _pwm(machine: Machine, place: pwm.PwmPlace) -> str:
    chip = pwm.find_chip(machine.sysfs, place)
    return f"{place} is {chip.name}, a hardware PWM"


def _converter(machine: Machine, place: AdcPlace) -> str:
    converter: Converter
    if isinstance(place.channel, IioPlace):
        converter = iio.open_channel(machine.sysfs, place.channel)
    else:
        converter = machine.spi.open_channel(place.channel)
    try:
        measured_v = converter.read_v()
    finally:
        converter.close()
    in_front_v = place.calibration.volts(measured_v)
    return f"{place.channel} reads {measured_v:.3f} V, which is {in_front_v:.2f} V in front of it"


def _line(machine: Machine, place: LinePlace) -> str:
    with chips.opened(machine.gpio, place.chip) as chip:
        offset = chips.offset_of(chip, place)
        holder = chips.holder_of(chip, offset)
        name = chip.get_line_info(offset).name
    if holder is not None:
        raise HardwareError(
            f"{place} is held by {holder}; end that program, or choose another line"
        )
    named = f" ({name})" if name and name != place.line else ""
    return f"{place}{named} is there and free"
