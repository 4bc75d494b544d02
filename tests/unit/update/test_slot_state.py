"""The rule of the two slots, and its file."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.update.slot_state import (
    TRIES,
    UNCONFIRMED,
    SlotState,
    SlotStateError,
    as_text,
    confirmed,
    emptied,
    load,
    parse,
    rolled_back,
    started,
    store,
    tried,
    written,
)


def on_trial(state: SlotState) -> SlotState:
    return tried(written(state))


def test_without_a_trial_the_active_slot_is_started() -> None:
    assert started(SlotState("b")) == ("b", SlotState("b"))


def test_a_trial_gets_its_tries_and_then_the_active_slot_is_back_for_good() -> None:
    state = on_trial(SlotState("a", rollback_index=4))
    slots = []
    for _ in range(TRIES + 2):
        slot, state = started(state)
        slots.append(slot)
    assert slots == ["b"] * TRIES + ["a", "a"]
    assert state == SlotState("a", failed="b", failure=UNCONFIRMED, rollback_index=4)


def test_a_confirmed_trial_is_the_active_slot() -> None:
    _, trying = started(on_trial(SlotState("a", rollback_index=4)))
    assert confirmed(trying, "b", 6) == SlotState("b", rollback_index=6)
    assert confirmed(trying, "b", 2).rollback_index == 4


def test_only_what_is_on_trial_can_be_confirmed() -> None:
    trying = on_trial(SlotState("a"))
    assert confirmed(trying, "a", 9) == trying
    assert confirmed(rolled_back(trying, "ill"), "b", 9) == rolled_back(trying, "ill")
    assert confirmed(SlotState("a"), "b", 9) == SlotState("a")


@pytest.mark.parametrize(
    "state",
    [
        SlotState("a"),
        SlotState("b", failed="a"),
        confirmed(tried(written(SlotState("b"))), "a", 1),
        rolled_back(tried(written(SlotState("b"))), "ill"),
        emptied(written(SlotState("b"))),
    ],
)
def test_nothing_but_what_was_just_written_is_put_on_trial(state: SlotState) -> None:
    """Neither the slot in use, nor the version before, which would be a way back to old faults."""
    with pytest.raises(SlotStateError, match="no slot was written"):
        tried(state)


def test_a_slot_is_not_written_while_it_is_on_trial() -> None:
    with pytest.raises(SlotStateError, match="on trial"):
        emptied(on_trial(SlotState("a")))


def test_what_is_stored_is_loaded_and_a_new_station_has_slot_a(tmp_path: Path) -> None:
    file = tmp_path / "slots.json"
    assert load(file) == SlotState("a")
    state = on_trial(SlotState("b", rollback_index=3))
    store(file, state)
    assert load(file) == state


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"schema": 2}', b"\xff", None])
def test_a_damaged_file_is_made_good_by_its_copy(tmp_path: Path, damage: bytes | None) -> None:
    file = tmp_path / "slots.json"
    store(file, SlotState("b"))
    file.unlink()
    if damage is not None:
        file.write_bytes(damage)
    assert load(file) == SlotState("b")


def test_nothing_is_started_by_guessing(tmp_path: Path) -> None:
    file = tmp_path / "slots.json"
    store(file, SlotState("b"))
    for path in tmp_path.iterdir():
        path.write_text("noise")
    with pytest.raises(SlotStateError, match=r"slots.json is not JSON.*slots.json.copy"):
        load(file)


@pytest.mark.parametrize(
    "state",
    [
        '{"schema": 1, "active": "c"}',
        '{"schema": 1, "active": "a", "trial": "a"}',
        '{"schema": 1, "tries": -1}',
        '{"schema": 1, "tries": true}',
        '{"schema": 1, "rollback_index": 1.5}',
        '{"schema": 1, "other": 1}',
        '{"schema": 1, "ready": "a"}',
        '{"schema": 1, "failure": 7}',
    ],
)
def test_a_state_that_makes_no_sense_is_refused(state: str) -> None:
    with pytest.raises(SlotStateError):
        parse(state)


STATES = st.builds(
    SlotState,
    active=st.sampled_from("ab"),
    tries=st.integers(0, 5),
    failed=st.sampled_from([None, "a", "b"]),
    rollback_index=st.integers(0, 9),
)


@given(STATES, st.lists(st.sampled_from(["update", "start", "confirm", "give up"]), max_size=40))
def test_whatever_happens_some_slot_starts_and_only_a_confirmed_one_stays(
    state: SlotState, happenings: list[str]
) -> None:
    running, confirmed_slots = state.active, {state.active}
    for happening in happenings:
        match happening:
            case "update":
                if state.trial is None:
                    state = tried(written(state))
            case "start":
                running, state = started(state)
            case "confirm":
                if state.trial == running:
                    confirmed_slots.add(running)
                state = confirmed(state, running, 0)
            case _:
                state = rolled_back(state, happening)
        assert state.active in confirmed_slots
        assert parse(as_text(state)) == state
    for _ in range(TRIES + 6):
        running, state = started(state)
    assert running == state.active


def test_the_state_can_be_read_by_the_agent_whatever_the_umask_of_the_selector(
    tmp_path: Path,
) -> None:
    umask = os.umask(0o077)
    try:
        store(tmp_path / "slots.json", SlotState("b"))
    finally:
        os.umask(umask)
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o777 == 0o644
