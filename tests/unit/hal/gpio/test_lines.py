"""Lines of real chips under the kernel's rules: requests, levels, edges, and clear refusals."""

from collections.abc import Iterator
from errno import EIO, ENXIO

import pytest

from hal.api import HardwareError, HardwareLost
from hal.gpio.lines import LineBank
from hal.line_place import LinePlace
from tests.unit.hal.fake_gpio import FakeChip, FakeGpio, chip_of

LABEL = "pinctrl-test"


@pytest.fixture
def chip() -> FakeChip:
    return chip_of()


@pytest.fixture
def bank(chip: FakeChip) -> Iterator[LineBank]:
    made = LineBank(FakeGpio(chip))
    yield made
    made.release()


def line(number: str | int, **wiring: object) -> LinePlace:
    return LinePlace(LABEL, number, **wiring)  # type: ignore[arg-type]


def test_inputs_and_outputs_of_a_chip_are_one_request(chip: FakeChip, bank: LineBank) -> None:
    bank.input(line(1))
    bank.output(line(2))
    bank.open()
    assert len(chip.requests) == 1
    assert chip.wires[1].holder == chip.wires[2].holder == "stationd-guard"


def test_an_input_shows_its_level_with_inversion(chip: FakeChip, bank: LineBank) -> None:
    straight, inverted = bank.input(line(1)), bank.input(line(2, active_low=True))
    bank.open()
    bank.refresh()
    assert (straight.is_on, inverted.is_on) == (False, True)
    chip.set_outside(1, high=True)
    chip.set_outside(2, high=True)
    bank.refresh()
    assert (straight.is_on, inverted.is_on) == (True, False)


def test_a_pull_up_holds_an_open_input_high(bank: LineBank) -> None:
    pulled = bank.input(line(3, bias="pull_up"))
    bank.open()
    bank.refresh()
    assert pulled.is_on


def test_an_edge_makes_a_descriptor_readable_until_the_next_refresh(
    chip: FakeChip, bank: LineBank
) -> None:
    bank.input(line(1))
    bank.open()
    (fileno,) = bank.filenos
    (request,) = chip.requests
    assert fileno == request.fd
    assert not request.wait_edge_events(0)
    chip.set_outside(1, high=True)
    assert request.wait_edge_events(0)
    bank.refresh()
    assert not request.wait_edge_events(0)


def test_a_pulse_between_two_refreshes_is_seen_once(chip: FakeChip, bank: LineBank) -> None:
    trip = bank.input(line(1, active_low=True, bias="pull_up"))
    bank.open()
    bank.refresh()
    chip.set_outside(1, high=False)
    chip.set_outside(1, high=True)
    bank.refresh()
    assert trip.was_on
    assert not trip.is_on
    bank.refresh()
    assert not trip.was_on


def test_outputs_start_at_their_idle_level_and_follow_a_flush(
    chip: FakeChip, bank: LineBank
) -> None:
    coil = bank.output(line("LINE4"))
    cut = bank.output(line(5, active_low=True), idle=True)
    bank.open()
    assert (chip.wires[4].high, chip.wires[5].high) == (False, False)
    coil.set(on=True)
    cut.set(on=False)
    assert not chip.wires[4].high
    bank.flush()
    assert (chip.wires[4].high, chip.wires[5].high) == (True, True)


def test_a_flush_drives_only_what_has_changed(chip: FakeChip, bank: LineBank) -> None:
    moved: list[tuple[int, bool]] = []
    first, second = bank.output(line(4)), bank.output(line(5))
    bank.open()
    chip.watchers.append(lambda offset, high: moved.append((offset, high)))
    first.set(on=True)
    bank.flush()
    bank.flush()
    second.set(on=True)
    bank.flush()
    assert moved == [(4, True), (5, True)]


def test_making_safe_brings_every_output_to_idle(chip: FakeChip, bank: LineBank) -> None:
    coil, cut = bank.output(line(4)), bank.output(line(5), idle=True)
    bank.open()
    coil.set(on=True)
    cut.set(on=False)
    bank.flush()
    bank.make_safe()
    assert (chip.wires[4].high, chip.wires[5].high) == (False, True)


def test_lines_of_several_chips_are_held_together() -> None:
    first, second = chip_of(), chip_of(label="expander", number=1)
    bank = LineBank(FakeGpio(first, second))
    bank.input(line(0))
    far = bank.output(LinePlace("gpiochip1", 3))
    bank.open()
    far.set(on=True)
    bank.flush()
    assert second.wires[3].high
    bank.release()
    assert not first.requests
    assert not second.requests


def test_evses_may_share_an_input_but_not_with_another_wiring(bank: LineBank) -> None:
    assert bank.input(line(1)) is bank.input(line(1))
    with pytest.raises(HardwareError, match=r"line 1 of pinctrl-test is used twice"):
        bank.input(line(1, active_low=True))


def test_an_output_has_one_user_unless_it_may_be_shared(bank: LineBank, chip: FakeChip) -> None:
    bank.output(line(2))
    with pytest.raises(HardwareError, match=r"line 2 .*drives two things"):
        bank.output(line(2))
    one, other = bank.output(line(3), shared=True), bank.output(line(3), shared=True)
    bank.open()
    one.set(on=True)
    bank.flush()
    other.set(on=True)
    one.set(on=False)
    bank.flush()
    assert chip.wires[3].high
    other.set(on=False)
    bank.flush()
    assert not chip.wires[3].high


