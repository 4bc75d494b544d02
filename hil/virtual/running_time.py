"""How long the machine has run, over resets as well."""


class RunningTime:
    """Adds up what a clock shows that begins anew with each reset."""

    def __init__(self) -> None:
        self._shown_ns = 0
        self._elapsed_ns = 0

    def after(self, shown_ns: int) -> int:
        """Take what the clock shows now; return all the nanoseconds that it has gone on."""
        since_ns = self._shown_ns if shown_ns >= self._shown_ns else 0
        self._elapsed_ns += shown_ns - since_ns
        self._shown_ns = shown_ns
        return self._elapsed_ns
