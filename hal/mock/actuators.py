"""Parts that follow a command only after a while: contacts, a lock motor, a self test."""


class DelayedLine:
    """An on/off part that obeys `rise_ns` or `fall_ns` after its command changed."""

    __slots__ = ("_fall_ns", "_rise_ns", "commanded", "due_ns", "is_on")

    def __init__(self, rise_ns: int, fall_ns: int) -> None:
        self._rise_ns = rise_ns
        self._fall_ns = fall_ns
        self.commanded = False
        self.is_on = False
        self.due_ns: int | None = None

    def command(self, now_ns: int, *, on: bool) -> None:
        """Start to move; a command that is taken back in time moves nothing."""
        if on == self.commanded:
            return
        self.commanded = on
        delay_ns = self._rise_ns if on else self._fall_ns
        self.due_ns = None if on == self.is_on else now_ns + delay_ns

    def advance(self, now_ns: int) -> None:
        """Arrive if it is time."""
        if self.due_ns is not None and self.due_ns <= now_ns:
            self.is_on = self.commanded
            self.due_ns = None


class SelfTest:
    """The self test of a residual-current monitor; `number` says which request it answers."""

    __slots__ = ("_duration_ns", "due_ns", "number", "passed")

    def __init__(self, duration_ns: int) -> None:
        self._duration_ns = duration_ns
        self.number = 0
        self.passed: bool | None = None
        self.due_ns: int | None = None

    def request(self, number: int, now_ns: int) -> None:
        """Start a test for a number not seen before; 0 forgets the last one."""
        if number == self.number:
            return
        self.number = number
        self.passed = None
        self.due_ns = now_ns + self._duration_ns if number else None

    def advance(self, now_ns: int, *, healthy: bool) -> None:
        """Give the verdict if it is time."""
        if self.due_ns is not None and self.due_ns <= now_ns:
            self.passed = healthy
            self.due_ns = None
