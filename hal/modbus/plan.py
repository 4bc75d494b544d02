"""Which requests a reading takes: few, within the meter's limit, never through a number.

Each request of a meter asks for another number of registers where that can be had, so that the
late answer to one is not taken for the answer to another. What is asked first, also after a
failure, must differ from all that may have been asked before: profiles order their blocks so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hal.modbus.profile import Block, Limits, MeterProfile, SerialSettings, Value
from hal.modbus.registers import width

_REQUEST_CHARACTERS = 8
_REPLY_CHARACTERS = 5
_TURN_AROUND_S = 0.02
"""How long a meter usually thinks before it answers."""


@dataclass(frozen=True, slots=True)
class Request:
    """A run of registers that is read with one function code."""

    function: int
    start: int
    count: int

    @property
    def addresses(self) -> range:
        """Return the registers asked for."""
        return range(self.start, self.start + self.count)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked when a meter is opened, and at every reading."""

    opening: tuple[Request, ...]
    reading: tuple[Request, ...]


def plan(profile: MeterProfile) -> Plan:
    """Return the requests for a profile; every value of a quantity is in one of them."""
    opening = tuple(dict.fromkeys(_opening(profile)))
    taken = {(request.function, request.count) for request in opening}
    reading = []
    for block in profile.blocks:
        for request in _packed(profile, block):
            reading.append(_told_apart(request, block, profile, taken))
            taken.add((reading[-1].function, reading[-1].count))
    return Plan(opening, tuple(reading))


def duration_s(requests: Iterable[Request], serial: SerialSettings, limits: Limits) -> float:
    """Return how long some requests usually take on the line."""
    return sum(
        limits.gap_s
        + _TURN_AROUND_S
        + (_REQUEST_CHARACTERS + _REPLY_CHARACTERS + 2 * request.count) * serial.character_s
        for request in requests
    )


def spans(profile: MeterProfile, block: Block) -> list[tuple[int, int]]:
    """Return first register and end of what must not be torn apart: the values of a quantity."""
    found = []
    for quantity in profile.quantities:
        values = [v for v in profile.values_of(quantity) if _lies_in(v, block)]
        registers = [register for value in values for register in registers_of(value)]
        if registers:
            found.append((min(registers), max(registers) + 1))
    return sorted(found)


def registers_of(value: Value) -> list[int]:
    """Return the addresses of a value and of its scale."""
    scale = [] if value.scale_register is None else [value.scale_register]
    return [*range(value.address, value.address + width(value.kind)), *scale]


def _opening(profile: MeterProfile) -> Iterator[Request]:
    if profile.probe is not None:
        probe = profile.probe
        yield Request(probe.function, probe.start, width(probe.kind))
    for each in profile.identity:
        yield Request(each.function, each.start, each.count)


def _packed(profile: MeterProfile, block: Block) -> Iterator[Request]:
    """Yield as few requests as the meter's limit allows."""
    if block.whole:
        yield Request(block.function, block.start, block.count)
        return
    start = end = -1
    for low, high in spans(profile, block):
        if start >= 0 and max(end, high) - start <= profile.limits.max_registers:
            end = max(end, high)
            continue
        if start >= 0:
            yield Request(block.function, start, end - start)
        start, end = low, high
    if start >= 0:
        yield Request(block.function, start, end - start)


def _told_apart(
    request: Request, block: Block, profile: MeterProfile, taken: set[tuple[int, int]]
) -> Request:
    """Return a request that also asks for neighbours, if another asks for as many registers.

    It grows by whole values: some meters refuse to tell half a number.
    """
    step = min(width(value.kind) for value in profile.values if _lies_in(value, block))
    most = min(profile.limits.max_registers, block.count)
    for count in range(request.count, most + 1, step):
        if (request.function, count) not in taken:
            last_start = block.start + block.count - count
            return Request(request.function, min(request.start, last_start), count)
    return request


def _lies_in(value: Value, block: Block) -> bool:
    inside = block.start <= value.address < block.start + block.count
    return inside and value.function == block.function
