"""The rule of the two slots, and its file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.update.slot_state import (
    TRIES,
    SlotState,
    SlotStateError,
    as_text,
    confirmed,
    load,
    parse,
    rolled_back,
    started,
    store,
    tried,
)


def test_without_a_trial_the_active_slot_is_started() -> None:
    assert started(SlotState("b")) == ("b", SlotState("b"))


def test_a_trial_gets_its_tries_and_then_the_active_slot_is_back_for_good() -> None:
    state = tried(SlotState("a", rollback_index=4), "b")
    slots = []
    for _ in range(TRIES + 2):
        slot, state = started(state)
        slots.append(slot)
    assert slots == ["b"] * TRIES + ["a", "a"]
    assert state == SlotState("a", failed="b", rollback_index=4)


def test_a_confirmed_trial_is_the_active_slot() -> None:
    _, trying = started(tried(SlotState("a", rollback_index=4), "b"))
    assert confirmed(trying, "b", 6) == SlotState("b", rollback_index=6)
    assert confirmed(trying, "b", 2).rollback_index == 4


def test_only_what_is_on_trial_can_be_confirmed() -> None:
    trying = tried(SlotState("a"), "b")
    assert confirmed(trying, "a", 9) == trying
    assert confirmed(rolled_back(trying), "b", 9) == rolled_back(trying)
    assert confirmed(SlotState("a"), "b", 9) == SlotState("a")


def test_the_slot_in_use_is_never_put_on_trial() -> None:
    with pytest.raises(SlotStateError, match="in use"):
        tried(SlotState("b"), "b")


def test_what_is_stored_is_loaded_and_a_new_station_has_slot_a(tmp_path: Path) -> None:
    file = tmp_path / "slots.json"
    assert load(file) == SlotState("a")
    state = tried(SlotState("b", rollback_index=3), "a")
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
                state = tried(state, state.inactive)
            case "start":
                running, state = started(state)
            case "confirm":
                if state.trial == running:
                    confirmed_slots.add(running)
                state = confirmed(state, running, 0)
            case _:
                state = rolled_back(state)
        assert state.active in confirmed_slots
        assert parse(as_text(state)) == state
    for _ in range(TRIES + 6):
        running, state = started(state)
    assert running == state.active
