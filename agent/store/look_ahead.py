"""What RAM knows of the queue: its next rows, its length, and how far each step has come.

Ids grow in this order: deleted <= acknowledged < rows in RAM <= loaded <= committed <= last.
"""

from collections import deque
from collections.abc import Sequence

from agent.store.outbox_table import Extent, Loaded, Row, Span, Thinned


class LookAhead:
    """A bounded window on the committed rows, in the order of their ids."""

    def __init__(self, size: int, extent: Extent, acknowledged_id: int, thinned_id: int) -> None:
        self.length = extent.length
        """Committed rows that await their acknowledgement."""
        self.stored_bytes = extent.stored_bytes
        self._size = size
        self._rows: deque[Row] = deque()
        self._last_id = extent.last_id
        self._committed_id = extent.last_stored_id
        self._loaded_id = acknowledged_id
        self._thinned_id = thinned_id
        self._pass_end_id = extent.last_stored_id
        self._busy = False

    @property
    def head(self) -> Row | None:
        """The oldest row, if it is in RAM."""
        return self._rows[0] if self._rows else None

    @property
    def must_load(self) -> bool:
        """Whether rows wait on the disk and none is in RAM."""
        return not self._rows and self._loaded_id < self._committed_id and not self._busy

    def next_ids(self, count: int) -> range:
        """Give out new ids; they are never given out again."""
        first = self._last_id + 1
        self._last_id += count
        return range(first, first + count)

    def claim_load(self) -> Span:
        """Return what to read next; nobody thins until `loaded` or `release`."""
        self._busy = True
        return Span(self._loaded_id, self._committed_id)

    def loaded(self, loaded: Loaded) -> None:
        """Take in what was read."""
        self._busy = False
        self._rows.extend(loaded.rows)
        self._loaded_id = loaded.through_id
        self._shrink(len(loaded.damaged_ids), 0)

    def claim_thinning(self) -> Span | None:
        """Return the rows that only the disk holds, to be thinned; None when there are none.

        Nobody loads until `thinned` or `release`.
        """
        if self._busy or self._loaded_id >= self._committed_id:
            return None
        self._busy = True
        start_id = max(self._thinned_id, self._loaded_id)
        if start_id >= self._pass_end_id:
            # A pass covers all rows, or new ones alone would be given up again and again.
            start_id = self._thinned_id = self._loaded_id
            self._pass_end_id = self._committed_id
        return Span(start_id, self._pass_end_id)

    def thinned(self, thinned: Thinned) -> None:
        """Account for rows that were given up."""
        self._busy = False
        self._thinned_id = thinned.through_id
        self._shrink(thinned.rows, thinned.stored_bytes)

    def release(self) -> None:
        """Give a claim back after a failure."""
        self._busy = False

    def committed(self, rows: Sequence[Row]) -> None:
        """Take in new rows: into RAM if nothing older is only on the disk."""
        is_next = self._loaded_id == self._committed_id and not self._busy
        room = max(self._size - len(self._rows), 0) if is_next else 0
        self._rows.extend(rows[:room])
        if room:
            self._loaded_id = rows[:room][-1].id
        self._committed_id = rows[-1].id
        self.length += len(rows)
        self.stored_bytes += sum(row.stored_bytes for row in rows)

    def remove_head(self) -> None:
        """Forget the oldest row."""
        self._shrink(1, self._rows.popleft().stored_bytes)

    def _shrink(self, rows: int, stored_bytes: int) -> None:
        self.length -= rows
        # The bytes began as an upper bound; an empty queue sets them right.
        self.stored_bytes = max(self.stored_bytes - stored_bytes, 0) if self.length else 0
