"""The bench card as its host sees it; a guest is played by words written into its memory."""

import mmap
import os
import re
import socket
import struct
from collections.abc import Iterator

import pytest

from hil.virtual import registers as r
from hil.virtual.card import Card, Record, new_files
from hil.virtual.image.kernel import MODULES
from hil.virtual.registers import Traced

LINE = 17


@pytest.fixture
def card() -> Iterator[Card]:
    made = Card(new_files())
    yield made
    made.close()


@pytest.fixture
def guest(card: Card) -> Iterator[memoryview]:
    """The words of the memory, as the guest's modules have them."""
    with mmap.mmap(card.files.memory, r.MEMORY_BYTES) as memory:
        words = memoryview(memory).cast("I")
        yield words
        words.release()


def trace(guest: memoryview, at_ns: int, value: int) -> None:
    at = r.TRACE + r.TRACE_WORDS * (guest[r.TRACED] % r.TRACES)
    for place, word in enumerate((at_ns & 0xFFFFFFFF, at_ns >> 32, Traced.LEVELS, value)):
        guest[at + place] = word
    guest[r.TRACED] += 1


def test_a_new_card_has_its_mark_and_the_pulls_of_a_reset(guest: memoryview) -> None:
    assert guest[r.MAGIC] == r.MAGIC_VALUE
    assert guest[r.PULL_UP] == r.DEFAULT_PULL_UP


def test_an_output_has_its_level_and_an_input_that_of_its_pull(
    card: Card, guest: memoryview
) -> None:
    guest[r.OUTPUT] = 1 << LINE
    assert not card.outputs().is_high(LINE)
    assert card.outputs().is_high(LINE, pulled_up=True)
    guest[r.DIRECTION] = 1 << LINE
    assert card.outputs().is_high(LINE)


def test_a_line_that_is_driven_shows_it_and_floats_again(card: Card, guest: memoryview) -> None:
    card.drive(LINE, high=True)
    assert (guest[r.DRIVEN], guest[r.INPUT]) == (1 << LINE, 1 << LINE)
    card.drive(LINE, high=False)
    assert (guest[r.DRIVEN], guest[r.INPUT]) == (1 << LINE, 0)
    card.disconnect(LINE)
    assert guest[r.DRIVEN] == 0


def test_a_wave_has_a_duty_only_while_it_is_on(card: Card, guest: memoryview) -> None:
    guest[r.PWM], guest[r.PWM + 1] = 1_000_000, 266_000
    assert card.outputs().waves[0].duty == 0.0
    guest[r.PWM + 2] = 1
    assert card.outputs().waves[0].duty == pytest.approx(0.266)


def test_a_channel_has_a_value_for_either_half_of_the_wave(card: Card, guest: memoryview) -> None:
    card.apply(2, 3000, 100)
    card.apply(3, 7)
    assert list(guest[r.ADC + 4 : r.ADC + 8]) == [3000, 100, 7, 7]


def test_records_are_told_once_and_in_their_order(card: Card, guest: memoryview) -> None:
    trace(guest, 5_000_000_000, 1)
    trace(guest, 5_000_000_001, 2)
    assert card.new_records() == [
        Record(5_000_000_000, Traced.LEVELS, 1),
        Record(5_000_000_001, Traced.LEVELS, 2),
    ]
    assert card.new_records() == []


def test_of_too_many_records_the_oldest_are_lost(card: Card, guest: memoryview) -> None:
    for number in range(r.TRACES + 3):
        trace(guest, number, number)
    assert [record.value for record in card.new_records()] == list(range(3, r.TRACES + 3))


def test_a_reset_of_the_board_lets_everything_go(card: Card, guest: memoryview) -> None:
    guest[r.DIRECTION] = guest[r.OUTPUT] = 1 << LINE
    guest[r.PWM], guest[r.PWM + 1], guest[r.PWM + 2] = 1000, 500, 1
    card.reset()
    assert not card.outputs().is_high(LINE)
    assert card.outputs().waves[0].duty == 0.0


def test_hushed_lines_are_named_to_the_guest(card: Card, guest: memoryview) -> None:
    card.hush(12)
    card.hush(3)
    assert guest[r.QUIET] == 1 << 12 | 1 << 3


def test_when_the_guest_looked_is_told_by_its_clock(card: Card, guest: memoryview) -> None:
    guest[r.LOOKED], guest[r.LOOKED + 1] = 7, 2
    assert card.looked_ns == 2 << 32 | 7


def test_the_guests_time_is_told_whole(card: Card, guest: memoryview) -> None:
    guest[r.NOW], guest[r.NOW + 1] = 7, 2
    assert card.now_ns == (2 << 32) + 7


def test_the_world_answers_changes_by_their_number_and_says_what_it_owes(
    card: Card, guest: memoryview
) -> None:
    guest[r.WRITTEN] = 3
    card.attend(attended=True)
    card.answer(card.written, owing=True)
    assert (guest[r.ATTENDED], guest[r.ANSWERED], guest[r.OWING]) == (1, 3, 1)
    card.answer(card.written, owing=False)
    assert guest[r.OWING] == 0
    card.attend(attended=False)
    assert not card.is_attended


def test_the_words_are_those_of_the_guests_module() -> None:
    header = (MODULES / "bench_card.h").read_text("ascii")
    words = {name: int(number) for name, number in re.findall(r"BENCH_W_(\w+) = (\d+)", header)}
    assert words == {name: getattr(r, name) for name in words}
    assert {"NOW", "WRITTEN", "OWING"} <= words.keys()


def test_the_doorbells_ring_one_way_each(card: Card) -> None:
    assert not card.heard()
    os.eventfd_write(card.files.to_host, 1)
    assert card.heard()
    assert not card.heard()
    card.ring()
    assert os.eventfd_read(card.files.to_guest) == 1


def test_qemu_gets_version_number_memory_and_both_doorbells(card: Card) -> None:
    here, there = socket.socketpair()
    with there:
        card.serve(here)
        got = []
        for _ in range(5):
            data, files, *_ = socket.recv_fds(there, 8, 1)
            got.append((struct.unpack("<q", data)[0], len(files)))
            for file in files:
                os.close(file)
    assert got == [(0, 0), (1, 0), (-1, 1), (0, 1), (1, 1)]
