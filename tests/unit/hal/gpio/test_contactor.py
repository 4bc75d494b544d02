"""Contactors of all strategies on the desk's copper."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.api import Fault, Feed, HardwareError
from tests.unit.hal.gpio.desk import (
    CHOICE,
    COIL,
    COIL_2,
    COIL_3,
    COIL_4,
    CONTACTOR,
    EXCLUSIVE,
    MIRROR,
    SERIES,
    Desk,
    Table,
    line,
)


def coils(desk: Desk) -> tuple[bool, bool]:
    return desk.high(COIL), desk.high(COIL_2)


@pytest.mark.parametrize(
    ("table", "phases", "driven"),
    [
        (CONTACTOR, 3, (True, False)),
        (SERIES, 1, (True, False)),
        (SERIES, 3, (True, True)),
        (EXCLUSIVE, 1, (True, False)),
        (EXCLUSIVE, 3, (False, True)),
    ],
)
def test_each_strategy_drives_the_coils_of_its_phases(
    table: Table, phases: int, driven: tuple[bool, bool]
) -> None:
    desk = Desk()
    board = desk.board(contactor=table)
    contactor = board.evses[1].contactor
    desk.run(0.04, board)
    contactor.select_phases(Feed(phases))
    contactor.command(closed=True)
    board.flush()
    assert coils(desk) == driven
    desk.run(0.04, board)
    assert contactor.is_closed()
    contactor.command(closed=False)
    board.flush()
    assert coils(desk) == (False, False)
    desk.run(0.04, board)
    assert not contactor.is_closed()
    board.close()


@pytest.mark.parametrize(
    ("table", "driven"),
    [
        *((CONTACTOR, (True, False)), (SERIES, (True, False))),
        *((EXCLUSIVE, (True, False)), (CHOICE, (True, False))),
    ],
)
def test_an_evse_built_for_one_phase_begins_with_one(
    table: Table, driven: tuple[bool, bool]
) -> None:
    desk = Desk()
    board = desk.board(contactor=table, settings={"phases": 1})
    board.evses[1].contactor.command(closed=True)
    board.flush()
    assert coils(desk) == driven
    board.close()


@pytest.mark.parametrize(
    ("contact", "rests"), [("normally_closed", True), ("normally_open", False)]
)
def test_a_mirror_contact_that_flickers_counts_as_it_is_now(contact: str, *, rests: bool) -> None:
    desk = Desk()
    board = desk.board(contactor=CONTACTOR | {"mirror": line(MIRROR, contact=contact)})
    contactor = board.evses[1].contactor
    for closed in (True, False):
        desk.chip.set_outside(MIRROR, high=rests is not closed)
        board.refresh()
        desk.chip.set_outside(MIRROR, high=rests is closed)
        desk.chip.set_outside(MIRROR, high=rests is not closed)
        board.refresh()
        assert contactor.is_closed() is closed
    board.close()


def test_one_contactor_alone_refuses_what_it_cannot_do() -> None:
    board = Desk().board()
    board.evses[1].contactor.select_phases(Feed(3))
    with pytest.raises(HardwareError, match=r"cannot supply 1 instead of 3 phases; wire two"):
        board.evses[1].contactor.select_phases(Feed(1))
    board.close()


@pytest.mark.parametrize("table", [SERIES, EXCLUSIVE, CHOICE])
def test_phases_are_never_switched_under_a_contactor_that_is_not_open(table: Table) -> None:
    desk = Desk()
    board = desk.board(contactor=table)
    contactor = board.evses[1].contactor
    desk.run(0.04, board)
    contactor.command(closed=True)
    with pytest.raises(HardwareError, match="not open"):
        contactor.select_phases(Feed(1))
    desk.run(0.1, board)
    contactor.command(closed=False)
    board.flush()
    with pytest.raises(HardwareError, match="not open"):
        # Commanded open, but the mirror contact says otherwise yet.
        contactor.select_phases(Feed(1))
    desk.run(0.1, board)
    contactor.select_phases(Feed(1))
    board.close()


def test_of_an_exclusive_pair_never_both_are_driven() -> None:
    desk = Desk()
    board = desk.board(contactor=EXCLUSIVE)
    seen: set[tuple[bool, bool]] = set()
    desk.chip.watchers.append(lambda *_: seen.add(coils(desk)))
    contactor = board.evses[1].contactor
    for phases in (3, 1, 3):
        desk.run(0.1, board)
        contactor.select_phases(Feed(phases))
        contactor.command(closed=True)
        desk.run(0.1, board)
        contactor.command(closed=False)
        desk.run(0.1, board)
    assert (True, True) not in seen
    assert seen == {(True, False), (False, True), (False, False)}
    board.close()


def test_a_number_of_phases_that_nobody_can_supply_is_refused() -> None:
    board = Desk().board(contactor=SERIES)
    with pytest.raises(HardwareError, match="1 or 3 phases, not 2"):
        board.evses[1].contactor.select_phases(Feed(2))
    board.close()


@pytest.mark.parametrize("table", [CONTACTOR, SERIES, EXCLUSIVE])
@pytest.mark.parametrize("phase", [2, 3])
def test_a_phase_that_the_contactors_cannot_connect_is_refused(table: Table, phase: int) -> None:
    board = Desk().board(contactor=table)
    with pytest.raises(HardwareError, match=rf"cannot supply L{phase} alone"):
        board.evses[1].contactor.select_phases(Feed(1, phase))
    board.close()


FOUR = {Feed(1, 1): COIL, Feed(1, 2): COIL_2, Feed(1, 3): COIL_3, Feed(3): COIL_4}


def driven(desk: Desk) -> frozenset[int]:
    return frozenset(coil for coil in FOUR.values() if desk.high(coil))


@pytest.mark.parametrize("feed", FOUR)
def test_each_choice_of_phases_drives_its_own_contactor_and_no_other(feed: Feed) -> None:
    desk = Desk()
    board = desk.board(contactor=CHOICE)
    contactor = board.evses[1].contactor
    desk.run(0.04, board)
    contactor.select_phases(feed)
    contactor.command(closed=True)
    desk.run(0.1, board)
    assert driven(desk) == {FOUR[feed]}
    assert contactor.is_closed()
    board.close()


@given(st.lists(st.tuples(st.sampled_from(list(FOUR)), st.floats(0.02, 0.3)), max_size=12))
@settings(max_examples=25, deadline=None)
def test_of_the_contactors_of_single_phases_never_two_are_driven(
    wishes: list[tuple[Feed, float]],
) -> None:
    desk = Desk()
    board = desk.board(contactor=CHOICE)
    seen: set[frozenset[int]] = set()
    desk.chip.watchers.append(lambda *_: seen.add(driven(desk)))
    contactor = board.evses[1].contactor
    for feed, wait_s in wishes:
        desk.run(wait_s, board)
        with suppress(HardwareError):
            contactor.select_phases(feed)
            contactor.command(closed=True)
        desk.run(wait_s, board)
        contactor.command(closed=False)
    assert all(len(coils) <= 1 for coils in seen)
    board.close()


def test_a_welded_contactor_of_another_phase_forbids_every_choice() -> None:
    desk = Desk()
    board = desk.board(contactor=CHOICE)
    desk.run(0.04, board)
    desk.weld(COIL_2)
    board.refresh()
    contactor = board.evses[1].contactor
    assert contactor.is_closed()
    for feed in (Feed(1, 1), Feed(1, 2), Feed(1, 3)):
        with pytest.raises(HardwareError, match="not open"):
            contactor.select_phases(feed)
    board.close()


def test_a_contactor_of_another_phase_that_closes_unasked_is_a_fault() -> None:
    desk = Desk()
    board = desk.board(contactor=CHOICE)
    desk.run(0.04, board)
    board.evses[1].contactor.select_phases(Feed(1, 2))
    board.evses[1].contactor.command(closed=True)
    desk.run(0.4, board)
    assert not is_on(board, Fault.CONTACTOR_WELDED)
    desk.weld(COIL_3)
    desk.run(0.04, board)
    assert is_on(board, Fault.CONTACTOR_WELDED)
    board.close()


def test_a_chosen_phase_whose_contactor_does_not_close_is_a_fault() -> None:
    desk = Desk(stuck={COIL_3})
    board = desk.board(contactor=CHOICE)
    desk.run(0.04, board)
    board.evses[1].contactor.select_phases(Feed(1, 3))
    board.evses[1].contactor.command(closed=True)
    desk.run(0.4, board)
    assert is_on(board, Fault.CONTACTOR_STUCK_OPEN)
    board.close()


def test_any_contactor_that_stays_closed_reads_as_closed() -> None:
    desk = Desk()
    board = desk.board(contactor=SERIES)
    desk.weld(COIL_2)
    board.refresh()
    assert board.evses[1].contactor.is_closed()
    board.close()


def is_on(board: object, fault: Fault) -> bool:
    return board.evses[1].fault_inputs[fault].is_on()  # type: ignore[attr-defined,no-any-return]


def test_a_pair_of_which_only_one_closes_is_a_fault_after_its_time_to_follow() -> None:
    desk = Desk(stuck={COIL_2})
    board = desk.board(contactor=SERIES)
    desk.run(0.04, board)
    board.evses[1].contactor.command(closed=True)
    desk.run(0.2, board)
    assert not is_on(board, Fault.CONTACTOR_STUCK_OPEN)
    desk.run(0.1, board)
    assert is_on(board, Fault.CONTACTOR_STUCK_OPEN)
    assert not is_on(board, Fault.CONTACTOR_WELDED)
    board.evses[1].contactor.command(closed=False)
    assert not is_on(board, Fault.CONTACTOR_STUCK_OPEN)
    board.close()


def test_a_contactor_that_closes_without_being_selected_is_a_fault() -> None:
    desk = Desk()
    board = desk.board(contactor=EXCLUSIVE)
    desk.run(0.04, board)
    board.evses[1].contactor.select_phases(Feed(1))
    board.evses[1].contactor.command(closed=True)
    desk.run(0.4, board)
    assert not is_on(board, Fault.CONTACTOR_WELDED)
    desk.weld(COIL_2)
    desk.run(0.04, board)
    assert is_on(board, Fault.CONTACTOR_WELDED)
    board.close()


def test_one_contactor_alone_has_no_faults_beyond_its_read_back() -> None:
    board = Desk().board()
    assert board.evses[1].fault_inputs == {}
    board.close()


def test_a_normally_open_contact_reads_the_other_way_round() -> None:
    desk = Desk()
    open_contact = CONTACTOR | {"mirror": line(MIRROR, contact="normally_open")}
    board = desk.board(contactor=open_contact)
    board.refresh()
    assert board.evses[1].contactor.is_closed()  # the desk's contact is normally closed
    board.close()


def test_a_broken_wire_of_a_mirror_contact_reads_as_closed() -> None:
    desk = Desk()
    board = desk.board()
    desk.chip.set_outside(MIRROR, high=None)
    board.refresh()
    assert board.evses[1].contactor.is_closed()
    board.close()


def test_with_several_mirror_contacts_one_that_says_closed_is_enough() -> None:
    desk = Desk()
    mirrors = [line(MIRROR), line(3)]
    board = desk.board(contactor=CONTACTOR | {"mirror": mirrors})
    desk.chip.set_outside(3, high=True)
    board.refresh()
    assert not board.evses[1].contactor.is_closed()
    desk.chip.set_outside(3, high=False)
    board.refresh()
    assert board.evses[1].contactor.is_closed()
    board.close()