def test_who_may_not_share_keeps_a_line_for_itself(bank: LineBank) -> None:
    bank.output(line(2))
    with pytest.raises(HardwareError, match=r"line 2 .*drives two things"):
        bank.output(line(2), shared=True)
    bank.output(line(3), shared=True)
    with pytest.raises(HardwareError, match=r"line 3 .*drives two things"):
        bank.output(line(3))


def test_a_line_is_not_both_input_and_output(bank: LineBank) -> None:
    bank.output(line(2))
    with pytest.raises(HardwareError, match="both an input and an output"):
        bank.input(line(2))


@pytest.mark.parametrize("kind", ["input", "output"])
def test_a_line_is_not_used_by_name_and_by_number(bank: LineBank, kind: str) -> None:
    getattr(bank, kind)(line(2))
    getattr(bank, kind)(line("LINE2"))
    with pytest.raises(HardwareError, match=r"line LINE2 .* is line 2 .* as well"):
        bank.open()


def test_a_line_is_not_input_by_name_and_output_by_number(bank: LineBank) -> None:
    bank.input(line(2))
    bank.output(line("LINE2"))
    with pytest.raises(HardwareError, match="both an input and an output"):
        bank.open()


# --- what the kernel refuses


def test_a_line_that_somebody_holds_is_told_with_the_holder(chip: FakeChip, bank: LineBank) -> None:
    chip.wires[7].holder = "fan"
    bank.input(line(6))
    bank.input(line(7))
    with pytest.raises(HardwareLost, match=r"line 7 of pinctrl-test is held by fan; end that"):
        bank.open()
    assert not chip.requests
    assert chip.wires[6].holder == ""


def test_when_one_chip_refuses_the_lines_of_the_others_are_given_back(chip: FakeChip) -> None:
    bank = LineBank(FakeGpio(chip))
    bank.input(line(1))
    bank.input(LinePlace("zzz", 1))
    with pytest.raises(HardwareLost, match="no GPIO chip 'zzz'"):
        bank.open()
    assert not chip.requests


def test_a_missing_chip_is_told_with_those_that_exist(bank: LineBank) -> None:
    bank.input(LinePlace("pinctrl-rp1", 1))
    with pytest.raises(HardwareLost, match=r"'pinctrl-rp1'; there is pinctrl-test \(gpiochip0\)"):
        bank.open()


def test_a_missing_device_file_is_told_with_those_that_exist(bank: LineBank) -> None:
    bank.input(LinePlace("/dev/gpiochip9", 1))
    with pytest.raises(HardwareLost, match=r"no GPIO chip /dev/gpiochip9; there is /dev/gpiochip0"):
        bank.open()


def test_a_machine_without_chips_says_so() -> None:
    bank = LineBank(FakeGpio())
    bank.input(line(1))
    with pytest.raises(HardwareLost, match="this machine has no GPIO chips"):
        bank.open()


@pytest.mark.parametrize("wanted", [LABEL, "/dev/gpiochip0"])
def test_missing_rights_are_told_with_the_remedy(chip: FakeChip, wanted: str) -> None:
    chip.allowed = False
    bank = LineBank(FakeGpio(chip))
    bank.input(LinePlace(wanted, 1))
    with pytest.raises(HardwareLost, match=r"may not open GPIO chip .*udev rules"):
        bank.open()


def test_an_unknown_line_name_is_answered_with_a_suggestion(bank: LineBank) -> None:
    bank.input(line("LIME12"))
    with pytest.raises(HardwareError, match=r'no line of that name, did you mean "LINE12"\?'):
        bank.open()


def test_a_chip_that_names_no_lines_asks_for_the_offset(chip: FakeChip, bank: LineBank) -> None:
    for wire in chip.wires:
        wire.name = ""
    bank.input(line("COIL"))
    with pytest.raises(HardwareError, match=r"it names none; give the offset"):
        bank.open()


def test_an_offset_beyond_the_chip_is_refused(bank: LineBank) -> None:
    bank.input(line(16))
    with pytest.raises(HardwareError, match=r"line 16 .*the chip has 16 lines, numbered from 0"):
        bank.open()


def test_two_chips_of_one_name_ask_for_more() -> None:
    bank = LineBank(FakeGpio(chip_of(), chip_of(number=1)))
    bank.input(line(1))
    with pytest.raises(HardwareError, match=r"several GPIO chips .*gpiochip0, gpiochip1"):
        bank.open()


def test_a_second_device_file_of_the_same_chip_is_no_second_chip(chip: FakeChip) -> None:
    bank = LineBank(FakeGpio(chip, aliases={"/dev/gpiochip4": "/dev/gpiochip0"}))
    bank.input(line(1))
    bank.open()
    assert len(chip.requests) == 1
    bank.release()


def test_a_chip_without_interrupts_says_what_it_lacks(chip: FakeChip) -> None:
    chip.interrupts = False
    refusing = LineBank(FakeGpio(chip))
    refusing.input(line(1))
    with pytest.raises(HardwareLost, match=r"refuses line 1 .*interrupts"):
        refusing.open()
    polled = LineBank(FakeGpio(chip))
    polled.input(line(1, edges=False))
    polled.open()
    polled.release()


@pytest.mark.parametrize("number", [EIO, ENXIO])
def test_lines_that_fail_while_they_are_held_are_lost_hardware(
    chip: FakeChip, bank: LineBank, number: int
) -> None:
    bank.input(line(1))
    coil = bank.output(line(2))
    bank.open()
    chip.fault = number
    with pytest.raises(HardwareLost, match=r"line 1 .*line 2 .*cannot be read"):
        bank.refresh()
    coil.set(on=True)
    with pytest.raises(HardwareLost, match="cannot be driven"):
        bank.flush()
    bank.make_safe()
