"""Which requests a reading takes."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hal.modbus.plan import Request, duration_s, plan
from hal.modbus.profile_table import ProfileError
from hal.modbus.registers import width
from tests.unit.hal.modbus.example import document, example


def changed(max_registers: int, **keys: Any) -> dict[str, Any]:
    return {"limits": {**document()["limits"], "max_registers": max_registers}, **keys}


def test_a_block_is_read_from_its_first_needed_register_to_its_last() -> None:
    assert plan(example()).reading == (Request(4, 0, 6), Request(4, 0x48, 2))
    assert plan(example()).opening == (Request(3, 0xFC00, 2),)


def test_a_block_beyond_the_limit_is_read_in_pieces_between_numbers() -> None:
    planned = plan(example(changed(4)))
    assert planned.reading[:2] == (Request(4, 0, 4), Request(4, 4, 2))


@pytest.mark.parametrize(
    ("start", "count", "grown"),
    [(72, 6, Request(4, 72, 4)), (66, 8, Request(4, 70, 4)), (72, 3, Request(4, 72, 2))],
    ids=["to its end", "to its front", "not by half a number"],
)
def test_requests_of_one_length_are_told_apart_by_reading_neighbours_too(
    start: int, count: int, grown: Request
) -> None:
    voltage, *_, energy = document()["value"]
    blocks = document()["block"]
    blocks[1] |= {"start": start, "count": count}
    planned = plan(example({"block": blocks, "value": [voltage, energy]}))
    assert planned.reading == (Request(4, 0, 2), grown)


def test_a_request_that_cannot_grow_is_left_as_it_is() -> None:
    counts = [request.count for request in plan(example(changed(4))).reading]
    assert counts == [4, 2, 2]  # the block of the energy ends after four registers


def test_a_whole_block_is_read_as_it_is() -> None:
    blocks = document()["block"]
    blocks[1]["whole"] = True
    assert plan(example({"block": blocks})).reading[1] == Request(4, 0x48, 4)


def test_a_number_and_its_scale_are_never_read_apart() -> None:
    values = document()["value"]
    values[0]["scale_register"] = 9
    reading = plan(example({"value": values})).reading
    assert reading[0] == Request(4, 0, 10)


def test_a_reading_takes_longer_on_a_slower_line() -> None:
    profile = example()
    requests = (Request(4, 0, 10),)
    at_9600 = duration_s(requests, profile.serial, profile.limits)
    assert at_9600 == 0.02 + 33 * 10 / 9600


@given(
    addresses=st.lists(st.integers(0, 60), min_size=1, max_size=8, unique=True),
    most=st.integers(2, 30),
)
def test_every_number_is_read_whole_within_the_limit(addresses: list[int], most: int) -> None:
    names = ["energy_import", "power_total", "frequency", *(f"voltage_L{n}" for n in (1, 2, 3))]
    names += ["current_L1", "current_L2"]
    units = {"e": "Wh", "p": "W", "f": "Hz", "v": "V", "c": "A"}
    values = [
        {"quantity": name, "block": "all", "addr": address, "type": "u32", "unit": units[name[0]]}
        for name, address in zip(names, addresses, strict=False)
    ]
    block = [{"name": "all", "fc": 3, "start": 0, "count": 64}]
    try:
        profile = example(changed(most, block=block, value=values))
    except ProfileError:
        assume(False)
        return
    reading = plan(profile).reading
    assert all(0 < request.count <= most for request in reading)
    assert all(request.start >= 0 and request.start + request.count <= 64 for request in reading)
    for value in profile.values:
        needed = set(range(value.address, value.address + width(value.kind)))
        assert any(needed <= set(request.addresses) for request in reading)
