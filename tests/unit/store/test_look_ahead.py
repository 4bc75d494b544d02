from agent.store.look_ahead import LookAhead
from agent.store.outbox_table import Extent, Loaded, Row, Span, Thinned
from tests.unit.store.stores import STAMP, entry

EMPTY = Extent(last_id=0, last_stored_id=0, length=0, stored_bytes=0)


def rows(*ids: int) -> tuple[Row, ...]:
    return tuple(Row(row_id, entry(row_id), STAMP, 1, 10) for row_id in ids)


def full() -> LookAhead:
    """Two rows in RAM (1, 2), three on the disk only (3, 4, 5)."""
    state = LookAhead(2, EMPTY, 0, 0)
    state.committed(rows(*state.next_ids(5)))
    return state


def test_ids_are_given_out_once() -> None:
    state = LookAhead(2, Extent(7, 5, 0, 0), 5, 0)
    assert list(state.next_ids(2)) == [8, 9]
    assert list(state.next_ids(1)) == [10]


def test_it_keeps_no_more_rows_than_it_may() -> None:
    state = full()
    assert (state.length, state.stored_bytes) == (5, 50)
    state.remove_head()
    state.remove_head()
    assert state.head is None
    assert state.must_load
    assert state.claim_load() == Span(2, 5)


def test_new_rows_queue_behind_those_on_the_disk() -> None:
    state = full()
    state.remove_head()
    state.committed(rows(*state.next_ids(1)))
    state.remove_head()
    assert state.head is None
    assert state.claim_load() == Span(2, 6)


def test_rows_that_are_committed_during_a_load_are_loaded_later() -> None:
    state = full()
    state.remove_head()
    state.remove_head()
    state.claim_load()
    state.committed(rows(*state.next_ids(1)))
    state.loaded(Loaded(rows(3, 4, 5), (), 5))
    for expected in (3, 4, 5):
        assert state.head is not None
        assert state.head.id == expected
        state.remove_head()
    assert state.must_load
    assert state.claim_load() == Span(5, 6)


def test_damaged_rows_count_no_longer() -> None:
    state = full()
    state.remove_head()
    state.remove_head()
    state.claim_load()
    state.loaded(Loaded(rows(3, 5), (4,), 5))
    assert state.length == 2


def test_thinning_and_loading_exclude_each_other() -> None:
    state = full()
    assert state.claim_thinning() == Span(2, 5)
    assert state.claim_thinning() is None
    state.remove_head()
    state.remove_head()
    assert not state.must_load
    state.thinned(Thinned(2, 20, 5))
    assert state.length == 1
    assert state.must_load


def test_thinning_goes_on_where_it_stopped_and_starts_again_at_the_end() -> None:
    state = full()
    state.claim_thinning()
    state.thinned(Thinned(1, 10, 4))
    state.committed(rows(*state.next_ids(1)))
    assert state.claim_thinning() == Span(4, 5)
    state.thinned(Thinned(0, 0, 5))
    assert state.claim_thinning() == Span(2, 6)
    state.release()
    assert state.claim_thinning() == Span(2, 6)


def test_there_is_nothing_to_thin_while_everything_is_in_ram() -> None:
    state = LookAhead(8, EMPTY, 0, 0)
    state.committed(rows(1, 2))
    assert state.claim_thinning() is None


def test_an_empty_queue_takes_no_bytes_whatever_was_estimated() -> None:
    state = LookAhead(8, Extent(1, 1, 1, 99_999), 0, 0)
    state.claim_load()
    state.loaded(Loaded(rows(1), (), 1))
    state.remove_head()
    assert state.stored_bytes == 0
